//! Following the journal for whoever needs links and sealed records alone: a projector.
//!
//! Not here: slots, which are neither read nor checked; finding a group by index, which is the reader's.
//! Always: below the watermark; heads and vault section are what the outer digest says, groups name one another, and links stand at their
//! place and name the one before (C-1). From one group to the next it takes no lock that the writer takes, so that a thread that follows
//! at the lowest priority never holds the write path up.

use std::io::ErrorKind;
use std::sync::Arc;

use ground::File;

use crate::error::JournalError;
use crate::format::{
    Broken, GROUP_HEADER_BYTES, GroupHeader, LINK_BYTES, Place, SEGMENT_HEADER_BYTES, Take, What,
    aligned, decode_head, link_in_place, link_previous, outer_digest,
};
use crate::read::Reader;
use crate::recover::damaged;
use crate::words::{Hash, Index, link_hash};

/// One event without its slots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedFact {
    /// Its place in the chain.
    pub index: Index,
    /// The 77 bytes of its link.
    pub link: [u8; LINK_BYTES],
    /// What the next link names.
    pub link_hash: Hash,
    /// The sealed record.
    pub record: Vec<u8>,
}

/// Where the next group is to be, and what it has to name.
struct Next {
    number: u64,
    place: Place,
    first: Index,
    outer: Hash,
    link: Hash,
}

/// Reads group after group.
pub struct Follower {
    reader: Reader,
    next: Option<Next>,
    file: Option<(u32, Arc<dyn File>)>,
    buffer: Vec<u8>,
}

impl Follower {
    /// Follows what this reader sees.
    #[must_use]
    pub fn new(reader: Reader) -> Follower {
        Follower {
            reader,
            next: None,
            file: None,
            buffer: Vec::new(),
        }
    }

    /// The index behind the last durable entry.
    #[must_use]
    pub fn head(&self) -> Index {
        self.reader.shared.durable()
    }

    /// The entries from `from` on of the group that holds it; empty where it is not durable yet.
    ///
    /// # Errors
    /// `Damaged` where the group is not whole; `Io`.
    pub fn group_from(&mut self, from: Index) -> Result<Vec<SealedFact>, JournalError> {
        if from >= self.head() {
            return Ok(Vec::new());
        }
        let next = match self.next.take() {
            Some(next) if next.first == from => next,
            _ => self.find(from)?,
        };
        let header = self.header_of(&next)?;
        let mut facts = self.facts(&next, &header)?;
        facts.retain(|fact| fact.index >= from);
        Ok(facts)
    }

    /// By way of the offsets: at the start, and after a jump.
    fn find(&self, from: Index) -> Result<Next, JournalError> {
        let group = self.reader.group_of(from)?;
        Ok(Next {
            number: group.number,
            place: group.place,
            first: group.first,
            outer: group.previous_outer,
            link: group.link_before(),
        })
    }

    /// The group's header: behind the group before, or at the start of the next segment.
    fn header_of(&mut self, next: &Next) -> Result<GroupHeader, JournalError> {
        let wanted = |found: &Result<GroupHeader, Broken>| matches!(found, Ok(header) if header.number == next.number);
        let here = self.header_at(next.place)?;
        let found = match wanted(&here) {
            true => here,
            false => {
                let opening = self.opening(next.place.segment)?;
                opening.filter(wanted).unwrap_or(here)
            }
        };
        let header = found.map_err(|broken| self.broken(next, &broken))?;
        let wrong = if header.number != next.number {
            Some(Broken::new(What::WrongNumber, 16))
        } else if header.first != next.first {
            Some(Broken::new(What::WrongFirst, 24))
        } else if header.previous_outer != next.outer {
            Some(Broken::new(What::WrongPrevious, 48))
        } else {
            None
        };
        wrong.map_or(Ok(header), |broken| Err(self.broken(next, &broken)))
    }

    /// The header that opens the segment behind this one, if there is such a segment.
    fn opening(
        &mut self,
        segment: u32,
    ) -> Result<Option<Result<GroupHeader, Broken>>, JournalError> {
        let Some(segment) = segment.checked_add(1) else {
            return Ok(None);
        };
        let place = Place {
            segment,
            offset: SEGMENT_HEADER_BYTES as u32,
        };
        match self.header_at(place) {
            Err(JournalError::Io { cause, .. }) if cause.kind() == ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    fn header_at(&mut self, place: Place) -> Result<Result<GroupHeader, Broken>, JournalError> {
        let segment_bytes = self.reader.shared.segments.segment_bytes();
        if u64::from(place.offset) + GROUP_HEADER_BYTES as u64 > segment_bytes {
            return Ok(Err(Broken::new(What::Short, 0)));
        }
        let mut bytes = [0; GROUP_HEADER_BYTES];
        let file = self.file(place.segment)?;
        let read = file
            .read_at(&mut bytes, u64::from(place.offset))
            .map_err(JournalError::io("reading a group's header"))?;
        let header = GroupHeader::decode(bytes.get(..read).unwrap_or_default());
        Ok(header.and_then(|header| {
            if header.place != place {
                return Err(Broken::new(What::WrongPlace, 8));
            }
            match header.end() <= segment_bytes {
                true => Ok(header),
                false => Err(Broken::new(What::Length, 36)),
            }
        }))
    }

    /// Reads heads and vault section, checks them, and goes on behind the group.
    fn facts(
        &mut self,
        next: &Next,
        header: &GroupHeader,
    ) -> Result<Vec<SealedFact>, JournalError> {
        let parts = [
            (0, GROUP_HEADER_BYTES + header.heads as usize),
            (header.slots as usize, header.vault as usize + OUTER_BYTES),
        ];
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(parts.iter().map(|(_, length)| length).sum(), 0);
        let (file, mut at) = (
            self.file(header.place.segment)?,
            u64::from(header.place.offset),
        );
        let mut rest = buffer.as_mut_slice();
        for (skipped, length) in parts {
            at += skipped as u64;
            let part = rest.split_off_mut(..length).unwrap_or_default();
            let read = file
                .read_at(part, at)
                .map_err(JournalError::io("reading a group's heads"))?;
            if read < length {
                return Err(self.broken(next, &Broken::new(What::Short, 0)));
            }
            at += length as u64;
        }
        let checked = checked(&buffer, header, self.reader.marker().chain, next.link);
        let (facts, outer) = checked.map_err(|broken| self.broken(next, &broken))?;
        let end = u64::from(header.place.offset) + aligned(u64::from(header.length));
        self.next = Some(Next {
            number: header.number + 1,
            place: Place {
                segment: header.place.segment,
                offset: end as u32,
            },
            first: header.next(),
            outer,
            link: facts.last().map_or(next.link, |fact| fact.link_hash),
        });
        buffer.truncate(BUFFER_KEPT_BYTES);
        buffer.shrink_to(BUFFER_KEPT_BYTES);
        self.buffer = buffer;
        Ok(facts)
    }

    fn file(&mut self, segment: u32) -> Result<Arc<dyn File>, JournalError> {
        if let Some((open, file)) = &self.file
            && *open == segment
        {
            return Ok(Arc::clone(file));
        }
        let file = self.reader.shared.segments.file(segment);
        let file = file.map_err(JournalError::io("opening a segment"))?;
        self.file = Some((segment, Arc::clone(&file)));
        Ok(file)
    }

    fn broken(&self, next: &Next, broken: &Broken) -> JournalError {
        damaged(next.place, next.number, next.first, broken)
    }
}

/// The outer digest, behind the vault section.
const OUTER_BYTES: usize = 32;
/// Kept between groups; a group of single events has less.
const BUFFER_KEPT_BYTES: usize = 256 << 10;

/// The facts in the bytes of header, heads, vault section and outer digest; and that digest.
fn checked(
    bytes: &[u8],
    header: &GroupHeader,
    chain: crate::words::ChainNumber,
    before: Hash,
) -> Result<(Vec<SealedFact>, Hash), Broken> {
    let mut take = Take::new(bytes);
    let front = take.bytes(GROUP_HEADER_BYTES)?;
    let heads = take.bytes(header.heads as usize)?;
    let vault = take.bytes(header.vault as usize)?;
    let outer = outer_digest(front, heads, vault);
    if Hash(take.array()?) != outer {
        let at = u64::from(header.heads) + u64::from(header.slots) + u64::from(header.vault);
        return Err(Broken::new(
            What::OuterDigest,
            GROUP_HEADER_BYTES as u64 + at,
        ));
    }
    let mut heads = Take::new(heads);
    let mut facts = Vec::with_capacity(header.count.min(1 << 16) as usize);
    let mut before = before;
    for index in (header.first.0..header.next().0).map(Index) {
        let at = GROUP_HEADER_BYTES as u64 + heads.at();
        let (head, used) =
            decode_head(heads.rest()).map_err(|broken| broken.moved(at).in_entry(index))?;
        heads.bytes(used)?;
        if !link_in_place(&head.link, chain, index) {
            return Err(Broken::new(What::Link, 0).in_entry(index));
        }
        if link_previous(&head.link) != before {
            return Err(Broken::new(What::LinkPrevious, 0).in_entry(index));
        }
        before = link_hash(&head.link);
        facts.push(SealedFact {
            index,
            link: head.link,
            link_hash: before,
            record: head.record.to_vec(),
        });
    }
    match heads.rest().is_empty() {
        true => Ok((facts, outer)),
        false => Err(Broken::new(What::Length, 84)),
    }
}
