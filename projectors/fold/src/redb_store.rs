//! Rows in redb 4: the differential twin of the sled store, and the way out of it.
//!
//! What it is: one file, one table, a real sync on every `sync`.
//! What it is not: the default; sled is fixed by the customer for views.
//! What always holds: a batch and its cursor are one transaction. Batches between two syncs are not
//! durable (`Durability::None`), as with sled: the ledger is the truth.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, TableDefinition};

use crate::error::StoreError;
use crate::store::{Batch, Cursor, Row, Snapshot, Store, assert_fits};

const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");
const FILE: &str = "rows.redb";

/// redb's page cache in bytes; its default of 1 GiB is not for a view.
pub const CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A view's rows in one redb file.
pub struct RedbStore {
    db: Database,
    dir: PathBuf,
}

impl RedbStore {
    /// Opens the file in `dir`, which is made if it is not there.
    ///
    /// # Errors
    /// As for every store.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(dir)?;
        let db = Database::builder()
            .set_cache_size(CACHE_BYTES_MAX)
            .create(dir.join(FILE))
            .map_err(judge)?;
        let begin = db.begin_write().map_err(judge)?;
        begin.open_table(ROWS).map_err(judge)?;
        begin.commit().map_err(judge)?;
        Ok(Self {
            db,
            dir: dir.to_owned(),
        })
    }

    fn at_last(&self) -> Result<At, StoreError> {
        let read = self.db.begin_read().map_err(judge)?;
        Ok(At(read.open_table(ROWS).map_err(judge)?))
    }
}

/// The table as one transaction sees it.
struct At(ReadOnlyTable<&'static [u8], &'static [u8]>);

impl Snapshot for At {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.0.get(key).map_err(judge)?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        for row in self.0.range(from.max(prefix)..).map_err(judge)?.take(limit) {
            let (key, value) = row.map_err(judge)?;
            if !key.value().starts_with(prefix) {
                break;
            }
            rows.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(rows)
    }
}

impl Store for RedbStore {
    fn apply(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError> {
        assert_fits(batch);
        let mut write = self.db.begin_write().map_err(judge)?;
        write.set_durability(Durability::None).map_err(judge)?;
        {
            let mut table = write.open_table(ROWS).map_err(judge)?;
            for (key, value) in &batch.rows {
                match value {
                    Some(value) => table
                        .insert(key.as_slice(), value.as_slice())
                        .map_err(judge)?,
                    None => table.remove(key.as_slice()).map_err(judge)?,
                };
            }
            table
                .insert(Cursor::key().as_slice(), cursor.encode().as_slice())
                .map_err(judge)?;
        }
        write.commit().map_err(judge)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.at_last()?.get(key)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.at_last()?.scan(prefix, from, limit)
    }

    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        Ok(Arc::new(self.at_last()?))
    }

    fn sync(&self) -> Result<(), StoreError> {
        let mut write = self.db.begin_write().map_err(judge)?;
        write.set_durability(Durability::Immediate).map_err(judge)?;
        write.commit().map_err(judge)
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        self.sync()
    }

    fn destroy(self: Box<Self>) -> Result<(), StoreError> {
        let RedbStore { db, dir } = *self;
        drop(db);
        Ok(fs::remove_dir_all(dir)?)
    }
}

fn judge(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::DatabaseAlreadyOpen => StoreError::Busy,
        redb::Error::Io(error) => StoreError::Io(error),
        other => StoreError::Broken(format!("redb: {other}")),
    }
}
