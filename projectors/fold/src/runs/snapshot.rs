//! The runs at one position, whatever is applied meanwhile.
//!
//! What always holds: layers and runs never change, and blocks of a run are removed only after the last
//! who may read them has let go of it; so that reading waits for no one who writes.

use std::sync::Arc;

use super::below::Below;
use super::memory::{Layer, get_in};
use super::merge::{Merge, Run, Source};
use super::pages::spread;
use crate::error::StoreError;
use crate::store::{Cursor, Row, Snapshot};

/// Rows at one position.
pub(super) struct At {
    pub(super) below: Arc<Below>,
    pub(super) cursor: Option<Cursor>,
    /// Newest first.
    pub(super) layers: Vec<Layer>,
    /// Newest first.
    pub(super) runs: Vec<Arc<Run>>,
}

impl Snapshot for At {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if key == Cursor::key() {
            return Ok(self.cursor.map(|cursor| cursor.encode()));
        }
        if let Some(value) = self.layers.iter().find_map(|layer| get_in(layer, key)) {
            return Ok(value);
        }
        let spread = spread(key);
        for run in &self.runs {
            if let Some(value) = run.get(&*self.below, key, spread)? {
                return Ok(value);
            }
        }
        Ok(None)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let from = from.max(prefix);
        let mut rows = Vec::new();
        let cursor_key = Cursor::key();
        if limit > 0
            && from <= cursor_key.as_slice()
            && cursor_key.starts_with(prefix)
            && let Some(cursor) = self.cursor
        {
            rows.push((cursor_key, cursor.encode()));
        }
        let layers = self.layers.iter();
        let runs = self.runs.iter().filter(|run| run.may_hold_under(prefix));
        let sources = layers
            .map(|layer| Source::layer(layer, from))
            .chain(runs.map(|run| Source::run(run, from)));
        let mut merge = Merge::new(&*self.below, sources.collect(), from)?;
        while rows.len() < limit {
            match merge.next(&*self.below)? {
                Some((key, _)) if !key.starts_with(prefix) => break,
                Some((key, Some(value))) => rows.push((key, value)),
                Some((_, None)) => {}
                None => break,
            }
        }
        Ok(rows)
    }
}
