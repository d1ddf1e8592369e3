//! The words of other crates that the journal uses, in one place.

pub(crate) use proto::ids::{ChainNumber, Hash, IdTag, Index, Origin, UnixMillis};
pub(crate) fn genesis_prev(origin: &Origin) -> Hash {
    Hash(blake3::derive_key(
        "counterfoil 2026 origin v1",
        origin.as_str().as_bytes(),
    ))
}
pub(crate) fn link_hash(link: &[u8; 77]) -> Hash {
    Hash(blake3::derive_key("counterfoil 2026 link v1", link))
}
