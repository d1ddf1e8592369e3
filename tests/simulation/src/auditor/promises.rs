//! What the outside was told, and whether the journal on the disk still says so.
//!
//! Not how it came about. Always: nothing told is ever taken back here; a restart forgets nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::journal::{Journal, ends_before};
use super::tree::{Hash, leaf_hash, root, sha256};
use super::{Finding, Verdict};

/// One event that was acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Its link.
    pub link: [u8; 77],
    /// Its record, where the foil showed it.
    pub record: Option<Vec<u8>>,
}

/// One checkpoint that was published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published {
    /// How many links it covers.
    pub size: u64,
    /// Their root.
    pub root: Hash,
}

/// Everything the outside was told.
#[derive(Clone, Default, Debug)]
pub struct Promises {
    /// By index.
    pub acknowledged: BTreeMap<u64, Told>,
    /// In order of publication.
    pub checkpoints: Vec<Published>,
}

/// C-2, C-3 and C-4 against the journal as it lies on the disk (C-1 and C-5 were checked by reading it).
pub fn check(journal: &Journal, promises: &Promises) -> Verdict<()> {
    let entries = journal.entries();
    for (index, told) in &promises.acknowledged {
        let Some(entry) = usize::try_from(*index).ok().and_then(|at| entries.get(at)) else {
            return Err(ends_before(journal, *index, "was acknowledged and is lost"));
        };
        if entry.link != told.link {
            return Err(Finding::new(
                "C-2",
                format!("index {index} was acknowledged with another link"),
            ));
        }
        // The record carries the SHA-256 of each slot's ciphertext; a withheld slot has no bytes.
        for slot in entry.slots.iter().filter(|slot| !slot.is_empty()) {
            let sum = sha256(slot);
            if told
                .record
                .as_ref()
                .is_some_and(|record| !record.windows(32).any(|window| window == sum))
            {
                return Err(Finding::new(
                    "C-5",
                    format!("index {index} has a slot that its record does not name"),
                ));
            }
        }
    }
    let mut idtags = BTreeSet::new();
    for (entry, index) in entries.iter().zip(0_u64..) {
        if !idtags.insert(entry.idtag) {
            return Err(Finding::new(
                "C-3",
                format!("index {index} has the idtag of an earlier one"),
            ));
        }
    }
    check_checkpoints(
        &entries
            .iter()
            .map(|entry| leaf_hash(&entry.link))
            .collect::<Vec<_>>(),
        promises,
        journal,
    )
}

/// D2: what was published was stored before. `stored` is what the checkpoint store shows after a power cut.
pub fn check_stored(stored: Option<Published>, promises: &Promises) -> Verdict<()> {
    let Some(last) = promises.checkpoints.last() else {
        return Ok(());
    };
    match stored {
        Some(stored) if stored.size > last.size || stored == *last => Ok(()),
        Some(stored) => Err(Finding::new(
            "C-4",
            format!(
                "checkpoint {} was published, {} is stored",
                last.size, stored.size
            ),
        )),
        None => Err(Finding::new(
            "C-4",
            format!("checkpoint {} was published, none is stored", last.size),
        )),
    }
}

fn check_checkpoints(leaves: &[Hash], promises: &Promises, journal: &Journal) -> Verdict<()> {
    let mut size_before = 0;
    for checkpoint in &promises.checkpoints {
        if checkpoint.size < size_before {
            return Err(Finding::new(
                "C-4",
                format!(
                    "checkpoint {} was published after {size_before}",
                    checkpoint.size
                ),
            ));
        }
        size_before = checkpoint.size;
        let covered = usize::try_from(checkpoint.size)
            .ok()
            .and_then(|size| leaves.get(..size));
        let Some(covered) = covered else {
            return Err(ends_before(
                journal,
                checkpoint.size,
                "is below a published checkpoint",
            ));
        };
        if root(covered) != checkpoint.root {
            return Err(Finding::new(
                "C-4",
                format!(
                    "checkpoint {} is not the root of the links on the disk",
                    checkpoint.size
                ),
            ));
        }
    }
    Ok(())
}
