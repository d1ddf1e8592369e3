//! A disk that strikes once it is armed: a thread that panics at its next call, or a sync that fails or ends the process.
//!
//! For journeys only, never shipped. Always: armed by making a file, so that a test chooses the moment by what it has seen and not by a
//! count of calls; until then every call goes to the disk beneath.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ground::{Disk, File, FilesystemKind, Lock, Open, PastCache, SharedDisk, Site};
use rustix::process::{Signal, getpid, kill_process};

/// What happens once it is armed.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Strike {
    /// The thread of this name panics at its next call.
    Panic(String),
    /// The sync at this site says that the device failed, and reaches nothing.
    Fail(String),
    /// The process is killed once the sync at this site has returned.
    Kill(String),
}

/// What strikes, and the file that arms it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Armed {
    strike: Strike,
    by: PathBuf,
}

impl Armed {
    /// Reads `panic:keeper:PATH`, `fail:journal.group:PATH` or `kill:journal.group:PATH`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Armed> {
        let mut words = text.splitn(3, ':');
        let (kind, what, by) = (words.next()?, words.next()?.to_owned(), words.next()?);
        let strike = match kind {
            "panic" => Strike::Panic(what),
            "fail" => Strike::Fail(what),
            "kill" => Strike::Kill(what),
            _ => return None,
        };
        Some(Armed {
            strike,
            by: by.into(),
        })
    }

    fn is_armed(&self) -> bool {
        self.by.exists()
    }

    fn called(&self) {
        if let Strike::Panic(name) = &self.strike
            && std::thread::current().name() == Some(name)
            && self.is_armed()
        {
            panic!("the test struck this thread");
        }
    }

    fn sync(&self, site: Site, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.called();
        match &self.strike {
            Strike::Fail(name) if name == site.0 && self.is_armed() => {
                Err(rustix::io::Errno::IO.into())
            }
            Strike::Kill(name) if name == site.0 && self.is_armed() => {
                sync()?;
                kill_process(getpid(), Signal::KILL)?;
                // The signal is on its way; nothing more is done until it has come.
                loop {
                    std::thread::park();
                }
            }
            _ => sync(),
        }
    }
}

/// A disk with something armed over it.
pub struct ArmedDisk {
    inner: SharedDisk,
    armed: Arc<Armed>,
}

impl ArmedDisk {
    /// Puts it over a disk.
    pub fn new(inner: SharedDisk, armed: Armed) -> ArmedDisk {
        ArmedDisk {
            inner,
            armed: Arc::new(armed),
        }
    }
}

impl Disk for ArmedDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir(path)
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        self.armed.called();
        Ok(Arc::new(ArmedFile {
            inner: self.inner.open(path, how)?,
            armed: Arc::clone(&self.armed),
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
        self.armed.sync(site, || self.inner.sync_dir(path, site))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.inner.lock(path)
    }

    fn filesystem(&self, path: &Path) -> io::Result<FilesystemKind> {
        self.inner.filesystem(path)
    }
}

struct ArmedFile {
    inner: Arc<dyn File>,
    armed: Arc<Armed>,
}

impl File for ArmedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.armed.called();
        self.inner.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.armed.called();
        self.inner.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.inner.set_len(length)
    }

    fn sync_data(&self, site: Site) -> io::Result<()> {
        self.armed.sync(site, || self.inner.sync_data(site))
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
