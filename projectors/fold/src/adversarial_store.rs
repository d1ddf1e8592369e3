//! A disk for views that keeps as little as a store is allowed to keep: for simulation.
//!
//! What it is: generations in memory with the same trait as real ones. A power cut leaves each store
//! at any batch since its last sync, or empty, or corrupt; a kill leaves it as it was.
//! What it is not: a model of sled; it is what the projection must survive whatever the store does.
//! What always holds: the same choices give the same state, and what `make_current` named stays named.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::StoreError;
use crate::home::{Generation, Home, Opened, RebuildReason};
use crate::memory_store::{perform, scan_map};
use crate::runs::{RunStore, Sizes};
use crate::store::{Batch, Cursor, Row, Store, assert_fits};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// The disk, shared by all homes that are opened on it.
#[derive(Clone, Default)]
pub struct AdversarialDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    boot: u64,
    /// Raised by every crash; a store opened before is dead.
    life: u64,
    current: Option<Generation>,
    generations: BTreeMap<Generation, Contents>,
    quarantined: usize,
    /// Calls until every store breaks, if that was asked for.
    breaks_in: Option<u64>,
    marker_ignored: bool,
}

#[derive(Default)]
struct Contents {
    synced: Map,
    /// Applied since the last sync, in order.
    since: Vec<(Batch, Cursor)>,
    now: Map,
    version: u32,
    clean: bool,
    boot: u64,
    corrupt: bool,
}

impl AdversarialDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A home for version `version` of a view.
    pub fn home(&self, version: u32) -> AdversarialHome {
        AdversarialHome {
            disk: self.clone(),
            version,
            sizes: None,
        }
    }

    /// The same, with rows in runs as the real stores keep them.
    pub fn home_in_runs(&self, version: u32, sizes: Sizes) -> AdversarialHome {
        AdversarialHome {
            sizes: Some(sizes),
            ..self.home(version)
        }
    }

    /// The process is gone, the machine is not: all that was applied is there.
    pub fn kill(&self) {
        self.state().life += 1;
    }

    /// The machine is gone. `choose(n)` picks below n, for each store in the order of generations:
    /// a batch since its last sync, or (last two) empty or corrupt.
    pub fn power_cut(&self, choose: &mut dyn FnMut(usize) -> usize) {
        let mut state = self.state();
        state.life += 1;
        state.boot += 1;
        for contents in state.generations.values_mut() {
            let untouched = contents.clean;
            let batches = contents.since.len();
            let outcome = if untouched {
                batches
            } else {
                choose(batches + 3)
            };
            contents.now = contents.synced.clone();
            if outcome > batches + 1 {
                contents.corrupt = true;
            } else if outcome > batches {
                contents.now.clear();
            } else {
                for (batch, cursor) in contents.since.iter().take(outcome) {
                    perform(&mut contents.now, batch, cursor);
                }
            }
            contents.synced = contents.now.clone();
            contents.since.clear();
        }
    }

    /// After so many more calls every store reports itself broken, until it is built again.
    pub fn break_in(&self, calls: u64) {
        self.state().breaks_in = Some(calls);
    }

    /// Opens stores whatever their marker says: shows in a test what the marker is for.
    pub fn ignore_markers(&self) {
        self.state().marker_ignored = true;
    }

    /// How many generations were set aside.
    pub fn quarantined(&self) -> usize {
        self.state().quarantined
    }
}

/// One view's generations on an adversarial disk.
pub struct AdversarialHome {
    disk: AdversarialDisk,
    version: u32,
    sizes: Option<Sizes>,
}

impl AdversarialHome {
    fn store(&self, generation: Generation, life: u64) -> Result<Box<dyn Store>, StoreError> {
        let disk = self.disk.clone();
        let store = Box::new(AdversarialStore {
            disk,
            generation,
            life,
        });
        Ok(match self.sizes {
            Some(sizes) => Box::new(RunStore::open(store, sizes)?),
            None => store,
        })
    }
}

struct AdversarialStore {
    disk: AdversarialDisk,
    generation: Generation,
    life: u64,
}

impl AdversarialStore {
    fn with<T>(&self, act: impl FnOnce(&mut Contents) -> T) -> Result<T, StoreError> {
        let mut state = self.disk.state();
        if state.life != self.life {
            return Err(StoreError::Io(std::io::Error::other("the machine is gone")));
        }
        let mut breaks = false;
        if let Some(left) = &mut state.breaks_in {
            breaks = *left == 0;
            *left = left.saturating_sub(1);
        }
        if breaks {
            state.breaks_in = None;
        }
        let gone = || StoreError::Broken("the generation is gone".into());
        let contents = state
            .generations
            .get_mut(&self.generation)
            .ok_or_else(gone)?;
        contents.corrupt |= breaks;
        if contents.corrupt {
            return Err(StoreError::Broken("corrupt".into()));
        }
        Ok(act(contents))
    }
}

impl Store for AdversarialStore {
    fn apply(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError> {
        assert_fits(batch);
        self.with(|contents| {
            perform(&mut contents.now, batch, cursor);
            contents.since.push((batch.clone(), *cursor));
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|contents| contents.now.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.with(|contents| scan_map(&contents.now, prefix, from, limit))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.with(|contents| {
            contents.synced = contents.now.clone();
            contents.since.clear();
        })
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        self.sync()?;
        self.with(|contents| contents.clean = true)
    }

    fn destroy(self: Box<Self>) -> Result<(), StoreError> {
        self.disk.state().generations.remove(&self.generation);
        Ok(())
    }
}

impl Home for AdversarialHome {
    fn current(&self) -> Result<Option<Generation>, StoreError> {
        Ok(self.disk.state().current)
    }

    fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        Ok(self.disk.state().generations.keys().copied().collect())
    }

    fn create(&self, generation: Generation) -> Result<Box<dyn Store>, StoreError> {
        let mut state = self.disk.state();
        let mut contents = Contents {
            version: self.version,
            boot: state.boot,
            ..Default::default()
        };
        perform(&mut contents.now, &Batch::default(), &Cursor::START);
        contents.synced = contents.now.clone();
        state.generations.insert(generation, contents);
        let life = state.life;
        // A store breaks in use, not while it is made: a new one that breaks is a disk to look at.
        let breaks_in = state.breaks_in.take();
        drop(state);
        let store = self.store(generation, life);
        self.disk.state().breaks_in = breaks_in;
        store
    }

    fn open(&self, generation: Generation) -> Result<Opened, StoreError> {
        let mut state = self.disk.state();
        let (boot, life, trusting) = (state.boot, state.life, state.marker_ignored);
        let Some(contents) = state.generations.get_mut(&generation) else {
            return Ok(Opened::Rebuild(RebuildReason::Broken("no marker".into())));
        };
        if !contents.clean && contents.boot != boot && !trusting {
            return Ok(Opened::Rebuild(RebuildReason::UncleanStop));
        }
        contents.clean = false;
        contents.boot = boot;
        let version = contents.version;
        drop(state);
        let opened = self.store(generation, life);
        let opened = opened.and_then(|store| store.cursor().map(|_| store));
        match opened {
            Ok(store) if version == self.version => Ok(Opened::Usable(store)),
            Ok(store) => Ok(Opened::OtherVersion(store, version)),
            Err(StoreError::Broken(what)) => Ok(Opened::Rebuild(RebuildReason::Broken(what))),
            Err(other) => Err(other),
        }
    }

    fn make_current(&self, generation: Generation) -> Result<(), StoreError> {
        self.disk.state().current = Some(generation);
        Ok(())
    }

    fn quarantine(&self, generation: Generation) -> Result<(), StoreError> {
        let mut state = self.disk.state();
        state.generations.remove(&generation);
        state.quarantined += 1;
        Ok(())
    }

    fn discard(&self, generation: Generation) -> Result<(), StoreError> {
        self.disk.state().generations.remove(&generation);
        Ok(())
    }

    fn discard_quarantine(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
