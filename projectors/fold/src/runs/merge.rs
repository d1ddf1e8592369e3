//! Several ascending sources of rows as one, the newest row of each key first.
//!
//! What it is: what a scan reads and what a new run is built from.
//! What always holds: each key comes once, ascending, with the value of the newest source that has
//! it; a run is immutable, so that reading may stop and go on between batches.

use std::sync::Arc;

use super::memory::Layer;
use super::pages::{
    BLOCKS, Change, Finder, NAME_BYTES, broken, may_hold, page_key, spread, take_row,
};
use super::root::Check;
use crate::error::StoreError;
use crate::store::Store;

/// One run: where its blocks are. Never changes.
pub(super) struct Run {
    pub(super) number: u64,
    pub(super) level: u64,
    /// Of its pages of finders.
    pub(super) check: Check,
    /// The first eight bytes of each block's first key: most searches end there.
    heads: Vec<u64>,
    finders: Vec<Finder>,
}

impl Run {
    pub(super) fn new(number: u64, level: u64, check: Check, finders: Vec<Finder>) -> Self {
        Self {
            number,
            level,
            check,
            heads: finders.iter().map(|finder| head(&finder.first)).collect(),
            finders,
        }
    }

    pub(super) fn blocks(&self) -> usize {
        self.finders.len()
    }

    /// The block that would hold a key, if any.
    fn block_of(&self, key: &[u8]) -> Option<usize> {
        let wanted = head(key);
        let mut after = self.heads.partition_point(|head| *head < wanted);
        // Most heads differ, and then no key is looked at.
        while self.heads.get(after) == Some(&wanted)
            && self
                .finders
                .get(after)
                .is_some_and(|finder| *finder.first <= *key)
        {
            after += 1;
        }
        after.checked_sub(1)
    }

    /// What the run says of a key: nothing, that it is gone, or its value.
    ///
    /// # Errors
    /// As the store below.
    pub(super) fn get(
        &self,
        below: &dyn Store,
        key: &[u8],
        spread: u64,
    ) -> Result<Option<Option<Vec<u8>>>, StoreError> {
        let Some(place) = self.block_of(key) else {
            return Ok(None);
        };
        let filter = self.finders.get(place).map(|finder| &finder.filter);
        if !filter.is_some_and(|filter| may_hold(filter, spread)) {
            return Ok(None);
        }
        let block = self.block(below, place)?;
        let mut rest = block.as_slice();
        while !rest.is_empty() {
            let (lying, value) = take_row(&mut rest)?;
            if lying == key {
                return Ok(Some(value.map(<[u8]>::to_vec)));
            }
            if lying > key {
                break;
            }
        }
        Ok(None)
    }

    /// False when no key of the run begins with `prefix`, as far as the filters know.
    pub(super) fn may_hold_under(&self, prefix: &[u8]) -> bool {
        let Some(name) = prefix.get(..NAME_BYTES) else {
            return true;
        };
        // Rows under the prefix begin in the block that would hold it, or with the next one.
        let at = self.block_of(prefix);
        let within = at.and_then(|at| self.finders.get(at));
        let next = self.finders.get(at.map_or(0, |at| at + 1));
        within.is_some_and(|finder| may_hold(&finder.filter, spread(name)))
            || next.is_some_and(|finder| finder.first.starts_with(name))
    }

    fn block(&self, below: &dyn Store, place: usize) -> Result<Vec<u8>, StoreError> {
        let missing = || broken("a block is missing");
        let finder = self.finders.get(place).ok_or_else(missing)?;
        let place = u32::try_from(place).map_err(|_| broken("a run has too many blocks"))?;
        let block = below.get(&page_key(BLOCKS, self.number, place))?;
        let block = block.ok_or_else(missing)?;
        finder.check_block(&block)?;
        Ok(block)
    }
}

fn head(key: &[u8]) -> u64 {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(key) {
        *to = *from;
    }
    u64::from_be_bytes(word)
}

/// Where reading one source has got to.
pub(super) enum Source {
    /// Rows in memory, and the place of the next.
    Layer(Layer, usize),
    /// A run: the next block, and what is left of the one being read.
    Run {
        run: Arc<Run>,
        next: usize,
        block: Vec<u8>,
        at: usize,
    },
}

impl Source {
    /// Rows in memory from a key on.
    pub(super) fn layer(rows: &Layer, from: &[u8]) -> Self {
        let at = rows.partition_point(|held| held.key() < from);
        Self::Layer(Arc::clone(rows), at)
    }

    /// Rows of a run, from the block on that would hold a key.
    pub(super) fn run(run: &Arc<Run>, from: &[u8]) -> Self {
        Self::Run {
            next: run.block_of(from).unwrap_or(0),
            run: Arc::clone(run),
            block: Vec::new(),
            at: 0,
        }
    }

    fn next(&mut self, below: &dyn Store) -> Result<Option<Change>, StoreError> {
        match self {
            Self::Layer(rows, at) => {
                let held = rows.get(*at);
                *at += 1;
                Ok(held.map(|held| (held.key().to_vec(), held.value().cloned())))
            }
            Self::Run {
                run,
                next,
                block,
                at,
            } => {
                if *at >= block.len() {
                    if *next >= run.blocks() {
                        return Ok(None);
                    }
                    *block = run.block(below, *next)?;
                    *next += 1;
                    *at = 0;
                }
                let mut rest = block.get(*at..).unwrap_or_default();
                let (key, value) = take_row(&mut rest)?;
                let row = (key.to_vec(), value.map(<[u8]>::to_vec));
                *at = block.len() - rest.len();
                Ok(Some(row))
            }
        }
    }
}

/// Sources as one.
pub(super) struct Merge {
    /// Newest first; each with the row it stands at.
    sources: Vec<(Option<Change>, Source)>,
}

impl Merge {
    /// Begins before the first row that is not below `from`.
    ///
    /// # Errors
    /// As the store below.
    pub(super) fn new(
        below: &dyn Store,
        newest_first: Vec<Source>,
        from: &[u8],
    ) -> Result<Self, StoreError> {
        let mut sources = Vec::with_capacity(newest_first.len());
        for mut source in newest_first {
            let mut row = source.next(below)?;
            while row.as_ref().is_some_and(|(key, _)| key.as_slice() < from) {
                row = source.next(below)?;
            }
            sources.push((row, source));
        }
        Ok(Self { sources })
    }

    /// The next key with its newest value.
    ///
    /// # Errors
    /// As the store below.
    pub(super) fn next(&mut self, below: &dyn Store) -> Result<Option<Change>, StoreError> {
        let mut newest: Option<usize> = None;
        let key_at = |place: usize| {
            self.sources
                .get(place)
                .and_then(|(row, _)| row.as_ref())
                .map(|(key, _)| key)
        };
        for place in 0..self.sources.len() {
            let lower = match (key_at(place), newest.and_then(key_at)) {
                (Some(key), Some(lowest)) => key < lowest,
                (here, _) => here.is_some(),
            };
            if lower {
                newest = Some(place);
            }
        }
        let Some(newest) = newest else {
            return Ok(None);
        };
        let mut found: Option<Change> = None;
        for (row, source) in self.sources.iter_mut().skip(newest) {
            let same = match (&*row, &found) {
                (Some((key, _)), Some((lowest, _))) => key == lowest,
                (here, None) => here.is_some(),
                (None, Some(_)) => false,
            };
            if same {
                let taken = std::mem::replace(row, source.next(below)?);
                found = found.or(taken);
            }
        }
        Ok(found)
    }
}
