//! The two facts that the runner itself obeys, whatever the view.
//!
//! What it is not: a view's business; a view may fold the same events as well.
//! What always holds: nothing but a recorded fact makes a view leave an event out or forget one.

use proto::clear::Fact;
use proto::{Index, Month, Record, RecordClass};

/// The key of all records of one class admitted in one month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The records' class.
    pub class: RecordClass,
    /// Month of admission, UTC.
    pub month: Month,
}

/// A fact that steers the runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `ledger.event-parked`: this version of this view may leave that event out.
    Parked {
        /// The event.
        index: Index,
        /// The view.
        view: String,
        /// The version of it that could not apply the event; a later one may.
        version: u32,
    },
    /// `retention.record-key-destroyed`: what came from those records is dropped.
    RecordKeyDestroyed(RecordKey),
}

impl Signal {
    /// The signal in a record, if it is one.
    pub fn of(record: &Record) -> Option<Self> {
        #[cfg(test)]
        if let Some(signal) = crate::tests::signal(record) {
            return Some(signal);
        }
        // The name first: decoding every body would cost more than folding it.
        if record.fact.name != "ledger.event-parked" {
            return None;
        }
        match record.clear() {
            Fact::LedgerEventParked(parked) => Some(Self::Parked {
                index: Index(parked.index),
                view: parked.view,
                version: parked.view_version,
            }),
            _ => None,
        }
    }
}
