//! The words of other crates that the journal uses, in one place.

pub(crate) use chain::{genesis_prev, link_hash};
pub(crate) use proto::ids::{ChainNumber, Hash, IdTag, Index, Origin, UnixMillis};
