//! What can go wrong with a backup, by what the operator does about it.
//!
//! Always: no key, no row and no value in a message; the cause in `source()`; every variant has a code for its runbook.

use std::fmt;
use std::io;

use crate::error::IntakeError;

/// One of the four files of a backup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// `backup-<n>.toml`.
    Manifest,
    /// `journal-<n>.cfb`.
    Journal,
    /// `vault-<n>.cfb`.
    Vault,
    /// `tail-<n>.cfb`, which may be missing.
    Tail,
}

/// One variant per thing the operator does differently.
#[derive(Debug)]
pub enum BackupError {
    /// A backup of exactly this position lies there already: nothing to do.
    Exists,
    /// Another backup is being written there.
    Busy,
    /// A file of the backup is not there.
    Missing(Part),
    /// A file is not what was written: look for another copy.
    Damaged(Part, &'static str),
    /// Written by a later version of this program.
    Version(Part),
    /// Files of two different backups: find the ones that belong together.
    Mixed,
    /// The backup is another ledger's than the configuration names.
    OtherLedger,
    /// Sealed to another recovery key; the id of the one it needs.
    WrongKey(String),
    /// A text that is no recovery key.
    BadKey(&'static str),
    /// The target holds something; a restore never writes into it.
    TargetNotEmpty(&'static str),
    /// The checkpoint given as the newest known is not one that this ledger signed.
    BadCheckpoint(&'static str),
    /// The ledger signed a tree that the restored journal does not lead to: one of the two was tampered with.
    Forked,
    /// Events that were signed for are missing: a chain that goes on would contradict what was signed (C-4). Nothing was written.
    Shorter {
        /// Links that the backup has.
        restored: u64,
        /// Links that the known checkpoint covers.
        known: u64,
    },
    /// The restored ledger is not what its backup says; which part.
    NotWhole(&'static str),
    /// A file could not be read or written.
    Io(&'static str, io::Error),
    /// The journal or the vault failed.
    Ledger(IntakeError),
}

impl BackupError {
    /// The code of its runbook.
    pub fn code(&self) -> &'static str {
        match self {
            BackupError::Exists => "BACKUP_EXISTS",
            BackupError::Busy => "BACKUP_BUSY",
            BackupError::Missing(_) => "BACKUP_FILE_MISSING",
            BackupError::Damaged(..) => "BACKUP_DAMAGED",
            BackupError::Version(_) => "BACKUP_VERSION",
            BackupError::Mixed => "BACKUP_MIXED",
            BackupError::OtherLedger => "BACKUP_OTHER_LEDGER",
            BackupError::WrongKey(_) => "RECOVERY_KEY_WRONG",
            BackupError::BadKey(_) => "RECOVERY_KEY_MALFORMED",
            BackupError::TargetNotEmpty(_) => "RESTORE_TARGET_NOT_EMPTY",
            BackupError::BadCheckpoint(_) => "RESTORE_CHECKPOINT_REFUSED",
            BackupError::Forked => "RESTORE_FORKED",
            BackupError::Shorter { .. } => "RESTORE_SHORTER",
            BackupError::NotWhole(_) => "RESTORE_NOT_WHOLE",
            BackupError::Io(..) => "BACKUP_IO",
            BackupError::Ledger(_) => "BACKUP_LEDGER_FAILED",
        }
    }

    /// Wraps a failed file operation.
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> BackupError {
        move |cause| BackupError::Io(what, cause)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Manifest => "manifest",
            Part::Journal => "journal file",
            Part::Vault => "vault file",
            Part::Tail => "tail",
        })
    }
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupError::Exists => f.write_str("a backup of this position exists"),
            BackupError::Busy => f.write_str("another backup is being written here"),
            BackupError::Missing(part) => write!(f, "the backup's {part} is missing"),
            BackupError::Damaged(part, what) => {
                write!(f, "the backup's {part} is damaged: {what}")
            }
            BackupError::Version(part) => {
                write!(
                    f,
                    "the backup's {part} has a version that this program does not read"
                )
            }
            BackupError::Mixed => f.write_str("these files belong to different backups"),
            BackupError::OtherLedger => f.write_str("the backup is another ledger's"),
            BackupError::WrongKey(id) => write!(f, "the backup is sealed to the recovery key {id}"),
            BackupError::BadKey(what) => write!(f, "not a recovery key: {what}"),
            BackupError::TargetNotEmpty(what) => {
                write!(f, "the {what} of the target is not empty")
            }
            BackupError::BadCheckpoint(what) => {
                write!(f, "the newest known checkpoint is refused: {what}")
            }
            BackupError::Forked => {
                f.write_str("the ledger signed a tree that the restored journal does not lead to")
            }
            BackupError::Shorter { restored, known } => write!(
                f,
                "{known} events were signed for and the backup has {restored}: {} acknowledged events are missing",
                known - restored
            ),
            BackupError::NotWhole(what) => {
                write!(f, "what was restored is not what the backup says: {what}")
            }
            BackupError::Io(what, _) => write!(f, "cannot {what}"),
            BackupError::Ledger(_) => f.write_str("the ledger failed"),
        }
    }
}

impl std::error::Error for BackupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BackupError::Io(_, cause) => Some(cause),
            BackupError::Ledger(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<IntakeError> for BackupError {
    fn from(cause: IntakeError) -> Self {
        BackupError::Ledger(cause)
    }
}

impl From<journal::JournalError> for BackupError {
    fn from(cause: journal::JournalError) -> Self {
        BackupError::Ledger(cause.into())
    }
}

impl From<vault::VaultError> for BackupError {
    fn from(cause: vault::VaultError) -> Self {
        BackupError::Ledger(cause.into())
    }
}
