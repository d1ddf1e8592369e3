//! Hot backup and restore of a whole ledger: the journal and the vault in files apart, and a manifest that names both.
//!
//! ```text
//! journal-<n>.cfb   every durable byte of the journal through index n - 1: sealed boxes and links, as on disk        (archive.rs)
//! vault-<n>.cfb     every row of the vault at the same position, sealed to a recovery key                            (sealed.rs)
//! backup-<n>.toml   what the two are, with their digests; written last: without it there is no backup               (statement.rs)
//! tail-<n>.cfb      what the journal got behind n, up to and with the event that the backup was taken; may be missing    (tail.rs)
//! ```
//!
//! The server holds the recovery key's public half only. No root key is in any of them, and no checkpoint in the journal's: a restored vault
//! gets a root of its own, a restored ledger the newest checkpoint that anyone can show.
//! Not here: when a backup is taken and expires, who holds the secret half (`key.rs` says how it can be split), the command line.
//! Always: one position n for both files; an interrupted backup or restore leaves nothing that passes for a whole one.

mod archive;
mod check;
mod error;
mod events;
mod file;
pub mod fuzz;
mod key;
mod restore;
mod sealed;
mod statement;
mod tail;
mod take;
mod target;
mod verify;

pub use archive::JOURNAL_FORMAT;
pub use check::{Known, chain_of, inspect, known_in};
pub use error::{BackupError, Part};
pub use events::{backup_taken, restored};
pub use key::{RecoveryPublic, RecoverySecret, recovery_key_pair};
pub use restore::{Closing, RestoreVerdict, Restored, restore, restore_closing};
pub use sealed::VAULT_FORMAT;
pub use statement::{Manifest, Statement};
pub use tail::take_tail;
pub use take::{Request, Source, Taken, take};
pub use target::{Bundle, list};
pub use verify::{VerifyReport, rehearse, verify};
