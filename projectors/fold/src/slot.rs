//! The place of a view's live store: the runner writes there, a swap exchanges it, and after each batch
//! its rows at that position are published for questions.
//!
//! What it is not: a lock between fold and questions. The runner has the processor only when nothing else
//! wants it, so that whoever waited for it could wait for long.
//! What always holds: one answer sees the rows of exactly one position, the one its cursor names (P-3);
//! neither a batch nor a swap waits for whoever reads, nor the other way round.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::error::StoreError;
use crate::store::{Cursor, Row, Snapshot, Store};
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

/// What questions read.
struct Published {
    version: u32,
    /// `None` while there is no store.
    rows: Option<Arc<dyn Snapshot>>,
}

struct Shared {
    /// The projection's alone.
    live: RwLock<Live>,
    /// Held for the exchange of a pointer.
    published: Mutex<Arc<Published>>,
}

/// Shared by one projection and its readers.
#[derive(Clone)]
pub(crate) struct Slot(Arc<Shared>);

impl Slot {
    pub(crate) fn new(store: Box<dyn Store>, version: u32) -> Self {
        let live = Live {
            store: Some(store),
            version,
        };
        // A store that has no rows to show says so again when it is written.
        let rows = live.store().and_then(Store::snapshot).ok();
        Self(Arc::new(Shared {
            live: RwLock::new(live),
            published: Mutex::new(Arc::new(Published { version, rows })),
        }))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Live> {
        self.0.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Live> {
        self.0.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows questions the rows as they are now.
    pub(crate) fn publish(&self) -> Result<(), StoreError> {
        let live = self.read();
        let rows = live.store()?.snapshot()?;
        self.show(live.version, Some(rows));
        Ok(())
    }

    fn show(&self, version: u32, rows: Option<Arc<dyn Snapshot>>) {
        let now = Arc::new(Published { version, rows });
        let before = {
            let published = self.0.published.lock();
            let mut published = published.unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *published, now)
        };
        // Outside the lock: with the last of a store's rows its files may go.
        drop(before);
    }

    /// Puts another store in place and hands back the one before.
    pub(crate) fn exchange(
        &self,
        store: Option<Box<dyn Store>>,
        version: u32,
    ) -> Option<Box<dyn Store>> {
        let rows = store.as_ref().and_then(|store| store.snapshot().ok());
        let before = {
            let mut live = self.write();
            live.version = version;
            std::mem::replace(&mut live.store, store)
        };
        self.show(version, rows);
        before
    }
}

/// A handle to a view for those who ask; stays valid across rebuilds and swaps.
#[derive(Clone)]
pub struct ViewReader(pub(crate) Slot);

impl ViewReader {
    /// The view at the position of its last batch. Keep it for one answer only: what it may read is not
    /// removed meanwhile.
    pub fn read(&self) -> ReadView {
        let published = self.0.0.published.lock();
        ReadView(published.unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// One view at one position, whatever is folded meanwhile.
pub struct ReadView(Arc<Published>);

impl ReadView {
    fn rows(&self) -> Result<&dyn Snapshot, StoreError> {
        let closed = || StoreError::Broken("the store is not open".into());
        self.0.rows.as_deref().ok_or_else(closed)
    }

    /// The version of the view that wrote the rows; older than the code's while a new one is built.
    pub fn version(&self) -> u32 {
        self.0.version
    }

    /// The position that everything read through this guard is true for.
    ///
    /// # Errors
    /// When the store is broken or being set aside; the next step of the projection repairs it.
    pub fn cursor(&self) -> Result<Cursor, StoreError> {
        self.rows()?.cursor()
    }

    /// One row.
    ///
    /// # Errors
    /// As for `cursor`.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows()?.get(&row_key(table, key))
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
            .rows()?
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
            .rows()?
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
