//! The tag that finds a repeated event while its dedup key lives.
//!
//! ```text
//! idtag = first 16 bytes of HMAC-SHA-256( dedup key, u16 len ‖ source ‖ id )     big-endian
//! ```
//!
//! The tag lies beside the link on disk and in no record. Without the key it says nothing.

use aws_lc_rs::hmac;
use proto::ids::IdTag;

use crate::ChainError;

/// The tag of a publisher's event `id` from `source` under one year's dedup key.
/// Refused when the source is longer than 65,535 bytes.
pub fn idtag(key: &[u8; 32], source: &str, id: &str) -> Result<IdTag, ChainError> {
    let length = u16::try_from(source.len())
        .map_err(|_| ChainError::malformed("source", "longer than 65,535 bytes"))?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(&length.to_be_bytes());
    context.update(source.as_bytes());
    context.update(id.as_bytes());
    let tag = context.sign();
    let first = tag.as_ref().first_chunk::<16>();
    Ok(IdTag(*first.expect("an HMAC-SHA-256 tag has 32 bytes")))
}
