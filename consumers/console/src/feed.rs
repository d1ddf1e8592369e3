//! The projectors' feed in the owner's process: durable records, opened with the vault's keys.
//!
//! Not here: views. Always: indices are contiguous and below the watermark (P-2); no slot is read or opened; each record is opened
//! once, also where a group is larger than what was asked for: what is left of it is kept for the next call. A record key is asked for
//! once a call and is not kept after it, so that one that was destroyed opens nothing in the next.

use std::collections::VecDeque;

use chain::Link;
use chain::link::origin_hash;
use fold::{Event, Feed, FeedError};
use intake::IntakeError;
use intake::read::Records;
use journal::{Follower, SealedFact};
use proto::{Index, Record};
use vault::RecordKey;
use vault::seal::{RecordKeyName, RecordPlace, open_record, record_key_name};

/// Reads journal groups and opens their records.
pub(crate) struct LedgerFeed {
    records: Records,
    follower: Follower,
    origin_hash: [u8; 32],
    /// The rest of the last group read: at most one group.
    ahead: VecDeque<SealedFact>,
}

/// The record keys of one call, by name; `None`: destroyed.
type Keys = Vec<(RecordKeyName, Option<RecordKey>)>;

impl LedgerFeed {
    /// A feed over these records.
    pub(crate) fn new(records: Records) -> LedgerFeed {
        LedgerFeed {
            follower: Follower::new(records.journal().clone()),
            origin_hash: origin_hash(&records.name().origin),
            records,
            ahead: VecDeque::new(),
        }
    }

    fn event(&self, sealed: SealedFact, keys: &mut Keys) -> Result<Event, IntakeError> {
        let record = self.record(&sealed, keys)?;
        Ok(Event {
            index: sealed.index,
            link_hash: sealed.link_hash,
            record,
        })
    }

    /// The clear record, compared with what its link committed to; `None` once its key is destroyed.
    fn record(&self, sealed: &SealedFact, keys: &mut Keys) -> Result<Option<Record>, IntakeError> {
        let name = record_key_name(&sealed.record)?;
        let at = match keys.iter().position(|(known, _)| *known == name) {
            Some(at) => at,
            None => {
                let key = self.records.vault().record_key(name.class, name.month);
                keys.push((name, key));
                keys.len() - 1
            }
        };
        let Some((_, Some(key))) = keys.get(at) else {
            return Ok(None);
        };
        let exchanged = || IntakeError::NotCommitted(sealed.index);
        let place = RecordPlace {
            origin_hash: &self.origin_hash,
            chain: self.records.name().chain,
            index: sealed.index,
        };
        let link = Link::decode(&sealed.link)?;
        let opened = open_record(key, place, &sealed.record, &link).map_err(|_| exchanged())?;
        let record = proto::decode_record(&opened.record).map_err(|_| exchanged())?;
        Ok(Some(record))
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
        let failed = |cause: IntakeError| FeedError {
            message: "the journal could not be read".to_owned(),
            cause: Some(Box::new(cause)),
        };
        if self.ahead.front().is_none_or(|sealed| sealed.index != from) {
            self.ahead.clear();
        }
        let (mut events, mut keys): (Vec<Event>, Keys) = (Vec::new(), Keys::new());
        while events.len() < max {
            if self.ahead.is_empty() {
                let next = Index(from.0 + events.len() as u64);
                let group = self.follower.group_from(next);
                self.ahead = group.map_err(|cause| failed(cause.into()))?.into();
            }
            let Some(sealed) = self.ahead.pop_front() else {
                break;
            };
            events.push(self.event(sealed, &mut keys).map_err(failed)?);
        }
        Ok(events)
    }

    fn head(&self) -> Index {
        self.follower.head()
    }
}
