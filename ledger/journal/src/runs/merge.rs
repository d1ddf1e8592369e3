//! Merging neighbouring runs into one, a few rows at a time.
//!
//! Not here: which runs, and publishing the outcome.
//! Always: of a key in several runs the newest value stays; nothing that is published changes until the owner publishes the new run.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ground::SharedDisk;

use super::file::{Key, Run, RunPosition, RunWriter};
use crate::error::JournalError;
use crate::words::Hash;

/// A merge under way.
pub(super) struct Merge<const V: usize> {
    number: u64,
    /// Oldest first.
    inputs: Vec<Arc<Run<V>>>,
    cursors: Vec<Cursor<V>>,
    writer: RunWriter<V>,
}

/// The place in one input.
struct Cursor<const V: usize> {
    run: Arc<Run<V>>,
    next_page: u64,
    rows: std::vec::IntoIter<(Key, [u8; V])>,
    head: Option<(Key, [u8; V])>,
}

impl<const V: usize> Merge<V> {
    pub(super) fn begin(
        disk: &SharedDisk,
        path: &Path,
        number: u64,
        inputs: Vec<Arc<Run<V>>>,
    ) -> io::Result<Merge<V>> {
        let rows_max = inputs.iter().map(|run| run.rows()).sum();
        let cursors = inputs.iter().map(Cursor::new).collect::<io::Result<_>>()?;
        let writer = RunWriter::create(disk, path, rows_max)?;
        Ok(Merge {
            number,
            inputs,
            cursors,
            writer,
        })
    }

    pub(super) fn inputs(&self) -> &[Arc<Run<V>>] {
        &self.inputs
    }

    /// Merges about this many rows; whether all are merged.
    pub(super) fn step(&mut self, rows: usize) -> Result<bool, JournalError> {
        let merge = || -> io::Result<bool> {
            for _ in 0..rows {
                let heads = self.cursors.iter().filter_map(|cursor| cursor.head);
                let Some(key) = heads.map(|(key, _)| key).min() else {
                    return Ok(true);
                };
                let mut newest = None;
                for cursor in &mut self.cursors {
                    if let Some((_, value)) = cursor.head.filter(|head| head.0 == key) {
                        newest = Some(value);
                        cursor.advance()?;
                    }
                }
                if let Some(value) = newest {
                    self.writer.push(&key, &value)?;
                }
            }
            Ok(false)
        };
        let mut merge = merge;
        merge().map_err(JournalError::io("merging index runs"))
    }

    pub(super) fn finish(self, ledger: Hash) -> io::Result<Run<V>> {
        let from = self.inputs.first().map_or(0, |run| run.from());
        let tier = self.inputs.first().map_or(0, |run| run.tier()) + 1;
        let position = self.inputs.last().map(|run| run.position());
        let position = position.unwrap_or(RunPosition {
            size: 0,
            link: Hash([0; 32]),
        });
        self.writer
            .finish(self.number, ledger, tier, from, position)
    }
}

impl<const V: usize> Cursor<V> {
    fn new(run: &Arc<Run<V>>) -> io::Result<Cursor<V>> {
        let rows = Vec::new().into_iter();
        let mut cursor = Cursor {
            run: Arc::clone(run),
            next_page: 0,
            rows,
            head: None,
        };
        cursor.advance()?;
        Ok(cursor)
    }

    fn advance(&mut self) -> io::Result<()> {
        self.head = self.rows.next();
        if self.head.is_none() && self.next_page < self.run.pages() {
            self.rows = self.run.page(self.next_page)?.into_iter();
            self.next_page += 1;
            self.head = self.rows.next();
        }
        Ok(())
    }
}
