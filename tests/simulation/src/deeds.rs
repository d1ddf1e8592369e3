//! What publishers do in a simulated life: send events, old and new, again and changed.
//!
//! Not the events' form (each subject makes its own). Always: a deed with the same numbers is the same event, byte for byte.

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

/// One thing that happens to the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A submission.
    Publish(Vec<Deed>),
    /// The signer's interval has passed.
    Checkpoint,
    /// The vault takes up sections, or what else lies off the path of an answer.
    Absorb,
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
}

impl Publishers {
    /// Publishers that draw from this stream.
    pub fn new(random: SeededRandom) -> Publishers {
        Publishers {
            random,
            sent: Vec::new(),
            persons: 0,
        }
    }

    /// The next thing that happens.
    pub fn step(&mut self) -> Step {
        match self.random.below(100) {
            0..12 => Step::Checkpoint,
            12..20 => Step::Absorb,
            _ => {
                let count = 1 + self.random.below(SUBMISSION_MAX);
                Step::Publish((0..count).map(|_| self.deed()).collect())
            }
        }
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
        let deed = Deed {
            id: self.sent.len() as u64,
            person: self.random.below(self.persons),
            content: 0,
        };
        self.sent.push(deed);
        deed
    }
}
