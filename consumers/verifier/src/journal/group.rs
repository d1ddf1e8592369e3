//! One group: its header, its heads, its slots and its two digests.

use chain::LinkBytes;
use proto::Hash;

use super::Wrong;
use super::take::Take;

pub(crate) const GROUP_HEADER_BYTES: usize = 96;
/// Longest group, in bytes without its padding.
pub(crate) const LENGTH_MAX: u32 = 8 << 20;
const DIGESTS_BYTES: u64 = 64;
const RECORD_BYTES_MAX: u64 = 1 << 20;
const SLOTS_MAX: u64 = 1024;
const SLOT_BYTES_MAX: u64 = 4 << 20;
const VERSION: [u8; 2] = [0, 1];

/// The header of a group, whole in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) number: u64,
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) length: u32,
    pub(crate) previous: Hash,
    heads: u32,
    slots: u32,
    vault: u32,
}

impl GroupHeader {
    pub(crate) fn decode(bytes: &[u8; GROUP_HEADER_BYTES]) -> Result<Self, Wrong> {
        let mut take = Take::new(bytes, 0);
        take.constant("group magic", b"CFGR")?;
        take.constant("group version", &VERSION)?;
        take.zeros(2)?;
        let (segment, offset) = (take.u32()?, take.u32()?);
        let (number, first) = (take.u64()?, take.u64()?);
        let (count, length) = (take.u32()?, take.u32()?);
        let _time = take.u64()?;
        let previous = Hash(take.array()?);
        let (heads, slots, vault) = (take.u32()?, take.u32()?, take.u32()?);
        let covered = bytes
            .split_last_chunk::<4>()
            .map_or(&[][..], |(all, _)| all);
        take.crc(covered)?;
        let sum = GROUP_HEADER_BYTES as u64
            + u64::from(heads)
            + u64::from(slots)
            + u64::from(vault)
            + DIGESTS_BYTES;
        if sum != u64::from(length) || length > LENGTH_MAX {
            return Err(Wrong::new("group length", 36, sum, length));
        }
        if count == 0 {
            return Err(Wrong::new("entry count", 32, "at least 1", 0));
        }
        Ok(Self {
            segment,
            offset,
            number,
            first,
            count,
            length,
            previous,
            heads,
            slots,
            vault,
        })
    }
}

/// One entry of a group, as ranges of its bytes.
pub(crate) struct Entry<'a> {
    pub(crate) link: &'a LinkBytes,
    /// Bytes from the group's start to the link.
    pub(crate) link_at: u64,
    pub(crate) record: &'a [u8],
    /// Bytes from the group's start to the sealed record.
    pub(crate) record_at: u64,
    slot_count: usize,
    /// Sealed slots; empty where withheld.
    pub(crate) slots: Vec<&'a [u8]>,
}

/// A decoded group whose heads, lengths and outer digest are right.
pub(crate) struct Group<'a> {
    pub(crate) entries: Vec<Entry<'a>>,
    pub(crate) outer: Hash,
    /// The full digest that is stored, and the one the bytes have; they differ when slots changed.
    pub(crate) full: (Hash, Hash),
}

/// Decodes a whole group; `bytes` has the header's length.
pub(crate) fn decode_body<'a>(header: &GroupHeader, bytes: &'a [u8]) -> Result<Group<'a>, Wrong> {
    let mut take = Take::new(bytes, 0);
    take.bytes(GROUP_HEADER_BYTES)?;
    let heads_at = take.at();
    let heads = take.bytes(header.heads as usize)?;
    let slots_at = take.at();
    let slots = take.bytes(header.slots as usize)?;
    let vault = take.bytes(header.vault as usize)?;
    let digests_at = take.at();
    let stored_outer = take.array::<32>()?;
    let stored_full = take.array::<32>()?;

    // Heads before digests: a head's own checksum says which entry was changed.
    let (mut entries, lengths) = decode_heads(header, heads, heads_at)?;
    // In the file all but the slots of the one, and all of the other, lie together: long pieces
    // are what makes BLAKE3 fast.
    let before_slots = piece(bytes, slots_at)?;
    let outer = blake3(&[before_slots, vault]);
    if outer != stored_outer {
        let hex = crate::report::hex;
        let (expected, actual) = (hex(&outer), hex(&stored_outer));
        return Err(Wrong::new("outer digest", digests_at, expected, actual));
    }
    let mut slots_take = Take::new(slots, slots_at);
    let mut lengths = lengths.into_iter();
    for entry in &mut entries {
        for length in lengths.by_ref().take(entry.slot_count) {
            entry.slots.push(slots_take.bytes(length)?);
        }
    }
    if slots_take.at() != slots_at + slots.len() as u64 {
        let (expected, actual) = (slots_take.at() - slots_at, slots.len());
        return Err(Wrong::new("slot lengths", slots_at, expected, actual));
    }
    let full = blake3(&[piece(bytes, digests_at + 32)?]);
    Ok(Group {
        entries,
        outer: Hash(outer),
        full: (Hash(stored_full), Hash(full)),
    })
}

/// The entries, and the lengths of all their slots in order.
type Heads<'a> = (Vec<Entry<'a>>, Vec<usize>);

fn decode_heads<'a>(header: &GroupHeader, heads: &'a [u8], at: u64) -> Result<Heads<'a>, Wrong> {
    let mut take = Take::new(heads, at);
    let (mut entries, mut lengths) = (Vec::new(), Vec::new());
    for number in 0..u64::from(header.count) {
        let entry = decode_head(&mut take, heads, at, &mut lengths).map_err(|wrong| Wrong {
            entry: Some(number),
            ..wrong
        })?;
        entries.push(entry);
    }
    if take.at() != at + heads.len() as u64 {
        let (expected, actual) = (take.at() - at, heads.len());
        return Err(Wrong::new("head lengths", take.at(), expected, actual));
    }
    Ok((entries, lengths))
}

fn decode_head<'a>(
    take: &mut Take<'a>,
    heads: &'a [u8],
    heads_at: u64,
    lengths: &mut Vec<usize>,
) -> Result<Entry<'a>, Wrong> {
    let start = take.at();
    let too_long = |_| Wrong::new("length", start, "what memory holds", "more");
    let at = take.at();
    let record_length = usize::try_from(take.varint(RECORD_BYTES_MAX)?).map_err(too_long)?;
    if record_length == 0 {
        return Err(Wrong::new("record length", at, "at least 1", 0));
    }
    let count = take.varint(SLOTS_MAX)?;
    for _ in 0..count {
        lengths.push(usize::try_from(take.varint(SLOT_BYTES_MAX)?).map_err(too_long)?);
    }
    let _idtag: [u8; 16] = take.array()?;
    let link_at = take.at();
    let link = take.bytes(chain::LINK_BYTES)?;
    let record_at = take.at();
    let record = take.bytes(record_length)?;
    let from = usize::try_from(start - heads_at).map_err(too_long)?;
    let to = usize::try_from(take.at() - heads_at).map_err(too_long)?;
    take.crc(heads.get(from..to).unwrap_or(&[]))?;
    let link = <&LinkBytes>::try_from(link)
        .map_err(|_| Wrong::new("length", link_at, chain::LINK_BYTES, link.len()))?;
    Ok(Entry {
        link,
        link_at,
        record,
        record_at,
        slot_count: usize::try_from(count).map_err(too_long)?,
        slots: Vec::new(),
    })
}

fn piece(bytes: &[u8], length: u64) -> Result<&[u8], Wrong> {
    let piece = usize::try_from(length)
        .ok()
        .and_then(|length| bytes.get(..length));
    piece.ok_or_else(|| Wrong::new("length", 0, length, bytes.len()))
}

fn blake3(parts: &[&[u8]]) -> [u8; 32] {
    chain::blake3_parts(parts).0
}
