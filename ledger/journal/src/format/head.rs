//! One entry of a group: its head (lengths, idtag, link, sealed record, CRC) and its slots, which lie apart from it.
//!
//! Not here: what is inside a sealed record or slot; the journal knows no keys.
//! Always: a head's bytes never change once synced; the slots' bytes may be overwritten below the floor, their lengths may not.

use super::{
    Broken, IDTAG_BYTES, LINK_BYTES, RECORD_BYTES_MAX, SLOT_BYTES_MAX, SLOTS_MAX, Take, What, crc,
    put,
};
use crate::format::bytes::varint_length;
use crate::words::{ChainNumber, Hash, IdTag, Index};

/// One event as the journal keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Finds repeats.
    pub idtag: IdTag,
    /// The 77 bytes of the link.
    pub link: [u8; LINK_BYTES],
    /// The sealed record.
    pub record: Vec<u8>,
    /// The sealed slots in order; one that is withheld is empty.
    pub slots: Vec<Vec<u8>>,
}

/// A decoded head, borrowing from the group's bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head<'a> {
    /// Finds repeats.
    pub idtag: IdTag,
    /// The link.
    pub link: [u8; LINK_BYTES],
    /// The sealed record.
    pub record: &'a [u8],
    /// The lengths of the slots, in bytes.
    pub slot_lengths: Vec<usize>,
}

/// Appends the head of an entry.
pub fn encode_head(out: &mut Vec<u8>, entry: &Entry) {
    let start = out.len();
    put::varint(out, entry.record.len() as u64);
    put::varint(out, entry.slots.len() as u64);
    for slot in &entry.slots {
        put::varint(out, slot.len() as u64);
    }
    out.extend_from_slice(&entry.idtag.0);
    out.extend_from_slice(&entry.link);
    out.extend_from_slice(&entry.record);
    put::crc_from(out, start);
}

/// The length that `encode_head` will append, in bytes.
#[must_use]
pub fn head_length(entry: &Entry) -> usize {
    let lengths: usize = entry
        .slots
        .iter()
        .map(|slot| varint_length(slot.len() as u64))
        .sum();
    varint_length(entry.record.len() as u64)
        + varint_length(entry.slots.len() as u64)
        + lengths
        + IDTAG_BYTES
        + LINK_BYTES
        + entry.record.len()
        + 4
}

/// Whether an entry is inside the format's limits.
pub(crate) fn entry_allowed(entry: &Entry) -> bool {
    (1..=RECORD_BYTES_MAX).contains(&(entry.record.len() as u64))
        && entry.slots.len() as u64 <= SLOTS_MAX
        && entry
            .slots
            .iter()
            .all(|slot| slot.len() as u64 <= SLOT_BYTES_MAX)
}

/// Takes one head from the front of `bytes`; returns it and how many bytes it took.
///
/// # Errors
/// Anything that `encode_head` did not write.
pub fn decode_head(bytes: &[u8]) -> Result<(Head<'_>, usize), Broken> {
    let mut take = Take::new(bytes);
    let record_length = take.varint(RECORD_BYTES_MAX)?;
    if record_length == 0 {
        return Err(Broken::new(What::Length, 0));
    }
    let slots = take.varint(SLOTS_MAX)?;
    let mut slot_lengths = Vec::with_capacity(slots as usize);
    for _ in 0..slots {
        slot_lengths.push(take.varint(SLOT_BYTES_MAX)? as usize);
    }
    let idtag = IdTag(take.array()?);
    let link = take.array()?;
    let record = take.bytes(record_length as usize)?;
    let body = Take::new(bytes).bytes(take.at() as usize)?;
    if take.u32()? != crc(body) {
        return Err(Broken::new(What::Checksum, body.len() as u64));
    }
    Ok((
        Head {
            idtag,
            link,
            record,
            slot_lengths,
        },
        take.at() as usize,
    ))
}

/// The chain that a link names.
pub(crate) fn link_chain(link: &[u8; LINK_BYTES]) -> ChainNumber {
    let (_, rest) = link.split_first().unwrap_or((&0, &[]));
    ChainNumber(
        rest.first_chunk()
            .map_or(0, |bytes| u32::from_be_bytes(*bytes)),
    )
}

/// Whether a link stands at its place: version 1, this chain, this index (C-1).
pub(crate) fn link_in_place(link: &[u8; LINK_BYTES], chain: ChainNumber, index: Index) -> bool {
    let mut place = [0u8; 13];
    let (version, rest) = place.split_at_mut(1);
    version.copy_from_slice(&[1]);
    let (chain_bytes, index_bytes) = rest.split_at_mut(4);
    chain_bytes.copy_from_slice(&chain.0.to_be_bytes());
    index_bytes.copy_from_slice(&index.0.to_be_bytes());
    link.starts_with(&place)
}

/// The hash of the previous link that a link names.
pub(crate) fn link_previous(link: &[u8; LINK_BYTES]) -> Hash {
    let mut take = Take::new(link);
    let named = take.bytes(13).and_then(|_| take.array());
    Hash(named.expect("77 bytes hold 13 and 32"))
}
