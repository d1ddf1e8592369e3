//! A journal's directory, verified from its raw files: every byte that a changed byte could hide in.
//!
//! Recomputed without any key: segment and group headers, checksums, outer and full digests, the
//! chain of links, the tree against every checkpoint that is given (C-1, C-4, C-5). Records and slots
//! are sealed; an [`Opener`] who holds keys can have them checked too. Always: nothing is written, no
//! lock is taken; a running writer's unfinished tail above watermark and checkpoint is not damage.

mod segment;
mod sentences;
mod walk;

use std::fs;
use std::path::Path;

use chain::checkpoint::Checkpoint;
use chain::note::VerifierKey;
use proto::{Hash, Index};

use crate::error::VerifierError;
use crate::evidence::checkpoint_signers;
use crate::journal::{Marker, Wrong};
use crate::report;
use crate::verdict::{Damage, Place, Verdict};
use walk::Walk;

/// The file that makes a directory a finished journal.
pub const MARKER_FILE: &str = "ledger";
const WATERMARK_FILE: &str = "watermark";
const SUBJECT: &str = "journal";

/// What an opened record is checked with.
pub struct Opened {
    /// Salt of the link's commitment.
    pub salt: [u8; 32],
    /// The record.
    pub record: Vec<u8>,
    /// Per slot the digest that the record names; `None` where the slot is withheld or gone by
    /// procedure, so that its bytes say nothing.
    pub slots: Vec<Option<Hash>>,
}

/// Someone who holds record keys. `None` when the key is gone.
pub trait Opener {
    /// Opens the sealed record of the event at `index`.
    fn open(&mut self, index: Index, sealed: &[u8]) -> Option<Opened>;
}

/// Verifies the journal in `dir` against signed checkpoints and the keys that the caller pins.
///
/// # Errors
/// When the directory cannot be read or was never a finished journal.
pub fn verify_directory<'a>(
    dir: &'a Path,
    keys: &[VerifierKey],
    checkpoints: &[Vec<u8>],
    opener: Option<&'a mut (dyn Opener + 'a)>,
) -> Result<Verdict, VerifierError> {
    let bytes = fs::read(dir.join(MARKER_FILE)).map_err(VerifierError::unreadable(MARKER_FILE))?;
    let marker = match Marker::decode(&bytes) {
        Ok(marker) => marker,
        Err(wrong) => return Ok(Verdict::failed(SUBJECT, damage(&wrong, None, None))),
    };
    let mut signed = Vec::new();
    for note in checkpoints {
        match checkpoint_signers(note, keys) {
            Ok((checkpoint, signers)) => signed.push(Signed {
                checkpoint,
                signers,
            }),
            Err(error) => return Ok(Verdict::failed(SUBJECT, report::refused(&error))),
        }
    }
    signed.sort_by_key(|signed| signed.checkpoint.size);
    let mut walk = Walk::new(dir, marker, signed, opener);
    match walk.run() {
        Ok(()) => Ok(walk.verdict(keys)),
        Err(Stop::Damage(damage)) => Ok(walk.failed(*damage)),
        Err(Stop::Unreadable(error)) => Err(error),
    }
}

struct Signed {
    checkpoint: Checkpoint,
    signers: Vec<VerifierKey>,
}

enum Stop {
    Damage(Box<Damage>),
    Unreadable(VerifierError),
}

impl From<VerifierError> for Stop {
    fn from(error: VerifierError) -> Self {
        Self::Unreadable(error)
    }
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Self {
        Self::Damage(Box::new(damage))
    }
}

fn damage(wrong: &Wrong, place: Option<Place>, first: Option<u64>) -> Damage {
    Damage {
        rule: wrong.rule.to_owned(),
        place: place.map(|place| Place {
            offset: place.offset + wrong.at,
            ..place
        }),
        index: first.map(|first| first + wrong.entry.unwrap_or(0)),
        expected: wrong.expected.clone(),
        actual: wrong.actual.clone(),
    }
}

fn plain(
    rule: impl Into<String>,
    index: Option<u64>,
    expected: impl ToString,
    actual: impl ToString,
) -> Damage {
    Damage {
        rule: rule.into(),
        place: None,
        index,
        expected: expected.to_string(),
        actual: actual.to_string(),
    }
}

fn mismatch(rule: &str, place: Option<Place>, expected: &Hash, actual: &Hash) -> Damage {
    Damage {
        place,
        ..plain(rule, None, report::hex(&expected.0), report::hex(&actual.0))
    }
}
