//! The root key's home: two slots, one sector each, overwritten in place.
//!
//! ```text
//! slot = magic[8] "CFROOT1\0" ‖ generation u64 ‖ root key[32] ‖ zeros[432] ‖ check[32]           512 bytes
//! check = BLAKE3 of what lies before it; an empty slot is 512 zeros
//! ```
//! Generation g lies in slot g mod 2, so that a new root never lies over the one in use.
//!
//! Not here: which generation the vault is at (the store says) and what a root seals (`table`).
//! Always: a slot written or destroyed has been synced and read back from the device; only the process's own file of mode 0600 on a file system that
//! is known to overwrite in place is used, or the strength says *unproven*.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ground::{File, Open, Random, SharedDisk, Site};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Unfit, VaultError};
use crate::keys::Key32;
use crate::rows::Cut;

const SLOT_BYTES: usize = 512;
const CHECKED_BYTES: usize = SLOT_BYTES - 32;
const MAGIC: &[u8; 8] = b"CFROOT1\0";
const FILE: &str = "root";

/// What a destroyed root is worth, as the certificate states it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strength {
    /// A module destroyed the key object.
    Hsm,
    /// Overwritten in place on a file system known to do so; flash and snapshots below it may keep old bytes.
    Logical,
    /// On a file system that is not known to overwrite in place.
    Unproven,
}

/// Where root keys live. The file is one; a PKCS#11 module another. Every call that returns `Ok` is durable.
pub trait RootStore: Send + Sync {
    /// The generations that have a root key, ascending.
    ///
    /// # Errors
    /// `Io` where the store cannot be read.
    fn generations(&self) -> Result<Vec<u64>, VaultError>;
    /// Makes the root key of `generation` in the idle slot.
    ///
    /// # Errors
    /// `Io` for a failed write or sync, `Damaged` where the device returns other bytes: the caller is fatal from then.
    fn create(&self, generation: u64, random: &dyn Random) -> Result<(), VaultError>;
    /// Seals under the root of `generation`, bound to `data`.
    ///
    /// # Errors
    /// `NoKey` where it has no such generation.
    fn seal(
        &self,
        generation: u64,
        plain: &[u8],
        data: &[u8],
        random: &dyn Random,
    ) -> Result<Vec<u8>, VaultError>;
    /// Opens under the root of `generation`.
    ///
    /// # Errors
    /// `NoKey` where it has no such generation, `NotOpened` where the box is another's.
    fn open(
        &self,
        generation: u64,
        sealed: &[u8],
        data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError>;
    /// Destroys every root but that of `keep`, whatever a slot holds or seems to hold.
    ///
    /// # Errors
    /// As [`RootStore::create`].
    fn destroy_all_but(&self, keep: u64) -> Result<(), VaultError>;
    /// What a destroyed root is worth here.
    fn strength(&self) -> Strength;
}

/// The two-slot file `root` in the vault's directory.
pub(crate) struct FileRoot {
    file: Arc<dyn File>,
    slots: Mutex<[Slot; 2]>,
    strength: Strength,
}

enum Slot {
    Empty,
    Invalid,
    Key(u64, Key32),
}

impl FileRoot {
    /// Creates the file with two empty slots. The caller syncs the directory.
    pub(crate) fn create_file(
        disk: &SharedDisk,
        dir: &Path,
        accept_unproven: bool,
    ) -> Result<FileRoot, VaultError> {
        let strength = strength_of(disk, dir, accept_unproven)?;
        let write = VaultError::io;
        let file = disk
            .open(&dir.join(FILE), Open::Create)
            .map_err(write("create the root file"))?;
        file.set_owner_only()
            .map_err(write("set the root file's mode"))?;
        // Not synced: the first root's own sync makes the zeros of the other slot durable with it.
        file.write_all_at(&[0; 2 * SLOT_BYTES], 0)
            .map_err(write("write the root file"))?;
        check_fit(&*file)?;
        let slots = Mutex::new([Slot::Empty, Slot::Empty]);
        Ok(FileRoot {
            file,
            slots,
            strength,
        })
    }

    /// Opens the file; creates nothing and writes nothing.
    pub(crate) fn open_file(
        disk: &SharedDisk,
        dir: &Path,
        accept_unproven: bool,
    ) -> Result<FileRoot, VaultError> {
        let path = dir.join(FILE);
        if !disk
            .exists(&path)
            .map_err(VaultError::io("look for the root file"))?
        {
            return Err(VaultError::Missing("root file"));
        }
        let strength = strength_of(disk, dir, accept_unproven)?;
        let file = disk
            .open(&path, Open::Write)
            .map_err(VaultError::io("open the root file"))?;
        check_fit(&*file)?;
        let mut bytes = Zeroizing::new([0; 2 * SLOT_BYTES]);
        if file.len().map_err(VaultError::io("read the root file"))? != bytes.len() as u64 {
            return Err(VaultError::Damaged("root file"));
        }
        file.read_exact_at(&mut *bytes, 0)
            .map_err(VaultError::io("read the root file"))?;
        let (first, second) = bytes.split_at(SLOT_BYTES);
        let slots = Mutex::new([decode_slot(first), decode_slot(second)]);
        Ok(FileRoot {
            file,
            slots,
            strength,
        })
    }

    /// Writes one slot, syncs it and compares with what the device has.
    fn write_slot(
        &self,
        at: usize,
        bytes: &[u8; SLOT_BYTES],
        site: Site,
    ) -> Result<(), VaultError> {
        let offset = (at * SLOT_BYTES) as u64;
        self.file
            .write_all_at(bytes, offset)
            .map_err(VaultError::io("write a root slot"))?;
        self.file
            .sync_data(site)
            .map_err(VaultError::io("sync a root slot"))?;
        let mut back = Zeroizing::new([0; SLOT_BYTES]);
        self.file
            .read_past_cache(&mut *back, offset)
            .map_err(VaultError::io("read a root slot back"))?;
        if *back == *bytes {
            Ok(())
        } else {
            Err(VaultError::Damaged("root slot read back"))
        }
    }

    fn with_key<T>(
        &self,
        generation: u64,
        use_key: impl FnOnce(&Key32) -> T,
    ) -> Result<T, VaultError> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let key = slots.iter().find_map(|slot| match slot {
            Slot::Key(of, key) if *of == generation => Some(key),
            _ => None,
        });
        key.map(use_key).ok_or(VaultError::NoKey)
    }
}

impl RootStore for FileRoot {
    fn generations(&self) -> Result<Vec<u64>, VaultError> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<u64> = slots
            .iter()
            .filter_map(|slot| match slot {
                Slot::Key(generation, _) => Some(*generation),
                _ => None,
            })
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    fn create(&self, generation: u64, random: &dyn Random) -> Result<(), VaultError> {
        let key = Key32::random(random);
        let at = usize::from(generation % 2 == 1);
        self.write_slot(
            at,
            &encode_slot(generation, &key),
            Site("vault.root.create"),
        )?;
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.get_mut(at).expect("a slot is 0 or 1");
        *slot = Slot::Key(generation, key);
        Ok(())
    }

    fn seal(
        &self,
        generation: u64,
        plain: &[u8],
        data: &[u8],
        random: &dyn Random,
    ) -> Result<Vec<u8>, VaultError> {
        self.with_key(generation, |key| key.seal(random, plain, data))
    }

    fn open(
        &self,
        generation: u64,
        sealed: &[u8],
        data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.with_key(generation, |key| key.open(sealed, data))?
    }

    fn destroy_all_but(&self, keep: u64) -> Result<(), VaultError> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, slot) in slots.iter_mut().enumerate() {
            let stays = matches!(slot, Slot::Key(generation, _) if *generation == keep);
            if stays {
                continue;
            }
            // An empty slot too: after a kill or a failed sync the cache may show zeros where the device still has a root.
            self.write_slot(at, &[0; SLOT_BYTES], Site("vault.root.destroy"))?;
            *slot = Slot::Empty;
        }
        Ok(())
    }

    fn strength(&self) -> Strength {
        self.strength
    }
}

fn strength_of(
    disk: &SharedDisk,
    dir: &Path,
    accept_unproven: bool,
) -> Result<Strength, VaultError> {
    let kind = disk
        .filesystem(dir)
        .map_err(VaultError::io("ask for the file system"))?;
    match (kind.overwrites_in_place(), accept_unproven) {
        (true, _) => Ok(Strength::Logical),
        (false, true) => Ok(Strength::Unproven),
        (false, false) => Err(VaultError::Unfit(Unfit::Filesystem)),
    }
}

fn check_fit(file: &dyn File) -> Result<(), VaultError> {
    let mode = file
        .mode()
        .map_err(VaultError::io("read the root file's mode"))?;
    if mode & 0o077 != 0 {
        return Err(VaultError::Unfit(Unfit::Mode(mode & 0o7777)));
    }
    let owner = file
        .owner()
        .map_err(VaultError::io("read the root file's owner"))?;
    check_owner(owner, rustix::process::geteuid().as_raw())
}

/// The owner must be the process's effective user: whoever else owns the file may read it at any time.
fn check_owner(owner: u32, own: u32) -> Result<(), VaultError> {
    if owner == own {
        Ok(())
    } else {
        Err(VaultError::Unfit(Unfit::Owner))
    }
}

fn encode_slot(generation: u64, key: &Key32) -> Zeroizing<[u8; SLOT_BYTES]> {
    let mut slot = Zeroizing::new([0; SLOT_BYTES]);
    let fields = [&MAGIC[..], &generation.to_be_bytes(), key.expose()];
    for (to, from) in slot.iter_mut().zip(fields.into_iter().flatten()) {
        *to = *from;
    }
    let (body, check) = slot.split_at_mut(CHECKED_BYTES);
    check.copy_from_slice(blake3::hash(body).as_bytes());
    slot
}

fn decode_slot(bytes: &[u8]) -> Slot {
    if bytes.iter().all(|byte| *byte == 0) {
        return Slot::Empty;
    }
    let parsed = || {
        let (body, check) = bytes.split_at_checked(CHECKED_BYTES)?;
        let mut cut = Cut(body);
        let magic = cut.array::<8>()? == *MAGIC;
        let (generation, mut key) = (cut.u64()?, cut.array::<32>()?);
        let whole = blake3::hash(body).as_bytes() == check && cut.0.iter().all(|byte| *byte == 0);
        let slot = (magic && whole).then(|| Slot::Key(generation, Key32::new(key)));
        key.zeroize();
        slot
    };
    parsed().unwrap_or(Slot::Invalid)
}

/// The fuzz body: reads a slot as `open` would.
pub(crate) fn decodes(bytes: &[u8]) -> bool {
    matches!(decode_slot(bytes), Slot::Key(..))
}

#[cfg(test)]
mod tests;
