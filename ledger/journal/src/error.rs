//! The one error of this crate: a variant for each thing that a caller does differently.
//!
//! Not logged here. Always: no bytes of an entry in it, only places, numbers and reasons.

use std::fmt;
use std::io;

use crate::format::{Place, What};
use crate::words::Index;

/// What is not whole, and where: segment, group, index, byte (C-5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The segment file.
    pub segment: u32,
    /// The number of the group that is not whole.
    pub group: u64,
    /// The entry that is not whole; where the damage lies in no single entry, the first of the group.
    pub index: Index,
    /// Bytes from the start of the segment file.
    pub offset: u64,
    /// What is wrong.
    pub what: What,
}

/// Why the journal did not do what it was asked.
#[derive(Debug)]
pub enum JournalError {
    /// A write or a sync failed, or the writer was used after one did: stop the process; only a restart may go on.
    Fatal {
        /// What was being done.
        what: &'static str,
        /// The operating system's reason; none where an earlier failure is the reason.
        cause: Option<io::Error>,
    },
    /// Rot or tampering: nothing was written. What lies before it can still be read with `open_read_only`.
    Damaged(Damage),
    /// A draft that the format has no room for, or out of order; nothing changed.
    Draft(DraftError),
    /// Another process holds the journal.
    Busy,
    /// There is no finished journal here; `init` makes one.
    NotInitialised,
    /// There is a journal here already.
    AlreadyInitialised,
    /// The file system cannot be trusted to overwrite in place or to lock; the name of it.
    Unsupported(String),
    /// An index that is not durable yet, or beyond what this reader may see; the first such index.
    Beyond(Index),
    /// A file of the checkpoint store is not what was written there; its name.
    CheckpointDamaged(&'static str),
    /// The options or the completion marker make no sense together.
    Options(&'static str),
    /// A derived file is not what the journal says; the journal is whole. It is built again: live where its owner can, else by a restart.
    Derived(&'static str),
    /// The operating system refused a read or an opening; may be tried again.
    Io {
        /// What was being done.
        what: &'static str,
        /// The operating system's reason.
        cause: io::Error,
    },
}

/// What is wrong with a draft.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DraftError {
    /// No entries.
    Empty,
    /// Longer than the group limit.
    TooLong {
        /// Its length in bytes.
        length: u64,
        /// The limit in bytes.
        max: u64,
    },
    /// An entry beyond the format's limits: no record, or a record, slot or slot count too large.
    Entry(Index),
    /// The first index is not the next one.
    First {
        /// The next index.
        expected: Index,
    },
    /// A link that does not stand at its place or does not name the one before it (C-1).
    Link(Index),
}

impl JournalError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> JournalError {
        move |cause| JournalError::Io { what, cause }
    }

    pub(crate) fn fatal(what: &'static str) -> impl FnOnce(io::Error) -> JournalError {
        move |cause| JournalError::Fatal {
            what,
            cause: Some(cause),
        }
    }
}

impl Damage {
    /// Damage at a place in a segment.
    #[must_use]
    pub fn at(place: Place, group: u64, index: Index, what: What) -> Damage {
        Damage {
            segment: place.segment,
            group,
            index,
            offset: u64::from(place.offset),
            what,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in segment {}, group {}, index {}, byte {}",
            self.what.words(),
            self.segment,
            self.group,
            self.index,
            self.offset
        )
    }
}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DraftError::Empty => f.write_str("a group without entries"),
            DraftError::TooLong { length, max } => {
                write!(f, "a group of {length} bytes, of at most {max}")
            }
            DraftError::Entry(index) => write!(f, "entry {index} exceeds a limit of the format"),
            DraftError::First { expected } => write!(f, "the next index is {expected}"),
            DraftError::Link(index) => write!(f, "link {index} does not follow the one before"),
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::Fatal {
                what,
                cause: Some(_),
            } => write!(f, "journal stopped: {what}"),
            JournalError::Fatal { what, cause: None } => {
                write!(f, "journal stopped earlier: {what}")
            }
            JournalError::Damaged(damage) => write!(f, "journal damaged: {damage}"),
            JournalError::Draft(draft) => write!(f, "group refused: {draft}"),
            JournalError::Busy => f.write_str("another process holds the journal"),
            JournalError::NotInitialised => f.write_str("no finished journal in this directory"),
            JournalError::AlreadyInitialised => f.write_str("this directory holds a journal"),
            JournalError::Unsupported(kind) => {
                write!(f, "{kind} is not known to overwrite in place and to lock")
            }
            JournalError::Beyond(index) => write!(f, "index {index} is not durable yet"),
            JournalError::CheckpointDamaged(what) => {
                write!(f, "the stored checkpoint is damaged: {what}")
            }
            JournalError::Options(what) => write!(f, "journal options: {what}"),
            JournalError::Derived(what) => write!(f, "a derived file rotted: {what}"),
            JournalError::Io { what, .. } => write!(f, "journal: {what}"),
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            JournalError::Fatal {
                cause: Some(cause), ..
            }
            | JournalError::Io { cause, .. } => Some(cause),
            _ => None,
        }
    }
}
