//! The vault: the key tree of the ledger, and sealing and opening with it.
//!
//! Comes in: rows (new persons, streams, keys, tokens) that a group of the journal carries sealed in its vault section.
//! Goes out: keys for resolving, sealing and opening, to the one process that owns the vault.
//! Not here: what an event is (`proto`), the order of events (`intake`), the journal's files.
//! Always: no key and no personal value is on disk unsealed except the root key in its slot (S-1); the vault equals its backup plus
//! the sections that the journal holds; after any failed write nothing more is written (`VaultError::Fatal`).

mod backend;
mod backup;
mod cache;
mod error;
mod finding;
pub mod fuzz;
mod harden;
mod keys;
mod open;
mod overlay;
mod part;
mod reader;
mod root;
mod rotation;
mod rows;
mod scrub;
pub mod seal;
mod section;
mod service;
mod shared;
mod shelves;
mod store;
mod table;
mod vault;

pub use backup::{Export, ExportHead, import};
pub use error::{NotOpened, Unfit, VaultError};
pub use finding::normal_form;
pub use harden::{HardeningReport, harden_process};
pub use keys::{
    DataKey, FenceTag, Key32, NONCE_BYTES, RecordKey, SEALS_PER_KEY_MAX, StreamKeys, StreamSecret,
    TAG_BYTES,
};
pub use open::{InitialKeys, Options, init, open, open_with_root, signing_rows};
pub use reader::{Given, PersonStream, VaultReader};
pub use root::{RootStore, Strength};
pub use rotation::{Destroy, DestroyStream, FindingKeys, Rotated, RotationStep};
pub use rows::{
    FenceScope, FindingHash, IndexKind, Level, MentionPlace, PersonRef, ROW_BYTES_MAX, Row,
    SecretKind, SigningKind, StaffNameText, StreamPlace, TokenScope,
};
pub use scrub::{VaultScrub, check_shelves};
pub use section::{SECTION_BLOCK_BYTES, SECTION_BYTES_PER_STREAM};
pub use service::{SigningSecret, User};
pub use store::Position;
pub use vault::{OpenReport, Vault};
