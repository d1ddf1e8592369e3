//! Folds a feed into one store: exactly once, in order, in bounded steps.
//!
//! What it is: read events → apply (pure) → pending rows → one batch with cursor and digest (D4).
//! What it is not: it repairs nothing; a broken store or a poisonous event goes to the projection.
//! What always holds: P-2. The cursor moves over an event only with its changes, or because its
//! record is gone with its key, or because a recorded fact parks it.

use std::fmt;
use std::sync::Arc;

use proto::Index;

use crate::contained::contained;
use crate::error::{FoldError, StoreError};
use crate::feed::{Event, Feed, FeedError};
use crate::overlay::Overlay;
use crate::parks::{Found, Parks};
use crate::signals::{RecordKey, Signal};
use crate::slot::Slot;
use crate::store::Cursor;
use crate::view::{Changes, EVENT_ROWS_MAX, Forgotten, Poison, Table, View};

/// Batches between two syncs of the store; the ledger is the truth, so a loss only costs time.
const SYNC_BATCHES: usize = 64;

/// Where a view stopped, and why (P-2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoisonedAt {
    /// Which view.
    pub view: &'static str,
    /// Which event it cannot apply.
    pub index: Index,
    /// The rule that is broken, without personal data.
    pub rule: String,
}

impl fmt::Display for PoisonedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "view {} cannot apply event {}: {}",
            self.view, self.index.0, self.rule
        )
    }
}

/// Why a step ended early.
pub(crate) enum Stop {
    /// The projection hands it on.
    Fold(FoldError),
    /// The projection sets the store aside and starts over.
    Broken(String),
}

impl From<FeedError> for Stop {
    fn from(error: FeedError) -> Self {
        Stop::Fold(FoldError::Feed(error))
    }
}

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stepped {
    /// Events that the cursor moved over.
    pub(crate) folded: usize,
    /// Of these, events whose record is gone with its key.
    pub(crate) without_record: usize,
    /// The search for a parking fact goes on in the next step.
    pub(crate) looking: bool,
}

/// One view over one store.
pub(crate) struct Runner {
    view: Arc<dyn View>,
    /// As in the store: moved only after a batch was applied.
    cursor: Cursor,
    parks: Parks,
    batches_unsynced: usize,
}

/// Rows and cursor of the batch being gathered.
struct Pending {
    overlay: Overlay,
    cursor: Cursor,
}

/// How one event is to be treated.
enum Verdict {
    Changes(Changes),
    Poison(Poison),
}

impl Runner {
    /// Goes on from where the store is.
    pub(crate) fn new(view: Arc<dyn View>, cursor: Cursor) -> Self {
        Self {
            view,
            cursor,
            parks: Parks::default(),
            batches_unsynced: 0,
        }
    }

    pub(crate) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Folds at most `max` events below `until`.
    pub(crate) fn step(
        &mut self,
        slot: &Slot,
        feed: &mut dyn Feed,
        until: Index,
        max: usize,
    ) -> Result<Stepped, Stop> {
        let room = usize::try_from(until.0.saturating_sub(self.cursor.next.0)).unwrap_or(max);
        let mut stepped = Stepped::default();
        if room.min(max) == 0 {
            return Ok(stepped);
        }
        let events = feed.next(self.cursor.next, room.min(max))?;
        let mut pending = Pending {
            overlay: Overlay::default(),
            cursor: self.cursor,
        };
        for event in &events {
            if event.index != pending.cursor.next {
                let expected = pending.cursor.next;
                self.commit(slot, &mut pending)?;
                return Err(Stop::Fold(FoldError::Feeding {
                    view: self.view.name(),
                    expected,
                }));
            }
            if !self.fold(slot, feed, &mut pending, event)? {
                stepped.looking = true;
                return Ok(stepped);
            }
            stepped.folded += 1;
            stepped.without_record += usize::from(event.record.is_none());
        }
        self.commit(slot, &mut pending)?;
        Ok(stepped)
    }

    /// Makes what was folded survive a power cut.
    pub(crate) fn sync(&mut self, slot: &Slot) -> Result<(), Stop> {
        let synced = slot.read().store().and_then(|store| store.sync());
        synced.map_err(|error| self.stop(error))?;
        self.batches_unsynced = 0;
        Ok(())
    }

    /// Folds one event into the pending batch; false when it waits for the search for its parking.
    fn fold(
        &mut self,
        slot: &Slot,
        feed: &mut dyn Feed,
        pending: &mut Pending,
        event: &Event,
    ) -> Result<bool, Stop> {
        let after = Cursor {
            next: Index(event.index.0 + 1),
            link_hash: event.link_hash,
            digest: pending.cursor.digest,
        };
        let Some(record) = &event.record else {
            pending.cursor = after;
            return Ok(true);
        };
        if let Some(Signal::RecordKeyDestroyed(gone)) = Signal::of(record) {
            self.commit(slot, pending)?;
            self.forget(slot, pending, event.index, &gone)?;
        }
        let changes = match self.judge(slot, pending, event)? {
            Verdict::Changes(changes) => changes,
            Verdict::Poison(poison) => {
                self.commit(slot, pending)?;
                let view = (self.view.name(), self.view.version());
                match self.parks.look(view, event.index, feed)? {
                    Found::Parked(by) => parked_row(event.index, by),
                    Found::Looking => return Ok(false),
                    Found::NotParked => return Err(self.poisoned(event.index, poison)),
                }
            }
        };
        if pending.overlay.changed() + changes.rows.len() > EVENT_ROWS_MAX {
            self.commit(slot, pending)?;
        }
        let noted = {
            let live = slot.read();
            live.store()
                .and_then(|store| pending.overlay.record(store, changes))
        };
        noted.map_err(|error| self.stop(error))?;
        pending.cursor = Cursor {
            digest: pending.cursor.digest,
            ..after
        };
        Ok(true)
    }

    /// Asks the view, and holds it to its limits: a view that panics or oversteps stops like one
    /// that refuses.
    fn judge(&self, slot: &Slot, pending: &Pending, event: &Event) -> Result<Verdict, Stop> {
        let live = slot.read();
        let store = live.store().map_err(|error| self.stop(error))?;
        let rows = pending.overlay.rows(store);
        let answer = contained(|| self.view.apply(event, &rows));
        if let Some(error) = pending.overlay.failure() {
            return Err(self.stop(error));
        }
        Ok(match answer {
            Some(Ok(changes)) => match overstepped(&changes) {
                None => Verdict::Changes(changes),
                Some(poison) => Verdict::Poison(poison),
            },
            Some(Err(poison)) => Verdict::Poison(poison),
            None => Verdict::Poison(Poison::new("the view panicked")),
        })
    }

    /// Drops what came from the records of a destroyed key, in batches that do not move the cursor:
    /// a crash between two leaves a view that does the rest when it meets the event again.
    fn forget(
        &mut self,
        slot: &Slot,
        pending: &mut Pending,
        index: Index,
        gone: &RecordKey,
    ) -> Result<(), Stop> {
        let mut from = vec![Table::CURSOR.0 + 1];
        loop {
            let page = {
                let live = slot.read();
                live.store()
                    .and_then(|store| store.scan(&[], &from, EVENT_ROWS_MAX))
            };
            let page = page.map_err(|error| self.stop(error))?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            from = last.clone();
            from.push(0);
            for (key, value) in page {
                let Some((&table, rest)) = key.split_first() else {
                    continue;
                };
                if !Table(table).is_a_views() {
                    continue;
                }
                let remains = match self.view.forget(Table(table), rest, &value, gone) {
                    Ok(Forgotten::Unchanged) => continue,
                    Ok(Forgotten::Put(value)) => Some(value),
                    Ok(Forgotten::Delete) => None,
                    Err(poison) => return Err(self.poisoned(index, poison)),
                };
                let noted = {
                    let live = slot.read();
                    live.store()
                        .and_then(|store| pending.overlay.set(store, key, remains))
                };
                noted.map_err(|error| self.stop(error))?;
            }
            self.commit(slot, pending)?;
        }
    }

    /// **D4**: rows, digest and cursor together. A crash before leaves the cursor at the last batch;
    /// a crash after may lose the batch until the next sync; the events are then folded again.
    fn commit(&mut self, slot: &Slot, pending: &mut Pending) -> Result<(), Stop> {
        let batch = pending.overlay.take(&mut pending.cursor.digest);
        if batch.rows.is_empty() && pending.cursor == self.cursor {
            return Ok(());
        }
        let applied = {
            let live = slot.read();
            live.store()
                .and_then(|store| store.apply(&batch, &pending.cursor))
        };
        applied.map_err(|error| self.stop(error))?;
        self.cursor = pending.cursor;
        slot.publish().map_err(|error| self.stop(error))?;
        self.batches_unsynced += 1;
        if self.batches_unsynced >= SYNC_BATCHES {
            self.sync(slot)?;
        }
        Ok(())
    }

    fn poisoned(&self, index: Index, poison: Poison) -> Stop {
        let at = PoisonedAt {
            view: self.view.name(),
            index,
            rule: poison.rule,
        };
        Stop::Fold(FoldError::Poisoned(at))
    }

    fn stop(&self, error: StoreError) -> Stop {
        match error {
            StoreError::Broken(what) => Stop::Broken(what),
            cause => Stop::Fold(FoldError::Store {
                view: self.view.name(),
                cause,
            }),
        }
    }
}

fn overstepped(changes: &Changes) -> Option<Poison> {
    use crate::view::Change::{Delete, Put};
    let foreign = |table: &Table| !table.is_a_views();
    if changes.rows.len() > EVENT_ROWS_MAX {
        return Some(Poison::new(format!(
            "it changes more than {EVENT_ROWS_MAX} rows"
        )));
    }
    changes
        .rows
        .iter()
        .any(|change| match change {
            Put { table, .. } | Delete { table, .. } => foreign(table),
        })
        .then(|| Poison::new("it writes a table that is not a view's"))
}

fn parked_row(index: Index, by: Index) -> Changes {
    let mut changes = Changes::none();
    changes.put(Table::PARKED, index.0.to_be_bytes(), by.0.to_be_bytes());
    changes
}
