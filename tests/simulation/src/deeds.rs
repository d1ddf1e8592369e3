//! What publishers do in a simulated life: send events, old and new, again and changed.
//!
//! Not the events' form (each subject makes its own). Always: a deed with the same numbers is the same event, byte for byte.

use std::collections::BTreeSet;

use ground::SeededRandom;

/// One event as a publisher means it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Deed {
    /// The publisher's event id: source and id in one.
    pub id: u64,
    /// Whom it is about.
    pub person: u64,
    /// Which content this id was sent with: 0 is the first, anything else a conflicting repeat.
    pub content: u64,
}

/// One in so many events opens a stream of its own.
const KINDS: u64 = 5;
/// Activities in which things are sent about each person.
const ACTIVITIES: u64 = 3;

impl Deed {
    /// Which of the publisher's five facts it reports; the last opens a stream of its own.
    pub fn kind(&self) -> usize {
        usize::try_from(self.id % KINDS).unwrap_or(0)
    }

    /// In which activity.
    pub fn activity(&self) -> u64 {
        self.id / KINDS % ACTIVITIES
    }

    /// Person and activity whose one stream it goes to, all being one publisher's; `None` where it opens its own.
    pub fn stream(&self) -> Option<(u64, u64)> {
        (self.id % KINDS + 1 < KINDS).then_some((self.person, self.activity()))
    }
}

/// One thing that happens to the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A submission.
    Publish(Vec<Deed>),
    /// The signer's interval has passed.
    Checkpoint,
    /// The vault takes up sections, or what else lies off the path of an answer.
    Absorb,
    /// A person's keys are destroyed.
    Erase,
    /// The next piece of a night's work on the finding shelves.
    Night,
    /// Somebody looks at a person.
    Access,
    /// A backup is taken.
    BackUp,
    /// The view takes up events.
    Fold,
}

/// The most events in one submission.
const SUBMISSION_MAX: u64 = 4;
/// In how many of 1,000 events the person is new.
const NEW_PERSON_PER_THOUSAND: u64 = 300;

/// The publishers together: they remember what they sent.
pub struct Publishers {
    random: SeededRandom,
    sent: Vec<Deed>,
    persons: u64,
    /// Persons about whom nobody sends anything new any more.
    retired: BTreeSet<u64>,
}

impl Publishers {
    /// Publishers that draw from this stream.
    pub fn new(random: SeededRandom) -> Publishers {
        Publishers {
            random,
            sent: Vec::new(),
            persons: 0,
            retired: BTreeSet::new(),
        }
    }

    /// The next thing that happens.
    pub fn step(&mut self) -> Step {
        match self.random.below(100) {
            0..12 => Step::Checkpoint,
            12..19 => Step::Absorb,
            19..21 => Step::Erase,
            21..25 => Step::Night,
            25..27 => Step::Access,
            27..28 => Step::BackUp,
            28..34 => Step::Fold,
            _ => Step::Publish(self.submission()),
        }
    }

    /// What one publisher sends at once.
    pub fn submission(&mut self) -> Vec<Deed> {
        let count = 1 + self.random.below(SUBMISSION_MAX);
        (0..count).map(|_| self.deed()).collect()
    }

    /// Somebody about whom something was sent.
    pub fn somebody(&self) -> Option<u64> {
        let at = usize::try_from(self.random.below(self.sent.len() as u64)).ok()?;
        let person = self.sent.get(at)?.person;
        (!self.retired.contains(&person)).then_some(person)
    }

    /// Everything sent about a person; nothing new follows.
    pub fn retire(&mut self, person: u64) -> Vec<Deed> {
        self.retired.insert(person);
        let of = self.sent.iter().filter(|deed| deed.person == person);
        of.copied().collect()
    }

    /// The last few things sent, again: what a publisher does that heard no answer.
    pub fn again(&self, count: usize) -> Vec<Deed> {
        let start = self.sent.len().saturating_sub(count);
        self.sent.get(start..).unwrap_or_default().to_vec()
    }

    fn deed(&mut self) -> Deed {
        let old = usize::try_from(self.random.below(self.sent.len() as u64))
            .ok()
            .and_then(|at| self.sent.get(at).copied());
        match (self.random.below(100), old) {
            (0..8, Some(deed)) => deed,
            (8..11, Some(deed)) => Deed {
                content: deed.content + 1 + self.random.below(3),
                ..deed
            },
            _ => self.new_deed(),
        }
    }

    fn new_deed(&mut self) -> Deed {
        if self.persons == 0 || self.random.chance(NEW_PERSON_PER_THOUSAND) {
            self.persons += 1;
        }
        let mut person = self.random.below(self.persons);
        if self.retired.contains(&person) {
            person = self.persons;
            self.persons += 1;
        }
        let deed = Deed {
            id: self.sent.len() as u64,
            person,
            content: 0,
        };
        self.sent.push(deed);
        deed
    }
}
