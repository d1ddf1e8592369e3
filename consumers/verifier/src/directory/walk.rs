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
    GROUP_HEADER_BYTES, Group, GroupHeader, LENGTH_MAX, Marker, SECTOR_BYTES, SEGMENT_HEADER_BYTES,
    SegmentHeader, WATERMARK_BYTES, Watermark, Wrong, decode_body, segment_name, segment_number,
};
use crate::report;
use crate::verdict::{Damage, Place};

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
    /// Bytes of the group being read, kept to save allocations.
    buffer: Vec<u8>,
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
            buffer: Vec::new(),
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
            chain: self.marker.chain.0,
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
        let group = decode_body(&header, body).map_err(|w| wrong(&w))?;
        self.entries(&group, place, first + u64::from(header.count))?;
        self.previous_outer = group.outer;
        self.buffer = bytes;
        self.groups += 1;
        Ok(end)
    }

    fn entries(&mut self, group: &Group<'_>, place: Place, end: u64) -> Result<(), Stop> {
        // Work on a copy: a group that turns out to be an unfinished tail leaves nothing behind.
        let kept = (self.verifier.clone(), self.signed_checked);
        let result = self.entries_of(group, place, end);
        if result.is_err() {
            (self.verifier, self.signed_checked) = kept;
        }
        result
    }

    fn entries_of(&mut self, group: &Group<'_>, place: Place, end: u64) -> Result<(), Stop> {
        let (stored, actual) = group.full;
        let whole = stored == actual;
        if !whole && end > self.floor() {
            return Err(mismatch("full digest", Some(place), &actual, &stored).into());
        }
        for entry in &group.entries {
            let at = |broken: &Broken, bytes| {
                let offset = place.offset + bytes;
                report::broken(broken, Some(Place { offset, ..place }))
            };
            let index = Index(self.verifier.size());
            self.verifier
                .link(entry.link)
                .map_err(|broken| at(&broken, entry.link_at + field_at(broken.rule)))?;
            StoredRecord::decode(entry.record).map_err(|error| Damage {
                place: Some(Place {
                    offset: place.offset + entry.record_at,
                    ..place
                }),
                index: Some(index.0),
                ..report::refused(&error)
            })?;
            if let Some(opened) = self
                .opener
                .as_mut()
                .and_then(|opener| opener.open(index, entry.record))
            {
                self.verifier
                    .record(&opened.salt, &opened.record)
                    .map_err(|broken| at(&broken, entry.record_at))?;
                self.records_opened += 1;
                for (digest, slot) in opened.slots.iter().zip(&entry.slots) {
                    let Some(digest) = digest else { continue };
                    let judged = self.verifier.slot(*digest, slot);
                    judged.map_err(|broken| at(&broken, entry.record_at))?;
                    self.slots_checked += 1;
                }
            }
            self.check_signed(Some(place))?;
        }
        if !whole {
            self.slots_changed.push(place.group);
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
