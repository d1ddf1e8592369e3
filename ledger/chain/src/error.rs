//! The one error of this crate: what a caller does differently is a variant, the rest is a rule.
//!
//! No variant carries bytes of a record, a slot or a note: only which thing and which rule.

use std::fmt;

/// Why bytes were refused. No value that was read is repeated in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainError {
    /// The bytes are not in the form that the format's encoder writes.
    Malformed {
        /// The thing that was being read, e.g. `link`.
        what: &'static str,
        /// The rule that the bytes break.
        rule: &'static str,
    },
    /// The bytes are well formed, and do not prove what they claim.
    Refused {
        /// The thing that was being checked, e.g. `inclusion proof`.
        what: &'static str,
        /// What did not agree.
        rule: &'static str,
    },
    /// None of the given keys signed this note; the text must not be believed.
    UnknownKey,
    /// A given key is named on the note, and its signature does not verify.
    BadSignature,
    /// A stored tree hash that the question needs is not there.
    MissingHash {
        /// Level of the absent hash, 0 for leaves.
        level: u8,
        /// Number of the absent hash within its level.
        number: u64,
    },
}

impl ChainError {
    pub(crate) const fn malformed(what: &'static str, rule: &'static str) -> Self {
        Self::Malformed { what, rule }
    }

    pub(crate) const fn refused(what: &'static str, rule: &'static str) -> Self {
        Self::Refused { what, rule }
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { what, rule } => write!(f, "malformed {what}: {rule}"),
            Self::Refused { what, rule } => write!(f, "{what} refused: {rule}"),
            Self::UnknownKey => f.write_str("no signature by a given key"),
            Self::BadSignature => f.write_str("signature does not verify"),
            Self::MissingHash { level, number } => {
                write!(f, "tree hash {number} of level {level} is missing")
            }
        }
    }
}

impl std::error::Error for ChainError {}
