//! The lives of one ledger under one seed: it is made, lives, is crashed in some way, starts again, and is audited each time.
//!
//! Not the judging. Always: an error without a planned cause is a failure; so is any finding, and any start that does not come about.

mod copies;
mod faults;
mod keys;
mod rot;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use fold::adversarial_store::AdversarialDisk;
use ground::{Crash, Disk, SeededRandom, SimDisk, Site, TestClock};

use crate::auditor::{Finding, journal, promises};
use crate::book::Book;
use crate::deeds::{Publishers, Step};
use crate::subject::{CHAIN, ORIGIN, Setting, Stop, Subject, segments};
use faults::Fault;
use keys::Secrets;

/// Lives per seed: between the two.
const LIVES: (u64, u64) = (3, 7);
/// Steps per life: between the two.
const STEPS: (u64, u64) = (4, 40);
/// When the simulated world begins: 2026-11-22, in unix milliseconds.
const BEGINNING_MS: i64 = 1_795_305_600_000;

/// A broken promise, and how to see it again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// Which life, and what happened in it.
    pub when: String,
    /// What is wrong.
    pub finding: Finding,
    /// The disk's last operations.
    pub recent: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, {}: {}", self.seed, self.when, self.finding)
    }
}

/// What a good run amounts to.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Events acknowledged.
    pub events: u64,
    /// Checkpoints published.
    pub checkpoints: u64,
    /// Crashes in the middle of an operation, or failed calls.
    pub faults: u64,
    /// Power cuts, forks included.
    pub power_cuts: u64,
    /// Audits of the disk.
    pub audits: u64,
    /// Rotations that were done, and how often a thief was let at the disk.
    pub rotations: u64,
    /// Thefts of the whole device.
    pub thefts: u64,
    /// Backups that were taken, and how many were restored.
    pub backups: u64,
    /// Backups restored elsewhere.
    pub restores: u64,
    /// Flipped bytes, and how many of them stopped the ledger.
    pub flips: u64,
    /// Flips that stopped the ledger.
    pub named: u64,
    /// The disk's digest of the whole run.
    pub trace: [u64; 2],
}

/// Runs all lives of this seed. `prepare` may tamper with the disk before anything lies on it.
pub fn run<S: Subject>(seed: u64, prepare: &dyn Fn(&SimDisk)) -> Result<Summary, Box<Failure>> {
    let mut run = Run::<S>::new(seed);
    prepare(&run.setting.disk);
    // A panic is a failure like any other; the run is given up, so nobody sees it half done.
    let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.all()));
    let end = end.unwrap_or_else(|_| Err(Finding::new("start", "it panics")));
    match end {
        Ok(()) => {
            run.summary.events = run.book.promises.acknowledged.len() as u64;
            run.summary.checkpoints = run.book.promises.checkpoints.len() as u64;
            run.summary.trace = run.setting.disk.trace();
            Ok(run.summary)
        }
        Err(finding) => Err(Box::new(Failure {
            seed,
            when: run.when,
            finding,
            recent: run.setting.disk.recent(),
        })),
    }
}

struct Run<S> {
    setting: Setting,
    random: SeededRandom,
    publishers: Publishers,
    book: Book,
    summary: Summary,
    secrets: Secrets,
    /// The last backup: the first index that it does not have, and the book at that time.
    backup: Option<(u64, Book)>,
    when: String,
    kind: std::marker::PhantomData<S>,
}

impl<S: Subject> Run<S> {
    fn new(seed: u64) -> Run<S> {
        let random = SeededRandom::new(seed);
        let disk = SimDisk::new(random.next_u64());
        let setting = Setting {
            disk,
            random: Arc::new(random.split("process")),
            clock: Arc::new(TestClock::at(BEGINNING_MS)),
            views: AdversarialDisk::new(),
        };
        let publishers = Publishers::new(random.split("publishers"));
        let (book, summary) = (Book::default(), Summary::default());
        Run {
            setting,
            random,
            publishers,
            book,
            summary,
            secrets: Secrets::default(),
            backup: None,
            when: "before the first life".to_owned(),
            kind: std::marker::PhantomData,
        }
    }

    fn all(&mut self) -> Result<(), Finding> {
        self.make()?;
        for life in 0..self.between(LIVES) {
            let fault = self.plan();
            self.when = format!("life {life}, {fault:?}");
            let end = self.live_or_panic(fault);
            self.end_of_life(fault, end)?;
        }
        self.when = "the last life".to_owned();
        self.last_life()?;
        self.restore()
    }

    /// An administrator makes the folders and syncs them; then the ledger is made, perhaps in several attempts.
    fn make(&mut self) -> Result<(), Finding> {
        let disk = &self.setting.disk;
        let admin = Site("administrator");
        for folder in ["/ledgers", "/safe"] {
            let made = disk
                .create_dir(Path::new(folder))
                .and_then(|()| disk.sync_dir(Path::new("/"), admin));
            made.map_err(|error| Finding::new("C-2", format!("the empty disk fails: {error}")))?;
        }
        if self.random.chance(300) && self.interrupted_init()? {
            return Ok(());
        }
        self.when = "init".to_owned();
        init::<S>(&self.setting).map_err(uncaused)?;
        if self.random.chance(400) {
            self.restart(Crash::PowerCut);
        }
        Ok(())
    }

    /// The machine stops in the middle of `init`, as often as not near its end. Whether there is a ledger all the same: it works, or it
    /// says that it was never made, never anything between.
    fn interrupted_init(&mut self) -> Result<bool, Finding> {
        self.when = "an interrupted init".to_owned();
        let disk = self.setting.disk.clone();
        let trial = disk.fork(0);
        _ = init::<S>(&Setting {
            disk: trial.clone(),
            random: Arc::new(SeededRandom::new(0)),
            clock: self.setting.clock.clone(),
            views: AdversarialDisk::new(),
        });
        let operations = trial.operations() - disk.operations();
        let at = match self.random.below(2) {
            0 => self.random.below(operations),
            _ => operations.saturating_sub(1 + self.random.below(2)),
        };
        disk.crash_at(disk.operations() + at);
        let first = init::<S>(&self.setting);
        if first.is_err() && !disk.is_down() {
            return first.map(|()| true).map_err(uncaused);
        }
        disk.restart(self.crash());
        match self.open() {
            Ok(_) => {
                disk.restart(Crash::Kill);
                return Ok(true);
            }
            Err(Stop::Failed(text)) if is_none(&text) && first.is_err() => {}
            Err(stop) => return Err(uncaused(stop)),
        }
        disk.restart(Crash::Kill);
        if !S::MADE_AGAIN_IN_PLACE {
            remove_all(&disk, Path::new("/"));
        }
        Ok(false)
    }

    /// The machine goes down and comes up, with everything on it.
    fn restart(&self, crash: Crash) {
        self.setting.disk.restart(crash);
        match crash {
            Crash::Kill => self.setting.views.kill(),
            Crash::PowerCut => self.setting.views.power_cut(&mut |below| {
                usize::try_from(self.random.below(below as u64)).unwrap_or(0)
            }),
        }
    }

    fn open(&self) -> Result<S, Stop> {
        self.setting.disk.mark_epoch("open");
        S::open(&self.setting)
    }

    /// A store that reads another sector than it asked for may fall over its own checks; that ends the process, as a kill does.
    /// With any other cause a panic is a failure.
    fn live_or_panic(&mut self, fault: Fault) -> Result<(), Stop> {
        if fault != Fault::StrayRead {
            return self.live(fault);
        }
        let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.live(fault)));
        end.unwrap_or_else(|_| Err(Stop::Failed("it panics".to_owned())))
    }

    /// One process from start to its end: all planned steps, or the first error.
    fn live(&mut self, fault: Fault) -> Result<(), Stop> {
        let mut subject = self.open()?;
        let end = self.steps(&mut subject, fault);
        self.close(subject);
        end
    }

    fn steps(&mut self, subject: &mut S, fault: Fault) -> Result<(), Stop> {
        if let Some(key) = subject.foil_key() {
            self.book.expect_foils(&key).map_err(Stop::Broken)?;
        }
        self.look_back(subject)?;
        if fault == Fault::InRotation {
            self.rotate_into_a_fault(subject)?;
        }
        for _ in 0..self.between(STEPS) {
            let step = self.publishers.step();
            self.step(subject, &step)?;
            if self.random.chance(30) && fault != Fault::StrayRead {
                self.audit_a_fork().map_err(Stop::Broken)?;
            }
        }
        Ok(())
    }

    /// The process ends: in order where its disk still answers, else as a kill ends it.
    fn close(&self, subject: S) {
        self.setting.disk.mark_epoch("close");
        drop(subject);
    }

    fn step(&mut self, subject: &mut S, step: &Step) -> Result<(), Stop> {
        self.setting
            .clock
            .advance_ms(u32::try_from(self.random.below(2_000)).unwrap_or(0));
        match step {
            Step::Publish(deeds) => self.send(subject, deeds),
            Step::Checkpoint => {
                self.setting.disk.mark_epoch("checkpoint");
                if let Some(published) = subject.checkpoint()? {
                    self.book.publish(published);
                }
                Ok(())
            }
            Step::Absorb => {
                self.setting.disk.mark_epoch("absorb");
                subject.absorb()
            }
            Step::Erase => match self.publishers.somebody() {
                Some(person) => self.erase(subject, person),
                None => Ok(()),
            },
            Step::Night => self.night(subject),
            Step::BackUp => self.back_up(subject),
            Step::Fold => subject.fold(usize::try_from(self.random.below(40)).unwrap_or(0)),
            Step::Access => {
                self.setting.disk.mark_epoch("publish");
                let person = self.publishers.somebody();
                match (subject.keys(), person) {
                    (Some(keys), Some(person)) => keys.access(person),
                    _ => Ok(()),
                }
            }
        }
    }

    fn send(&mut self, subject: &mut S, deeds: &[crate::deeds::Deed]) -> Result<(), Stop> {
        self.setting.disk.mark_epoch("publish");
        let answers = subject.publish(deeds)?;
        for (deed, answer) in deeds.iter().zip(answers) {
            self.book.answer(*deed, answer).map_err(Stop::Broken)?;
        }
        Ok(())
    }

    /// The end of a process: was there a cause for it? Then the machine crashes, and what it left is audited.
    fn end_of_life(&mut self, fault: Fault, end: Result<(), Stop>) -> Result<(), Finding> {
        match end {
            Ok(()) => {}
            Err(Stop::Failed(_)) if fault != Fault::None => self.summary.faults += 1,
            Err(stop) => return Err(uncaused(stop)),
        }
        self.audit_a_fork()?;
        self.let_a_thief_in()?;
        self.setting.disk.limit_bytes(None);
        let crash = self.crash();
        self.when = format!("{}, then {crash:?}", self.when);
        self.restart(crash);
        if self.random.chance(100) {
            self.rot_a_fork()?;
        }
        if crash == Crash::PowerCut {
            self.summary.power_cuts += 1;
            return self.audit();
        }
        if self.random.chance(600) {
            return self.repeat_and_cut();
        }
        Ok(())
    }

    /// The schedule without which a missing sync is never caught: kill, start, repeat what may have been lost, hear yes, power cut.
    fn repeat_and_cut(&mut self) -> Result<(), Finding> {
        self.when = format!("{}, start, repeat, power cut", self.when);
        let mut subject = self.open().map_err(uncaused)?;
        self.look_back(&mut subject).map_err(uncaused)?;
        let count = usize::try_from(self.between((1, 12))).unwrap_or(1);
        let deeds = self.publishers.again(count);
        self.send(&mut subject, &deeds).map_err(uncaused)?;
        if self.random.chance(300) {
            self.step(&mut subject, &Step::Checkpoint)
                .map_err(uncaused)?;
        }
        self.audit_a_fork()?;
        self.close(subject);
        self.restart(Crash::PowerCut);
        self.summary.power_cuts += 1;
        self.audit()
    }

    /// A last power cut, a quiet start; every event ever acknowledged is sent again and opened.
    fn last_life(&mut self) -> Result<(), Finding> {
        self.restart(Crash::PowerCut);
        self.audit()?;
        let mut subject = self.open().map_err(uncaused)?;
        self.look_back(&mut subject).map_err(uncaused)?;
        for person in self.book.doomed() {
            self.erase(&mut subject, person).map_err(uncaused)?;
        }
        let acknowledged = self.book.acknowledged();
        let deeds: Vec<_> = acknowledged.iter().map(|(deed, _)| *deed).collect();
        self.send(&mut subject, &deeds).map_err(uncaused)?;
        self.step(&mut subject, &Step::Absorb).map_err(uncaused)?;
        self.step(&mut subject, &Step::Checkpoint)
            .map_err(uncaused)?;
        self.restart(Crash::PowerCut);
        drop(subject);
        self.audit()?;
        let mut subject = self.open().map_err(uncaused)?;
        for (deed, link) in &acknowledged {
            subject.open_slots(deed, link).map_err(uncaused)?;
        }
        subject.compare_views().map_err(uncaused)?;
        self.close(subject);
        self.let_a_thief_in()?;
        self.audit()
    }

    /// What would a power cut leave right now? Asked of a copy.
    fn audit_a_fork(&mut self) -> Result<(), Finding> {
        let fork = self.setting.disk.fork(self.random.next_u64());
        fork.restart(Crash::PowerCut);
        self.summary.power_cuts += 1;
        self.summary.audits += 1;
        audit::<S>(&fork, &self.book)
    }

    fn audit(&mut self) -> Result<(), Finding> {
        self.summary.audits += 1;
        audit::<S>(&self.setting.disk, &self.book)
    }

    fn crash(&self) -> Crash {
        if self.random.chance(500) {
            Crash::Kill
        } else {
            Crash::PowerCut
        }
    }

    fn between(&self, (low, high): (u64, u64)) -> u64 {
        low + self.random.below(high - low)
    }
}

fn init<S: Subject>(setting: &Setting) -> Result<(), Stop> {
    setting.disk.mark_epoch("init");
    S::init(setting)
}

fn audit<S: Subject>(disk: &SimDisk, book: &Book) -> Result<(), Finding> {
    let journal = journal::read(&segments(disk), ORIGIN, CHAIN)?;
    promises::check(&journal, &book.promises)?;
    promises::check_stored(S::stored_checkpoint(disk), &book.promises)
}

/// Whether a start says that no ledger was ever finished here.
fn is_none(text: &str) -> bool {
    ["no ledger here", "no finished journal"]
        .iter()
        .any(|words| text.contains(words))
}

/// An operator clears away what an interrupted init left.
fn remove_all(disk: &SimDisk, path: &Path) {
    for name in disk.list(path).unwrap_or_default() {
        let path = path.join(name);
        if disk.remove(&path).is_err() {
            remove_all(disk, &path);
        }
    }
    _ = disk.sync_dir(path, Site("administrator"));
}

/// An error that nothing planned explains.
fn uncaused(stop: Stop) -> Finding {
    match stop {
        Stop::Broken(finding) => finding,
        Stop::Failed(text) => Finding::new("start", format!("it fails without a cause: {text}")),
    }
}
