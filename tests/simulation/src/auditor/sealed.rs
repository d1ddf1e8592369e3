//! Opening what is sealed, from section 2 of the design alone, with keys that the driver hands over.
//!
//! Not a key store. Always: a box opens only under its own key and place, and its record only under its own commitment.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::bytes::Rest;
use super::tree::{prefixed, sha256};
use super::{Finding, Verdict};

/// Where a slot lies, as its box was bound to it.
pub struct SlotPlace<'a> {
    /// The ledger's origin text.
    pub origin: &'a str,
    /// The stream.
    pub stream: [u8; 16],
    /// The number in the stream.
    pub number: u64,
    /// The slot.
    pub slot: u32,
}

/// What a stream's secret seals its slots with.
pub fn data_key(stream_secret: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key("counterfoil 2026 data v1", stream_secret)
}

/// The values in a sealed slot.
pub fn open_slot(stored: &[u8], key: &[u8; 32], place: &SlotPlace<'_>) -> Verdict<Vec<u8>> {
    let wrong = |what: &str| {
        Finding::new(
            "C-2",
            format!("slot {} of number {}: {what}", place.slot, place.number),
        )
    };
    let ad = [
        b"counterfoil slot v1".as_slice(),
        &sha256(place.origin.as_bytes()),
        &place.stream,
        &place.number.to_be_bytes(),
        &place.slot.to_be_bytes(),
    ]
    .concat();
    let plain = open_box(stored, key, &ad).ok_or_else(|| wrong("does not open under its key"))?;
    let mut rest = Rest(&plain);
    let _seed: Option<[u8; 32]> = rest.array();
    let length = rest.u32().ok_or_else(|| wrong("is too short"))?;
    let values = rest
        .take(length as usize)
        .ok_or_else(|| wrong("is shorter than it says"))?;
    if !plain.len().is_multiple_of(128) || rest.0.iter().any(|byte| *byte != 0) {
        return Err(wrong("is not padded with zeros to 128"));
    }
    Ok(values.to_vec())
}

/// Salt and bytes of a sealed record, once they are what the link committed to.
pub fn open_record(
    stored: &[u8],
    key: &[u8; 32],
    origin: &str,
    link: &[u8; 77],
) -> Verdict<([u8; 32], Vec<u8>)> {
    let wrong = |what: &str| Finding::new("C-2", format!("a record {what}"));
    let mut place = Rest(link);
    let (_, chain_and_index) = (place.take(1), place.take(12).unwrap_or_default());
    let ad = [
        b"counterfoil record v1".as_slice(),
        &sha256(origin.as_bytes()),
        chain_and_index,
    ]
    .concat();
    let sealed = stored.get(5..).ok_or_else(|| wrong("is too short"))?;
    let plain = open_box(sealed, key, &ad).ok_or_else(|| wrong("does not open under its key"))?;
    let mut rest = Rest(&plain);
    let salt = rest.array().ok_or_else(|| wrong("has no salt"))?;
    check_commitment(link, &salt, rest.0)?;
    Ok((salt, rest.0.to_vec()))
}

/// The link's commitment is to this salt and record.
pub fn check_commitment(link: &[u8; 77], salt: &[u8; 32], record: &[u8]) -> Verdict<()> {
    if link.get(45..) == Some(prefixed(0x20, &[salt, record]).as_slice()) {
        return Ok(());
    }
    Err(Finding::new("C-1", "a link commits to another record"))
}

fn open_box(stored: &[u8], key: &[u8; 32], ad: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = stored.split_first_chunk::<12>()?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let mut room = sealed.to_vec();
    let plain = key
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(ad),
            &mut room,
        )
        .ok()?;
    Some(plain.to_vec())
}
