//! Rows in memory: the twin that tests compare with, and the scratch space of an as-of answer.
//!
//! What it is not: durable. `sync` succeeds and keeps nothing beyond the process.
//! What always holds: a batch and its cursor become visible together.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::error::StoreError;
use crate::store::{Batch, Cursor, Row, Snapshot, Store, assert_fits};

/// A sorted map with a cursor.
#[derive(Debug)]
pub struct MemoryStore {
    rows: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryStore {
    /// An empty store with its cursor at the start.
    pub fn new() -> Self {
        let rows = BTreeMap::from([(Cursor::key(), Cursor::START.encode())]);
        Self {
            rows: RwLock::new(rows),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn apply(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError> {
        assert_fits(batch);
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        perform(&mut rows, batch, cursor);
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .rows
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned())
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        Ok(scan_map(&rows, prefix, from, limit))
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }

    fn destroy(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The rows of a store as they were when they were copied.
pub(crate) struct Copied(BTreeMap<Vec<u8>, Vec<u8>>);

impl Copied {
    pub(crate) fn of(rows: Vec<Row>) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl Snapshot for Copied {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        Ok(scan_map(&self.0, prefix, from, limit))
    }
}

/// Performs a batch and its cursor on a map.
pub(crate) fn perform(rows: &mut BTreeMap<Vec<u8>, Vec<u8>>, batch: &Batch, cursor: &Cursor) {
    for (key, value) in &batch.rows {
        match value {
            Some(value) => rows.insert(key.clone(), value.clone()),
            None => rows.remove(key),
        };
    }
    rows.insert(Cursor::key(), cursor.encode());
}

/// Scans a map as a store does.
pub(crate) fn scan_map(
    rows: &BTreeMap<Vec<u8>, Vec<u8>>,
    prefix: &[u8],
    from: &[u8],
    limit: usize,
) -> Vec<Row> {
    rows.range(from.max(prefix).to_vec()..)
        .take_while(|(key, _)| key.starts_with(prefix))
        .take(limit)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
