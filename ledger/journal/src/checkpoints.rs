//! The checkpoint store: the last signed checkpoint, in a directory of its own, swapped by comparison. The durable step D2.
//!
//! Not here: signing, publishing, witnesses. In no journal backup.
//! Always: a stored checkpoint is extended by every later one (C-4); `swap` returns only when the new one is durable; nothing is made silently.
//!
//! ```text
//! checkpoint = "CFOILCKP" ‖ version u16 = 1 ‖ genesis 32 ‖ chain u32 ‖ size u64 ‖ root 32 ‖ note length u32 ‖ note ‖ CRC of all before
//! ```

use std::io;
use std::path::{Path, PathBuf};

use chain::tree::verify_consistency;
use ground::{Open, SharedDisk, Site};

use crate::error::JournalError;
use crate::format::{Broken, Take, What, crc, put};
use crate::open::{Genesis, above};
use crate::words::{ChainNumber, Hash, genesis_prev};

/// The sync of the new checkpoint's file, before it gets its name.
pub const SITE_CHECKPOINT: Site = Site("checkpoint.file");
/// The sync of the directory, before the checkpoint is published.
pub const SITE_CHECKPOINT_DIR: Site = Site("checkpoint.dir");

const MAGIC: [u8; 8] = *b"CFOILCKP";
const VERSION: u16 = 1;
const FILE: &str = "checkpoint";
const NEW_FILE: &str = "checkpoint.new";
const LOCK_FILE: &str = "lock";
/// The longest signed note, cosignatures included, in bytes.
pub const NOTE_BYTES_MAX: usize = 64 << 10;

/// A checkpoint as signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredCheckpoint {
    /// The tree size.
    pub size: u64,
    /// The root at that size.
    pub root: Hash,
    /// The signed note, byte for byte.
    pub note: Vec<u8>,
}

/// Why a checkpoint was not stored.
#[derive(Debug)]
pub enum SwapError {
    /// The stored one is not the one that the caller compared with. Nothing changed.
    Changed,
    /// The new tree is smaller, or does not extend the last one signed. Nothing changed; this must never happen.
    NotExtending,
    /// A write or a sync failed: the process stops.
    Journal(JournalError),
}

/// The store, open and locked.
pub struct CheckpointStore {
    disk: SharedDisk,
    dir: PathBuf,
    genesis: Hash,
    chain: ChainNumber,
    current: Option<StoredCheckpoint>,
    stopped: bool,
    _lock: Box<dyn ground::Lock>,
}

impl CheckpointStore {
    /// Makes an empty store.
    ///
    /// # Errors
    /// `AlreadyInitialised`, `Busy`, `Io`.
    pub fn init(disk: &SharedDisk, dir: &Path, genesis: &Genesis) -> Result<(), JournalError> {
        disk.create_dir(dir)
            .map_err(JournalError::io("making the checkpoint directory"))?;
        let lock = take_lock(disk, dir)?;
        if disk
            .exists(&dir.join(FILE))
            .map_err(JournalError::io("looking for the checkpoint"))?
        {
            return Err(JournalError::AlreadyInitialised);
        }
        let store = CheckpointStore {
            disk: disk.clone(),
            dir: dir.to_owned(),
            genesis: genesis_prev(&genesis.origin),
            chain: genesis.chain,
            current: None,
            stopped: false,
            _lock: lock,
        };
        store
            .write(None)
            .map_err(JournalError::io("writing the empty checkpoint"))?;
        disk.sync_dir(above(dir), Site("checkpoint.parent-dir"))
            .map_err(JournalError::io(
                "syncing the directory above the checkpoints",
            ))
    }

    /// Opens the store and writes its content again: after a kill or a failed sync the cache may show what the disk does not have.
    ///
    /// # Errors
    /// `NotInitialised` where there is none; `Busy`; `CheckpointDamaged` where the file is not whole or another ledger's;
    /// `Fatal` where it cannot be written again; `Io`.
    pub fn open(
        disk: &SharedDisk,
        dir: &Path,
        genesis: &Genesis,
    ) -> Result<CheckpointStore, JournalError> {
        if !disk
            .exists(&dir.join(FILE))
            .map_err(JournalError::io("looking for the checkpoint"))?
        {
            return Err(JournalError::NotInitialised);
        }
        let lock = take_lock(disk, dir)?;
        let (owner, current) = read(disk, dir)?;
        let (genesis, chain) = (genesis_prev(&genesis.origin), genesis.chain);
        if owner != (genesis, chain) {
            return Err(JournalError::CheckpointDamaged(
                "it is another ledger's or another chain's",
            ));
        }
        let dir = dir.to_owned();
        let store = CheckpointStore {
            disk: disk.clone(),
            dir,
            genesis,
            chain,
            current,
            stopped: false,
            _lock: lock,
        };
        store
            .write(store.current.as_ref())
            .map_err(JournalError::fatal("writing the checkpoint again"))?;
        Ok(store)
    }

    /// The last signed checkpoint.
    #[must_use]
    pub fn current(&self) -> Option<&StoredCheckpoint> {
        self.current.as_ref()
    }

    /// Stores the next checkpoint if the last one is still of size `expected` (`None`: there is none). `proof` is the RFC 6962
    /// consistency proof from the last to the next.
    ///
    /// # Errors
    /// [`SwapError`]. After `Journal(Fatal)` the store refuses for good: which of the two is durable only a restart finds out.
    pub fn swap(
        &mut self,
        expected: Option<u64>,
        next: StoredCheckpoint,
        proof: &[Hash],
    ) -> Result<(), SwapError> {
        if self.stopped {
            return Err(SwapError::Journal(JournalError::Fatal {
                what: "storing a checkpoint",
                cause: None,
            }));
        }
        if self.current.as_ref().map(|current| current.size) != expected {
            return Err(SwapError::Changed);
        }
        if !self.extends(&next, proof) || next.note.len() > NOTE_BYTES_MAX {
            return Err(SwapError::NotExtending);
        }
        // D2: a crash before the directory's sync leaves either checkpoint; both are extended by the durable links.
        if let Err(cause) = self.write(Some(&next)) {
            self.stopped = true;
            return Err(SwapError::Journal(JournalError::Fatal {
                what: "storing a checkpoint",
                cause: Some(cause),
            }));
        }
        self.current = Some(next);
        Ok(())
    }

    /// C-4: the same tree again (a cosigned note), or a larger one that extends it.
    fn extends(&self, next: &StoredCheckpoint, proof: &[Hash]) -> bool {
        match &self.current {
            None => true,
            Some(last) if last.size == next.size => last.root == next.root,
            Some(last) if last.size == 0 => true,
            Some(last) if last.size < next.size => {
                verify_consistency((last.size, last.root), (next.size, next.root), proof).is_ok()
            }
            Some(_) => false,
        }
    }

    fn write(&self, checkpoint: Option<&StoredCheckpoint>) -> io::Result<()> {
        let (new, path) = (self.dir.join(NEW_FILE), self.dir.join(FILE));
        let file = match self.disk.open(&new, Open::Create) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.open(&new, Open::Write)?
            }
            opened => opened?,
        };
        file.set_len(0)?;
        file.write_all_at(&encode(self.genesis, self.chain, checkpoint), 0)?;
        file.sync_data(SITE_CHECKPOINT)?;
        self.disk.rename(&new, &path)?;
        self.disk.sync_dir(&self.dir, SITE_CHECKPOINT_DIR)
    }
}

/// Reads the stored checkpoint without the lock, for another process.
///
/// # Errors
/// `NotInitialised`, `CheckpointDamaged` where the file is not whole, `Io`.
pub fn read_checkpoint(
    disk: &SharedDisk,
    dir: &Path,
) -> Result<Option<StoredCheckpoint>, JournalError> {
    read(disk, dir).map(|(_, checkpoint)| checkpoint)
}

type Owner = (Hash, ChainNumber);

fn read(disk: &SharedDisk, dir: &Path) -> Result<(Owner, Option<StoredCheckpoint>), JournalError> {
    let file = match disk.open(&dir.join(FILE), Open::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(JournalError::NotInitialised);
        }
        opened => opened.map_err(JournalError::io("opening the checkpoint"))?,
    };
    let mut bytes = vec![0; NOTE_BYTES_MAX + 4096];
    let read = file
        .read_at(&mut bytes, 0)
        .map_err(JournalError::io("reading the checkpoint"))?;
    decode(bytes.get(..read).unwrap_or_default())
        .map_err(|_| JournalError::CheckpointDamaged("the file `checkpoint` is not whole"))
}

fn encode(genesis: Hash, chain: ChainNumber, checkpoint: Option<&StoredCheckpoint>) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&MAGIC);
    put::u16(&mut out, VERSION);
    out.extend_from_slice(&genesis.0);
    put::u32(&mut out, chain.0);
    put::u64(&mut out, checkpoint.map_or(0, |checkpoint| checkpoint.size));
    out.extend_from_slice(&checkpoint.map_or([0; 32], |checkpoint| checkpoint.root.0));
    let note = checkpoint.map_or(&[][..], |checkpoint| &checkpoint.note);
    put::u32(&mut out, note.len() as u32);
    out.extend_from_slice(note);
    put::crc_from(&mut out, 0);
    out
}

/// An empty note means that nothing was signed yet.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Owner, Option<StoredCheckpoint>), Broken> {
    let mut take = Take::new(bytes);
    if take.array()? != MAGIC {
        return Err(Broken::new(What::Magic, 0));
    }
    if take.u16()? != VERSION {
        return Err(Broken::new(What::Version, 8));
    }
    let owner = (Hash(take.array()?), ChainNumber(take.u32()?));
    let (size, root) = (take.u64()?, Hash(take.array()?));
    let length = take.u32()? as usize;
    if length > NOTE_BYTES_MAX {
        return Err(Broken::new(What::Length, 86));
    }
    let note = take.bytes(length)?.to_vec();
    let body = Take::new(bytes).bytes(take.at() as usize)?;
    if take.u32()? != crc(body) || !take.rest().is_empty() {
        return Err(Broken::new(What::Checksum, body.len() as u64));
    }
    let checkpoint = (!note.is_empty()).then_some(StoredCheckpoint { size, root, note });
    Ok((owner, checkpoint))
}

fn take_lock(disk: &SharedDisk, dir: &Path) -> Result<Box<dyn ground::Lock>, JournalError> {
    match disk.lock(&dir.join(LOCK_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(JournalError::Busy),
        taken => taken.map_err(JournalError::io("taking the checkpoint lock")),
    }
}
