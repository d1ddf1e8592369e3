//! Folds chosen events into memory: the answer to a question as at an earlier index.
//!
//! What it is: the same view, the same treatment of parked events and destroyed keys, over the few
//! events of a few streams.
//! What it is not: a projection; nothing is kept, and the position of the result is the caller's to
//! name, since the events are not contiguous.
//! What always holds: for a view keyed by stream, the rows of those streams equal those of a ledger
//! that ended with the last event given.

use std::collections::BTreeSet;

use proto::Index;

use crate::error::{FoldError, StoreError};
use crate::feed::Event;
use crate::memory_store::MemoryStore;
use crate::overlay::Overlay;
use crate::runner::PoisonedAt;
use crate::signals::Signal;
use crate::slot::{Slot, ViewReader};
use crate::store::{Cursor, Store};
use crate::view::{EVENT_ROWS_MAX, Forgotten, Poison, Table, View};

/// The rows that `events`, ascending, leave. Events in `parked` are left out where the view cannot
/// apply them, as the live view leaves them out.
///
/// # Errors
/// [`FoldError::Poisoned`] for an event that is not parked.
pub fn replay(
    view: &dyn View,
    events: &[Event],
    parked: &BTreeSet<Index>,
) -> Result<ViewReader, FoldError> {
    let store = MemoryStore::new();
    let mut cursor = Cursor::START;
    for event in events {
        fold(view, &store, &mut cursor, event, parked)?;
    }
    Ok(ViewReader(Slot::new(Box::new(store), view.version())))
}

fn fold(
    view: &dyn View,
    store: &MemoryStore,
    cursor: &mut Cursor,
    event: &Event,
    parked: &BTreeSet<Index>,
) -> Result<(), FoldError> {
    let poisoned = |poison: Poison| {
        let at = PoisonedAt {
            view: view.name(),
            index: event.index,
            rule: poison.rule,
        };
        FoldError::Poisoned(at)
    };
    let broken = |cause: StoreError| FoldError::Store {
        view: view.name(),
        cause,
    };
    let Some(record) = &event.record else {
        return Ok(());
    };
    let mut overlay = Overlay::default();
    if let Some(Signal::RecordKeyDestroyed(gone)) = Signal::of(record) {
        let everything = store
            .scan(&[], &[Table::CURSOR.0 + 1], usize::MAX)
            .map_err(broken)?;
        for page in everything.chunks(EVENT_ROWS_MAX) {
            for (key, value) in page {
                let Some((&table, rest)) = key.split_first() else {
                    continue;
                };
                let remains = match view
                    .forget(Table(table), rest, value, &gone)
                    .map_err(poisoned)?
                {
                    Forgotten::Unchanged => continue,
                    Forgotten::Put(value) => Some(value),
                    Forgotten::Delete => None,
                };
                overlay.set(store, key.clone(), remains).map_err(broken)?;
            }
            let batch = overlay.take(&mut cursor.digest);
            store.apply(&batch, cursor).map_err(broken)?;
        }
    }
    match view.apply(event, &overlay.rows(store)) {
        Ok(changes) => overlay.record(store, changes).map_err(broken)?,
        Err(_) if parked.contains(&event.index) => {}
        Err(poison) => return Err(poisoned(poison)),
    }
    let batch = overlay.take(&mut cursor.digest);
    cursor.next = Index(event.index.0 + 1);
    cursor.link_hash = event.link_hash;
    store.apply(&batch, cursor).map_err(broken)
}
