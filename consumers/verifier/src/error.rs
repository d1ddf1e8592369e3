//! The one error of this crate: nothing could be judged. Damage is no error but a [`crate::Verdict`].

use std::{fmt, io};

/// Why there is no verdict.
#[derive(Debug)]
pub enum VerifierError {
    /// The place or file cannot be read.
    Unreadable {
        /// What was being read, as a path or URL below the place that was given.
        what: String,
        /// The system's reason.
        cause: io::Error,
    },
    /// The place is nothing that this crate can judge.
    NotALedger(&'static str),
}

impl VerifierError {
    pub(crate) fn unreadable(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |cause| Self::Unreadable { what, cause }
    }
}

impl fmt::Display for VerifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { what, .. } => write!(f, "cannot read {what}"),
            Self::NotALedger(why) => write!(f, "nothing to verify: {why}"),
        }
    }
}

impl std::error::Error for VerifierError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { cause, .. } => Some(cause),
            Self::NotALedger(_) => None,
        }
    }
}
