//! One run being written, a few blocks at a time, from rows in memory or from older runs.
//!
//! What it is not: the switch. Until the list names the run its blocks are nobody's, and a crash
//! leaves them to be removed.
//! What always holds: a step writes fewer rows than one batch may hold, and moves no cursor.

use std::sync::Arc;

use super::merge::{Merge, Run, Source};
use super::pages::{
    BLOCKS, FINDERS, Finder, NAME_BYTES, PAGE_BLOCKS, broken, encode_finders, filter_of, page_key,
    put_row, spread,
};
use super::root::{Check, check_of, check_of_all};
use crate::error::StoreError;
use crate::store::{Batch, Store};

/// What a finished run takes the place of.
pub(super) enum Replaces {
    /// The frozen rows in memory, and the waiting batches below this one, with the check before it.
    Frozen(u64, Check),
    /// These runs.
    Runs(Vec<u64>),
}

/// Which run it is to be.
pub(super) struct Named {
    pub(super) run: u64,
    pub(super) level: u64,
    pub(super) block_bytes: usize,
    /// Rows that are gone need no mark when nothing older could still have them.
    pub(super) oldest: bool,
}

/// A run being written.
pub(super) struct Build {
    pub(super) name: Named,
    pub(super) replaces: Replaces,
    merge: Merge,
    block: Vec<u8>,
    first: Vec<u8>,
    /// The table and name of the row before in the block.
    name_before: Vec<u8>,
    spreads: Vec<u64>,
    finders: Vec<Finder>,
    /// Of each page of finders.
    pages: Vec<Check>,
}

impl Build {
    pub(super) fn new(
        below: &dyn Store,
        name: Named,
        sources: Vec<Source>,
        replaces: Replaces,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            name,
            replaces,
            merge: Merge::new(below, sources, &[])?,
            block: Vec::new(),
            first: Vec::new(),
            name_before: Vec::new(),
            spreads: Vec::new(),
            finders: Vec::new(),
            pages: Vec::new(),
        })
    }

    /// At most so many blocks more, to be written with the cursor as it is; true when it is the end.
    pub(super) fn step(
        &mut self,
        below: &dyn Store,
        blocks_max: usize,
    ) -> Result<(Batch, bool), StoreError> {
        let mut batch = Batch::default();
        let until = self.finders.len() + blocks_max;
        while self.finders.len() < until {
            let Some((key, value)) = self.merge.next(below)? else {
                if !self.block.is_empty() {
                    self.end_block(&mut batch)?;
                }
                if !self.finders.len().is_multiple_of(PAGE_BLOCKS) {
                    self.end_page(&mut batch)?;
                }
                return Ok((batch, true));
            };
            if value.is_none() && self.name.oldest {
                continue;
            }
            if self.block.is_empty() {
                self.first.clone_from(&key);
                self.name_before.clear();
            }
            if let Some(name) = key.get(..NAME_BYTES)
                && self.name_before != name
            {
                self.name_before.clear();
                self.name_before.extend_from_slice(name);
                self.spreads.push(spread(name));
            }
            put_row(&mut self.block, &key, value.as_deref());
            self.spreads.push(spread(&key));
            if self.block.len() >= self.name.block_bytes {
                self.end_block(&mut batch)?;
            }
        }
        Ok((batch, false))
    }

    /// The run, once `step` said that it has ended.
    pub(super) fn finished(self) -> Arc<Run> {
        let Named { run, level, .. } = self.name;
        Arc::new(Run::new(
            run,
            level,
            check_of_pages(&self.pages),
            self.finders,
        ))
    }

    fn end_block(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let place = place_of(self.finders.len())?;
        let block = self.block.clone();
        self.block.clear();
        self.finders.push(Finder {
            first: self.first.as_slice().into(),
            filter: filter_of(&self.spreads),
            check: check_of(&block),
        });
        batch
            .rows
            .push((page_key(BLOCKS, self.name.run, place), Some(block)));
        self.spreads.clear();
        if self.finders.len().is_multiple_of(PAGE_BLOCKS) {
            self.end_page(batch)?;
        }
        Ok(())
    }

    fn end_page(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let page = (self.finders.len() - 1) / PAGE_BLOCKS;
        let finders = self.finders.get(page * PAGE_BLOCKS..).unwrap_or_default();
        let key = page_key(FINDERS, self.name.run, place_of(page)?);
        let finders = encode_finders(finders);
        self.pages.push(check_of(&finders));
        batch.rows.push((key, Some(finders)));
        Ok(())
    }
}

/// The check of a run, given that of each page of finders.
pub(super) fn check_of_pages(pages: &[Check]) -> Check {
    check_of_all(pages.iter().map(Check::as_slice))
}

fn place_of(place: usize) -> Result<u32, StoreError> {
    u32::try_from(place).map_err(|_| broken("a run has too many blocks"))
}
