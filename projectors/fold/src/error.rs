//! The errors of the frame, one variant per thing the caller does differently.
//!
//! What it is not: a place for personal data; texts name views, indices, rules and files alone.

use std::error::Error;
use std::fmt;
use std::io;

use crate::feed::FeedError;
use crate::runner::PoisonedAt;

/// What a store can report.
#[derive(Debug)]
pub enum StoreError {
    /// Its contents cannot be trusted: quarantine it and rebuild from the ledger.
    Broken(String),
    /// Another process has it open: wait or stop that one; never rebuild.
    Busy,
    /// The disk refused: stop, look at the disk, start again.
    Io(io::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(what) => write!(f, "the view's store is broken: {what}"),
            Self::Busy => f.write_str("the view's store is open in another process"),
            Self::Io(_) => f.write_str("the view's store cannot be read or written"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(cause) => Some(cause),
            Self::Broken(_) | Self::Busy => None,
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// What stops a projection.
#[derive(Debug)]
pub enum FoldError {
    /// The ledger could not be read: try again later.
    Feed(FeedError),
    /// The view cannot apply an event: repair the view, or park the event by an audited command.
    Poisoned(PoisonedAt),
    /// The disk or another process is in the way; the store itself is not to blame.
    Store {
        /// Which view.
        view: &'static str,
        /// What the store said.
        cause: StoreError,
    },
    /// The feed broke its promise of contiguous events; nothing was applied.
    Feeding {
        /// Which view.
        view: &'static str,
        /// The index that should have come.
        expected: proto::Index,
    },
}

impl fmt::Display for FoldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feed(_) => f.write_str("the ledger's events cannot be read"),
            Self::Poisoned(at) => write!(f, "{at}"),
            Self::Store { view, .. } => write!(f, "view {view} stopped"),
            Self::Feeding { view, expected } => {
                write!(
                    f,
                    "view {view} expected event {} and was fed another",
                    expected.0
                )
            }
        }
    }
}

impl Error for FoldError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Feed(cause) => Some(cause),
            Self::Store { cause, .. } => Some(cause),
            Self::Poisoned(_) | Self::Feeding { .. } => None,
        }
    }
}
