//! The auditor: reads the bytes that lie on the disk and says whether the promises made to the outside were kept (C-1..C-5).
//!
//! It shares no code with what it judges: nothing here imports a crate of ours, neither a decoder nor a type. It was written from
//! the drawings (the journal's FORMAT.md, sections 2, 5 and 6 of the design), with BLAKE3, SHA-256, Ed25519 and AES-GCM from elsewhere.
//! Not here: repairing, tolerating, explaining. Always: the first thing that is wrong is named with its place.

pub mod bytes;
pub mod foil;
pub mod journal;
pub mod note;
pub mod promises;
pub mod sealed;
pub mod thief;
pub mod tree;

use std::fmt;

/// What the auditor found wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The invariant that does not hold, for example `C-2`.
    pub invariant: &'static str,
    /// What is wrong, and where.
    pub what: String,
}

impl Finding {
    /// A finding against this invariant.
    pub fn new(invariant: &'static str, what: impl Into<String>) -> Finding {
        Finding {
            invariant,
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// What an audit says.
pub type Verdict<T> = Result<T, Finding>;
