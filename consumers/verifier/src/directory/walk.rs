//! The walk: segment after segment, group after group, link after link, until the first damage.
//!
//! Always: what it has counted is whole; a group that is not leaves nothing behind in it.

use std::fs::{self, File};
use std::path::Path;

use chain::sealed::StoredRecord;
use chain::verify::{Broken, ChainVerifier, Rule};
use proto::{Hash, Index};

use super::segment::Segment;
use super::{Opener, Signed, Stop, WATERMARK_FILE, damage, mismatch, plain};
use crate::error::VerifierError;
use crate::journal::{
    Digests, Entries, Entry, GROUP_HEADER_BYTES, GroupHeader, LENGTH_MAX, Marker, SECTOR_BYTES,
    SEGMENT_HEADER_BYTES, SegmentHeader, WATERMARK_BYTES, Watermark, Wrong, decode_body,
    segment_name, segment_number,
};
use crate::report;
use crate::verdict::{Damage, Place, Work};

/// Bytes that a commitment hashes before its record: its prefix and the salt.
const RECORD_PREFIX_BYTES: u64 = 33;

pub(super) struct Walk<'a> {
    dir: &'a Path,
    pub(super) marker: Marker,
    pub(super) signed: Vec<Signed>,
    signed_checked: usize,
    watermark: Option<Watermark>,
    pub(super) opener: Option<&'a mut (dyn Opener + 'a)>,
    pub(super) verifier: ChainVerifier,
    previous_outer: Hash,
    pub(super) groups: u64,
    pub(super) records_opened: u64,
    pub(super) slots_checked: u64,
    /// Groups below the floor whose slot bytes are not those that were written.
    pub(super) slots_changed: Vec<u64>,
    pub(super) unfinished_tail: Option<String>,
    /// What was read and hashed, but for links, leaves and nodes, which follow from their number.
    pub(super) work: Work,
    /// Bytes and entries of the group being read, kept to save allocations.
    buffer: Vec<u8>,
    entries: Entries,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        dir: &'a Path,
        marker: Marker,
        signed: Vec<Signed>,
        opener: Option<&'a mut (dyn Opener + 'a)>,
    ) -> Self {
        let watermark = fs::read(dir.join(WATERMARK_FILE)).ok();
        let watermark = watermark
            .as_deref()
            .and_then(|bytes| <&[u8; WATERMARK_BYTES]>::try_from(bytes).ok())
            .and_then(|bytes| Watermark::decode(bytes).ok());
        Self {
            verifier: ChainVerifier::new(&marker.origin, marker.chain),
            previous_outer: marker.genesis,
            dir,
            marker,
            signed,
            signed_checked: 0,
            watermark,
            opener,
            groups: 0,
            records_opened: 0,
            slots_checked: 0,
            slots_changed: Vec::new(),
            unfinished_tail: None,
            work: Work::default(),
            buffer: Vec::new(),
            entries: Entries::default(),
        }
    }

    /// Size of the largest given checkpoint: below it everything must be whole.
    pub(super) fn floor(&self) -> u64 {
        self.signed.last().map_or(0, |last| last.checkpoint.size)
    }

    pub(super) fn run(&mut self) -> Result<(), Stop> {
        let expected = chain::genesis_prev(&self.marker.origin);
        if self.marker.genesis != expected {
            return Err(mismatch("genesis hash", None, &expected, &self.marker.genesis).into());
        }
        self.check_signed(None)?;
        let numbers = self.segment_numbers()?;
        for (place, number) in numbers.iter().enumerate() {
            if *number as usize != place {
                let rule = format!("segment file {}", segment_name(place as u32));
                return Err(plain(rule, Some(self.verifier.size()), "the file", "no file").into());
            }
            let last = place + 1 == numbers.len();
            if self.segment(*number, last)? == End::Tail {
                break;
            }
        }
        if let Some(watermark) = self.watermark.filter(|w| w.group > self.groups) {
            let (expected, actual) = (watermark.group, self.groups);
            let rule = "groups up to the watermark";
            return Err(plain(rule, Some(self.verifier.size()), expected, actual).into());
        }
        if self.signed_checked < self.signed.len() {
            let (expected, actual) = (self.floor(), self.verifier.size());
            let rule = Rule::Missing.to_string();
            return Err(plain(rule, Some(actual), expected, actual).into());
        }
        Ok(())
    }

    fn segment_numbers(&self) -> Result<Vec<u32>, VerifierError> {
        let list = fs::read_dir(self.dir).map_err(VerifierError::unreadable("the directory"))?;
        let mut numbers = Vec::new();
        for entry in list {
            let entry = entry.map_err(VerifierError::unreadable("the directory"))?;
            numbers.extend(entry.file_name().to_str().and_then(segment_number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn segment(&mut self, number: u32, last: bool) -> Result<End, Stop> {
        let name = segment_name(number);
        let file = File::open(self.dir.join(&name)).map_err(VerifierError::unreadable(&name))?;
        let bytes = file
            .metadata()
            .map_err(VerifierError::unreadable(&name))?
            .len();
        let segment = Segment {
            number,
            last,
            file,
            name,
            bytes,
        };
        // A last segment without a group means nothing, whatever it holds.
        let header = self.segment_header(&segment);
        let mut offset = SEGMENT_HEADER_BYTES as u64;
        if let Err(Stop::Damage(damage)) = header {
            let empty =
                bytes < offset + SECTOR_BYTES || !segment.later_group(offset - SECTOR_BYTES)?;
            if last && number > 0 && empty && self.may_be_tail() {
                self.unfinished_tail = Some(format!("segment {number} has no group yet"));
                return Ok(End::Tail);
            }
            return Err(Stop::Damage(damage));
        }
        header?;
        while offset + SECTOR_BYTES <= bytes {
            match self.group(&segment, offset)? {
                Some(next) => offset = next,
                None => break,
            }
        }
        Ok(if self.unfinished_tail.is_some() {
            End::Tail
        } else {
            End::Whole
        })
    }

    fn segment_header(&self, segment: &Segment) -> Result<(), Stop> {
        let place = self.place(segment, 0);
        let wrong = |wrong: &Wrong| damage(wrong, Some(place), Some(self.verifier.size()));
        if segment.bytes != self.marker.segment_bytes {
            let (expected, actual) = (self.marker.segment_bytes, segment.bytes);
            return Err(wrong(&Wrong::new("segment length", 0, expected, actual)).into());
        }
        let bytes = segment.read(0, SEGMENT_HEADER_BYTES)?;
        let bytes = bytes
            .first_chunk()
            .expect("as many bytes as were asked for");
        let header = SegmentHeader::decode(bytes).map_err(|w| wrong(&w))?;
        let expected = SegmentHeader {
            // Of the ledger's chain, or of one that was closed before it.
            chain: header.chain.min(self.marker.chain.0),
            number: segment.number,
            first_index: self.verifier.size(),
            first_group: self.groups + 1,
            file_bytes: segment.bytes,
            genesis: self.marker.genesis,
            previous: self.previous_outer,
        };
        header.same_as(&expected).map_err(|w| wrong(&w))?;
        Ok(())
    }

    /// Reads the group at `offset`; the offset behind it, or `None` when the segment's groups end.
    fn group(&mut self, segment: &Segment, offset: u64) -> Result<Option<u64>, Stop> {
        let bytes = segment.read(offset, GROUP_HEADER_BYTES)?;
        let zeros = bytes.iter().all(|byte| *byte == 0);
        let judged = if zeros {
            match segment.first_nonzero(offset)? {
                None => return Ok(None),
                Some(at) => Err(Stop::from(Damage {
                    place: Some(self.place(segment, at)),
                    ..plain("zeros behind the last group", None, 0, "other bytes")
                })),
            }
        } else {
            self.whole_group(segment, offset, &bytes)
        };
        match judged {
            Err(Stop::Damage(damage)) => {
                if segment.last && self.may_be_tail() && !segment.later_group(offset)? {
                    self.unfinished_tail = Some(format!(
                        "what lies behind index {} in segment {}: a group that is not whole",
                        self.verifier.size(),
                        segment.number
                    ));
                    return Ok(None);
                }
                Err(Stop::Damage(damage))
            }
            other => other.map(Some),
        }
    }

    /// Above floor and watermark nothing was promised.
    fn may_be_tail(&self) -> bool {
        let promised = self.watermark.is_some_and(|mark| mark.group > self.groups);
        self.verifier.size() >= self.floor() && !promised
    }

    fn place(&self, segment: &Segment, offset: u64) -> Place {
        Place {
            segment: segment.number,
            group: self.groups + 1,
            offset,
        }
    }

    fn whole_group(&mut self, segment: &Segment, offset: u64, head: &[u8]) -> Result<u64, Stop> {
        let place = self.place(segment, offset);
        let first = self.verifier.size();
        let wrong = |wrong: &Wrong| damage(wrong, Some(place), Some(first));
        let head = head.first_chunk().expect("as many bytes as were asked for");
        let header = GroupHeader::decode(head).map_err(|w| wrong(&w))?;
        for (rule, at, expected, actual) in [
            (
                "group's segment",
                8,
                u64::from(segment.number),
                u64::from(header.segment),
            ),
            ("group's offset", 12, offset, u64::from(header.offset)),
            ("group number", 16, self.groups + 1, header.number),
            ("group's first index", 24, first, header.first),
        ] {
            if expected != actual {
                return Err(wrong(&Wrong::new(rule, at, expected, actual)).into());
            }
        }
        if header.previous != self.previous_outer {
            let (expected, actual) = (self.previous_outer.0, header.previous.0);
            let (expected, actual) = (report::hex(&expected), report::hex(&actual));
            let rule = "outer digest of the group before";
            return Err(wrong(&Wrong::new(rule, 48, expected, actual)).into());
        }
        let length = u64::from(header.length.min(LENGTH_MAX));
        let end = (offset + length).next_multiple_of(SECTOR_BYTES);
        if end > segment.bytes {
            let (expected, actual) = (segment.bytes - offset, length);
            return Err(wrong(&Wrong::new("group length", 36, expected, actual)).into());
        }
        let mut bytes = std::mem::take(&mut self.buffer);
        segment.read_into(offset, (end - offset) as usize, &mut bytes)?;
        let (body, padding) = bytes
            .split_at_checked(length as usize)
            .expect("the end is not before the length");
        if let Some(at) = padding.iter().position(|byte| *byte != 0) {
            return Err(wrong(&Wrong::new(
                "padding",
                length + at as u64,
                0,
                "another byte",
            ))
            .into());
        }
        let mut entries = std::mem::take(&mut self.entries);
        let digests = decode_body(&header, body, &mut entries).map_err(|w| wrong(&w))?;
        let group = Group {
            bytes: body,
            entries: &entries,
            digests: &digests,
            place,
        };
        self.entries(&group, first + u64::from(header.count))?;
        self.work.blake3_bytes += digests.hashed_bytes;
        self.work.read_bytes += end - offset;
        self.previous_outer = digests.outer;
        (self.buffer, self.entries) = (bytes, entries);
        self.groups += 1;
        Ok(end)
    }

    fn entries(&mut self, group: &Group<'_>, end: u64) -> Result<(), Stop> {
        // Work on a copy: a group that turns out to be an unfinished tail leaves nothing behind.
        let kept = (self.verifier.clone(), self.signed_checked);
        let result = self.entries_of(group, end);
        if result.is_err() {
            (self.verifier, self.signed_checked) = kept;
        }
        result
    }

    fn entries_of(&mut self, group: &Group<'_>, end: u64) -> Result<(), Stop> {
        let (stored, actual) = group.digests.full;
        let whole = stored == actual;
        if !whole && end > self.floor() {
            return Err(mismatch("full digest", Some(group.place), &actual, &stored).into());
        }
        let (mut links, mut entries) = (
            group.entries.links.as_slice(),
            group.entries.entries.as_slice(),
        );
        let mut slots = group.entries.slots(group.bytes);
        while !links.is_empty() {
            // Up to the next size that was signed; with an opener one by one, each with its record.
            let size = self.verifier.size();
            let next = self.signed.get(self.signed_checked);
            let most = next.and_then(|signed| signed.checkpoint.size.checked_sub(size));
            let most = most.map_or(links.len(), |most| {
                usize::try_from(most).unwrap_or(usize::MAX)
            });
            let most = if self.opener.is_some() {
                1
            } else {
                most.max(1)
            };
            let now = links.split_at(most.min(links.len()));
            let linked = self.verifier.links(now.0);
            let accepted = (self.verifier.size() - size) as usize;
            let (taken, later) = entries.split_at(accepted);
            for (entry, index) in taken.iter().zip(size..) {
                group.record(entry, Index(index))?;
                if self.opener.is_some() {
                    self.open(
                        group,
                        entry,
                        Index(index),
                        &slots.next().unwrap_or_default(),
                    )?;
                }
            }
            if let (Err(broken), Some(entry)) = (linked, later.first()) {
                return Err(group.broken(&broken, entry.link_at, field_at(broken.rule)));
            }
            self.check_signed(Some(group.place))?;
            (links, entries) = (now.1, later);
        }
        if !whole {
            self.slots_changed.push(group.place.group);
        }
        Ok(())
    }

    /// Has the record opened by who holds its key, and compares it and its slots.
    fn open(
        &mut self,
        group: &Group<'_>,
        entry: &Entry,
        index: Index,
        slots: &[&[u8]],
    ) -> Result<(), Stop> {
        let sealed = entry.record(group.bytes);
        let opened = self.opener.as_mut().and_then(|o| o.open(index, sealed));
        let Some(opened) = opened else { return Ok(()) };
        self.verifier
            .record(&opened.salt, &opened.record)
            .map_err(|broken| group.broken(&broken, entry.record_at, 0))?;
        self.work.sha256_bytes += RECORD_PREFIX_BYTES + opened.record.len() as u64;
        self.records_opened += 1;
        for (digest, slot) in opened.slots.iter().zip(slots) {
            let Some(digest) = digest else { continue };
            let judged = self.verifier.slot(*digest, slot);
            judged.map_err(|broken| group.broken(&broken, entry.record_at, 0))?;
            self.work.sha256_bytes += slot.len() as u64;
            self.slots_checked += 1;
        }
        Ok(())
    }

    /// Compares the tree with every checkpoint of exactly its size.
    fn check_signed(&mut self, place: Option<Place>) -> Result<(), Stop> {
        while let Some(signed) = self.signed.get(self.signed_checked)
            && signed.checkpoint.size == self.verifier.size()
        {
            self.verifier
                .checkpoint(&signed.checkpoint)
                .map_err(|broken| report::broken(&broken, place))?;
            self.signed_checked += 1;
        }
        Ok(())
    }
}

/// A decoded group and where it lies.
struct Group<'a> {
    bytes: &'a [u8],
    entries: &'a Entries,
    digests: &'a Digests,
    place: Place,
}

impl Group<'_> {
    /// The stored form of a sealed record, without its key.
    fn record(&self, entry: &Entry, index: Index) -> Result<(), Stop> {
        let decoded = StoredRecord::decode(entry.record(self.bytes));
        decoded.map(drop).map_err(|error| {
            let offset = self.place.offset + u64::from(entry.record_at);
            Stop::from(Damage {
                place: Some(Place {
                    offset,
                    ..self.place
                }),
                index: Some(index.0),
                ..report::refused(&error)
            })
        })
    }

    /// What is broken `at` bytes, and some more, behind the group's start.
    fn broken(&self, broken: &Broken, at: u32, more: u64) -> Stop {
        let offset = self.place.offset + u64::from(at) + more;
        let place = Place {
            offset,
            ..self.place
        };
        report::broken(broken, Some(place)).into()
    }
}

#[derive(PartialEq, Eq)]
enum End {
    Whole,
    Tail,
}

/// Bytes from a link's start to the field that a rule is about.
fn field_at(rule: Rule) -> u64 {
    match rule {
        Rule::Chain => 1,
        Rule::Index => 5,
        Rule::Previous => 13,
        _ => 0,
    }
}
