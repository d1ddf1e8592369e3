//! Strict reading of the small text forms: decimal numbers and base64, each with one spelling only.
//!
//! Always: what is accepted is what the writer would have written, so that two texts never mean
//! the same thing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::Hash;

/// A decimal number without sign or leading zeroes.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits_only = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits_only || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// Padded standard base64; other spellings of the same bytes are refused.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// 32 bytes of base64.
pub(crate) fn hash(text: &str) -> Option<Hash> {
    from_base64(text)?.try_into().ok().map(Hash)
}
