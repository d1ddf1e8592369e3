//! What an outsider can recompute: links, commitments, trees, signed notes, foils and proofs.
//!
//! This crate is the definition of the ledger's arithmetic (invariants C-1, C-4 and C-5). It holds
//! no files, no clock, no randomness, no threads and no secret but the signing keys it is lent.
//! What always holds: the same input gives the same bytes; every parser of outside bytes accepts
//! exactly the form that the encoder writes; every refusal says which rule was broken.

pub mod checkpoint;
mod digest;
mod error;
pub mod foil;
pub mod fork;
pub mod fuzz;
pub mod idtag;
mod lanes;
pub mod link;
pub mod note;
pub mod sealed;
pub mod slot;
mod text;
pub mod tlog_proof;
pub mod tree;
pub mod verify;

pub use digest::{blake3_pair, blake3_parts, sha256};
pub use error::ChainError;
pub use idtag::idtag;
pub use link::{
    LINK_BYTES, Link, LinkBytes, genesis_prev, leaf_hash, link_hash, origin_hash, origin_line,
    record_commitment,
};
pub use slot::{field_commitment, field_salt, slot_root};
