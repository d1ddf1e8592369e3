//! What the run store keeps in memory of what lies below it, and the work on its runs.
//!
//! What it is: opening after a stop, freezing what is in memory, the shares of building, merging and
//! removing that each batch pays for, and the switch of the list.
//! What always holds: `work` changes no row. What a crash leaves between two batches is found by
//! `open`: batches that no run holds, runs that no list names. What should be there and is not, or is
//! as it was some time ago, is found too: everything leads to the root (`root.rs`).

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::Sizes;
use super::build::{Build, Named, Replaces, check_of_pages};
use super::memory::{Layer, Memory};
use super::merge::{Run, Source};
use super::pages::{
    BLOCKS, Change, FINDERS, LIST_KEY, List, Listed, WAITING, broken, decode_finders, number_in,
    run_prefix, take_row, waiting_batch,
};
use super::root::{Check, ROOT_KEY, Root, after_batch, check_of};
use crate::error::StoreError;
use crate::store::{Batch, Cursor, Store};

/// Blocks written, read or removed at once.
const STEP_BLOCKS_MAX: usize = 64;
/// Waiting rows read at once when the store is opened.
const OPEN_ROWS: usize = 64;

/// A run whose blocks are to be removed once nobody reads them any more.
struct Dead {
    run: u64,
    read: Weak<Run>,
}

/// What lies in memory of what lies below.
pub(super) struct State {
    pub(super) cursor: Option<Cursor>,
    pub(super) memory: Memory,
    /// Rows that are being written into a run.
    pub(super) frozen: Option<Layer>,
    pub(super) next_batch: u64,
    /// After the last waiting batch.
    waiting_check: Check,
    /// Batches below lie in a run.
    first_waiting: u64,
    waiting_before: Check,
    /// Of the list as it lies below.
    list_check: Check,
    /// Newest first.
    pub(super) runs: Vec<Arc<Run>>,
    next_run: u64,
    writing: Option<Build>,
    merging: Option<Build>,
    dead: VecDeque<Dead>,
    /// Pieces of batches that lie in a run.
    spent: VecDeque<Vec<u8>>,
    /// Pieces of batches that do not, with their batch.
    waiting: VecDeque<(u64, Vec<u8>)>,
    /// Bytes of runs that may be written for what has arrived.
    credit: usize,
}

impl State {
    /// Reads which runs there are, and the rows that are in none yet.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when a part is missing or another than the root names; else as the store
    /// below.
    pub(super) fn open(below: &dyn Store) -> Result<Self, StoreError> {
        let cursor = below.get(&Cursor::key())?;
        let Some(root) = below.get(&ROOT_KEY)? else {
            return Self::new_over(below, cursor);
        };
        let root = Root::decode(&root)?;
        let cursor = cursor.ok_or_else(|| broken("the cursor is missing"))?;
        let cursor = root.check_cursor(&cursor)?;
        let listed = below.get(&LIST_KEY)?;
        if check_of(listed.as_deref().unwrap_or_default()) != root.list {
            return Err(broken("the list of runs is not the one of the last batch"));
        }
        let list = match listed {
            Some(bytes) => List::decode(&bytes)?,
            None => List::default(),
        };
        let mut state = Self::at(Some(cursor), &list);
        state.list_check = root.list;
        for listed in list.runs {
            let run = open_run(below, listed)?;
            state.runs.push(Arc::new(run));
        }
        state.find_unlisted(below)?;
        state.read_waiting(below)?;
        if (state.next_batch, state.waiting_check) != (root.next_batch, root.waiting) {
            return Err(broken("the waiting batches are not those up to the last"));
        }
        Ok(state)
    }

    /// Over a store without a root, which must be a new one.
    fn new_over(below: &dyn Store, cursor: Option<Vec<u8>>) -> Result<Self, StoreError> {
        let start = cursor.as_deref().map(Cursor::decode).transpose()?;
        let rows = usize::from(cursor.is_some());
        let only_a_start = start.is_none_or(|cursor| cursor == Cursor::START);
        if !only_a_start || below.scan(&[], &[], rows + 1)?.len() > rows {
            return Err(broken("the root of the runs is missing"));
        }
        Ok(Self::at(start, &List::default()))
    }

    fn at(cursor: Option<Cursor>, list: &List) -> Self {
        let dead = list.dead.iter().map(|&run| Dead {
            run,
            read: Weak::new(),
        });
        Self {
            cursor,
            memory: Memory::default(),
            frozen: None,
            next_batch: list.first_waiting,
            waiting_check: list.waiting_before,
            first_waiting: list.first_waiting,
            waiting_before: list.waiting_before,
            list_check: check_of(&[]),
            runs: Vec::with_capacity(list.runs.len()),
            next_run: list.next_run,
            writing: None,
            merging: None,
            dead: dead.collect(),
            spent: VecDeque::new(),
            waiting: VecDeque::new(),
            credit: 0,
        }
    }

    /// The root row once `bytes` more wait and the cursor is this one.
    pub(super) fn root_after(&self, bytes: &[u8], cursor: &Cursor) -> Root {
        let (next_batch, waiting) = match bytes.is_empty() {
            true => (self.next_batch, self.waiting_check),
            false => {
                let batch = self.next_batch;
                let after = after_batch(self.waiting_check, batch, bytes);
                (batch + 1, after)
            }
        };
        Root {
            next_batch,
            waiting,
            list: self.list_check,
            cursor: check_of(&cursor.encode()),
        }
    }

    /// Notes a batch that lies below now, with its root.
    pub(super) fn applied(
        &mut self,
        batch: &Batch,
        keys: Vec<Vec<u8>>,
        root: &Root,
        credit: usize,
    ) {
        let number = self.next_batch;
        self.waiting
            .extend(keys.into_iter().map(|key| (number, key)));
        (self.next_batch, self.waiting_check) = (root.next_batch, root.waiting);
        self.credit = self.credit.saturating_add(credit);
        self.memory.put(batch.rows.iter().cloned());
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
                self.dead.push_back(Dead {
                    run,
                    read: Weak::new(),
                });
                from = run + 1;
            }
            self.next_run = self.next_run.max(from);
        }
        Ok(())
    }

    /// Rows of batches that no run holds, as they came.
    fn read_waiting(&mut self, below: &dyn Store) -> Result<(), StoreError> {
        let mut from = vec![WAITING];
        let mut gathered = Vec::new();
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
                if batch != self.next_batch && !gathered.is_empty() {
                    self.keep(&gathered)?;
                    gathered.clear();
                }
                if batch != self.next_batch {
                    return Err(broken("a waiting batch is missing"));
                }
                gathered.append(&mut piece);
                self.waiting.push_back((batch, key));
            }
        }
        match gathered.is_empty() {
            true => Ok(()),
            false => self.keep(&gathered),
        }
    }

    /// Takes up the next waiting batch.
    fn keep(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.waiting_check = after_batch(self.waiting_check, self.next_batch, bytes);
        self.next_batch += 1;
        let mut changes: Vec<Change> = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (key, value) = take_row(&mut rest)?;
            changes.push((key.to_vec(), value.map(<[u8]>::to_vec)));
        }
        self.memory.put(changes);
        Ok(())
    }

    /// A share of the work that keeps memory and the number of runs within bounds.
    pub(super) fn work(&mut self, below: &dyn Store, sizes: Sizes) -> Result<(), StoreError> {
        if self.memory.bytes() >= sizes.memory_bytes_max {
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
        let rows = std::mem::take(&mut self.memory).frozen();
        let name = Named {
            run: self.next_run,
            level: 0,
            block_bytes: sizes.block_bytes,
            oldest: self.runs.is_empty(),
        };
        let sources = vec![Source::layer(&rows, &[])];
        let replaces = Replaces::Frozen(self.next_batch, self.waiting_check);
        self.frozen = Some(rows);
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
            Replaces::Frozen(first_waiting, before) => {
                self.first_waiting = *first_waiting;
                self.waiting_before = *before;
                self.frozen = None;
                let waits = |(batch, _): &(u64, Vec<u8>)| batch >= first_waiting;
                let spent = self.waiting.iter().take_while(|one| !waits(one)).count();
                let spent = self.waiting.drain(..spent).map(|(_, key)| key);
                self.spent.extend(spent);
                Vec::new()
            }
            Replaces::Runs(runs) => runs.clone(),
        };
        let is_gone = |run: &Arc<Run>| gone.contains(&run.number);
        let at = self.runs.iter().position(is_gone).unwrap_or(0);
        let run = build.finished();
        let dead = self.runs.iter().filter(|run| is_gone(run)).map(|run| Dead {
            run: run.number,
            read: Arc::downgrade(run),
        });
        self.dead.extend(dead);
        self.runs.retain(|run| !is_gone(run));
        if run.blocks() > 0 {
            self.runs.insert(at, run);
        }
        let list = self.list()?.encode();
        self.list_check = check_of(&list);
        let root = self.root_after(&[], cursor).encode();
        let batch = Batch {
            rows: vec![
                (LIST_KEY.to_vec(), Some(list)),
                (ROOT_KEY.to_vec(), Some(root)),
            ],
        };
        below.apply(&batch, cursor)
    }

    fn list(&self) -> Result<List, StoreError> {
        let being_built = self.writing.iter().chain(&self.merging);
        Ok(List {
            next_run: self.next_run,
            first_waiting: self.first_waiting,
            waiting_before: self.waiting_before,
            runs: self.runs.iter().map(listed).collect::<Result<_, _>>()?,
            dead: self
                .dead
                .iter()
                .map(|dead| dead.run)
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
        let unread = |dead: &Dead| dead.read.strong_count() == 0;
        if batch.rows.is_empty()
            && let Some(place) = self.dead.iter().position(unread)
            && let Some(run) = self.dead.get(place).map(|dead| dead.run)
        {
            for kind in [FINDERS, BLOCKS] {
                let prefix = run_prefix(kind, run);
                let left = STEP_BLOCKS_MAX - batch.rows.len();
                for (key, _) in below.scan(&prefix, &prefix, left)? {
                    batch.rows.push((key, None));
                }
            }
            if batch.rows.is_empty() {
                self.dead.remove(place);
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
        check: run.check,
    })
}

fn open_run(below: &dyn Store, listed: Listed) -> Result<Run, StoreError> {
    let prefix = run_prefix(FINDERS, listed.run);
    let mut finders = Vec::with_capacity(listed.blocks as usize);
    let mut pages = Vec::new();
    for (_, page) in below.scan(&prefix, &prefix, usize::MAX)? {
        pages.push(check_of(&page));
        finders.append(&mut decode_finders(&page)?);
    }
    if finders.len() != listed.blocks as usize || check_of_pages(&pages) != listed.check {
        return Err(broken(
            "the finders of a run are not those that were written",
        ));
    }
    let Listed {
        run, level, check, ..
    } = listed;
    Ok(Run::new(run, level, check, finders))
}
