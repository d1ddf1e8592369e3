//! A view of the whole ledger on a store that keeps as little as it may (P-1).
//!
//! Not sled. Always: whatever the store lost, the view ends with the digest of one folded from the first event.

use std::sync::Arc;

use fold::adversarial_store::AdversarialDisk;
use fold::{Event, Feed, FeedError, FoldError, Progress, Projection};
use intake::read::Records;
use proto::Index;
use views::Customer;

use super::WholeLedger;
use crate::auditor::Finding;
use crate::subject::Stop;

/// Durable records, opened.
struct Opened(Records);

impl Feed for Opened {
    fn next(&mut self, from: Index, max: usize) -> Result<Vec<Event>, FeedError> {
        let mut events = Vec::new();
        for index in from.0..self.head().0.min(from.0 + max as u64) {
            let stored = self.0.at(Index(index)).map_err(|cause| FeedError {
                message: "the journal could not be read".to_owned(),
                cause: Some(Box::new(cause)),
            })?;
            events.push(Event {
                index: stored.index,
                link_hash: stored.link_hash,
                record: stored.record,
            });
        }
        Ok(events)
    }

    fn head(&self) -> Index {
        self.0.journal().watermark().next
    }
}

/// The customer view over this disk.
pub(super) fn open(disk: &AdversarialDisk) -> Result<Projection, Stop> {
    let opened = Projection::open(Arc::new(Customer), Box::new(disk.home(1)));
    opened.map(|(view, _)| view).map_err(failed)
}

impl WholeLedger {
    /// Folds at most so many events.
    pub(super) fn fold_some(&mut self, max: usize) -> Result<(), Stop> {
        let mut feed = Opened(self.opened.records.clone());
        self.view.step(&mut feed, max).map(|_| ()).map_err(failed)
    }

    /// P-1: the view that lived through everything and one folded now are the same.
    pub(super) fn compare_with_a_rebuild(&mut self) -> Result<(), Stop> {
        let mut feed = Opened(self.opened.records.clone());
        let mut fresh = open(&AdversarialDisk::new())?;
        for view in [&mut self.view, &mut fresh] {
            while view.step(&mut feed, 64).map_err(failed)? != Progress::default() {}
        }
        let (lived, fresh) = (self.view.status(), fresh.status());
        if lived.cursor == fresh.cursor && lived.lag == 0 {
            return Ok(());
        }
        let what = "the customer view has another digest than its rebuild";
        Err(Stop::Broken(Finding::new("P-1", what)))
    }
}

fn failed(error: FoldError) -> Stop {
    Stop::failed(&error)
}
