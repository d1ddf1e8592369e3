//! The place of a view's live store: the runner writes there, a swap exchanges it, and after each batch
//! its rows at that position are published for questions.
//!
//! What it is not: a lock between fold and questions. The runner has the processor only when nothing else
//! wants it, so that whoever waited for it could wait for long.
//! What always holds: one answer sees the rows of exactly one position, the one its cursor names (P-3);
//! neither a batch nor a swap waits for whoever reads, and a reader holds no lock of ours that a batch or a
//! swap takes. Rows in memory are read beside a batch. A row in a block of the engine is read through the
//! engine, and sled may hold that read for as long as it writes a batch. What a question finds broken, the
//! projection hears of: it may never read that row itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::error::StoreError;
use crate::store::{Cursor, Row, Snapshot, Store};
use crate::view::{Table, row_key};

/// A store and the version of the view that built it.
pub(crate) struct Live {
    /// `None` after a close, and while a broken store is set aside.
    pub(crate) store: Option<Box<dyn Store>>,
    pub(crate) version: u32,
    /// Whether a question found this store broken.
    broken: Arc<AtomicBool>,
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
    /// The store's.
    broken: Arc<AtomicBool>,
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
        let (rows, broken) = first_look(Some(&*store));
        let live = Live {
            store: Some(store),
            version,
            broken: Arc::clone(&broken),
        };
        let published = Published {
            version,
            rows,
            broken,
        };
        Self(Arc::new(Shared {
            live: RwLock::new(live),
            published: Mutex::new(Arc::new(published)),
        }))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Live> {
        self.0.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Live> {
        self.0.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a question found the store that is live broken.
    pub(crate) fn is_found_broken(&self) -> bool {
        self.read().broken.load(Ordering::Acquire)
    }

    /// Shows questions the rows as they are now.
    pub(crate) fn publish(&self) -> Result<(), StoreError> {
        let live = self.read();
        self.show(Published {
            version: live.version,
            rows: Some(live.store()?.snapshot()?),
            broken: Arc::clone(&live.broken),
        });
        Ok(())
    }

    fn show(&self, now: Published) {
        let now = Arc::new(now);
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
        let (rows, broken) = first_look(store.as_deref());
        let before = {
            let mut live = self.write();
            live.version = version;
            live.broken = Arc::clone(&broken);
            std::mem::replace(&mut live.store, store)
        };
        self.show(Published {
            version,
            rows,
            broken,
        });
        before
    }
}

/// The rows of a store that is about to be shown; one that has none to show is broken from the start.
fn first_look(store: Option<&dyn Store>) -> (Option<Arc<dyn Snapshot>>, Arc<AtomicBool>) {
    let rows = store.map(Store::snapshot).transpose();
    let broken = matches!(rows, Err(StoreError::Broken(_)));
    (rows.unwrap_or_default(), Arc::new(AtomicBool::new(broken)))
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
    /// What the rows say; that they are broken is passed on, so that the next step has them built again.
    fn ask<T>(
        &self,
        question: impl FnOnce(&dyn Snapshot) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::Broken("the store is not open".into());
        let answer = question(self.0.rows.as_deref().ok_or_else(closed)?);
        if let Err(StoreError::Broken(_)) = &answer {
            self.0.broken.store(true, Ordering::Release);
        }
        answer
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
        self.ask(|rows| rows.cursor())
    }

    /// One row.
    ///
    /// # Errors
    /// As for `cursor`.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.ask(|rows| rows.get(&row_key(table, key)))
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
        let (prefix, from) = (row_key(table, prefix), row_key(table, from));
        let rows = self.ask(|rows| rows.scan(&prefix, &from, limit))?;
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
        let rows = self.ask(|rows| rows.scan(&[Table::PARKED.0], &[], PARKED_LISTED_MAX))?;
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
