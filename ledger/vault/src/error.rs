//! What can go wrong in the vault, by what the caller does about it.
//!
//! Never a carrier of keys, values or person references: a test prints every variant.
//! Always: lower case, no full stop, the cause in `source()`.

use std::error::Error;
use std::fmt;
use std::io;

/// One variant for each thing that a caller does differently.
#[derive(Debug)]
pub enum VaultError {
    /// No vault here, or a half-made one: run `init`, or look for the right directory. Never answered by creating one.
    Missing(&'static str),
    /// `init` or `import` on a directory that already holds something.
    Exists,
    /// The place or the file is not fit for keys; the operator changes it (or accepts `--accept-unproven`).
    Unfit(Unfit),
    /// Stored bytes are not what the vault wrote: only `restore` goes on.
    Damaged(&'static str),
    /// No root slot opens what the vault's generation needs. Nothing was written; only `restore` goes on.
    NoOpeningSlot,
    /// The vault belongs to another ledger (origin, chain) than the one named.
    OtherLedger,
    /// A file or the store failed; for a write, the vault is fatal from here.
    Io(&'static str, io::Error),
    /// The redb store failed; for a write, the vault is fatal from here.
    Store(&'static str, Box<redb::Error>),
    /// An earlier write failed: the process stops, and a restart recovers.
    Fatal,
    /// A stored or received encoding is refused.
    Malformed(&'static str),
    /// The box does not open with this key, or what it holds is not what was committed.
    NotOpened(NotOpened),
    /// The key is not (or no longer) in the vault.
    NoKey,
    /// A limit of a key or a format is reached.
    Limit(&'static str),
    /// The caller broke the order of steps: nothing was done.
    OutOfOrder(&'static str),
}

/// Why a place is not fit for a root file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// Group or others have rights on the root file; it must be mode 0600.
    Mode(u32),
    /// Another user owns the root file.
    Owner,
    /// The file system is not known to overwrite in place, and `accept_unproven` was not given.
    Filesystem,
}

/// Why sealed bytes were not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotOpened {
    /// The bytes have no such layout.
    Layout,
    /// The authentication failed: another key, another place or changed bytes.
    Authentication,
    /// The bytes opened and are not what the link or the record committed to.
    NotCommitted,
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VaultError::Missing(what) => write!(f, "the vault's {what} is missing"),
            VaultError::Exists => f.write_str("the vault's directory is not empty"),
            VaultError::Unfit(Unfit::Mode(mode)) => {
                write!(f, "the root file has mode {mode:o}, it must be 600")
            }
            VaultError::Unfit(Unfit::Owner) => f.write_str("the root file has another owner"),
            VaultError::Unfit(Unfit::Filesystem) => {
                f.write_str("the file system is not known to overwrite a key in place")
            }
            VaultError::Damaged(what) => write!(f, "the vault's {what} is damaged"),
            VaultError::NoOpeningSlot => {
                f.write_str("no root slot opens the vault's generation, restore from a backup")
            }
            VaultError::OtherLedger => f.write_str("the vault belongs to another ledger"),
            VaultError::Io(what, _) => write!(f, "cannot {what}"),
            VaultError::Store(what, _) => write!(f, "the vault's store cannot {what}"),
            VaultError::Fatal => f.write_str("an earlier write of the vault failed"),
            VaultError::Malformed(what) => write!(f, "malformed {what}"),
            VaultError::NotOpened(NotOpened::Layout) => f.write_str("sealed bytes have no layout"),
            VaultError::NotOpened(NotOpened::Authentication) => {
                f.write_str("sealed bytes do not open")
            }
            VaultError::NotOpened(NotOpened::NotCommitted) => {
                f.write_str("opened bytes are not the committed ones")
            }
            VaultError::NoKey => f.write_str("the key is not in the vault"),
            VaultError::Limit(what) => write!(f, "limit reached: {what}"),
            VaultError::OutOfOrder(what) => write!(f, "out of order: {what}"),
        }
    }
}

impl Error for VaultError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            VaultError::Io(_, cause) => Some(cause),
            VaultError::Store(_, cause) => Some(cause.as_ref()),
            _ => None,
        }
    }
}

impl VaultError {
    /// Wraps a failed file operation: `io("read the root file")`.
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> VaultError {
        move |cause| VaultError::Io(what, cause)
    }

    /// Wraps a failed operation of the store: `store("commit")`.
    pub(crate) fn store<E: Into<redb::Error>>(what: &'static str) -> impl FnOnce(E) -> VaultError {
        move |cause| VaultError::Store(what, Box::new(cause.into()))
    }
}
