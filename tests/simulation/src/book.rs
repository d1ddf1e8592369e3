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
    /// The one stream of each person and activity, as foils name it.
    streams: BTreeMap<(u64, u64), [u8; 16]>,
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
        if let Some(foil) = &foil {
            self.expect_stream(&deed, foil::stream_of(&foil.record)?)?;
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

    /// Nobody has two streams of one activity with one publisher: what was asked of one would not be found in the other.
    fn expect_stream(&mut self, deed: &Deed, stream: [u8; 16]) -> Verdict<()> {
        let Some(name) = deed.stream() else {
            return Ok(());
        };
        // Where the old one is being destroyed, a new one may be right.
        if self.doomed.contains(&deed.person) {
            return Ok(());
        }
        if *self.streams.entry(name).or_insert(stream) == stream {
            return Ok(());
        }
        Err(Finding::new(
            "streams",
            format!(
                "event {} went to a second stream of person {} in activity {}",
                deed.id, name.0, name.1
            ),
        ))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An event of person 7 with a foil that nobody signed, whose record names this stream behind another field.
    fn answered(book: &mut Book, id: u64, stream: u8) -> Verdict<()> {
        let mut link = [0; 77];
        link[5..13].copy_from_slice(&id.to_be_bytes());
        let mut record = vec![
            1 << 3 | 2,
            3,
            b'c',
            b'r',
            b'm',
            3 << 3,
            0x80,
            1,
            5 << 3 | 2,
            16,
        ];
        record.extend([stream; 16]);
        let foil = Foil {
            link,
            record,
            salt: [0; 32],
            path: Vec::new(),
            note: String::new(),
        };
        let deed = Deed {
            id,
            person: 7,
            content: 0,
        };
        let foil = Some(Box::new(foil));
        book.answer(deed, Answer::Recorded { link, foil })
    }

    #[test]
    fn a_second_stream_of_one_person_and_activity_is_found() {
        let mut book = Book::default();
        // Activities 0, 0 and 1; then one that opens its own stream in activity 0.
        for (id, stream) in [(0, 1), (16, 1), (5, 2), (4, 3), (19, 4)] {
            assert_eq!(answered(&mut book, id, stream), Ok(()), "event {id}");
        }
        let found = answered(&mut book, 15, 3).expect_err("a second stream in activity 0");
        assert_eq!(found.invariant, "streams");
        book.doom(7);
        assert_eq!(answered(&mut book, 17, 5), Ok(()));
    }
}
