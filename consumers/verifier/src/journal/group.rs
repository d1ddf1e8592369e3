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
const MAGIC: [u8; 4] = *b"CFGR";
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
    /// Whether these bytes could begin a header at all.
    pub(crate) fn may_begin(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    pub(crate) fn decode(bytes: &[u8; GROUP_HEADER_BYTES]) -> Result<Self, Wrong> {
        let mut take = Take::new(bytes, 0);
        take.constant("group magic", &MAGIC)?;
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

/// Where one entry's record lies, in bytes from the group's start, and how many slots it has.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) link_at: u32,
    pub(crate) record_at: u32,
    record_bytes: u32,
    slots: u32,
}

impl Entry {
    /// The sealed record; `group` are the bytes that were decoded.
    pub(crate) fn record<'a>(&self, group: &'a [u8]) -> &'a [u8] {
        let from = self.record_at as usize;
        group
            .get(from..from + self.record_bytes as usize)
            .unwrap_or(&[])
    }
}

/// The entries of a group, kept from group to group to save allocations.
#[derive(Default)]
pub(crate) struct Entries {
    pub(crate) links: Vec<LinkBytes>,
    pub(crate) entries: Vec<Entry>,
    slot_lengths: Vec<u32>,
    slots_at: usize,
}

impl Entries {
    /// The sealed slots of every entry in order, empty where withheld.
    pub(crate) fn slots<'a>(&'a self, group: &'a [u8]) -> impl Iterator<Item = Vec<&'a [u8]>> {
        let mut rest = group.get(self.slots_at..).unwrap_or(&[]);
        let mut lengths = self.slot_lengths.iter();
        self.entries.iter().map(move |entry| {
            let lengths = lengths.by_ref().take(entry.slots as usize);
            let slots = lengths.map(|length| {
                let (slot, later) = rest.split_at_checked(*length as usize).unwrap_or_default();
                rest = later;
                slot
            });
            slots.collect()
        })
    }

    /// Decodes the heads of a group; `heads` begin `at` bytes behind the group's start.
    fn decode(&mut self, header: &GroupHeader, heads: &[u8], at: u64) -> Result<(), Wrong> {
        self.links.clear();
        self.entries.clear();
        self.slot_lengths.clear();
        let mut take = Take::new(heads, at);
        for number in 0..u64::from(header.count) {
            self.head(&mut take, heads, at).map_err(|wrong| Wrong {
                entry: Some(number),
                ..wrong
            })?;
        }
        if take.at() != at + heads.len() as u64 {
            let (expected, actual) = (take.at() - at, heads.len());
            return Err(Wrong::new("head lengths", take.at(), expected, actual));
        }
        Ok(())
    }

    fn head(&mut self, take: &mut Take<'_>, heads: &[u8], heads_at: u64) -> Result<(), Wrong> {
        // A group is at most 8 MiB long, so every place in it fits 32 bits.
        let narrow = |at: u64| {
            u32::try_from(at).map_err(|_| Wrong::new("length", at, "within the group", at))
        };
        let start = take.at();
        let record_bytes = take.varint(RECORD_BYTES_MAX)?;
        if record_bytes == 0 {
            return Err(Wrong::new("record length", start, "at least 1", 0));
        }
        let slots = take.varint(SLOTS_MAX)?;
        for _ in 0..slots {
            self.slot_lengths
                .push(narrow(take.varint(SLOT_BYTES_MAX)?)?);
        }
        let _idtag: [u8; 16] = take.array()?;
        let link_at = take.at();
        self.links.push(take.array::<{ chain::LINK_BYTES }>()?);
        let record_at = take.at();
        take.bytes(record_bytes as usize)?;
        let (from, to) = (start - heads_at, take.at() - heads_at);
        take.crc(heads.get(from as usize..to as usize).unwrap_or(&[]))?;
        self.entries.push(Entry {
            link_at: narrow(link_at)?,
            record_at: narrow(record_at)?,
            record_bytes: narrow(record_bytes)?,
            slots: narrow(slots)?,
        });
        Ok(())
    }
}

/// What a group's bytes hash to, once heads, lengths and outer digest were found right.
pub(crate) struct Digests {
    pub(crate) outer: Hash,
    /// The full digest that is stored, and the one the bytes have; they differ when slots changed.
    pub(crate) full: (Hash, Hash),
    /// Bytes that both digests are over.
    pub(crate) hashed_bytes: u64,
}

/// Decodes a whole group into `entries`; `bytes` has the header's length.
pub(crate) fn decode_body(
    header: &GroupHeader,
    bytes: &[u8],
    entries: &mut Entries,
) -> Result<Digests, Wrong> {
    let mut take = Take::new(bytes, 0);
    take.bytes(GROUP_HEADER_BYTES)?;
    let heads_at = take.at();
    let heads = take.bytes(header.heads as usize)?;
    let slots_at = take.at();
    let slots = take.bytes(header.slots as usize)?;
    let vault = take.bytes(header.vault as usize)?;
    let digests_at = take.at();
    let stored_outer = Hash(take.array()?);
    let stored_full = Hash(take.array()?);

    // Heads before digests: a head's own checksum says which entry was changed.
    entries.decode(header, heads, heads_at)?;
    entries.slots_at = slots_at as usize;
    let before_slots = piece(bytes, slots_at)?;
    let (outer, full) = chain::blake3_pair(before_slots, slots, vault, &stored_outer);
    if outer != stored_outer {
        let hex = crate::report::hex;
        let (expected, actual) = (hex(&outer.0), hex(&stored_outer.0));
        return Err(Wrong::new("outer digest", digests_at, expected, actual));
    }
    let lengths: u64 = entries.slot_lengths.iter().map(|l| u64::from(*l)).sum();
    if lengths != slots.len() as u64 {
        return Err(Wrong::new("slot lengths", slots_at, lengths, slots.len()));
    }
    let covered_by_outer = before_slots.len() + vault.len();
    Ok(Digests {
        outer,
        full: (stored_full, full),
        hashed_bytes: (2 * covered_by_outer + slots.len() + stored_outer.0.len()) as u64,
    })
}

fn piece(bytes: &[u8], length: u64) -> Result<&[u8], Wrong> {
    let piece = usize::try_from(length)
        .ok()
        .and_then(|length| bytes.get(..length));
    piece.ok_or_else(|| Wrong::new("length", 0, length, bytes.len()))
}
