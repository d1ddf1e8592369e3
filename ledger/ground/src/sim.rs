//! A disk in memory that lies as real disks lie: it keeps writes in a cache, loses them, reorders them, fails, fills up and rots.
//!
//! Not fast, not concurrent: one lock, one order of calls. Not kinder than POSIX: a name that was not synced with its directory may be gone,
//! though the file under it was synced.
//! Always: the same seed, plan and calls give the same run ([`SimDisk::trace`] shows it); what was synced without a planned lie is never lost.

mod content;
mod names;
mod paths;
mod schedule;
mod world;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use schedule::{DropSync, SiteTally};

use crate::{Disk, FaultError, File, FilesystemKind, Lock, Open, PastCache, SharedDisk, Site};
use content::Content;
use world::World;

/// How a run ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Crash {
    /// The process is gone; what it wrote stays in the cache of the machine. Also an orderly stop.
    Kill,
    /// The cache is gone: any of the unsynced sectors, lengths and names arrived, in no order.
    PowerCut,
}

/// Where raw bytes lie.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RawKind {
    /// In a file that has a name.
    Named,
    /// In a file that has no name any more, or not yet.
    Nameless,
    /// Cut off by a shorter length, never overwritten.
    Freed,
    /// Written but not synced: any of it may be on the device.
    Pending,
}

/// Bytes that somebody with the device in hand could read.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The path, or the number of a nameless file.
    pub name: String,
    /// Where they lie.
    pub kind: RawKind,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The lying disk. A clone is the same disk.
#[derive(Clone)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
}

impl SimDisk {
    /// An empty disk that draws its luck from this seed.
    #[must_use]
    pub fn new(seed: u64) -> SimDisk {
        SimDisk {
            world: Arc::new(Mutex::new(World::new(seed))),
        }
    }

    /// The disk for those who only know the trait.
    #[must_use]
    pub fn shared(&self) -> SharedDisk {
        Arc::new(self.clone())
    }

    /// Another disk in the same state, with other luck from here on. No handle or lock of this one works on it.
    #[must_use]
    pub fn fork(&self, seed: u64) -> SimDisk {
        SimDisk {
            world: Arc::new(Mutex::new(self.world().fork(seed))),
        }
    }

    /// Stops the machine in the middle of this operation (counted from zero since the disk was made), or the next one after it.
    pub fn crash_at(&self, operation: u64) {
        self.world().schedule.crash_at = Some(operation);
    }

    /// How many operations were begun: every write, length, sync, creation, rename and removal is one, and each is a crash point.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.world().schedule.operations
    }

    /// Whether a planned crash has happened; every call fails until [`SimDisk::restart`].
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.world().is_down
    }

    /// Ends every handle and lock, loses what this kind of crash loses, and starts again. Planned faults that did not happen are forgotten;
    /// dropped syncs and the room on the disk stay as they are.
    pub fn restart(&self, crash: Crash) {
        self.world().restart(crash);
    }

    /// Fails the n-th sync from now (of `site`, or of all), counted from zero: EIO, pages marked clean, some of them never saved.
    pub fn fail_sync(&self, site: Option<Site>, nth: u64) {
        self.world().schedule.fail_sync = Some((site.map(|site| site.0), nth));
    }

    /// Fails the n-th write from now, counted from zero, with a part of it written.
    pub fn fail_write(&self, nth: u64, error: FaultError) {
        self.world().schedule.fail_write = Some((nth, error));
    }

    /// Lets the files grow to this many bytes together; `None` is without end.
    pub fn limit_bytes(&self, bytes_max: Option<u64>) {
        self.world().schedule.bytes_max = bytes_max;
    }

    /// Answers the n-th read from now, counted from zero, with another sector in the place of one.
    pub fn misdirect_read(&self, nth: u64) {
        self.world().schedule.misdirect_read = Some(nth);
    }

    /// Flips these bits of one byte on the device.
    pub fn rot(&self, path: &Path, offset: u64, mask: u8) -> io::Result<()> {
        let mut world = self.world();
        let id = world.file(path)?;
        if world.content_mut(id)?.rot(offset, mask) {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// From now on these syncs of this site say `Ok` and do nothing.
    pub fn drop_sync(&self, site: Site, which: DropSync) {
        self.world().schedule.drop_sync(site, which);
    }

    /// Ends every `drop_sync`.
    pub fn keep_syncs(&self) {
        self.world().schedule.keep_syncs();
    }

    /// An epoch of this name begins; the ordinals of [`DropSync::Ordinal`] count from zero again.
    pub fn mark_epoch(&self, name: &'static str) {
        self.world().schedule.mark_epoch(name);
    }

    /// The most calls of each sync site within one epoch, by site and epoch.
    #[must_use]
    pub fn calls_in_epochs(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.world().schedule.most.clone()
    }

    /// Every sync site that was called, with its counts.
    #[must_use]
    pub fn sites(&self) -> BTreeMap<&'static str, SiteTally> {
        self.world().schedule.tallies.clone()
    }

    /// Everything that the device may show to somebody who reads it raw, sorted by path.
    #[must_use]
    pub fn raw(&self) -> Vec<Raw> {
        let world = self.world();
        let names: BTreeMap<u64, String> = world
            .named_files()
            .into_iter()
            .map(|(name, id)| (id, name))
            .collect();
        let mut all = Vec::new();
        for (id, content) in &world.files {
            let (name, kind) = match names.get(id) {
                Some(path) => (path.clone(), RawKind::Named),
                None => (format!("file {id}"), RawKind::Nameless),
            };
            for (kind, bytes) in [
                (kind, content.durable.clone()),
                (RawKind::Freed, content.freed.clone()),
                (RawKind::Pending, content.pending()),
            ] {
                if !bytes.is_empty() {
                    all.push(Raw {
                        name: name.clone(),
                        kind,
                        bytes,
                    });
                }
            }
        }
        all
    }

    /// What the device has of a file that has this name.
    pub fn durable_bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        let world = self.world();
        Ok(world.content(world.file(path)?)?.durable.clone())
    }

    /// A digest of every operation so far and of what became of it.
    #[must_use]
    pub fn trace(&self) -> [u64; 2] {
        self.world().schedule.digest()
    }

    /// The last operations, oldest first, for a report.
    #[must_use]
    pub fn recent(&self) -> Vec<String> {
        self.world().schedule.recent()
    }

    /// What [`Disk::filesystem`] answers; at first ext4 in ordered mode.
    pub fn pretend_filesystem(&self, kind: FilesystemKind) {
        self.world().filesystem = kind;
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, id: u64, incarnation: u64, is_writable: bool) -> Arc<dyn File> {
        Arc::new(SimFile {
            disk: self.clone(),
            id,
            incarnation,
            is_writable,
        })
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.world().create_dir(path)
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut world = self.world();
        world.alive(world.incarnation)?;
        let id = if how == Open::Create {
            world.create(path)?
        } else {
            world.file(path)?
        };
        Ok(self.file(id, world.incarnation, how != Open::Read))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.world().exists(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.world().list(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.world().rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.world().remove(path)
    }

    fn sync_dir(&self, path: &Path, site: Site) -> io::Result<()> {
        self.world().sync_dir(path, site)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let mut world = self.world();
        let id = world.lock(path)?;
        Ok(Box::new(SimLock {
            disk: self.clone(),
            id,
            incarnation: world.incarnation,
        }))
    }

    fn filesystem(&self, path: &Path) -> io::Result<FilesystemKind> {
        let world = self.world();
        if world.exists(path)? {
            Ok(world.filesystem)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}

struct SimLock {
    disk: SimDisk,
    id: u64,
    incarnation: u64,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.world().unlock(self.id, self.incarnation);
    }
}

struct SimFile {
    disk: SimDisk,
    id: u64,
    incarnation: u64,
    is_writable: bool,
}

impl SimFile {
    fn alive(&self) -> io::Result<MutexGuard<'_, World>> {
        let world = self.disk.world();
        world.alive(self.incarnation)?;
        Ok(world)
    }

    fn writable(&self) -> io::Result<MutexGuard<'_, World>> {
        if self.is_writable {
            self.alive()
        } else {
            Err(rustix::io::Errno::BADF.into())
        }
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.alive()?.read(self.id, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.writable()?.write(self.id, bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.alive()?.content(self.id)?.cache.len() as u64)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.writable()?.set_len(self.id, length)
    }

    fn sync_data(&self, site: Site) -> io::Result<()> {
        self.alive()?.sync(self.id, site)
    }

    fn read_past_cache(&self, buffer: &mut [u8], offset: u64) -> io::Result<PastCache> {
        let count = self.alive()?.content(self.id)?.read_direct(buffer, offset);
        if count == buffer.len() {
            Ok(PastCache::Direct)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn drop_clean_cache(&self) -> io::Result<()> {
        self.alive()?.content_mut(self.id).map(Content::drop_clean)
    }

    fn set_owner_only(&self) -> io::Result<()> {
        self.alive()?.content_mut(self.id)?.mode = 0o600;
        Ok(())
    }

    fn mode(&self) -> io::Result<u32> {
        Ok(self.alive()?.content(self.id)?.mode)
    }
}

#[cfg(test)]
mod tests;
