//! Rows on their way to the next batch, in front of those in the store.
//!
//! What it is: what the next event's view reads, so that several events share one batch.
//! What always holds: at most `EVENT_ROWS_MAX` changed rows are pending; a read that failed is
//! remembered, so that what was computed from it is thrown away.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::error::StoreError;
use crate::store::{Batch, Store};
use crate::view::{Change, Changes, Rows, Table, row_key};

/// A row as it is in the store and as it will be.
struct Seen {
    stored: Option<Vec<u8>>,
    now: Option<Vec<u8>>,
    changed: bool,
}

/// Pending rows.
#[derive(Default)]
pub(crate) struct Overlay {
    seen: RefCell<BTreeMap<Vec<u8>, Seen>>,
    failed: RefCell<Option<StoreError>>,
    changed: usize,
}

impl Overlay {
    /// Rows that the next batch would hold.
    pub(crate) fn changed(&self) -> usize {
        self.changed
    }

    /// The rows as a view sees them.
    pub(crate) fn rows<'a>(&'a self, store: &'a dyn Store) -> OverlayRows<'a> {
        OverlayRows {
            overlay: self,
            store,
        }
    }

    /// The read that failed since the last call, if one did.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.failed.borrow_mut().take()
    }

    /// Notes changes; the store is asked for the values that they replace.
    pub(crate) fn record(&mut self, store: &dyn Store, changes: Changes) -> Result<(), StoreError> {
        for change in changes.rows {
            match change {
                Change::Put { table, key, value } => {
                    self.set(store, row_key(table, &key), Some(value))?;
                }
                Change::Delete { table, key } => self.set(store, row_key(table, &key), None)?,
            }
        }
        Ok(())
    }

    /// Notes one row, by its full key.
    pub(crate) fn set(
        &mut self,
        store: &dyn Store,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let seen = self.seen.get_mut();
        if !seen.contains_key(&key) {
            let stored = store.get(&key)?;
            seen.insert(
                key.clone(),
                Seen {
                    now: stored.clone(),
                    stored,
                    changed: false,
                },
            );
        }
        let row = seen
            .get_mut(&key)
            .expect("it was inserted above if it was not there");
        row.now = value;
        if !row.changed {
            row.changed = true;
            self.changed += 1;
        }
        Ok(())
    }

    /// Takes everything pending as one batch and counts it into the digest.
    pub(crate) fn take(&mut self, digest: &mut Digest) -> Batch {
        self.changed = 0;
        let mut batch = Batch::default();
        for (key, row) in std::mem::take(self.seen.get_mut()) {
            if row.changed && row.stored != row.now {
                digest.replace(&key, row.stored.as_deref(), row.now.as_deref());
                batch.rows.push((key, row.now));
            }
        }
        batch
    }
}

/// An overlay over its store, as `apply` reads it.
pub(crate) struct OverlayRows<'a> {
    overlay: &'a Overlay,
    store: &'a dyn Store,
}

impl Rows for OverlayRows<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Option<Vec<u8>> {
        let full = row_key(table, key);
        if let Some(row) = self.overlay.seen.borrow().get(&full) {
            return row.now.clone();
        }
        match self.store.get(&full) {
            Ok(value) => {
                let row = Seen {
                    stored: value.clone(),
                    now: value.clone(),
                    changed: false,
                };
                self.overlay.seen.borrow_mut().insert(full, row);
                value
            }
            Err(error) => {
                self.overlay.failed.borrow_mut().get_or_insert(error);
                None
            }
        }
    }
}
