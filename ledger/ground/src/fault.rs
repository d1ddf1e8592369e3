//! A disk that fails one chosen write or sync: how the real binary is shown to stop cleanly when its disk does not.
//!
//! Not the lying disk of the simulation: everything except the one call goes to the disk beneath it.
//! Always: calls are counted from zero, in the order in which they are made, whether or not a fault is planned.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Disk, File, FilesystemKind, Lock, Open, PastCache, SharedDisk, Site};

/// Which calls a plan counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultAt {
    /// The n-th write (a file's bytes or length), counted from zero.
    Write(u64),
    /// The n-th sync (of a file or a directory), counted from zero.
    Sync(u64),
}

/// What the chosen call says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultError {
    /// The device failed (EIO). A failed sync does not reach the disk; a failed write leaves its first half written.
    Io,
    /// The disk is full (ENOSPC).
    NoSpace,
}

/// One planned fault. Every later call of the same kind goes through again, as a disk that recovered would let it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaultPlan {
    /// Which call.
    pub at: FaultAt,
    /// What it says.
    pub error: FaultError,
}

impl FaultPlan {
    /// Reads `write:17:eio` or `sync:3:enospc`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<FaultPlan> {
        let mut words = text.split(':');
        let (call, nth, error) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        let at = match call {
            "write" => FaultAt::Write(nth),
            "sync" => FaultAt::Sync(nth),
            _ => return None,
        };
        let error = match error {
            "eio" => FaultError::Io,
            "enospc" => FaultError::NoSpace,
            _ => return None,
        };
        words.next().is_none().then_some(FaultPlan { at, error })
    }
}

/// How many calls were made so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Calls {
    /// Writes of bytes or lengths.
    pub writes: u64,
    /// Syncs of files and directories.
    pub syncs: u64,
}

/// The disk that fails once.
pub struct FaultDisk {
    inner: SharedDisk,
    state: Arc<State>,
}

impl FaultDisk {
    /// Puts the plan over a disk; without one it only counts.
    #[must_use]
    pub fn new(inner: SharedDisk, plan: Option<FaultPlan>) -> FaultDisk {
        FaultDisk {
            inner,
            state: Arc::new(State {
                plan,
                writes: AtomicU64::new(0),
                syncs: AtomicU64::new(0),
            }),
        }
    }

    /// The calls so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        Calls {
            writes: self.state.writes.load(Ordering::SeqCst),
            syncs: self.state.syncs.load(Ordering::SeqCst),
        }
    }
}

struct State {
    plan: Option<FaultPlan>,
    writes: AtomicU64,
    syncs: AtomicU64,
}

impl State {
    fn write(&self) -> io::Result<()> {
        let nth = self.writes.fetch_add(1, Ordering::SeqCst);
        self.fail_if(FaultAt::Write(nth))
    }

    fn sync(&self) -> io::Result<()> {
        let nth = self.syncs.fetch_add(1, Ordering::SeqCst);
        self.fail_if(FaultAt::Sync(nth))
    }

    fn fail_if(&self, at: FaultAt) -> io::Result<()> {
        match self.plan {
            Some(FaultPlan {
                at: planned,
                error: FaultError::Io,
            }) if planned == at => Err(rustix::io::Errno::IO.into()),
            Some(FaultPlan {
                at: planned,
                error: FaultError::NoSpace,
            }) if planned == at => Err(rustix::io::Errno::NOSPC.into()),
            _ => Ok(()),
        }
    }
}

impl Disk for FaultDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir(path)
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(FaultFile {
            inner: self.inner.open(path, how)?,
            state: Arc::clone(&self.state),
        }))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.inner.exists(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.inner.list(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn sync_dir(&self, path: &Path, site: Site) -> io::Result<()> {
        self.state.sync()?;
        self.inner.sync_dir(path, site)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.inner.lock(path)
    }

    fn filesystem(&self, path: &Path) -> io::Result<FilesystemKind> {
        self.inner.filesystem(path)
    }
}

struct FaultFile {
    inner: Arc<dyn File>,
    state: Arc<State>,
}

impl File for FaultFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.state.write() {
            self.inner
                .write_all_at(bytes.split_at(bytes.len() / 2).0, offset)?;
            return Err(error);
        }
        self.inner.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.state.write()?;
        self.inner.set_len(length)
    }

    fn sync_data(&self, site: Site) -> io::Result<()> {
        self.state.sync()?;
        self.inner.sync_data(site)
    }

    fn read_past_cache(&self, buffer: &mut [u8], offset: u64) -> io::Result<PastCache> {
        self.inner.read_past_cache(buffer, offset)
    }

    fn drop_clean_cache(&self) -> io::Result<()> {
        self.inner.drop_clean_cache()
    }

    fn set_owner_only(&self) -> io::Result<()> {
        self.inner.set_owner_only()
    }

    fn mode(&self) -> io::Result<u32> {
        self.inner.mode()
    }

    fn owner(&self) -> io::Result<u32> {
        self.inner.owner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealDisk;

    #[test]
    fn a_plan_is_read_or_refused() {
        assert_eq!(
            FaultPlan::parse("sync:3:enospc"),
            Some(FaultPlan {
                at: FaultAt::Sync(3),
                error: FaultError::NoSpace
            })
        );
        for wrong in [
            "",
            "sync",
            "sync:x:eio",
            "read:1:eio",
            "write:1:boom",
            "write:1:eio:more",
        ] {
            assert_eq!(FaultPlan::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_chosen_write_and_sync_fail_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let disk = FaultDisk::new(Arc::new(RealDisk), FaultPlan::parse("write:1:enospc"));
        let file = disk
            .open(&dir.path().join("file"), Open::Create)
            .expect("new");
        file.write_all_at(b"aaaa", 0)
            .expect("the first goes through");
        let error = file
            .write_all_at(b"bbbb", 0)
            .expect_err("the second does not");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, 0).expect("read");
        assert_eq!(&bytes, b"bbaa");
        file.write_all_at(b"cccc", 0)
            .expect("the third goes through");
        file.sync_data(Site("test")).expect("synced");
        assert_eq!(
            disk.calls(),
            Calls {
                writes: 3,
                syncs: 1
            }
        );
    }
}
