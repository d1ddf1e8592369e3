//! The projectors' feed in the owner's process: durable records, opened with the vault's keys.
//!
//! Not here: views. Always: indices are contiguous and below the watermark (P-2); no slot is opened; each record is opened
//! once, also where a group is larger than what was asked for: what is left of it is kept for the next call.

use std::collections::VecDeque;

use fold::{Event, Feed, FeedError};
use intake::read::Records;
use proto::Index;

/// Reads journal groups and opens their records.
pub(crate) struct LedgerFeed {
    records: Records,
    /// The rest of the last group read: at most one group.
    ahead: VecDeque<Event>,
}

impl LedgerFeed {
    /// A feed over these records.
    pub(crate) fn new(records: Records) -> LedgerFeed {
        LedgerFeed {
            records,
            ahead: VecDeque::new(),
        }
    }
}

/// One stored event as projectors see it.
pub(crate) fn event_of(stored: intake::read::Stored) -> Event {
    Event {
        index: stored.index,
        link_hash: stored.link_hash,
        record: stored.record,
    }
}

impl Feed for LedgerFeed {
    fn next(&mut self, from: Index, max: usize) -> Result<Vec<Event>, FeedError> {
        let failed = |cause: intake::IntakeError| FeedError {
            message: "the journal could not be read".to_owned(),
            cause: Some(Box::new(cause)),
        };
        if self.ahead.front().is_none_or(|event| event.index != from) {
            self.ahead.clear();
        }
        let kept = self.ahead.len().min(max);
        let mut events: Vec<Event> = self.ahead.drain(..kept).collect();
        let next = Index(from.0 + events.len() as u64);
        if events.len() == max || next >= self.head() {
            return Ok(events);
        }
        for group in self.records.journal().groups_from(next) {
            let group = group.map_err(|cause| failed(cause.into()))?;
            let stored = self.records.of_group(&group, next).map_err(failed)?;
            let mut opened = stored.into_iter().map(event_of);
            let room = max - events.len();
            events.extend(opened.by_ref().take(room));
            if events.len() >= max {
                self.ahead.extend(opened);
                break;
            }
        }
        Ok(events)
    }

    fn head(&self) -> Index {
        self.records.journal().watermark().next
    }
}
