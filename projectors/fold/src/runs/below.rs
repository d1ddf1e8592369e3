//! The store below the runs, shared by the one who writes and those who read at an earlier position.
//!
//! What it is not: a lock between them; writing and reading both only hold the store in its place.
//! What always holds: its files are removed when it was given up and the last reader is done, not before.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use super::pages::broken;
use crate::error::StoreError;
use crate::store::{Batch, Cursor, Row, Store};

/// A store that several hold.
pub(super) struct Below {
    /// `None` once it was closed.
    store: RwLock<Option<Box<dyn Store>>>,
    /// Its files are to be removed with it.
    given_up: AtomicBool,
}

impl Below {
    pub(super) fn new(store: Box<dyn Store>) -> Self {
        Self {
            store: RwLock::new(Some(store)),
            given_up: AtomicBool::new(false),
        }
    }

    /// Has the files removed when the last holder lets go.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    /// Closes it; whoever still reads is told so.
    ///
    /// # Errors
    /// As the store.
    pub(super) fn close_now(&self) -> Result<(), StoreError> {
        self.take().map_or(Ok(()), Store::close)
    }

    fn take(&self) -> Option<Box<dyn Store>> {
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        store.take()
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        act(store.as_deref().ok_or_else(|| broken("it was closed"))?)
    }
}

impl Drop for Below {
    fn drop(&mut self) {
        if self.given_up.load(Ordering::Acquire) {
            // Files that cannot be removed now are removed at the next open.
            let _ = self.take().map(Store::destroy);
        }
    }
}

impl Store for Below {
    fn apply(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError> {
        self.with(|store| store.apply(batch, cursor))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|store| store.get(key))
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.with(|store| store.scan(prefix, from, limit))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.with(|store| store.sync())
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        self.close_now()
    }

    fn destroy(self: Box<Self>) -> Result<(), StoreError> {
        self.give_up();
        Ok(())
    }
}
