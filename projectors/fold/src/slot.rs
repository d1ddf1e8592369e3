//! The place of a view's live store: the runner writes there, questions read there, a swap
//! exchanges it.
//!
//! What always holds: whoever reads holds the lock, so that one answer sees the rows of exactly one
//! position, the one its cursor names (P-3); a batch waits for readers, never the other way round
//! for longer than one batch.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::error::StoreError;
use crate::store::{Cursor, Row, Store};
use crate::view::{Table, row_key};

/// A store and the version of the view that built it.
pub(crate) struct Live {
    /// `None` after a close, and while a broken store is set aside.
    pub(crate) store: Option<Box<dyn Store>>,
    pub(crate) version: u32,
}

impl Live {
    pub(crate) fn store(&self) -> Result<&dyn Store, StoreError> {
        self.store
            .as_deref()
            .ok_or_else(|| StoreError::Broken("the store is not open".into()))
    }
}

/// Shared by one projection and its readers.
#[derive(Clone)]
pub(crate) struct Slot(Arc<RwLock<Live>>);

impl Slot {
    pub(crate) fn new(store: Box<dyn Store>, version: u32) -> Self {
        Self(Arc::new(RwLock::new(Live {
            store: Some(store),
            version,
        })))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Live> {
        // A reader that panicked left nothing half done.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Live> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts another store in place and hands back the one before.
    pub(crate) fn exchange(
        &self,
        store: Option<Box<dyn Store>>,
        version: u32,
    ) -> Option<Box<dyn Store>> {
        let mut live = self.write();
        live.version = version;
        std::mem::replace(&mut live.store, store)
    }
}

/// A handle to a view for those who ask; stays valid across rebuilds and swaps.
#[derive(Clone)]
pub struct ViewReader(pub(crate) Slot);

impl ViewReader {
    /// The view at one position, until the guard is dropped. Keep it for one answer only: the
    /// runner waits meanwhile.
    pub fn read(&self) -> ReadView<'_> {
        ReadView(self.0.read())
    }
}

/// One view at one position.
pub struct ReadView<'a>(RwLockReadGuard<'a, Live>);

impl ReadView<'_> {
    /// The version of the view that wrote the rows; older than the code's while a new one is built.
    pub fn version(&self) -> u32 {
        self.0.version
    }

    /// The position that everything read through this guard is true for.
    ///
    /// # Errors
    /// When the store is broken or being set aside; the next step of the projection repairs it.
    pub fn cursor(&self) -> Result<Cursor, StoreError> {
        self.0.store()?.cursor()
    }

    /// One row.
    ///
    /// # Errors
    /// As for `cursor`.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.store()?.get(&row_key(table, key))
    }

    /// At most `limit` rows of a table whose key begins with `prefix` and is not below `from`,
    /// ascending; keys without the table byte.
    ///
    /// # Errors
    /// As for `cursor`.
    pub fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = self
            .0
            .store()?
            .scan(&row_key(table, prefix), &row_key(table, from), limit)?;
        Ok(rows
            .into_iter()
            .map(|(key, value)| (key[1..].to_vec(), value))
            .collect())
    }

    /// The events that this view was told to leave out, with the index of the fact that said so.
    ///
    /// # Errors
    /// As for `cursor`.
    pub fn parked(&self) -> Result<Vec<(proto::Index, proto::Index)>, StoreError> {
        let rows = self
            .0
            .store()?
            .scan(&[Table::PARKED.0], &[], PARKED_LISTED_MAX)?;
        rows.iter()
            .map(|(key, value)| {
                let pair = key.get(1..).and_then(|key| {
                    Some((key.try_into().ok()?, value.as_slice().try_into().ok()?))
                });
                let (parked, by) = pair
                    .ok_or_else(|| StoreError::Broken("a parked row has another length".into()))?;
                Ok((
                    proto::Index(u64::from_be_bytes(parked)),
                    proto::Index(u64::from_be_bytes(by)),
                ))
            })
            .collect()
    }
}

/// Parked events that one answer lists.
const PARKED_LISTED_MAX: usize = 1000;
