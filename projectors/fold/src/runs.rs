//! Rows in sorted runs over any store: many small rows become few large ones.
//!
//! What it is: a batch is written once as it came, kept in memory, and later written in the order of
//! its keys into a run of 8 KiB blocks; runs of one level are merged into one of the next. A small
//! row in a place of its own costs sled a page read, a page copied and a page written; here it costs
//! its bytes a few times over (measured: 16 to 30 µs against 1 to 3 µs a row).
//! What it is not: a store by itself; the one below keeps the bytes, the cursor and the promises.
//! What always holds: rows and cursor are one batch of the store below (D4). Building, merging and
//! removing change no row and move no cursor; the list of runs changes in one batch, so that a crash
//! at any point leaves the runs before it or the runs after it. What is read was checked against the
//! root row, so that a row that the store below lost or brought back is found (`root.rs`).

mod below;
mod build;
mod memory;
mod merge;
mod pages;
mod root;
mod snapshot;
mod state;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::StoreError;
use crate::store::{Batch, Cursor, Row, Snapshot, Store, assert_fits};
use below::Below;
use memory::get_in;
use pages::{broken, put_row, spread, waiting_key};
use root::ROOT_KEY;
use snapshot::At;
use state::State;

/// How much is kept in memory, and how fast runs are merged.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Keys and values in memory before they go into a run, in bytes; twice as much is there while
    /// the run is written.
    pub memory_bytes_max: usize,
    /// Rows of a run are gathered into blocks of about so many bytes.
    pub block_bytes: usize,
    /// Runs of one level before they become one of the next.
    pub level_runs_max: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            memory_bytes_max: 4 * 1024 * 1024,
            block_bytes: 8 * 1024,
            level_runs_max: 8,
        }
    }
}

/// A waiting batch is cut into pieces of at least so many bytes.
const PIECE_BYTES: usize = 8 * 1024;
/// Pieces of one batch; with root and cursor they fit one batch of the store below.
const PIECES_MAX: usize = 200;
/// Bytes of runs written for each byte that arrives: more than each row is ever rewritten.
const WORK_FACTOR: usize = 8;

/// Rows in runs over another store.
pub struct RunStore {
    below: Arc<Below>,
    sizes: Sizes,
    /// Set by the first write that fails; never cleared. Memory may then know more than the disk.
    failed: AtomicBool,
    state: RwLock<State>,
}

impl RunStore {
    /// Reads which runs there are, and the rows that are in none yet.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when a part is missing; else as the store below.
    pub fn open(below: Box<dyn Store>, sizes: Sizes) -> Result<Self, StoreError> {
        let below = Arc::new(Below::new(below));
        let state = State::open(&*below)?;
        Ok(Self {
            below,
            sizes,
            failed: AtomicBool::new(false),
            state: RwLock::new(state),
        })
    }

    fn whole(&self) -> Result<(), StoreError> {
        if self.failed.load(Ordering::Acquire) {
            return Err(broken("it failed before in this run"));
        }
        Ok(())
    }

    fn write(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // First what changes no row: should it fail, nothing of the batch was applied.
        state.work(&*self.below, self.sizes)?;
        let mut bytes = Vec::with_capacity(PIECE_BYTES);
        for (key, value) in &batch.rows {
            put_row(&mut bytes, key, value.as_deref());
        }
        let mut pieces = Batch::default();
        let mut keys = Vec::new();
        let piece_bytes = PIECE_BYTES.max(bytes.len().div_ceil(PIECES_MAX));
        for (piece, part) in (0_u16..).zip(bytes.chunks(piece_bytes)) {
            let key = waiting_key(state.next_batch, piece);
            keys.push(key.clone());
            pieces.rows.push((key, Some(part.to_vec())));
        }
        let root = state.root_after(&bytes, cursor);
        pieces.rows.push((ROOT_KEY.to_vec(), Some(root.encode())));
        self.below.apply(&pieces, cursor)?;
        state.cursor = Some(*cursor);
        state.applied(batch, keys, &root, bytes.len() * WORK_FACTOR);
        Ok(())
    }

    /// The rows as they are after the last batch.
    fn at_last(&self) -> At {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        At {
            below: Arc::clone(&self.below),
            cursor: state.cursor,
            layers: state
                .memory
                .layers()
                .chain(&state.frozen)
                .cloned()
                .collect(),
            runs: state.runs.clone(),
        }
    }
}

impl Store for RunStore {
    fn apply(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError> {
        assert_fits(batch);
        self.whole()?;
        let written = self.write(batch, cursor);
        if written.is_err() {
            self.failed.store(true, Ordering::Release);
        }
        written
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.whole()?;
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if key == Cursor::key() {
            return Ok(state.cursor.map(|cursor| cursor.encode()));
        }
        let frozen = || state.frozen.as_ref().and_then(|rows| get_in(rows, key));
        if let Some(value) = state.memory.get(key).or_else(frozen) {
            return Ok(value);
        }
        let spread = spread(key);
        for run in &state.runs {
            if let Some(value) = run.get(&*self.below, key, spread)? {
                return Ok(value);
            }
        }
        Ok(None)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.whole()?;
        self.at_last().scan(prefix, from, limit)
    }

    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.whole()?;
        Ok(Arc::new(self.at_last()))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.whole()?;
        self.below.sync()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        self.whole()?;
        self.below.close_now()
    }

    /// The files go with the last question that still reads them.
    fn destroy(self: Box<Self>) -> Result<(), StoreError> {
        self.below.give_up();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
