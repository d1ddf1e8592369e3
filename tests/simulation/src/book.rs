//! The publishers' book: what was sent, what was answered, and whether two answers about one event agree (C-2, C-3).
//!
//! Not the disk's side (the auditor's). Always: an answer once written down is never replaced.

use std::collections::{BTreeMap, BTreeSet};

use crate::auditor::foil::{self, Foil};
use crate::auditor::note::Key;
use crate::auditor::promises::{Promises, Published, Told};
use crate::auditor::{Finding, Verdict};
use crate::deeds::Deed;
use crate::subject::{Answer, CHAIN, ORIGIN};

/// What was answered about one id.
#[derive(Clone)]
struct Entry {
    deed: Deed,
    link: [u8; 77],
    foil: Option<Box<Foil>>,
}

/// All answers so far.
#[derive(Clone, Default)]
pub struct Book {
    answered: BTreeMap<u64, Entry>,
    foil_key: Option<Key>,
    /// Persons whose keys are being destroyed: both answers are right.
    doomed: BTreeSet<u64>,
    /// Persons whose keys are destroyed.
    destroyed: BTreeSet<u64>,
    /// What the disk must still say.
    pub promises: Promises,
}

impl Book {
    /// From now on foils are checked under this key.
    pub fn expect_foils(&mut self, key: &str) -> Verdict<()> {
        self.foil_key = Some(
            Key::parse(key)
                .ok_or_else(|| Finding::new("C-2", "the foil key's text is not a key"))?,
        );
        Ok(())
    }

    /// Writes down one answer.
    pub fn answer(&mut self, deed: Deed, answer: Answer) -> Verdict<()> {
        let known = self.answered.get(&deed.id);
        let broken = |invariant, what: &str| {
            Err(Finding::new(invariant, format!("event {} {what}", deed.id)))
        };
        let is_destroyed = self.destroyed.contains(&deed.person);
        match (answer, known) {
            (Answer::Gone, _) if is_destroyed || self.doomed.contains(&deed.person) => Ok(()),
            (Answer::Gone, _) => broken("C-2", "is said to be gone, and nobody destroyed it"),
            (Answer::Recorded { .. }, _) if is_destroyed => {
                broken("S-2", "is compared with what was destroyed")
            }
            (Answer::Conflict, Some(entry)) if entry.deed.content == deed.content => {
                broken("C-3", "was recorded and is now a conflict with itself")
            }
            // Without an answer so far, another content of the same id may have been recorded unheard.
            (Answer::Conflict, _) => Ok(()),
            (Answer::Recorded { link, foil }, Some(entry)) => {
                if entry.deed.content != deed.content {
                    return broken("C-3", "was recorded with two contents");
                }
                if entry.link != link || entry.foil != foil {
                    return broken("C-2", "was answered with two foils");
                }
                Ok(())
            }
            (Answer::Recorded { link, foil }, None) => self.acknowledge(deed, link, foil),
        }
    }

    fn acknowledge(&mut self, deed: Deed, link: [u8; 77], foil: Option<Box<Foil>>) -> Verdict<()> {
        let index = index_of(&link);
        if let (Some(foil), Some(key)) = (&foil, &self.foil_key)
            && (foil::check(foil, key, ORIGIN, CHAIN)? != index || foil.link != link)
        {
            return Err(Finding::new(
                "C-2",
                format!("event {} has a foil about another index", deed.id),
            ));
        }
        let told = Told {
            link,
            record: foil.as_ref().map(|foil| foil.record.clone()),
        };
        if self.promises.acknowledged.insert(index, told).is_some() {
            return Err(Finding::new(
                "C-2",
                format!("index {index} was given to two events"),
            ));
        }
        self.answered.insert(deed.id, Entry { deed, link, foil });
        Ok(())
    }

    /// Writes down a published checkpoint.
    pub fn publish(&mut self, checkpoint: Published) {
        self.promises.checkpoints.push(checkpoint);
    }

    /// Every acknowledged event below this index that is not destroyed.
    pub fn acknowledged_below(&self, next: u64) -> Vec<(Deed, [u8; 77])> {
        let mut all = self.acknowledged();
        all.retain(|(_, link)| index_of(link) < next);
        all
    }

    /// From now on the person's events may be gone.
    pub fn doom(&mut self, person: u64) {
        self.doomed.insert(person);
    }

    /// From now on the person's events are gone.
    pub fn destroy(&mut self, person: u64) {
        self.destroyed.insert(person);
    }

    /// Persons whose keys are being destroyed and are not gone for certain.
    pub fn doomed(&self) -> Vec<u64> {
        self.doomed.difference(&self.destroyed).copied().collect()
    }

    /// Links of the acknowledged events about a person.
    pub fn links_of(&self, person: u64) -> Vec<[u8; 77]> {
        let of = self
            .answered
            .values()
            .filter(|entry| entry.deed.person == person);
        of.map(|entry| entry.link).collect()
    }

    /// Every acknowledged event that is not destroyed, with its link, in order of id.
    pub fn acknowledged(&self) -> Vec<(Deed, [u8; 77])> {
        self.answered
            .values()
            .filter(|entry| !self.doomed.contains(&entry.deed.person))
            .map(|entry| (entry.deed, entry.link))
            .collect()
    }
}

fn index_of(link: &[u8; 77]) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(link.get(5..13).unwrap_or(&[0; 8]));
    u64::from_be_bytes(bytes)
}
