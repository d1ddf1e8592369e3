//! Backup while events come, and restore elsewhere.
//!
//! The backup runs in a thread of its own, and each of its file operations waits until the driver lets it go on: so one seed is one run,
//! and events are recorded between any two of its steps.
//! Always: of the two threads one runs at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use fold::adversarial_store::AdversarialDisk;
use ground::{Disk, File, FilesystemKind, Lock, Open, PastCache, SeededRandom, SharedDisk, Site};
use intake::backup::{
    BackupError, Bundle, Known, RecoveryPublic, RecoverySecret, Request, RestoreVerdict, Source,
    known_in, recovery_key_pair, restore, take,
};
use intake::ledger::Ground;
use proto::Index;

use super::{WholeLedger, ground_of, settings_at};
use crate::subject::{Between, CHECKPOINTS, Setting, Stop};

/// Where backups lie.
const BACKUPS: &str = "/backups";
/// Where a restored ledger lies.
const ELSEWHERE: &str = "/elsewhere";
/// Where it lies once an operator stated that nothing newer is known.
const AGAIN: &str = "/again";

/// The recovery key's two halves; whoever restores has the secret one.
fn recovery_key() -> (RecoveryPublic, RecoverySecret) {
    recovery_key_pair(&SeededRandom::new(0x5eed))
}

/// Takes a backup; `between` is called at each of its steps. The first index that it does not have.
pub(super) fn back_up(
    ledger: &mut WholeLedger,
    between: Between<'_, WholeLedger>,
) -> Result<Option<u64>, Stop> {
    let (records, vault) = (ledger.opened.records.clone(), ledger.opened.vault.clone());
    let published = ledger.opened.published.clone();
    let (pause, pauses) = sync_channel(0);
    let (resume, resumes) = sync_channel(0);
    let pace = Arc::new(Pace {
        pause,
        resumes: Mutex::new(resumes),
    });
    let ground = Ground {
        disk: Arc::new(Paced {
            beneath: ledger.ground.disk.clone(),
            pace,
        }),
        ..ledger.ground.clone()
    };
    let request = Request {
        dir: PathBuf::from(BACKUPS),
        recovery: recovery_key().0,
        expires_on: None,
    };
    std::thread::scope(|scope| {
        let taking = scope.spawn(move || {
            let source = Source {
                name: records.name(),
                journal: records.journal(),
                vault: &vault,
                published: &published,
            };
            match take(&ground, source, &request) {
                Ok(taken) => Ok(Some(taken.bundle.next.0)),
                Err(BackupError::Exists) => Ok(None),
                Err(error) => Err(Stop::failed(&error)),
            }
        });
        let mut meanwhile = Ok(());
        while pauses.recv().is_ok() {
            if meanwhile.is_ok() {
                meanwhile = between(ledger);
            }
            // Whoever paused waits for this.
            let _ = resume.send(());
        }
        let taken = taking.join();
        meanwhile?;
        taken.map_err(|_| Stop::Failed("the backup panics".to_owned()))?
    })
}

/// Restores the backup up to `next` elsewhere; where. Where newer links are known, it says so and does not go on; an operator then states
/// that nothing newer is known.
pub(super) fn put_back(setting: &Setting, next: u64) -> Result<&'static str, Stop> {
    let bundle = Bundle {
        dir: PathBuf::from(BACKUPS),
        next: Index(next),
    };
    let (ground, (_, secret)) = (ground_of(setting), recovery_key());
    let known = known_in(&ground.disk, Path::new(CHECKPOINTS)).map_err(failed)?;
    let settings = settings_in(ELSEWHERE);
    let restored = restore(&ground, &bundle, &secret, &settings, &known).map_err(failed)?;
    match restored.verdict {
        RestoreVerdict::Complete => return Ok(ELSEWHERE),
        RestoreVerdict::Shorter { known, .. } if known > next => {}
        RestoreVerdict::Shorter { .. } => {
            return Err(Stop::Failed("it is not shorter".to_owned()));
        }
    }
    if intake::ledger::open(&ground, &settings).is_ok() {
        return Err(Stop::Failed("a shorter ledger goes on".to_owned()));
    }
    let settings = settings_in(AGAIN);
    let again = restore(&ground, &bundle, &secret, &settings, &Known::NothingNewer);
    again.map(|_| AGAIN).map_err(failed)
}

/// Starts what was restored there, with a view of its own.
pub(super) fn open_elsewhere(setting: &Setting, place: &str) -> Result<WholeLedger, Stop> {
    let setting = Setting {
        disk: setting.disk.clone(),
        random: setting.random.clone(),
        clock: setting.clock.clone(),
        views: AdversarialDisk::new(),
    };
    WholeLedger::open_at(&setting, &settings_in(place))
}

fn settings_in(place: &str) -> intake::ledger::Settings {
    settings_at(&format!("{place}/ledger"), &format!("{place}/checkpoints"))
}

fn failed(error: impl std::error::Error) -> Stop {
    Stop::failed(&error)
}

struct Pace {
    pause: SyncSender<()>,
    resumes: Mutex<Receiver<()>>,
}

impl Pace {
    fn wait(&self) {
        if self.pause.send(()).is_ok() {
            let resumes = self.resumes.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = resumes.recv();
        }
    }
}

/// A disk on which every change waits for the driver.
struct Paced {
    beneath: SharedDisk,
    pace: Arc<Pace>,
}

impl Disk for Paced {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.beneath.create_dir(path)
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        self.pace.wait();
        let (beneath, pace) = (self.beneath.open(path, how)?, self.pace.clone());
        Ok(Arc::new(PacedFile { beneath, pace }))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.beneath.exists(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.beneath.list(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pace.wait();
        self.beneath.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.beneath.remove(path)
    }

    fn sync_dir(&self, path: &Path, site: Site) -> io::Result<()> {
        self.beneath.sync_dir(path, site)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.beneath.lock(path)
    }

    fn filesystem(&self, path: &Path) -> io::Result<FilesystemKind> {
        self.beneath.filesystem(path)
    }
}

struct PacedFile {
    beneath: Arc<dyn File>,
    pace: Arc<Pace>,
}

impl File for PacedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.beneath.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.pace.wait();
        self.beneath.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.beneath.len()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.beneath.set_len(length)
    }

    fn sync_data(&self, site: Site) -> io::Result<()> {
        self.pace.wait();
        self.beneath.sync_data(site)
    }

    fn read_past_cache(&self, buffer: &mut [u8], offset: u64) -> io::Result<PastCache> {
        self.beneath.read_past_cache(buffer, offset)
    }

    fn drop_clean_cache(&self) -> io::Result<()> {
        self.beneath.drop_clean_cache()
    }

    fn set_owner_only(&self) -> io::Result<()> {
        self.beneath.set_owner_only()
    }

    fn mode(&self) -> io::Result<u32> {
        self.beneath.mode()
    }
}
