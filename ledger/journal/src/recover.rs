//! What a start finds at the end of the journal, and what it may do about it: section 6 of the design, "Recovery".
//!
//! Not here: whether a group is whole (`check`); the vault's replay (its owner's).
//! Always: nothing here writes to a segment; damage is returned before `repair` is ever called.

use std::io;

use crate::check::{next_group, read_group, read_header, tip_behind};
use crate::error::{Damage, JournalError};
use crate::format::{
    Broken, Depth, Expected, Group, GroupHeader, Marker, Place, SEGMENT_HEADER_BYTES, What, aligned,
};
use crate::frame::Tip;
use crate::offsets::{Offsets, Row};
use crate::segments::Segments;
use crate::words::{Hash, Index};

/// What the stored checkpoint vouches for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Floor {
    /// The tree size in the checkpoint; 0 where there is none.
    pub size: u64,
    /// The root in it; compared by `TreeLevels::check_floor`.
    pub root: Option<Hash>,
}

/// What a start found and did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// The index of the next entry.
    pub next: Index,
    /// The number of the last group.
    pub group: u64,
    /// The first group that was read in full; those before it are the background scrub's.
    pub checked_from_group: u64,
    /// The torn tail that was zeroed: where it began. `None`: the last group was whole.
    pub torn: Option<Place>,
    /// Segments without groups that were filled again.
    pub refilled: Vec<u32>,
    /// Whether the offsets were rebuilt from headers.
    pub offsets_rebuilt: bool,
}

/// The end of the journal as found.
pub(crate) struct Found {
    pub(crate) tip: Tip,
    /// Where the last whole group lies, and its length on disk.
    pub(crate) last: Option<(Place, usize)>,
    pub(crate) checked_from_group: u64,
    pub(crate) offsets_rebuilt: bool,
    /// Whether something other than zeros lies behind the tip: a torn group.
    pub(crate) torn: bool,
}

/// The parts that recovery looks at.
pub(crate) struct Ground<'a> {
    pub(crate) segments: &'a Segments,
    pub(crate) marker: &'a Marker,
    pub(crate) torn_scan_bytes: u64,
}

impl Ground<'_> {
    /// Finds the end of the journal and fills the offsets up to it, or says what is damaged.
    pub(crate) fn find(&self, offsets: &mut Offsets, floor: Floor) -> Result<Found, JournalError> {
        let had = offsets.count();
        let (mut tip, mut last) = self.start(offsets, floor)?;
        if !self
            .segments
            .numbers()
            .map_err(io_error)?
            .contains(&tip.place.segment)
        {
            return Err(damaged(
                tip.place,
                tip.group + 1,
                tip.next,
                &Broken::new(What::Segment, 0),
            ));
        }
        let offsets_rebuilt = tip.group > 0 && had < tip.group;
        let checked_from_group = tip.group.max(1);
        let stop = loop {
            let look =
                || next_group(self.segments, self.marker, &tip, Depth::Full).map_err(io_error);
            // A disk that once answered with another sector has torn nothing: look twice before anything is taken for a tail.
            let group = match look()? {
                Err(_) => look()?,
                whole => whole,
            };
            match group {
                Err(stop) => break stop,
                Ok(group) => {
                    offsets.push(Row::of_group(&group)).map_err(io_error)?;
                    tip = tip_behind(&group);
                    last = Some((group.place, aligned(u64::from(group.length)) as usize));
                }
            }
        };
        if tip.group > 0 {
            self.check_segments(offsets, tip.place.segment)?;
        }
        let torn = self.judge(&tip, &stop)?;
        Ok(Found {
            tip,
            last,
            checked_from_group,
            offsets_rebuilt,
            torn,
        })
    }

    /// Walks to group `last` without judging what lies behind it; ends early, with the damage, at what is not whole.
    pub(crate) fn look(
        &self,
        offsets: &mut Offsets,
        floor: Floor,
        last: Option<u64>,
    ) -> Result<(Tip, Option<Damage>), JournalError> {
        let (mut tip, _) = match self.start(offsets, floor) {
            Err(JournalError::Damaged(damage)) => return self.before(offsets, damage),
            started => started?,
        };
        while last.is_none_or(|last| tip.group < last) {
            match next_group(self.segments, self.marker, &tip, Depth::Full).map_err(io_error)? {
                Ok(group) => {
                    offsets.push(Row::of_group(&group)).map_err(io_error)?;
                    tip = tip_behind(&group);
                }
                Err(stop) => {
                    let error = damaged(stop.place, tip.group + 1, tip.next, &stop.broken);
                    // Without a watermark the end is the last whole group, unless something speaks against that.
                    let error = if last.is_some() {
                        Some(error)
                    } else {
                        self.judge(&tip, &stop).err()
                    };
                    return match error {
                        Some(JournalError::Damaged(damage)) => Ok((tip, Some(damage))),
                        Some(error) => Err(error),
                        None => Ok((tip, None)),
                    };
                }
            }
        }
        Ok((tip, None))
    }

    /// The tip behind the last group before damage below the floor.
    fn before(
        &self,
        offsets: &mut Offsets,
        damage: Damage,
    ) -> Result<(Tip, Option<Damage>), JournalError> {
        offsets.keep(damage.group.saturating_sub(1));
        while let Some(row) = offsets.row(offsets.count()).map_err(io_error)? {
            let read = read_group(self.segments, self.marker, row.place, Depth::Outer);
            if let Ok(Ok(group)) = read {
                return Ok((tip_behind(&group), Some(damage)));
            }
            offsets.keep(row.number - 1);
        }
        Ok((Tip::genesis(self.marker.genesis), Some(damage)))
    }

    /// The tip behind the group that holds the last entry below the floor. That group is whole but for its slots.
    fn start(
        &self,
        offsets: &mut Offsets,
        floor: Floor,
    ) -> Result<(Tip, Option<(Place, usize)>), JournalError> {
        let genesis = Tip::genesis(self.marker.genesis);
        let Some(below) = floor.size.checked_sub(1).map(Index) else {
            offsets.keep(0);
            return Ok((genesis, None));
        };
        if let Some(row) = offsets.find(below).map_err(io_error)?
            && let Ok(group) = self.outer(row)?
            && Row::of_group(&group) == row
            && group.next() > below
        {
            offsets.keep(row.number);
            return Ok((
                tip_behind(&group),
                Some((row.place, aligned(u64::from(row.length)) as usize)),
            ));
        }
        // The offsets do not lead there: they are discarded, and the headers lead from the start.
        offsets.keep(0);
        let row = self.walk_headers(offsets, below)?;
        match self.outer(row)? {
            Ok(group) => Ok((
                tip_behind(&group),
                Some((row.place, aligned(u64::from(row.length)) as usize)),
            )),
            Err(broken) => Err(damaged(row.place, row.number, row.first, &broken)),
        }
    }

    /// The group of a row, but for its slots; a missing segment is damage with a number.
    fn outer(&self, row: Row) -> Result<Result<Group, Broken>, JournalError> {
        match read_group(self.segments, self.marker, row.place, Depth::Outer) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                Ok(Err(Broken::new(What::Segment, 0)))
            }
            read => read.map_err(io_error),
        }
    }

    /// Fills the offsets from headers until one holds `below`; its row.
    fn walk_headers(&self, offsets: &mut Offsets, below: Index) -> Result<Row, JournalError> {
        let mut place = Tip::genesis(self.marker.genesis).place;
        let mut next = Index(0);
        loop {
            let number = offsets.count() + 1;
            let header = match self.header_of(place, number, next)? {
                Ok(header) => header,
                Err(broken) => return Err(damaged(place, number, next, &broken)),
            };
            let row = Row::of_header(&header);
            offsets.push(row).map_err(io_error)?;
            next = header.next();
            if next > below {
                return Ok(row);
            }
            place = Place {
                segment: header.place.segment,
                offset: header.end() as u32,
            };
        }
    }

    /// Where groups 1 to `last` lie, from their headers.
    pub(crate) fn rows(&self, last: u64) -> Result<Vec<Row>, JournalError> {
        let mut place = Tip::genesis(self.marker.genesis).place;
        let mut next = Index(0);
        let mut rows = Vec::new();
        for number in 1..=last {
            let header = self.header_of(place, number, next)?;
            let header = header.map_err(|broken| damaged(place, number, next, &broken))?;
            rows.push(Row::of_header(&header));
            next = header.next();
            place = Place {
                segment: header.place.segment,
                offset: header.end() as u32,
            };
        }
        Ok(rows)
    }

    /// The header of group `number`, at this place or at the start of the next segment.
    fn header_of(
        &self,
        place: Place,
        number: u64,
        first: Index,
    ) -> Result<Result<GroupHeader, Broken>, JournalError> {
        let here = self.header_at(place, number, first)?;
        if here.is_ok() {
            return Ok(here);
        }
        let segment = place.segment.saturating_add(1);
        let there = self.header_at(
            Place {
                segment,
                offset: SEGMENT_HEADER_BYTES as u32,
            },
            number,
            first,
        )?;
        Ok(if there.is_ok() { there } else { here })
    }

    fn header_at(
        &self,
        place: Place,
        number: u64,
        first: Index,
    ) -> Result<Result<GroupHeader, Broken>, JournalError> {
        let header = match read_header(self.segments, place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Err(Broken::new(What::Segment, 0)));
            }
            header => header.map_err(io_error)?,
        };
        Ok(header.and_then(|header| {
            let previous_outer = header.previous_outer;
            header.check(&Expected {
                place,
                number,
                first,
                previous_outer,
            })?;
            Ok(header)
        }))
    }

    /// Every segment with groups is there, of full length, and says what it is.
    fn check_segments(&self, offsets: &Offsets, last: u32) -> Result<(), JournalError> {
        let present = self.segments.numbers().map_err(io_error)?;
        for number in 0..=last {
            let row = first_row_of(offsets, number).map_err(io_error)?;
            let damage = |what, at| {
                let (group, first) = row.map_or((0, Index(0)), |row| (row.number, row.first));
                let place = Place {
                    segment: number,
                    offset: at,
                };
                JournalError::Damaged(Damage::at(place, group, first, what))
            };
            if present.binary_search(&number).is_err() {
                return Err(damage(What::Segment, 0));
            }
            let length = self
                .segments
                .file(number)
                .and_then(|file| file.len())
                .map_err(io_error)?;
            if length != self.segments.segment_bytes() {
                return Err(damage(
                    What::Segment,
                    length.min(u64::from(u32::MAX)) as u32,
                ));
            }
            let Some(header) = self.segments.header(number).map_err(io_error)? else {
                return Err(damage(What::Checksum, 0));
            };
            if header.genesis != self.marker.genesis || header.chain.0 > self.marker.chain.0 {
                return Err(damage(What::WrongLedger, 0));
            }
            let opens = Place {
                segment: number,
                offset: SEGMENT_HEADER_BYTES as u32,
            };
            let agrees = row.is_some_and(|row| {
                row.place == opens
                    && row.number == header.first_group
                    && row.first == header.first_index
            });
            if header.number != number || !agrees {
                return Err(damage(What::WrongPlace, 0));
            }
        }
        Ok(())
    }
}

/// The row of the first group in a segment, by halving.
fn first_row_of(offsets: &Offsets, segment: u32) -> io::Result<Option<Row>> {
    let (mut low, mut high) = (1, offsets.count() + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match offsets.row(middle)? {
            Some(row) if row.place.segment < segment => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(offsets.row(low)?.filter(|row| row.place.segment == segment))
}

pub(crate) fn damaged(place: Place, group: u64, first: Index, broken: &Broken) -> JournalError {
    JournalError::Damaged(Damage {
        segment: place.segment,
        group,
        index: broken.index.unwrap_or(first),
        offset: u64::from(place.offset) + broken.at,
        what: broken.what,
    })
}

pub(crate) fn io_error(cause: io::Error) -> JournalError {
    JournalError::Io {
        what: "reading the journal",
        cause,
    }
}
