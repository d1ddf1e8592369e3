//! A group: what one write and one sync make durable. Header, heads, slots, vault section, outer digest, full digest.
//!
//! Not here: where groups go (`frame`), what a broken one means (`recover`, `check`).
//! Always: everything but the slots is bound by the outer digest, which the next group names; slots are bound by the full digest until they are overwritten.

use super::head::{
    Entry, decode_head, encode_head, head_length, link_chain, link_in_place, link_previous,
};
use super::{
    Broken, GROUP_BYTES_MAX, GROUP_DIGEST_BYTES, GROUP_HEADER_BYTES, SECTOR_BYTES,
    SEGMENT_HEADER_BYTES, Take, What, crc, put,
};
use crate::words::{ChainNumber, Hash, Index, UnixMillis, link_hash};

const MAGIC: [u8; 4] = *b"CFGR";
const VERSION: u16 = 1;
/// Where the header's CRC lies.
const CRC_AT: usize = GROUP_HEADER_BYTES - 4;

/// A place in the journal: segment number and bytes from the start of its file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The segment's number.
    pub segment: u32,
    /// Bytes from the start of the segment.
    pub offset: u32,
}

/// A decoded group header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupHeader {
    /// Where it lies.
    pub place: Place,
    /// The group's number, from 1.
    pub number: u64,
    /// The index of the first entry.
    pub first: Index,
    /// How many entries.
    pub count: u32,
    /// Bytes from the header's start to the end of the full digest.
    pub length: u32,
    /// When it was framed, unix milliseconds.
    pub time: UnixMillis,
    /// The outer digest of the previous group; of the very first, the genesis hash.
    pub previous_outer: Hash,
    /// Bytes of all heads.
    pub heads: u32,
    /// Bytes of all slots.
    pub slots: u32,
    /// Bytes of the vault section.
    pub vault: u32,
}

/// What the framer knows before the entries: the header without its lengths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupStart {
    /// Where it will lie.
    pub place: Place,
    /// Its number.
    pub number: u64,
    /// The index of the first entry.
    pub first: Index,
    /// When, unix milliseconds.
    pub time: UnixMillis,
    /// The outer digest of the previous group.
    pub previous_outer: Hash,
}

/// What the next group has to say about itself to be the next group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// Where it lies.
    pub place: Place,
    /// Its number.
    pub number: u64,
    /// The index of the first entry.
    pub first: Index,
    /// The outer digest of the group before it.
    pub previous_outer: Hash,
}

/// How much of a group has to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// Everything but the slots: below the floor, where slots may have been overwritten.
    Outer,
    /// Everything.
    Full,
}

/// A group that was read and checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Its number, from 1.
    pub number: u64,
    /// Where it lies.
    pub place: Place,
    /// The index of its first entry.
    pub first: Index,
    /// When it was framed, unix milliseconds.
    pub time: UnixMillis,
    /// The entries.
    pub entries: Vec<Entry>,
    /// The sealed vault section; may be empty.
    pub vault_section: Vec<u8>,
    /// The outer digest of the group before it.
    pub previous_outer: Hash,
    /// Its own outer digest.
    pub outer: Hash,
    /// Its own full digest as written.
    pub full: Hash,
    /// Whether the full digest holds: false once a slot was overwritten.
    pub slots_whole: bool,
    /// Bytes on disk without padding.
    pub length: u32,
}

impl Group {
    /// The index behind its last entry.
    #[must_use]
    pub fn next(&self) -> Index {
        Index(self.first.0 + self.entries.len() as u64)
    }

    /// The hash of its last link.
    #[must_use]
    pub fn last_link_hash(&self) -> Hash {
        self.entries
            .last()
            .map_or(Hash([0; 32]), |entry| link_hash(&entry.link))
    }

    /// The hash of the link before its first, as its first link names it.
    #[must_use]
    pub fn link_before(&self) -> Hash {
        self.entries
            .first()
            .map_or(Hash([0; 32]), |entry| link_previous(&entry.link))
    }

    /// Checks that every link stands at its place and names the one before it (C-1).
    ///
    /// # Errors
    /// The first link that does not.
    pub fn check_links(&self, chain: ChainNumber, before: Hash) -> Result<(), Broken> {
        let mut before = before;
        // A group is of one chain: the journal's, or one that was closed before a restore opened it.
        let own = self
            .entries
            .first()
            .map_or(chain, |entry| link_chain(&entry.link));
        for (index, entry) in (self.first.0..).map(Index).zip(&self.entries) {
            if own.0 > chain.0 || !link_in_place(&entry.link, own, index) {
                return Err(Broken::new(What::Link, 0).in_entry(index));
            }
            if link_previous(&entry.link) != before {
                return Err(Broken::new(What::LinkPrevious, 0).in_entry(index));
            }
            before = link_hash(&entry.link);
        }
        Ok(())
    }
}

/// A length padded to the sector grid, in bytes.
#[must_use]
pub fn aligned(length: u64) -> u64 {
    length.next_multiple_of(SECTOR_BYTES)
}

/// The length of a group with these entries, without padding, in bytes.
#[must_use]
pub fn encoded_length(entries: &[Entry], vault_section: &[u8]) -> u64 {
    let entries: usize = entries
        .iter()
        .map(|entry| head_length(entry) + entry.slots.iter().map(Vec::len).sum::<usize>())
        .sum();
    (GROUP_HEADER_BYTES + entries + vault_section.len() + GROUP_DIGEST_BYTES) as u64
}

/// The bytes of a group, zeros to the sector grid behind them, and its outer digest.
/// The caller has checked the lengths; see [`encoded_length`] and [`GROUP_BYTES_MAX`].
#[must_use]
pub fn encode_group(
    start: &GroupStart,
    entries: &[Entry],
    vault_section: &[u8],
) -> (Vec<u8>, Hash) {
    let length = encoded_length(entries, vault_section);
    assert!(
        length <= GROUP_BYTES_MAX,
        "the framer refuses longer drafts"
    );
    let heads: usize = entries.iter().map(head_length).sum();
    let slots: usize = entries
        .iter()
        .flat_map(|entry| &entry.slots)
        .map(Vec::len)
        .sum();
    let header = GroupHeader {
        place: start.place,
        number: start.number,
        first: start.first,
        count: entries.len() as u32,
        length: length as u32,
        time: start.time,
        previous_outer: start.previous_outer,
        heads: heads as u32,
        slots: slots as u32,
        vault: vault_section.len() as u32,
    };
    let mut out = Vec::with_capacity(aligned(length) as usize);
    encode_header(&mut out, &header);
    for entry in entries {
        encode_head(&mut out, entry);
    }
    for slot in entries.iter().flat_map(|entry| &entry.slots) {
        out.extend_from_slice(slot);
    }
    out.extend_from_slice(vault_section);
    let parts = Parts::split(&out, &header).expect("the lengths were just computed");
    let outer = parts.outer();
    out.extend_from_slice(&outer.0);
    let full = full_digest(&out);
    out.extend_from_slice(&full.0);
    debug_assert_eq!(
        out.len() as u64,
        length,
        "head_length agrees with encode_head"
    );
    put::zeros_to(&mut out, aligned(length) as usize);
    (out, outer)
}

fn encode_header(out: &mut Vec<u8>, header: &GroupHeader) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    put::u16(out, VERSION);
    put::u16(out, 0);
    put::u32(out, header.place.segment);
    put::u32(out, header.place.offset);
    put::u64(out, header.number);
    put::u64(out, header.first.0);
    put::u32(out, header.count);
    put::u32(out, header.length);
    put::i64(out, header.time.0);
    out.extend_from_slice(&header.previous_outer.0);
    put::u32(out, header.heads);
    put::u32(out, header.slots);
    put::u32(out, header.vault);
    put::crc_from(out, start);
    debug_assert_eq!(out.len() - start, GROUP_HEADER_BYTES, "the drawing");
}

impl GroupHeader {
    /// Reads the first 96 bytes of a group: magic, CRC, version, and lengths that add up.
    ///
    /// # Errors
    /// Whatever is not a whole header. A zero header is a broken header.
    pub fn decode(bytes: &[u8]) -> Result<GroupHeader, Broken> {
        let whole = Take::new(bytes).bytes(GROUP_HEADER_BYTES)?;
        let mut take = Take::new(whole);
        if take.array()? != MAGIC {
            return Err(Broken::new(What::Magic, 0));
        }
        let body = Take::new(whole).bytes(CRC_AT)?;
        let mut tail = Take::new(whole);
        tail.bytes(CRC_AT)?;
        if tail.u32()? != crc(body) {
            return Err(Broken::new(What::Checksum, CRC_AT as u64));
        }
        if take.u16()? != VERSION {
            return Err(Broken::new(What::Version, 4));
        }
        if take.u16()? != 0 {
            return Err(Broken::new(What::NotZero, 6));
        }
        let header = GroupHeader {
            place: Place {
                segment: take.u32()?,
                offset: take.u32()?,
            },
            number: take.u64()?,
            first: Index(take.u64()?),
            count: take.u32()?,
            length: take.u32()?,
            time: UnixMillis(take.i64()?),
            previous_outer: Hash(take.array()?),
            heads: take.u32()?,
            slots: take.u32()?,
            vault: take.u32()?,
        };
        if !header.lengths_hold() {
            return Err(Broken::new(What::Length, 36));
        }
        Ok(header)
    }

    fn lengths_hold(&self) -> bool {
        let parts = u64::from(self.heads) + u64::from(self.slots) + u64::from(self.vault);
        let whole = (GROUP_HEADER_BYTES + GROUP_DIGEST_BYTES) as u64 + parts;
        u64::from(self.length) == whole
            && whole <= GROUP_BYTES_MAX
            && self.count > 0
            && self.number > 0
            && u64::from(self.place.offset) >= SEGMENT_HEADER_BYTES
            && u64::from(self.place.offset).is_multiple_of(SECTOR_BYTES)
            && self.first.0.checked_add(u64::from(self.count)).is_some()
    }

    /// The index behind its last entry.
    #[must_use]
    pub fn next(&self) -> Index {
        Index(self.first.0 + u64::from(self.count))
    }

    /// Where it ends in its segment, padding included, in bytes.
    #[must_use]
    pub fn end(&self) -> u64 {
        u64::from(self.place.offset) + aligned(u64::from(self.length))
    }

    /// Whether this header is that of the next group.
    ///
    /// # Errors
    /// The first field that names something else.
    pub fn check(&self, expected: &Expected) -> Result<(), Broken> {
        if self.place != expected.place {
            return Err(Broken::new(What::WrongPlace, 8));
        }
        if self.number != expected.number {
            return Err(Broken::new(What::WrongNumber, 16));
        }
        if self.first != expected.first {
            return Err(Broken::new(What::WrongFirst, 24));
        }
        if self.previous_outer != expected.previous_outer {
            return Err(Broken::new(What::WrongPrevious, 48));
        }
        Ok(())
    }
}

/// Reads a whole group: header, heads, digests, and zeros to the grid where `bytes` reach that far.
/// Links are checked apart, by [`Group::check_links`], since they need the link before.
///
/// # Errors
/// The first thing that is not whole; a broken head names its index.
pub fn decode_group(bytes: &[u8], depth: Depth) -> Result<Group, Broken> {
    let header = GroupHeader::decode(bytes)?;
    let parts = Parts::split(bytes, &header)?;
    let entries = parts.entries(&header)?;
    let outer = parts.outer();
    if outer != parts.outer_written {
        return Err(Broken::new(What::OuterDigest, parts.outer_at));
    }
    let slots_whole = parts.full() == parts.full_written;
    if depth == Depth::Full && !slots_whole {
        return Err(Broken::new(What::FullDigest, parts.outer_at + 32));
    }
    let padding = aligned(u64::from(header.length)) - u64::from(header.length);
    let present = parts.behind.get(..padding as usize).unwrap_or(parts.behind);
    Take::new(present)
        .zeros()
        .map_err(|broken| broken.moved(u64::from(header.length)))?;
    Ok(Group {
        number: header.number,
        place: header.place,
        first: header.first,
        time: header.time,
        entries,
        vault_section: parts.vault.to_vec(),
        previous_outer: header.previous_outer,
        outer,
        full: parts.full_written,
        slots_whole,
        length: header.length,
    })
}

/// A group's bytes cut where its header says.
struct Parts<'a> {
    header: &'a [u8],
    heads: &'a [u8],
    slots: &'a [u8],
    vault: &'a [u8],
    /// Everything that the full digest covers.
    digested: &'a [u8],
    outer_at: u64,
    outer_written: Hash,
    full_written: Hash,
    behind: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The digests may still be missing (while encoding): then they read as zeros.
    fn split(bytes: &'a [u8], header: &GroupHeader) -> Result<Parts<'a>, Broken> {
        let mut take = Take::new(bytes);
        let header_bytes = take.bytes(GROUP_HEADER_BYTES)?;
        let heads = take.bytes(header.heads as usize)?;
        let slots = take.bytes(header.slots as usize)?;
        let vault = take.bytes(header.vault as usize)?;
        let outer_at = take.at();
        let encoding = take.rest().is_empty();
        let outer_written = if encoding { [0; 32] } else { take.array()? };
        let digested = Take::new(bytes).bytes(take.at() as usize)?;
        let full_written = if encoding { [0; 32] } else { take.array()? };
        Ok(Parts {
            header: header_bytes,
            heads,
            slots,
            vault,
            digested,
            outer_at,
            outer_written: Hash(outer_written),
            full_written: Hash(full_written),
            behind: take.rest(),
        })
    }

    fn outer(&self) -> Hash {
        outer_digest(self.header, self.heads, self.vault)
    }

    fn full(&self) -> Hash {
        full_digest(self.digested)
    }

    fn entries(&self, header: &GroupHeader) -> Result<Vec<Entry>, Broken> {
        let (mut heads, mut slots) = (Take::new(self.heads), Take::new(self.slots));
        let mut entries = Vec::with_capacity(header.count.min(1 << 16) as usize);
        for index in (header.first.0..header.next().0).map(Index) {
            let at = GROUP_HEADER_BYTES as u64 + heads.at();
            let (head, used) =
                decode_head(heads.rest()).map_err(|broken| broken.moved(at).in_entry(index))?;
            heads.bytes(used)?;
            let mut sealed = Vec::with_capacity(head.slot_lengths.len());
            for length in &head.slot_lengths {
                let slot = slots
                    .bytes(*length)
                    .map_err(|_| Broken::new(What::Length, at).in_entry(index))?;
                sealed.push(slot.to_vec());
            }
            entries.push(Entry {
                idtag: head.idtag,
                link: head.link,
                record: head.record.to_vec(),
                slots: sealed,
            });
        }
        if !heads.rest().is_empty() || !slots.rest().is_empty() {
            return Err(Broken::new(What::Length, 84));
        }
        Ok(entries)
    }
}

/// The digest of everything but the slots.
pub(crate) fn outer_digest(header: &[u8], heads: &[u8], vault: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header).update(heads).update(vault);
    Hash(*hasher.finalize().as_bytes())
}

fn full_digest(digested: &[u8]) -> Hash {
    Hash(*blake3::hash(digested).as_bytes())
}
