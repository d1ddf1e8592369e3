//! What the run store keeps in memory of what lies below it, and the work on its runs.
//!
//! What it is: opening after a stop, freezing what is in memory, the shares of building, merging and
//! removing that each batch pays for, and the switch of the list.
//! What always holds: `work` changes no row. What a crash leaves between two batches is found by
//! `open`: batches that no run holds, runs that no list names.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Sizes;
use super::build::{Build, Named, Replaces};
use super::merge::{Memory, Run, Source};
use super::pages::{
    BLOCKS, FINDERS, LIST_KEY, List, Listed, WAITING, broken, decode_finders, number_in,
    run_prefix, take_row, waiting_batch,
};
use crate::error::StoreError;
use crate::store::{Batch, Cursor, Store};

/// Blocks written, read or removed at once.
const STEP_BLOCKS_MAX: usize = 64;
/// Waiting rows read at once when the store is opened.
const OPEN_ROWS: usize = 64;

/// What lies in memory of what lies below.
pub(super) struct State {
    pub(super) cursor: Option<Cursor>,
    pub(super) rows: Arc<Memory>,
    rows_bytes: usize,
    /// Rows that are being written into a run.
    pub(super) frozen: Option<Arc<Memory>>,
    pub(super) next_batch: u64,
    /// Batches below lie in a run.
    first_waiting: u64,
    /// Newest first.
    pub(super) runs: Vec<Arc<Run>>,
    next_run: u64,
    writing: Option<Build>,
    merging: Option<Build>,
    /// Runs whose blocks are to be removed.
    dead: VecDeque<u64>,
    /// Pieces of batches that lie in a run.
    spent: VecDeque<Vec<u8>>,
    /// Pieces of batches that do not, with their batch.
    pub(super) waiting: VecDeque<(u64, Vec<u8>)>,
    /// Bytes of runs that may be written for what has arrived.
    pub(super) credit: usize,
}

impl State {
    /// Reads which runs there are, and the rows that are in none yet.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when a part is missing; else as the store below.
    pub(super) fn open(below: &dyn Store) -> Result<Self, StoreError> {
        let list = match below.get(&LIST_KEY)? {
            Some(bytes) => List::decode(&bytes)?,
            None => List::default(),
        };
        let mut state = Self {
            cursor: below
                .get(&Cursor::key())?
                .map(|bytes| Cursor::decode(&bytes))
                .transpose()?,
            rows: Arc::default(),
            rows_bytes: 0,
            frozen: None,
            next_batch: list.first_waiting,
            first_waiting: list.first_waiting,
            runs: Vec::with_capacity(list.runs.len()),
            next_run: list.next_run,
            writing: None,
            merging: None,
            dead: list.dead.into(),
            spent: VecDeque::new(),
            waiting: VecDeque::new(),
            credit: 0,
        };
        for listed in list.runs {
            let run = open_run(below, listed)?;
            state.runs.push(Arc::new(run));
        }
        state.find_unlisted(below)?;
        state.read_waiting(below)?;
        Ok(state)
    }

    pub(super) fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let bytes = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        let key_bytes = key.len();
        self.rows_bytes += key_bytes + bytes(&value);
        let rows = Arc::make_mut(&mut self.rows);
        if let Some(before) = rows.insert(key, value) {
            let replaced = key_bytes + bytes(&before);
            self.rows_bytes = self.rows_bytes.saturating_sub(replaced);
        }
    }

    /// Runs that a crash left without a place in the list.
    fn find_unlisted(&mut self, below: &dyn Store) -> Result<(), StoreError> {
        for kind in [BLOCKS, FINDERS] {
            let mut from = self.next_run;
            while let Some((key, _)) = below
                .scan(&[kind], &run_prefix(kind, from), 1)?
                .into_iter()
                .next()
            {
                let run = number_in(&key).ok_or_else(|| broken("a block has another key"))?;
                self.dead.push_back(run);
                from = run + 1;
            }
            self.next_run = self.next_run.max(from);
        }
        Ok(())
    }

    /// Rows of batches that no run holds, as they came.
    fn read_waiting(&mut self, below: &dyn Store) -> Result<(), StoreError> {
        let mut from = vec![WAITING];
        let mut gathered: (u64, Vec<u8>) = (self.next_batch, Vec::new());
        loop {
            let page = below.scan(&[WAITING], &from, OPEN_ROWS)?;
            let Some((last, _)) = page.last() else {
                break;
            };
            from.clone_from(last);
            from.push(0);
            for (key, mut piece) in page {
                let batch = waiting_batch(&key)?;
                if batch < self.first_waiting {
                    self.spent.push_back(key);
                    continue;
                }
                if batch != gathered.0 {
                    self.keep(&gathered.1)?;
                    gathered = (gathered.0 + 1, Vec::new());
                }
                if batch != gathered.0 {
                    return Err(broken("a waiting batch is missing"));
                }
                gathered.1.append(&mut piece);
                self.waiting.push_back((batch, key));
                self.next_batch = batch + 1;
            }
        }
        self.keep(&gathered.1)
    }

    fn keep(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            let (key, value) = take_row(&mut bytes)?;
            self.put(key.to_vec(), value.map(<[u8]>::to_vec));
        }
        Ok(())
    }

    /// A share of the work that keeps memory and the number of runs within bounds.
    pub(super) fn work(&mut self, below: &dyn Store, sizes: Sizes) -> Result<(), StoreError> {
        if self.rows_bytes >= sizes.memory_bytes_max {
            while self.writing.is_some() {
                self.write_some(below, sizes, STEP_BLOCKS_MAX)?;
            }
            self.freeze(below, sizes)?;
        }
        let blocks = (self.credit / sizes.block_bytes).min(STEP_BLOCKS_MAX);
        if blocks == 0 {
            return Ok(());
        }
        self.credit -= blocks * sizes.block_bytes;
        if self.writing.is_some() || self.merging.is_some() {
            self.write_some(below, sizes, blocks)?;
        } else {
            self.credit = 0;
        }
        self.remove_some(below)
    }

    fn freeze(&mut self, below: &dyn Store, sizes: Sizes) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.rows);
        let name = Named {
            run: self.next_run,
            level: 0,
            block_bytes: sizes.block_bytes,
            oldest: self.runs.is_empty(),
        };
        let sources = vec![Source::memory(&rows, &[])];
        let replaces = Replaces::Frozen(self.next_batch);
        self.frozen = Some(rows);
        self.rows_bytes = 0;
        self.next_run += 1;
        self.writing = Some(Build::new(below, name, sources, replaces)?);
        Ok(())
    }

    /// Goes on with the run that is being written from memory, else with the one being merged.
    fn write_some(
        &mut self,
        below: &dyn Store,
        sizes: Sizes,
        blocks: usize,
    ) -> Result<(), StoreError> {
        let place = match self.writing {
            Some(_) => &mut self.writing,
            None => &mut self.merging,
        };
        let Some(mut build) = place.take() else {
            return Ok(());
        };
        let (batch, ended) = build.step(below, blocks)?;
        let cursor = self.cursor.ok_or_else(|| broken("the cursor is missing"))?;
        if !batch.rows.is_empty() {
            below.apply(&batch, &cursor)?;
        }
        if !ended {
            *place = Some(build);
            return Ok(());
        }
        self.switch(below, build, &cursor)?;
        self.begin_merge(below, sizes)
    }

    /// The switch: the list with the new run, in one batch. A crash before it leaves blocks that
    /// nobody reads, one after it the runs that were replaced; both are removed later.
    fn switch(
        &mut self,
        below: &dyn Store,
        build: Build,
        cursor: &Cursor,
    ) -> Result<(), StoreError> {
        let gone = match &build.replaces {
            Replaces::Frozen(first_waiting) => {
                self.first_waiting = *first_waiting;
                self.frozen = None;
                let waits = |(batch, _): &(u64, Vec<u8>)| batch >= first_waiting;
                let spent = self.waiting.iter().take_while(|one| !waits(one)).count();
                let spent = self.waiting.drain(..spent).map(|(_, key)| key);
                self.spent.extend(spent);
                Vec::new()
            }
            Replaces::Runs(runs) => runs.clone(),
        };
        let at = self
            .runs
            .iter()
            .position(|run| gone.contains(&run.number))
            .unwrap_or(0);
        let run = build.finished();
        self.runs.retain(|run| !gone.contains(&run.number));
        if run.blocks() > 0 {
            self.runs.insert(at, run);
        }
        self.dead.extend(gone);
        let list = self.list()?;
        let batch = Batch {
            rows: vec![(LIST_KEY.to_vec(), Some(list.encode()))],
        };
        below.apply(&batch, cursor)
    }

    fn list(&self) -> Result<List, StoreError> {
        let being_built = self.writing.iter().chain(&self.merging);
        Ok(List {
            next_run: self.next_run,
            first_waiting: self.first_waiting,
            runs: self.runs.iter().map(listed).collect::<Result<_, _>>()?,
            dead: self
                .dead
                .iter()
                .copied()
                .chain(being_built.map(|build| build.name.run))
                .collect(),
        })
    }

    /// Runs of one level lie together, the lower level before the higher.
    fn begin_merge(&mut self, below: &dyn Store, sizes: Sizes) -> Result<(), StoreError> {
        if self.merging.is_some() {
            return Ok(());
        }
        let of_level = |level: u64| self.runs.iter().filter(move |run| run.level == level);
        let full = self
            .runs
            .iter()
            .map(|run| run.level)
            .find(|&level| of_level(level).count() >= sizes.level_runs_max);
        let Some(level) = full else {
            return Ok(());
        };
        let sources: Vec<_> = of_level(level).map(|run| Source::run(run, &[])).collect();
        let replaced: Vec<u64> = of_level(level).map(|run| run.number).collect();
        let oldest = self
            .runs
            .last()
            .is_some_and(|run| replaced.contains(&run.number));
        let name = Named {
            run: self.next_run,
            level: level + 1,
            block_bytes: sizes.block_bytes,
            oldest,
        };
        self.next_run += 1;
        let replaces = Replaces::Runs(replaced);
        self.merging = Some(Build::new(below, name, sources, replaces)?);
        Ok(())
    }

    /// Removes some of what was replaced.
    fn remove_some(&mut self, below: &dyn Store) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let spent = self.spent.len().min(STEP_BLOCKS_MAX);
        for key in self.spent.drain(..spent) {
            batch.rows.push((key, None));
        }
        if batch.rows.is_empty()
            && let Some(&run) = self.dead.front()
        {
            for kind in [FINDERS, BLOCKS] {
                let prefix = run_prefix(kind, run);
                let left = STEP_BLOCKS_MAX - batch.rows.len();
                for (key, _) in below.scan(&prefix, &prefix, left)? {
                    batch.rows.push((key, None));
                }
            }
            if batch.rows.is_empty() {
                self.dead.pop_front();
            }
        }
        match self.cursor {
            Some(cursor) if !batch.rows.is_empty() => below.apply(&batch, &cursor),
            _ => Ok(()),
        }
    }
}

fn listed(run: &Arc<Run>) -> Result<Listed, StoreError> {
    let blocks = u32::try_from(run.blocks());
    Ok(Listed {
        run: run.number,
        level: run.level,
        blocks: blocks.map_err(|_| broken("a run has too many blocks"))?,
    })
}

fn open_run(below: &dyn Store, listed: Listed) -> Result<Run, StoreError> {
    let prefix = run_prefix(FINDERS, listed.run);
    let mut finders = Vec::with_capacity(listed.blocks as usize);
    for (_, page) in below.scan(&prefix, &prefix, usize::MAX)? {
        finders.append(&mut decode_finders(&page)?);
    }
    if finders.len() != listed.blocks as usize {
        return Err(broken("a run has lost its finders"));
    }
    Ok(Run::new(listed.run, listed.level, finders))
}
