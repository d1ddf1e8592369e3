//! The publishers' book: what was sent, what was answered, and whether two answers about one event agree (C-2, C-3).
//!
//! Not the disk's side (the auditor's). Always: an answer once written down is never replaced.

use std::collections::BTreeMap;

use crate::auditor::foil::{self, Foil};
use crate::auditor::note::Key;
use crate::auditor::promises::{Promises, Published, Told};
use crate::auditor::{Finding, Verdict};
use crate::deeds::Deed;
use crate::subject::{Answer, CHAIN, ORIGIN};

/// What was answered about one id.
struct Entry {
    deed: Deed,
    link: [u8; 77],
    foil: Option<Box<Foil>>,
}

/// All answers so far.
#[derive(Default)]
pub struct Book {
    answered: BTreeMap<u64, Entry>,
    foil_key: Option<Key>,
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
        match (answer, known) {
            (Answer::Conflict, Some(entry)) if entry.deed.content == deed.content => {
                Err(Finding::new(
                    "C-3",
                    format!(
                        "event {} was recorded and is now a conflict with itself",
                        deed.id
                    ),
                ))
            }
            // Without an answer so far, another content of the same id may have been recorded unheard.
            (Answer::Conflict, _) => Ok(()),
            (Answer::Recorded { link, foil }, Some(entry)) => {
                if entry.deed.content != deed.content {
                    return Err(Finding::new(
                        "C-3",
                        format!("event {} was recorded with two contents", deed.id),
                    ));
                }
                if entry.link != link || entry.foil != foil {
                    return Err(Finding::new(
                        "C-2",
                        format!("event {} was answered with two foils", deed.id),
                    ));
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

    /// Every acknowledged event with its link, in order of id.
    pub fn acknowledged(&self) -> Vec<(Deed, [u8; 77])> {
        self.answered
            .values()
            .map(|entry| (entry.deed, entry.link))
            .collect()
    }
}

fn index_of(link: &[u8; 77]) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(link.get(5..13).unwrap_or(&[0; 8]));
    u64::from_be_bytes(bytes)
}
