//! Whether the stored shelves are what the vault wrote: in the running vault shelf by shelf, of a stopped one the whole file.
//!
//! Not here: what is done about it (only `restore` goes on). Always: nothing is written, not even the repair that the store below would make.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ground::{File, Open, SharedDisk};
use redb::{Builder, StorageBackend};

use crate::error::VaultError;
use crate::rows::{Level, Row};
use crate::shared::View;
use crate::store::{FILE, StoredPlace};
use crate::vault::Vault;

/// A page of the copy that takes what redb writes meanwhile, in bytes.
const PAGE_BYTES: u64 = 4096;

/// A walk over all stored parts of a running vault.
#[derive(Default)]
pub struct VaultScrub {
    next: StoredPlace,
}

impl VaultScrub {
    /// Opens at most so many parts more, each as it is stored now; whether those were the last.
    ///
    /// # Errors
    /// `Damaged` where a part is there and is not found by its key, or a shelf lacks one; what opening it says.
    pub fn step(&mut self, vault: &Vault, parts_max: usize) -> Result<bool, VaultError> {
        let view = vault.shared.view();
        let places = view.parts.from(self.next, parts_max)?;
        for place in &places {
            let (level, shelf, part) = place.part().ok_or(VaultError::Damaged("shelf's key"))?;
            // A disk that once answered wrongly is asked twice.
            whole(vault, &view, (level, shelf, part))
                .or_else(|_| whole(vault, &view, (level, shelf, part)))?;
            self.next = place.next();
        }
        Ok(places.len() < parts_max)
    }
}

/// Whether a stored part is found by its key and, for the first of a shelf, every row of the shelf opens.
fn whole(
    vault: &Vault,
    view: &View,
    (level, shelf, part): (Level, u32, u16),
) -> Result<(), VaultError> {
    if part > 0 {
        let found = view.parts.part(level, shelf, part, |_| Ok(()))?;
        return found.ok_or(VaultError::Damaged("shelf part"));
    }
    let parts = vault.shared.shelf(view, level, shelf)?;
    if parts.is_empty() {
        return Err(VaultError::Damaged("shelf"));
    }
    for row in parts.iter().flat_map(|part| part.iter()) {
        Row::decode(row)?;
    }
    Ok(())
}

/// Compares every page of a stopped vault's shelves with the checksum that the page above it has. Needs no key. False where the vault's owner
/// runs, who changes them and checks them itself.
///
/// # Errors
/// `Missing`; `Damaged` where one differs; `Io`, `Store`.
pub fn check_shelves(disk: &SharedDisk, dir: &Path) -> Result<bool, VaultError> {
    let _lock = match disk.lock(&dir.join("lock")) {
        Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return Ok(false),
        lock => lock.map_err(VaultError::io("lock the vault"))?,
    };
    let path = dir.join(FILE);
    let there = disk.exists(&path);
    if !there.map_err(VaultError::io("look for the store"))? {
        return Err(VaultError::Missing("store"));
    }
    let file = disk
        .open(&path, Open::Read)
        .map_err(VaultError::io("open the store"))?;
    let length = file.len().map_err(VaultError::io("read the store"))?;
    if length == 0 {
        return Err(VaultError::Missing("store's content"));
    }
    let copy = Copy {
        file,
        changed: Mutex::new((length, BTreeMap::new())),
    };
    // The store below asserts what it relies on: on rotten pages it may panic.
    let whole = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut database = Builder::new().create_with_backend(copy)?;
        database.check_integrity()
    }));
    match whole.map_err(|_| VaultError::Damaged("shelves.redb"))? {
        Ok(true) => Ok(true),
        Ok(false) => Err(VaultError::Damaged("shelves.redb")),
        Err(_) => Err(VaultError::Damaged("shelves.redb")),
    }
}

/// The file as it is, and in memory what redb would change.
struct Copy {
    file: Arc<dyn File>,
    changed: Mutex<(u64, BTreeMap<u64, Vec<u8>>)>,
}

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Copy")
    }
}

impl Copy {
    fn page(&self, number: u64, changed: &BTreeMap<u64, Vec<u8>>) -> io::Result<Vec<u8>> {
        if let Some(page) = changed.get(&number) {
            return Ok(page.clone());
        }
        let mut page = vec![0; PAGE_BYTES as usize];
        self.file.read_at(&mut page, number * PAGE_BYTES)?;
        Ok(page)
    }

    /// Calls for each page that `length` bytes from `offset` touch: its number, the first byte in it, the first byte of the range, how many.
    fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            if done >= length {
                return None;
            }
            let at = offset + done as u64;
            let within = (at % PAGE_BYTES) as usize;
            let count = (PAGE_BYTES as usize - within).min(length - done);
            let piece = (at / PAGE_BYTES, within, done, count);
            done += count;
            Some(piece)
        })
    }
}

impl StorageBackend for Copy {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self
            .changed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if offset + out.len() as u64 > changed.0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (number, within, done, count) in Copy::pieces(offset, out.len()) {
            let page = self.page(number, &changed.1)?;
            let from = page.get(within..within + count);
            let to = out.get_mut(done..done + count);
            if let (Some(from), Some(to)) = (from, to) {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.changed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0 = len;
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, within, done, count) in Copy::pieces(offset, data.len()) {
            let mut page = self.page(number, &changed.1)?;
            let from = data.get(done..done + count);
            let to = page.get_mut(within..within + count);
            if let (Some(from), Some(to)) = (from, to) {
                to.copy_from_slice(from);
            }
            changed.1.insert(number, page);
        }
        Ok(())
    }
}
