//! A derived index in sorted runs: 16 random bytes to `V` bytes (8 for idtag → index, 16 for stream → heads).
//!
//! Not truth, and never synced: a run whose pages do not hold is dropped with everything newer, and the owner fills the gap from the
//! journal. Not a map of everything: the newest entries are in the owner's memory until `add`.
//! Always: a run never changes; a lookup reads at most two pages a run, and usually none (bloom filter); readers hold a snapshot
//! and wait for nobody; what is published covers the journal from its start to `position` without gaps.

mod bloom;
mod file;
mod merge;
mod scrub;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use ground::{Open, SharedDisk};

use crate::error::JournalError;
use crate::words::Hash;
pub(crate) use file::check_bytes;
pub use file::{Key, RunPosition};
use file::{Run, RunWriter};
use merge::Merge;
pub use scrub::RunsScrub;

/// As many neighbouring runs of one tier become one run of the next.
const FAN_IN: usize = 4;
const SET_FILE: &str = "set";
const SET_NEW_FILE: &str = "set.new";
const SUFFIX: &str = ".run";

/// Runs of values of `V` bytes; the one owner.
pub struct Runs<const V: usize> {
    disk: SharedDisk,
    dir: PathBuf,
    ledger: Hash,
    published: Arc<RwLock<Arc<RunSet<V>>>>,
    merge: Option<Merge<V>>,
    next_number: u64,
}

/// Takes snapshots; cheap to clone.
#[derive(Clone)]
pub struct RunsReader<const V: usize> {
    published: Arc<RwLock<Arc<RunSet<V>>>>,
}

/// What was published at one moment: oldest run first.
pub struct RunSet<const V: usize> {
    runs: Vec<Arc<Run<V>>>,
}

impl<const V: usize> Runs<V> {
    /// Opens the runs in a directory of their own, reading each once to check it and to build its filter. Keeps the longest
    /// row of whole runs from the oldest on whose last one fits the journal: `link_hash_at(i)` is the hash of link i.
    /// The owner then adds what lies behind [`Runs::position`].
    ///
    /// # Errors
    /// `Io`; what `link_hash_at` says.
    pub fn open(
        disk: &SharedDisk,
        dir: &Path,
        ledger: Hash,
        link_hash_at: impl Fn(u64) -> Result<Option<Hash>, JournalError>,
    ) -> Result<Runs<V>, JournalError> {
        let io = JournalError::io;
        disk.create_dir(dir)
            .map_err(io("making the index directory"))?;
        let numbers = read_set(disk, dir, ledger).map_err(io("reading the index set"))?;
        let mut runs: Vec<Arc<Run<V>>> = Vec::new();
        for number in numbers {
            let run = Run::open(disk, &dir.join(run_name(number)), number, ledger);
            let Some(run) = run.map_err(io("reading an index run"))? else {
                break;
            };
            let follows = runs.last().map_or(0, |before| before.position().size);
            if run.from() != follows {
                break;
            }
            runs.push(Arc::new(run));
        }
        while let Some(last) = runs.last() {
            let position = last.position();
            if position.size > 0 && link_hash_at(position.size - 1)? == Some(position.link) {
                break;
            }
            runs.pop();
        }
        let kept: BTreeSet<u64> = runs.iter().map(|run| run.number()).collect();
        let mut next_number = 1;
        for name in disk.list(dir).map_err(io("listing the index runs"))? {
            let Some(number) = run_number(&name) else {
                continue;
            };
            next_number = next_number.max(number + 1);
            if !kept.contains(&number) {
                disk.remove(&dir.join(&name))
                    .map_err(io("removing an index run"))?;
            }
        }
        let published = Arc::new(RwLock::new(Arc::new(RunSet { runs })));
        let runs = Runs {
            disk: disk.clone(),
            dir: dir.to_owned(),
            ledger,
            published,
            merge: None,
            next_number,
        };
        runs.write_set(&runs.snapshot())?;
        Ok(runs)
    }

    /// How far the published runs cover the journal; `None`: not at all.
    #[must_use]
    pub fn position(&self) -> Option<RunPosition> {
        self.snapshot().position()
    }

    /// What is published now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<RunSet<V>> {
        self.reader().snapshot()
    }

    /// For those who look up.
    #[must_use]
    pub fn reader(&self) -> RunsReader<V> {
        RunsReader {
            published: Arc::clone(&self.published),
        }
    }

    /// Publishes the owner's memtable as the newest run: `rows` ascending by key without repeats, covering the journal from the
    /// last position to this one.
    ///
    /// # Errors
    /// `Options` where rows or position are out of order; `Io`: nothing was published.
    pub fn add(
        &mut self,
        rows: &[(Key, [u8; V])],
        position: RunPosition,
    ) -> Result<(), JournalError> {
        let from = self.position().map_or(0, |position| position.size);
        let ascending = rows.is_sorted_by(|left, right| left.0 < right.0);
        if !ascending || position.size <= from {
            return Err(JournalError::Options("index rows are out of order"));
        }
        let number = self.take_number();
        let write = || -> io::Result<Run<V>> {
            let path = self.dir.join(run_name(number));
            let mut writer = RunWriter::create(&self.disk, &path, rows.len() as u64)?;
            for (key, value) in rows {
                writer.push(key, value)?;
            }
            writer.finish(number, self.ledger, 0, from, position)
        };
        let run = write().map_err(JournalError::io("writing an index run"))?;
        let mut runs = self.snapshot().runs.clone();
        runs.push(Arc::new(run));
        self.publish(RunSet { runs })
    }

    /// Merges a little, at most about `rows` rows; whether there is more to do. Call it off the path of any answer.
    ///
    /// # Errors
    /// `Io`: the merge is given up and begins again with the next call; what is published stays.
    pub fn step(&mut self, rows: usize) -> Result<bool, JournalError> {
        let Some(mut merge) = self.merge.take() else {
            let set = self.snapshot();
            let Some(inputs) = set.neighbours() else {
                return Ok(false);
            };
            let number = self.take_number();
            let path = self.dir.join(run_name(number));
            let merge = Merge::begin(&self.disk, &path, number, inputs);
            self.merge = Some(merge.map_err(JournalError::io("beginning an index merge"))?);
            return Ok(true);
        };
        if !merge.step(rows)? {
            self.merge = Some(merge);
            return Ok(true);
        }
        let replaced: Vec<u64> = merge.inputs().iter().map(|run| run.number()).collect();
        let run = merge
            .finish(self.ledger)
            .map_err(JournalError::io("ending an index merge"))?;
        let mut runs = self.snapshot().runs.clone();
        let place = runs
            .iter()
            .position(|run| replaced.first() == Some(&run.number()))
            .unwrap_or(0);
        runs.retain(|run| !replaced.contains(&run.number()));
        runs.insert(place.min(runs.len()), Arc::new(run));
        self.publish(RunSet { runs })?;
        for number in replaced {
            self.disk
                .remove(&self.dir.join(run_name(number)))
                .map_err(JournalError::io("removing an index run"))?;
        }
        Ok(self.snapshot().neighbours().is_some())
    }

    fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// A crash before the rename leaves the old set, after it the new one; a set that is not whole is no set.
    fn publish(&self, set: RunSet<V>) -> Result<(), JournalError> {
        self.write_set(&set)?;
        *self
            .published
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        Ok(())
    }

    fn write_set(&self, set: &RunSet<V>) -> Result<(), JournalError> {
        let numbers: Vec<u64> = set.runs.iter().map(|run| run.number()).collect();
        let (new, path) = (self.dir.join(SET_NEW_FILE), self.dir.join(SET_FILE));
        let write = || -> io::Result<()> {
            let file = match self.disk.open(&new, Open::Create) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    self.disk.open(&new, Open::Write)?
                }
                opened => opened?,
            };
            file.set_len(0)?;
            file.write_all_at(&file::encode_set(self.ledger, &numbers), 0)?;
            self.disk.rename(&new, &path)
        };
        write().map_err(JournalError::io("publishing an index set"))
    }
}

impl<const V: usize> RunsReader<V> {
    /// What is published now; it stays readable as long as it is held.
    #[must_use]
    pub fn snapshot(&self) -> Arc<RunSet<V>> {
        Arc::clone(
            &self
                .published
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

impl<const V: usize> RunSet<V> {
    /// The newest value of a key.
    ///
    /// # Errors
    /// `Io`, also where a page does not hold any more: discard the runs and open again.
    pub fn get(&self, key: &Key) -> Result<Option<[u8; V]>, JournalError> {
        for run in self.runs.iter().rev() {
            if let Some(value) = run
                .get(key)
                .map_err(JournalError::io("reading an index run"))?
            {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// How far it covers the journal.
    #[must_use]
    pub fn position(&self) -> Option<RunPosition> {
        self.runs.last().map(|run| run.position())
    }

    /// How many runs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Rows in all runs, repeats counted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.runs.iter().map(|run| run.rows()).sum()
    }

    /// Memory that filters and fences take, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.runs.iter().map(|run| run.memory_bytes()).sum()
    }

    /// Whether a page of one of them was met that does not hold: only a restart, which reads them all, goes on.
    #[must_use]
    pub fn is_rotten(&self) -> bool {
        self.runs.iter().any(|run| run.is_rotten())
    }

    /// The oldest neighbouring runs of one tier that are enough for a merge.
    fn neighbours(&self) -> Option<Vec<Arc<Run<V>>>> {
        self.runs
            .windows(FAN_IN)
            .find(|window| {
                window
                    .iter()
                    .all(|run| Some(run.tier()) == window.first().map(|run| run.tier()))
            })
            .map(<[Arc<Run<V>>]>::to_vec)
    }
}

/// The published run numbers; none where the file is missing, torn or another ledger's.
fn read_set(disk: &SharedDisk, dir: &Path, ledger: Hash) -> io::Result<Vec<u64>> {
    let file = match disk.open(&dir.join(SET_FILE), Open::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut bytes = vec![0; file::SET_BYTES_MAX];
    let read = file.read_at(&mut bytes, 0)?;
    Ok(file::decode_set(bytes.get(..read).unwrap_or_default(), ledger).unwrap_or_default())
}

fn run_name(number: u64) -> String {
    format!("{number:016}{SUFFIX}")
}

fn run_number(name: &str) -> Option<u64> {
    name.strip_suffix(SUFFIX)?.parse().ok()
}
