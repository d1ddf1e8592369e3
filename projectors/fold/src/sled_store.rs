//! Rows in sled 0.34.7, with what that version needs to be safe for rows that can be rebuilt.
//!
//! What it is: one database per view, one tree in it (a sled batch is atomic within one tree only),
//! a small cache, no background flush, and after each flush an `fdatasync` on a handle of our own:
//! sled's flush is `sync_file_range`, which a machine's crash does not respect.
//! What it is not: trusted. Any corruption error or panic breaks the store for good: the projection
//! sets it aside and folds again. An open that succeeds proves nothing (the marker decides).
//! What always holds: every call into sled is caught; after one failure none is made any more.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::contained::contained;
use crate::error::StoreError;
use crate::marker::sync_dir;
use crate::store::{Batch, Cursor, Row, Store, assert_fits};

/// sled's page cache in bytes. For small rows a larger one costs memory and gains nothing.
pub const CACHE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A view's rows in one sled database.
pub struct SledStore {
    /// Dropped before the files are removed; `None` only while that happens.
    db: Option<sled::Db>,
    /// Our own handle to sled's file, for the sync that sled leaves out.
    file: File,
    dir: PathBuf,
    /// Set by the first failure; never cleared.
    broken: AtomicBool,
}

impl SledStore {
    /// Opens the database in `dir`, or makes an empty one there.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when another process holds it, [`StoreError::Broken`] when sled finds
    /// it corrupt or panics, [`StoreError::Io`] when the disk refuses.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES_MAX)
            .flush_every_ms(None)
            .mode(sled::Mode::LowSpace);
        let db = caught(|| config.open())?;
        let file = File::options()
            .read(true)
            .write(true)
            .open(dir.join("db"))?;
        let store = Self {
            db: Some(db),
            file,
            dir: dir.to_owned(),
            broken: AtomicBool::new(false),
        };
        store.sync_names()?;
        Ok(store)
    }

    /// After this a power cut finds the files that sled just made: their contents and their names.
    fn sync_names(&self) -> Result<(), StoreError> {
        self.file.sync_all()?;
        for name in ["conf", "blobs"] {
            match File::open(self.dir.join(name)) {
                Ok(file) => file.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        sync_dir(&self.dir)?;
        if let Some(parent) = self.dir.parent() {
            sync_dir(parent)?;
        }
        Ok(())
    }

    /// Calls sled unless it has failed before, and remembers if it fails now.
    fn call<T>(&self, act: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, StoreError> {
        let db = self
            .db
            .as_ref()
            .expect("the database is there until destroy or close takes it");
        if self.broken.load(Ordering::Acquire) {
            return Err(StoreError::Broken("it failed before in this run".into()));
        }
        let result = caught(|| act(db));
        if result.is_err() {
            self.broken.store(true, Ordering::Release);
        }
        result
    }

    fn take(&mut self) -> Result<(), StoreError> {
        let db = self.db.take();
        caught(|| {
            drop(db);
            Ok(())
        })
    }
}

impl Store for SledStore {
    fn apply(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError> {
        assert_fits(batch);
        let mut rows = sled::Batch::default();
        for (key, value) in &batch.rows {
            match value {
                Some(value) => rows.insert(key.as_slice(), value.as_slice()),
                None => rows.remove(key.as_slice()),
            }
        }
        rows.insert(Cursor::key(), cursor.encode());
        self.call(|db| db.apply_batch(rows))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.call(|db| Ok(db.get(key)?.map(|value| value.to_vec())))
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.call(|db| {
            let mut rows = Vec::new();
            for row in db.range(from.max(prefix)..).take(limit) {
                let (key, value) = row?;
                if !key.starts_with(prefix) {
                    break;
                }
                rows.push((key.to_vec(), value.to_vec()));
            }
            Ok(rows)
        })
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.call(|db| db.flush())?;
        Ok(self.file.sync_data()?)
    }

    fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        self.sync()?;
        self.take()?;
        Ok(self.file.sync_data()?)
    }

    fn destroy(mut self: Box<Self>) -> Result<(), StoreError> {
        // A database that will not even stop is still removed.
        let _ = self.take();
        Ok(fs::remove_dir_all(&self.dir)?)
    }
}

/// Runs sled so that neither its panics nor its errors reach further than this file.
fn caught<T>(act: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match contained(act) {
        Some(Ok(value)) => Ok(value),
        Some(Err(sled::Error::Io(error))) => Err(judge_io(error)),
        Some(Err(other)) => Err(StoreError::Broken(kind_of(&other).into())),
        None => Err(StoreError::Broken("sled panicked".into())),
    }
}

/// sled wraps the lock's refusal in an error of its own, so the text is looked at as well.
fn judge_io(error: io::Error) -> StoreError {
    let locked = error.kind() == io::ErrorKind::WouldBlock
        || error.to_string().contains("could not acquire lock");
    match error.kind() {
        _ if locked => StoreError::Busy,
        // sled reports torn files in these kinds too.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
            StoreError::Broken("sled read less than it wrote".into())
        }
        _ => StoreError::Io(error),
    }
}

fn kind_of(error: &sled::Error) -> &'static str {
    match error {
        sled::Error::Corruption { .. } => "sled found corruption",
        sled::Error::ReportableBug(_) => "sled found a bug of its own",
        sled::Error::Unsupported(_) => "sled does not support what it found",
        sled::Error::CollectionNotFound(_) => "sled lost its tree",
        sled::Error::Io(_) => "sled could not read or write",
    }
}
