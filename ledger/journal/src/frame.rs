//! The framer: turns a draft into the bytes of the next group and decides where they go. Pure; the sequencer's side of the journal.
//!
//! Not here: writing, syncing, waiting. A prepared group is not durable.
//! Always: groups leave in order, each naming the outer digest of the one before; no group spans segments; a refused draft changes nothing.

use crate::error::{DraftError, JournalError};
use crate::format::{
    Entry, GroupStart, Marker, Place, SEGMENT_HEADER_BYTES, SegmentHeader, aligned, encode_group,
    encoded_length, entry_allowed, link_in_place, link_previous,
};
use crate::words::{Hash, Index, UnixMillis, link_hash};

/// The end of the journal: what the next group follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tip {
    /// Where the next group goes if it fits the segment.
    pub place: Place,
    /// The number of the last group; 0 where there is none.
    pub group: u64,
    /// The index of the next entry.
    pub next: Index,
    /// The outer digest of the last group; without one the genesis hash.
    pub outer: Hash,
    /// The hash of the last link; without one the genesis hash.
    pub link: Hash,
}

impl Tip {
    /// The end of a journal without groups.
    #[must_use]
    pub fn genesis(genesis: Hash) -> Tip {
        Tip {
            place: Place {
                segment: 0,
                offset: SEGMENT_HEADER_BYTES as u32,
            },
            group: 0,
            next: Index(0),
            outer: genesis,
            link: genesis,
        }
    }
}

/// What the sequencer wants to make durable at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupDraft {
    /// When; goes into the header and, from there, into the foil.
    pub time: UnixMillis,
    /// The index of the first entry.
    pub first: Index,
    /// At least one.
    pub entries: Vec<Entry>,
    /// The sealed vault section; may be empty.
    pub vault_section: Vec<u8>,
}

/// The bytes of a group and where they go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreparedGroup {
    /// The group's number.
    pub number: u64,
    /// The index of its first entry.
    pub first: Index,
    /// How many entries.
    pub count: u32,
    /// When.
    pub time: UnixMillis,
    pub(crate) place: Place,
    /// Bytes without padding.
    pub(crate) length: u32,
    pub(crate) bytes: Vec<u8>,
    /// The header of the segment that this group opens.
    pub(crate) opens: Option<SegmentHeader>,
    /// The end of the journal once this is durable.
    pub(crate) after: Tip,
}

impl PreparedGroup {
    /// Bytes on disk, padding included.
    #[must_use]
    pub fn bytes_on_disk(&self) -> usize {
        self.bytes.len()
    }

    /// The hash of its last link.
    #[must_use]
    pub fn last_link_hash(&self) -> Hash {
        self.after.link
    }
}

/// Frames drafts, one after the other.
#[derive(Clone, Debug)]
pub struct Framer {
    marker: Marker,
    tip: Tip,
}

impl Framer {
    pub(crate) fn new(marker: Marker, tip: Tip) -> Framer {
        Framer { marker, tip }
    }

    /// The index that the next draft begins with.
    #[must_use]
    pub fn next(&self) -> Index {
        self.tip.next
    }

    /// The hash of the last link framed; the genesis hash where there is none.
    #[must_use]
    pub fn last_link_hash(&self) -> Hash {
        self.tip.link
    }

    /// The number that the next group gets: the vault section's associated data names it.
    #[must_use]
    pub fn next_group(&self) -> u64 {
        self.tip.group + 1
    }

    /// The longest group, in bytes.
    #[must_use]
    pub fn group_bytes_max(&self) -> u64 {
        self.marker.group_bytes_max
    }

    /// What an entry adds to a group, in bytes; a group has 160 more, its vault section and its padding.
    #[must_use]
    pub fn entry_bytes(entry: &Entry) -> u64 {
        encoded_length(std::slice::from_ref(entry), &[]) - encoded_length(&[], &[])
    }

    /// Frames the next group.
    ///
    /// # Errors
    /// `JournalError::Draft` where the draft is empty, too long, out of order or not linked; nothing has changed then.
    pub fn frame(&mut self, draft: GroupDraft) -> Result<PreparedGroup, JournalError> {
        let last_link = self.check(&draft).map_err(JournalError::Draft)?;
        let length = encoded_length(&draft.entries, &draft.vault_section);
        let (place, opens) = self.place_for(length);
        let start = GroupStart {
            place,
            number: self.tip.group + 1,
            first: draft.first,
            time: draft.time,
            previous_outer: self.tip.outer,
        };
        let (bytes, outer) = encode_group(&start, &draft.entries, &draft.vault_section);
        let count = draft.entries.len() as u32;
        self.tip = Tip {
            place: Place {
                offset: place.offset + bytes.len() as u32,
                ..place
            },
            group: start.number,
            next: Index(draft.first.0 + u64::from(count)),
            outer,
            link: last_link,
        };
        Ok(PreparedGroup {
            number: start.number,
            first: draft.first,
            count,
            time: draft.time,
            place,
            length: length as u32,
            bytes,
            opens,
            after: self.tip,
        })
    }

    fn place_for(&self, length: u64) -> (Place, Option<SegmentHeader>) {
        let end = u64::from(self.tip.place.offset) + aligned(length);
        if end <= self.marker.segment_bytes {
            return (self.tip.place, None);
        }
        let number = self.tip.place.segment + 1;
        let header = segment_header(&self.marker, &self.tip, number);
        (
            Place {
                segment: number,
                offset: SEGMENT_HEADER_BYTES as u32,
            },
            Some(header),
        )
    }

    /// The hash of the draft's last link, or what is wrong with it.
    fn check(&self, draft: &GroupDraft) -> Result<Hash, DraftError> {
        if draft.entries.is_empty() {
            return Err(DraftError::Empty);
        }
        if draft.first != self.tip.next {
            return Err(DraftError::First {
                expected: self.tip.next,
            });
        }
        let mut before = self.tip.link;
        for (index, entry) in (draft.first.0..).map(Index).zip(&draft.entries) {
            if !entry_allowed(entry) {
                return Err(DraftError::Entry(index));
            }
            if !link_in_place(&entry.link, self.marker.chain, index)
                || link_previous(&entry.link) != before
            {
                return Err(DraftError::Link(index));
            }
            before = link_hash(&entry.link);
        }
        let length = encoded_length(&draft.entries, &draft.vault_section);
        let max = self.marker.group_bytes_max;
        if length > max {
            return Err(DraftError::TooLong { length, max });
        }
        Ok(before)
    }
}

/// The header of segment `number`, opened behind this tip.
pub(crate) fn segment_header(marker: &Marker, tip: &Tip, number: u32) -> SegmentHeader {
    SegmentHeader {
        genesis: marker.genesis,
        chain: marker.chain,
        number,
        first_index: tip.next,
        first_group: tip.group + 1,
        segment_bytes: marker.segment_bytes,
        previous_outer: tip.outer,
    }
}
