//! Generations of a view's store as directories.
//!
//! ```text
//! <views>/<name>/current        the number of the generation that answers, in one line
//! <views>/<name>/000007/marker  which ledger and version it is of, and how it was left
//! <views>/<name>/000007/rows/   the engine's files
//! <views>/<name>/quarantine/    the last broken generation, for whoever looks into it
//! ```
//!
//! What it is not: for the journal or the vault; their files lie elsewhere and are not rebuildable.
//! What always holds: a generation without a marker was never finished, and `current` never names
//! one whose rows directory was not made durable before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::home::{Generation, Home, Opened, RebuildReason};
use crate::marker::{BootId, Identity, Marked, Marker, replace_file, sync_dir};
use crate::redb_store::RedbStore;
use crate::runs::{RunStore, Sizes};
use crate::sled_store::SledStore;
use crate::store::{Batch, Cursor, Store};

const CURRENT: &str = "current";
const CURRENT_NEW: &str = "current.new";
const QUARANTINE: &str = "quarantine";
const ROWS: &str = "rows";

/// Which library keeps the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Sorted runs in sled 0.34.7, rebuilt after an unclean stop under another boot.
    Sled,
    /// redb 4, the twin: each row in a place of its own.
    Redb,
}

/// A directory that holds one view's generations.
pub struct DirectoryHome {
    dir: PathBuf,
    identity: Identity,
    boot: BootId,
    engine: Engine,
    sizes: Sizes,
}

impl DirectoryHome {
    /// Uses `dir` for one view, making it if it is not there.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(dir: &Path, identity: Identity, boot: BootId, engine: Engine) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        sync_dir(dir)?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_dir(parent)?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            identity,
            boot,
            engine,
            sizes: Sizes::default(),
        })
    }

    /// With other sizes than usual, for tests that want many small runs.
    #[must_use]
    pub fn with_sizes(self, sizes: Sizes) -> Self {
        Self { sizes, ..self }
    }

    fn generation_dir(&self, generation: Generation) -> PathBuf {
        self.dir.join(format!("{:06}", generation.0))
    }

    fn open_rows(&self, dir: &Path) -> Result<Box<dyn Store>, StoreError> {
        let rows = dir.join(ROWS);
        Ok(match self.engine {
            Engine::Sled => {
                let sled = Box::new(SledStore::open(&rows)?);
                Box::new(RunStore::open(sled, self.sizes)?)
            }
            Engine::Redb => Box::new(RedbStore::open(&rows)?),
        })
    }

    fn trusts(&self, marker: &Marker) -> Result<(), RebuildReason> {
        if marker.identity.genesis != self.identity.genesis
            || marker.identity.view != self.identity.view
        {
            return Err(RebuildReason::OtherLedger);
        }
        let may_have_lost_flushes = self.engine == Engine::Sled && !marker.clean;
        if may_have_lost_flushes && marker.boot != self.boot {
            return Err(RebuildReason::UncleanStop);
        }
        Ok(())
    }

    fn open_marker(&self, clean: bool, version: u32) -> Marker {
        let identity = Identity {
            version,
            ..self.identity.clone()
        };
        Marker {
            identity,
            boot: self.boot,
            clean,
        }
    }
}

impl Home for DirectoryHome {
    fn current(&self) -> Result<Option<Generation>, StoreError> {
        match fs::read(self.dir.join(CURRENT)) {
            // What is no number, or none that another could follow, is no name: the projection then
            // builds a new generation.
            Ok(line) => Ok(std::str::from_utf8(&line)
                .ok()
                .and_then(|line| line.trim().parse().ok())
                .filter(|&number| number < u64::MAX)
                .map(Generation)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            if let Some(number) = name.to_str().and_then(|name| name.parse().ok()) {
                found.push(Generation(number));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn create(&self, generation: Generation) -> Result<Box<dyn Store>, StoreError> {
        let dir = self.generation_dir(generation);
        fs::create_dir_all(dir.join(ROWS))?;
        sync_dir(&self.dir)?;
        let store = self.open_rows(&dir)?;
        store.apply(&Batch::default(), &Cursor::START)?;
        store.sync()?;
        // Only now is the generation one that can be opened: a marker promises a cursor.
        let marker = self.open_marker(false, self.identity.version);
        marker.write(&dir)?;
        Ok(Box::new(Marked { store, marker, dir }))
    }

    fn open(&self, generation: Generation) -> Result<Opened, StoreError> {
        let dir = self.generation_dir(generation);
        let Some(marker) = Marker::read(&dir)? else {
            return Ok(Opened::Rebuild(RebuildReason::Broken("no marker".into())));
        };
        if let Err(reason) = self.trusts(&marker) {
            return Ok(Opened::Rebuild(reason));
        }
        let version = marker.identity.version;
        let opened = self
            .open_rows(&dir)
            .and_then(|store| store.cursor().map(|_| store));
        let store = match opened {
            Ok(store) => store,
            Err(StoreError::Broken(what)) => {
                return Ok(Opened::Rebuild(RebuildReason::Broken(what)));
            }
            Err(other) => return Err(other),
        };
        let marker = self.open_marker(false, version);
        marker.write(&dir)?;
        let store = Box::new(Marked { store, marker, dir });
        if version == self.identity.version {
            Ok(Opened::Usable(store))
        } else {
            Ok(Opened::OtherVersion(store, version))
        }
    }

    fn make_current(&self, generation: Generation) -> Result<(), StoreError> {
        let line = format!("{}\n", generation.0);
        Ok(replace_file(
            &self.dir,
            CURRENT_NEW,
            CURRENT,
            line.as_bytes(),
        )?)
    }

    fn quarantine(&self, generation: Generation) -> Result<(), StoreError> {
        self.discard_quarantine()?;
        match fs::rename(self.generation_dir(generation), self.dir.join(QUARANTINE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => {
                other?;
                Ok(sync_dir(&self.dir)?)
            }
        }
    }

    fn discard(&self, generation: Generation) -> Result<(), StoreError> {
        remove(&self.generation_dir(generation))
    }

    fn discard_quarantine(&self) -> Result<(), StoreError> {
        remove(&self.dir.join(QUARANTINE))
    }
}

fn remove(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
