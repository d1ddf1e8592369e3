//! What can go wrong in intake, by what the caller does about it.
//!
//! Not here: refusals, which are answers ([`crate::admit::Refusal`]). Always: no value and no key in a message.

use std::fmt;

use proto::Index;

/// One variant per thing the caller does differently.
#[derive(Debug)]
pub enum IntakeError {
    /// The journal failed; after a write the process must stop.
    Journal(journal::JournalError),
    /// The vault failed; the process must stop.
    Vault(vault::VaultError),
    /// A checkpoint was not stored; the process must stop.
    Checkpoint(journal::SwapError),
    /// A note, a link or a proof could not be made.
    Chain(chain::ChainError),
    /// What the journal holds at this index is not what a link committed to: tampering or rot.
    NotCommitted(Index),
    /// The ledger is stopping or has stopped; try another time.
    Stopped,
    /// No ledger here, or a half-made one.
    NotInitialised(&'static str),
    /// The configuration contradicts the ledger.
    Mismatch(&'static str),
    /// The ledger does not append this fact by itself.
    Refused(crate::admit::Refusal),
}

impl IntakeError {
    /// The code of its runbook: what an operator does about a ledger that does not open or has stopped for this.
    pub fn code(&self) -> &'static str {
        use journal::{JournalError, SwapError};
        match self {
            IntakeError::Journal(cause) | IntakeError::Checkpoint(SwapError::Journal(cause)) => {
                match cause {
                    JournalError::Damaged(_) => "JOURNAL_DAMAGED",
                    JournalError::Derived(_) => "DERIVED_ROTTED",
                    JournalError::CheckpointDamaged(_) => "CHECKPOINT_DAMAGED",
                    JournalError::Busy => "LEDGER_BUSY",
                    JournalError::NotInitialised => "LEDGER_MISSING",
                    JournalError::Unsupported(_) => "PLACE_UNFIT",
                    _ => "STOPPED",
                }
            }
            IntakeError::Vault(cause) => match cause {
                vault::VaultError::Missing(_) => "LEDGER_MISSING",
                vault::VaultError::Unfit(_) => "PLACE_UNFIT",
                vault::VaultError::OtherLedger => "LEDGER_MISMATCH",
                vault::VaultError::Io(..) | vault::VaultError::Fatal => "STOPPED",
                _ => "VAULT_DAMAGED",
            },
            IntakeError::NotInitialised(_) => "LEDGER_MISSING",
            IntakeError::Mismatch(_) => "LEDGER_MISMATCH",
            IntakeError::NotCommitted(_) => "JOURNAL_DAMAGED",
            _ => "STOPPED",
        }
    }
}

impl fmt::Display for IntakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntakeError::Journal(_) => f.write_str("the journal failed"),
            IntakeError::Vault(_) => f.write_str("the vault failed"),
            IntakeError::Checkpoint(_) => f.write_str("the checkpoint was not stored"),
            IntakeError::Chain(_) => f.write_str("a signed statement could not be made"),
            IntakeError::NotCommitted(index) => {
                write!(
                    f,
                    "the record at index {index} is not what its link committed to"
                )
            }
            IntakeError::Stopped => f.write_str("the ledger has stopped writing"),
            IntakeError::NotInitialised(what) => write!(f, "no ledger here: {what} is missing"),
            IntakeError::Mismatch(what) => {
                write!(f, "the configuration contradicts the ledger: {what}")
            }
            IntakeError::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}

impl std::error::Error for IntakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            IntakeError::Journal(cause) => Some(cause),
            IntakeError::Vault(cause) => Some(cause),
            IntakeError::Checkpoint(journal::SwapError::Journal(cause)) => Some(cause),
            IntakeError::Chain(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<journal::JournalError> for IntakeError {
    fn from(cause: journal::JournalError) -> Self {
        IntakeError::Journal(cause)
    }
}

impl From<vault::VaultError> for IntakeError {
    fn from(cause: vault::VaultError) -> Self {
        IntakeError::Vault(cause)
    }
}

impl From<journal::SwapError> for IntakeError {
    fn from(cause: journal::SwapError) -> Self {
        IntakeError::Checkpoint(cause)
    }
}

impl From<chain::ChainError> for IntakeError {
    fn from(cause: chain::ChainError) -> Self {
        IntakeError::Chain(cause)
    }
}
