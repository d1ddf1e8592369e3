//! The journal, read from the raw bytes of its segment files as FORMAT.md draws them.
//!
//! Not a recovery: it takes whole groups from the start until the first that is not whole, and says why it stopped.
//! Always: what it returns is whole in every digest, checksum, place and link (C-1).

use std::collections::BTreeMap;

use super::bytes::{Rest, crc32};
use super::{Finding, Verdict};

const SEGMENT_HEADER: usize = 4096;
const GROUP_HEADER: usize = 96;
const SECTOR: usize = 512;

/// One event as it lies on the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Finds repeats.
    pub idtag: [u8; 16],
    /// The link.
    pub link: [u8; 77],
    /// The sealed record.
    pub record: Vec<u8>,
    /// The sealed slots; an empty one is withheld.
    pub slots: Vec<Vec<u8>>,
}

/// One group as it lies on the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Its number, from 1.
    pub number: u64,
    /// Index of its first entry.
    pub first: u64,
    /// When, unix milliseconds.
    pub time: i64,
    /// Segment and offset of its header.
    pub place: (u32, u32),
    /// Its length with padding, bytes.
    pub length: usize,
    /// Its entries.
    pub entries: Vec<Entry>,
    /// The sealed vault section.
    pub vault: Vec<u8>,
}

/// All whole groups from the start, and why there are no more.
#[derive(Clone, Debug)]
pub struct Journal {
    /// In order.
    pub groups: Vec<Group>,
    /// Why the next group is not whole.
    pub end: String,
}

impl Journal {
    /// Every entry, in order of index from 0.
    pub fn entries(&self) -> Vec<&Entry> {
        self.groups
            .iter()
            .flat_map(|group| &group.entries)
            .collect()
    }
}

/// What must be so for the next group to be the next one.
struct Expected {
    genesis: [u8; 32],
    chain: u32,
    number: u64,
    first: u64,
    previous_outer: [u8; 32],
    previous_link: Option<[u8; 77]>,
}

/// Reads segment files by their number. A missing first segment is an empty journal.
pub fn read(segments: &BTreeMap<u32, Vec<u8>>, origin: &str, chain: u32) -> Verdict<Journal> {
    let genesis = blake3::derive_key("counterfoil 2026 origin v1", origin.as_bytes());
    let mut next = Expected {
        genesis,
        chain,
        number: 1,
        first: 0,
        previous_outer: genesis,
        previous_link: None,
    };
    let mut journal = Journal {
        groups: Vec::new(),
        end: "no segment".to_owned(),
    };
    for (wanted, (number, bytes)) in segments.iter().enumerate() {
        if *number as usize != wanted {
            journal.end = format!("segment {wanted} is missing");
            break;
        }
        if let Some(wrong) = segment_header(bytes, *number, &next) {
            journal.end = format!("segment {number}: {wrong}");
            break;
        }
        let mut at = SEGMENT_HEADER;
        let before = journal.groups.len();
        while at < bytes.len() {
            match group(bytes, *number, at, &next) {
                Ok((group, outer)) => {
                    at += group.length;
                    next.number += 1;
                    next.first += group.entries.len() as u64;
                    next.previous_outer = outer;
                    next.previous_link = group
                        .entries
                        .last()
                        .map(|entry| entry.link)
                        .or(next.previous_link);
                    journal.groups.push(group);
                }
                Err(why) => {
                    journal.end = format!("segment {number} offset {at}: {why}");
                    break;
                }
            }
        }
        if journal.groups.len() == before {
            break;
        }
    }
    Ok(journal)
}

fn segment_header(bytes: &[u8], number: u32, next: &Expected) -> Option<&'static str> {
    let Some(header) = bytes.get(..SEGMENT_HEADER) else {
        return Some("shorter than its header");
    };
    let mut rest = Rest(header);
    let wanted = (
        Some(*b"CFOILSEG"),
        Some(1),
        Some(0),
        Some(next.chain),
        Some(number),
        Some(0),
        Some(next.first),
        Some(next.number),
    );
    let found = (
        rest.array(),
        rest.u16(),
        rest.u16(),
        rest.u32(),
        rest.u32(),
        rest.u32(),
        rest.u64(),
        rest.u64(),
    );
    if found != wanted {
        return Some("a header of another place");
    }
    if rest.u64() != Some(bytes.len() as u64)
        || rest.array() != Some(next.genesis)
        || rest.array() != Some(next.previous_outer)
    {
        return Some("a header of another length, ledger or previous group");
    }
    if rest
        .take(3_980)
        .is_none_or(|zeros| zeros.iter().any(|byte| *byte != 0))
    {
        return Some("a header with bytes where zeros should be");
    }
    (rest.u32() != header.get(..SEGMENT_HEADER - 4).map(crc32))
        .then_some("a header with a wrong checksum")
}

/// The lengths in a group's header, checked against one another.
struct Lengths {
    count: usize,
    whole: usize,
    heads: usize,
    slots: usize,
    vault: usize,
    time: i64,
}

fn group_header(
    header: &[u8],
    place: (u32, u32),
    next: &Expected,
) -> Result<Lengths, &'static str> {
    let short = "a short header";
    let mut rest = Rest(header);
    let found = (
        rest.array(),
        rest.u16(),
        rest.u16(),
        rest.u32(),
        rest.u32(),
        rest.u64(),
        rest.u64(),
    );
    let (number, first) = (Some(next.number), Some(next.first));
    if found
        != (
            Some(*b"CFGR"),
            Some(1),
            Some(0),
            Some(place.0),
            Some(place.1),
            number,
            first,
        )
    {
        return Err("no header of this place");
    }
    let [count, whole] =
        [rest.u32(), rest.u32()].map(|number| number.map(|number| number as usize));
    let time = i64::from_be_bytes(rest.array().ok_or(short)?);
    if rest.array() != Some(next.previous_outer) {
        return Err("another previous group");
    }
    let [heads, slots, vault] =
        [rest.u32(), rest.u32(), rest.u32()].map(|number| number.map(|number| number as usize));
    if rest.u32() != header.get(..GROUP_HEADER - 4).map(crc32) {
        return Err("a header with a wrong checksum");
    }
    let lengths = Lengths {
        count: count.ok_or(short)?,
        whole: whole.ok_or(short)?,
        heads: heads.ok_or(short)?,
        slots: slots.ok_or(short)?,
        vault: vault.ok_or(short)?,
        time,
    };
    let sum = GROUP_HEADER + lengths.heads + lengths.slots + lengths.vault + 64;
    if lengths.count == 0 || lengths.whole != sum {
        return Err("lengths that do not add up");
    }
    Ok(lengths)
}

fn group(
    segment: &[u8],
    number: u32,
    at: usize,
    next: &Expected,
) -> Result<(Group, [u8; 32]), &'static str> {
    let bytes = segment.get(at..).ok_or("beyond the segment")?;
    let header = bytes.get(..GROUP_HEADER).ok_or("no room for a header")?;
    let place = (number, u32::try_from(at).map_err(|_| "beyond 32 bits")?);
    let lengths = group_header(header, place, next)?;
    let length = lengths.whole.next_multiple_of(SECTOR);
    let whole = bytes.get(..length).ok_or("longer than the segment")?;
    let padding = whole.get(lengths.whole..).unwrap_or_default();
    if padding.iter().any(|byte| *byte != 0) {
        return Err("padding that is not zero");
    }
    let mut rest = Rest(whole.get(GROUP_HEADER..).ok_or("a short group")?);
    let mut piece = |count| rest.take(count).ok_or("a short group");
    let (heads, slots, vault) = (
        piece(lengths.heads)?,
        piece(lengths.slots)?,
        piece(lengths.vault)?,
    );
    let (outer, full) = (piece(32)?, piece(32)?);
    if digest(&[header, heads, vault]) != outer {
        return Err("an outer digest that does not hold");
    }
    if digest(&[header, heads, slots, vault, outer]) != full {
        return Err("a full digest that does not hold");
    }
    let entries = entries(heads, slots, lengths.count)?;
    check_links(&entries, next)?;
    let outer = outer.try_into().map_err(|_| "a short digest")?;
    let (number, first, time) = (next.number, next.first, lengths.time);
    Ok((
        Group {
            number,
            first,
            time,
            place,
            length,
            entries,
            vault: vault.to_vec(),
        },
        outer,
    ))
}

fn entries(heads: &[u8], slots: &[u8], count: usize) -> Result<Vec<Entry>, &'static str> {
    let (mut heads, mut slots) = (Rest(heads), Rest(slots));
    let mut entries = Vec::new();
    for _ in 0..count {
        let all = heads.0;
        let mut number = || {
            heads
                .varint()
                .and_then(|number| usize::try_from(number).ok())
                .ok_or("a bad length in a head")
        };
        let (record, slot_count) = (number()?, number()?);
        let lengths = (0..slot_count)
            .map(|_| number())
            .collect::<Result<Vec<_>, _>>()?;
        let idtag = heads.array().ok_or("a short head")?;
        let link = heads.array().ok_or("a short head")?;
        let record = heads.take(record).ok_or("a short head")?.to_vec();
        let covered = all.get(..all.len() - heads.0.len()).ok_or("a short head")?;
        if heads.u32() != Some(crc32(covered)) {
            return Err("a head with a wrong checksum");
        }
        let slots = lengths
            .iter()
            .map(|length| slots.take(*length).map(<[u8]>::to_vec))
            .collect::<Option<_>>()
            .ok_or("short slots")?;
        entries.push(Entry {
            idtag,
            link,
            record,
            slots,
        });
    }
    if heads.0.is_empty() && slots.0.is_empty() {
        Ok(entries)
    } else {
        Err("more bytes than entries")
    }
}

/// C-1: version, chain, index, and the hash of the link before.
fn check_links(entries: &[Entry], next: &Expected) -> Result<(), &'static str> {
    let mut before = next.previous_link;
    for (entry, index) in entries.iter().zip(next.first..) {
        let mut rest = Rest(&entry.link);
        if (rest.array(), rest.u32(), rest.u64()) != (Some([1]), Some(next.chain), Some(index)) {
            return Err("a link of another place");
        }
        let wanted = before.map_or(next.genesis, |link| {
            blake3::derive_key("counterfoil 2026 link v1", &link)
        });
        if rest.array() != Some(wanted) {
            return Err("a link that does not name the one before");
        }
        before = Some(entry.link);
    }
    Ok(())
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    parts.iter().for_each(|part| _ = hasher.update(part));
    *hasher.finalize().as_bytes()
}

/// The number in a segment file's name.
pub fn segment_number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".segment")?;
    (digits.len() == 10).then(|| digits.parse().ok()).flatten()
}

/// A finding that the journal ends before `index`.
pub fn ends_before(journal: &Journal, index: u64, why: &str) -> Finding {
    Finding::new(
        "C-2",
        format!(
            "index {index} {why}, the journal ends at {}: {}",
            journal.entries().len(),
            journal.end
        ),
    )
}
