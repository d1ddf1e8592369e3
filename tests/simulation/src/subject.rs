//! What the simulation needs of a ledger to make it live: start it on a disk, let things happen to it, ask it again.
//!
//! Not a judge: what a subject answers is written down and believed by nobody.
//! Always: a subject reaches files, time and randomness only through its setting.

mod journal_only;
mod whole_ledger;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use fold::adversarial_store::AdversarialDisk;
use ground::{Disk, Open, SeededRandom, SimDisk, TestClock};

use crate::auditor::Finding;
use crate::auditor::foil::Foil;
use crate::auditor::promises::Published;
use crate::deeds::Deed;

pub use journal_only::JournalOnly;
pub use whole_ledger::WholeLedger;

/// The origin of every simulated ledger.
pub const ORIGIN: &str = "test.westmere.example/counterfoil";
/// The one chain.
pub const CHAIN: u32 = 0;
/// Where the ledger lies; the folder above is the administrator's.
pub const LEDGER: &str = "/ledgers/one";
/// Where the journal lies.
pub const JOURNAL: &str = "/ledgers/one/journal";
/// Where the checkpoint store lies.
pub const CHECKPOINTS: &str = "/safe/checkpoints";

/// What a simulated process is given.
pub struct Setting {
    /// The lying disk.
    pub disk: SimDisk,
    /// Its randomness.
    pub random: Arc<SeededRandom>,
    /// Its clock.
    pub clock: Arc<TestClock>,
    /// Where its view keeps its rows.
    pub views: AdversarialDisk,
}

/// Why a step came to nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The process reports that it cannot go on.
    Failed(String),
    /// The subject itself saw a promise broken.
    Broken(Finding),
}

impl Stop {
    /// A report from an engine's error, with its causes.
    pub fn failed(error: &dyn std::error::Error) -> Stop {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Stop::Failed(text)
    }
}

/// What a publisher hears about one event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is recorded, now or before.
    Recorded {
        /// Its link.
        link: [u8; 77],
        /// The foil, where the subject has them.
        foil: Option<Box<Foil>>,
    },
    /// The same id was recorded with other content.
    Conflict,
    /// It was recorded, and what it said is gone.
    Gone,
}

/// What a rotation destroys beside the keys that it replaces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shred {
    /// Everything of a person, as far as these events tell.
    Person(u64, Vec<[u8; 77]>),
    /// Nothing; the finding shelves get their next keys.
    NightBegins,
    /// The finding shelves' old keys.
    NightEnds,
}

/// Where the night's work on the finding shelves stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Night {
    /// None is under way.
    Day,
    /// Shelves are being sealed under their next keys.
    Sealing,
    /// All are: the old keys may go.
    Sealed,
}

/// What the next step of a rotation needs, or that there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Step again.
    Again,
    /// Absorb first.
    Absorb,
    /// It is done.
    Done,
}

/// The keys of a ledger that has any.
pub trait Keys {
    /// How many rotations there were.
    fn generation(&self) -> u64;
    /// Where the night stands.
    fn night(&self) -> Night;
    /// Secrets that open values of these events; none once they are destroyed.
    fn secrets_of(&self, links: &[[u8; 77]]) -> Result<Vec<[u8; 32]>, Stop>;
    /// Begins a rotation: its new intake key is durable when this returns.
    fn begin(&mut self, shred: &Shred) -> Result<(), Stop>;
    /// Takes its next step.
    fn turn(&mut self) -> Result<Turn, Stop>;
    /// Seals some finding shelves under their next keys.
    fn reseal(&mut self) -> Result<(), Stop>;
    /// Records that somebody looked at a person.
    fn access(&mut self, person: u64) -> Result<(), Stop>;
}

/// What happens between two steps of something longer.
pub type Between<'a, S> = &'a mut dyn FnMut(&mut S) -> Result<(), Stop>;

/// A ledger that can be made to live.
pub trait Subject: Sized {
    /// Its name in reports.
    const NAME: &'static str;
    /// Whether `init` may be called again over what an interrupted one left; if not, the operator removes that first.
    const MADE_AGAIN_IN_PLACE: bool;

    /// Makes a new ledger; may be called again after it was interrupted.
    fn init(setting: &Setting) -> Result<(), Stop>;
    /// Starts a process on what the disk has.
    fn open(setting: &Setting) -> Result<Self, Stop>;
    /// Submits events; answers in the same order, given only once they are durable.
    fn publish(&mut self, deeds: &[Deed]) -> Result<Vec<Answer>, Stop>;
    /// Signs, stores and publishes a checkpoint; `None` where nothing grew.
    fn checkpoint(&mut self) -> Result<Option<Published>, Stop>;
    /// Does what lies off the path of an answer.
    fn absorb(&mut self) -> Result<(), Stop>;
    /// Opens, by itself and with the auditor's code, what was acknowledged about this deed.
    fn open_slots(&mut self, deed: &Deed, link: &[u8; 77]) -> Result<(), Stop>;
    /// What the checkpoint store shows to somebody who reads the disk.
    fn stored_checkpoint(disk: &SimDisk) -> Option<Published>;
    /// The foil key's text, where the subject signs foils.
    fn foil_key(&self) -> Option<String>;
    /// Its keys, where it has any.
    fn keys(&mut self) -> Option<&mut dyn Keys> {
        None
    }
    /// Its view takes up at most so many events.
    fn fold(&mut self, _max: usize) -> Result<(), Stop> {
        Ok(())
    }
    /// Compares its view with one folded from the first event.
    fn compare_views(&mut self) -> Result<(), Stop> {
        Ok(())
    }
    /// Takes a backup and lets something happen between its steps; the first index that it does not have. `None`: nothing was new.
    fn back_up(&mut self, _between: Between<'_, Self>) -> Result<Option<u64>, Stop> {
        Ok(None)
    }
    /// Restores a backup; where.
    fn put_back(_setting: &Setting, _next: u64) -> Result<&'static str, Stop> {
        Err(Stop::Failed("it takes no backups".to_owned()))
    }
    /// Starts what was restored there.
    fn open_elsewhere(_setting: &Setting, _place: &'static str) -> Result<Self, Stop> {
        Err(Stop::Failed("it takes no backups".to_owned()))
    }
}

/// The segment files as a reader of the disk sees them now.
pub fn segments(disk: &SimDisk) -> BTreeMap<u32, Vec<u8>> {
    let folder = Path::new(JOURNAL);
    let names = disk.list(folder).unwrap_or_default();
    let numbered = names
        .iter()
        .filter_map(|name| Some((crate::auditor::journal::segment_number(name)?, name)));
    numbered
        .filter_map(|(number, name)| Some((number, read(disk, &folder.join(name))?)))
        .collect()
}

/// The whole of a file, where there is one.
pub fn read(disk: &SimDisk, path: &Path) -> Option<Vec<u8>> {
    let file = disk.open(path, Open::Read).ok()?;
    let mut bytes = vec![0; usize::try_from(file.len().ok()?).ok()?];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(bytes)
}
