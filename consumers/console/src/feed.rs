//! The projectors' feed in the owner's process: durable records, opened with the vault's keys.
//!
//! Not here: views. Always: indices are contiguous and below the watermark (P-2); no slot is opened.

use fold::{Event, Feed, FeedError};
use intake::read::Records;
use proto::Index;

/// Reads journal groups and opens their records.
pub(crate) struct LedgerFeed {
    records: Records,
}

impl LedgerFeed {
    /// A feed over these records.
    pub(crate) fn new(records: Records) -> LedgerFeed {
        LedgerFeed { records }
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
        let mut events = Vec::with_capacity(max);
        if from >= self.head() {
            return Ok(events);
        }
        for group in self.records.journal().groups_from(from) {
            let group = group.map_err(|cause| failed(cause.into()))?;
            let stored = self.records.of_group(&group, from).map_err(failed)?;
            events.extend(stored.into_iter().map(event_of).take(max - events.len()));
            if events.len() >= max {
                break;
            }
        }
        Ok(events)
    }

    fn head(&self) -> Index {
        self.records.journal().watermark().next
    }
}
