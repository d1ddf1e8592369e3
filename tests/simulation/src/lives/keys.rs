//! Rotations and nights in the middle of a life, and what must be nowhere on the device once they are done (S-2).
//!
//! Not the thief (the auditor's). Always: a rotation counts as done once it said so, or once a later start shows its generation; from
//! then on, whatever happens, nothing on the device gives back what it destroyed, no root, table, shelf, intake or stream key.

use std::collections::{BTreeMap, BTreeSet};

use super::{Run, Stop, Subject};
use crate::auditor::Finding;
use crate::auditor::thief::{self, FINDING, Loot, SERVICE, Secret, Stolen};
use crate::deeds::Step;
use crate::subject::{CHAIN, Night, ORIGIN, Shred, Turn};

/// What rotations destroyed, and what the one under way is to destroy.
#[derive(Default)]
pub(super) struct Secrets {
    /// What nobody may ever have again, and what it was.
    retired: Retired,
    under_way: Option<UnderWay>,
    /// After how many more steps the process ends, between two of them.
    stops_after: Option<u64>,
}

type Retired = BTreeMap<Secret, &'static str>;

/// A rotation of which it is not known whether it came about.
struct UnderWay {
    generation_before: u64,
    person: Option<u64>,
    retires: Retired,
}

impl<S: Subject> Run<S> {
    /// A start: did the last process finish its rotation?
    pub(super) fn look_back(&mut self, subject: &mut S) -> Result<(), Stop> {
        let Some(keys) = subject.keys() else {
            return Ok(());
        };
        let generation = keys.generation();
        self.secrets.stops_after = None;
        match self.secrets.under_way.take() {
            Some(rotation) if generation > rotation.generation_before => {
                self.done(rotation).map_err(Stop::Broken)
            }
            _ => Ok(()),
        }
    }

    /// A rotation of some kind, in which something goes wrong.
    pub(super) fn rotate_into_a_fault(&mut self, subject: &mut S) -> Result<(), Stop> {
        let disk = self.setting.disk.clone();
        match self.random.below(12) {
            0..5 => self.secrets.stops_after = Some(self.random.below(5)),
            5..10 => disk.crash_at(disk.operations() + self.random.below(90)),
            _ => disk.fail_sync(None, self.random.below(12)),
        }
        match self.publishers.somebody() {
            Some(person) if self.random.chance(500) => self.erase(subject, person),
            _ => self.night(subject),
        }
    }

    /// Destroys the keys of a person about whom nothing new is sent.
    pub(super) fn erase(&mut self, subject: &mut S, person: u64) -> Result<(), Stop> {
        if subject.keys().is_none() {
            return Ok(());
        }
        // What may have been recorded unheard is heard now.
        let deeds = self.publishers.retire(person);
        self.send(subject, &deeds)?;
        self.book.doom(person);
        let links = self.book.links_of(person);
        self.rotate(subject, &Shred::Person(person, links))
    }

    /// The next piece of a night's work.
    pub(super) fn night(&mut self, subject: &mut S) -> Result<(), Stop> {
        let Some(keys) = subject.keys() else {
            return Ok(());
        };
        match keys.night() {
            Night::Day => self.rotate(subject, &Shred::NightBegins),
            Night::Sealed => self.rotate(subject, &Shred::NightEnds),
            Night::Sealing => {
                self.setting.disk.mark_epoch("night");
                keys.reseal()
            }
        }
    }

    fn rotate(&mut self, subject: &mut S, shred: &Shred) -> Result<(), Stop> {
        let loot = self.rob();
        let Some(keys) = subject.keys() else {
            return Ok(());
        };
        let (person, links) = match shred {
            Shred::Person(person, links) => (Some(*person), links.as_slice()),
            _ => (None, [].as_slice()),
        };
        let secrets: BTreeSet<Secret> = keys.secrets_of(links)?.into_iter().collect();
        let retires = retired_by(&loot, shred, &secrets).map_err(Stop::Broken)?;
        self.secrets.under_way = Some(UnderWay {
            generation_before: keys.generation(),
            person,
            retires,
        });
        self.setting.disk.mark_epoch("rotate");
        keys.begin(shred)?;
        loop {
            self.setting.disk.mark_epoch("rotate");
            let keys = subject.keys().expect("it had keys a moment ago");
            match keys.turn()? {
                Turn::Again => {}
                Turn::Absorb => self.step(subject, &Step::Absorb)?,
                Turn::Done => break,
            }
            match self.secrets.stops_after.take() {
                Some(0) => return Err(Stop::Failed("it ends between two steps".to_owned())),
                left => self.secrets.stops_after = left.map(|left| left - 1),
            }
            if self.random.chance(200) {
                let deeds = self.publishers.submission();
                self.send(subject, &deeds)?;
            }
        }
        match self.secrets.under_way.take() {
            Some(rotation) => self.done(rotation).map_err(Stop::Broken),
            None => Ok(()),
        }
    }

    /// From now on what it destroyed is gone.
    fn done(&mut self, rotation: UnderWay) -> Result<(), Finding> {
        self.summary.rotations += 1;
        self.secrets.retired.extend(rotation.retires);
        rotation
            .person
            .into_iter()
            .for_each(|person| self.book.destroy(person));
        self.let_a_thief_in()
    }

    /// S-2: does the device, with everything on it that a power cut may yet bring to light, give back what was destroyed?
    pub(super) fn let_a_thief_in(&mut self) -> Result<(), Finding> {
        if self.secrets.retired.is_empty() {
            return Ok(());
        }
        let stolen = self.stolen();
        let retired: BTreeSet<Secret> = self.secrets.retired.keys().copied().collect();
        let wrong = |key: &Secret, how: &str| {
            let what = self.secrets.retired.get(key).copied();
            let what = what.unwrap_or("key");
            Err(Finding::new("S-2", format!("a retired {what} {how}")))
        };
        for file in &stolen {
            if let Some(key) = thief::lies_in([file.bytes.as_slice()].into_iter(), &retired) {
                return wrong(key, &format!("lies in clear in {}", file.name));
            }
        }
        self.summary.thefts += 1;
        match thief::rob(&stolen, ORIGIN, CHAIN).holds(&retired) {
            Some(key) => wrong(key, "can be had from the device with a living key"),
            None => Ok(()),
        }
    }

    /// What a thief could have now of this ledger.
    fn rob(&mut self) -> Loot {
        self.summary.thefts += 1;
        // Not the keys of a ledger whose making was interrupted and which an operator removed: nothing was ever under them.
        let mut stolen = self.stolen();
        stolen.retain(|file| file.name.starts_with('/'));
        thief::rob(&stolen, ORIGIN, CHAIN)
    }

    /// All bytes of the device.
    fn stolen(&self) -> Vec<Stolen> {
        let raw = self.setting.disk.raw().into_iter();
        raw.map(|raw| Stolen {
            name: raw.name,
            bytes: raw.bytes,
        })
        .collect()
    }
}

/// What this rotation retires, in the thief's own words: what can be had now and must not be had afterwards.
fn retired_by(loot: &Loot, shred: &Shred, secrets: &BTreeSet<Secret>) -> Result<Retired, Finding> {
    let mut retires: Retired = secrets.iter().map(|key| (*key, "stream key")).collect();
    for secret in secrets {
        if loot.holds(&[*secret].into()).is_none() {
            // Otherwise that nothing is found later would mean nothing.
            let blind = "the auditor is blind: a living secret cannot be had from the device";
            return Err(Finding::new("S-2", blind));
        }
    }
    retires.extend(loot.roots.iter().map(|(_, root)| (*root, "root")));
    for opened in &loot.opened {
        let holds = thief::lies_in([opened.plain.as_slice()].into_iter(), secrets).is_some();
        let is_finding = opened.shelf.is_some_and(|(level, _)| level == FINDING);
        // Sections were opened by an intake key, which always goes; shelves that hold a destroyed secret are sealed anew.
        if opened.group.is_some() {
            retires.insert(opened.by, "intake key");
        } else if holds && !is_finding {
            retires.insert(opened.by, "shelf key");
        }
    }
    let newest = |level, shelf| {
        let of = loot.keys.iter();
        let of = of.filter(|key| (key.level, key.shelf) == (level, shelf));
        of.map(|key| key.generation).max()
    };
    for key in &loot.keys {
        let has_next = newest(FINDING, key.shelf).is_some_and(|newest| newest > key.generation);
        let ends = *shred == Shred::NightEnds && key.level == FINDING && has_next;
        if ends || key.level == SERVICE {
            let what = if ends { "finding key" } else { "service key" };
            retires.insert(key.key, what);
        }
    }
    Ok(retires)
}
