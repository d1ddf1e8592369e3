//! The background scrub: reads what the start did not, a step at a time, and stops the writer where something is not whole.
//!
//! Not here: slots below the floor, which only whoever has the keys can judge against their records.
//! Always: reads past derived files, from segment headers and group headers alone; writes nothing but rows of the offsets that had rotted.

use crate::check::{next_group, tip_behind};
use crate::error::JournalError;
use crate::format::{Broken, Depth, Group, What};
use crate::frame::{Tip, segment_header};
use crate::offsets::Row;
use crate::read::Reader;
use crate::recover::damaged;
use crate::words::Index;

/// How far a scrub has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScrubProgress {
    /// The index up to which everything was found whole.
    pub next: Index,
    /// Groups read so far.
    pub groups: u64,
    /// Groups below the floor whose slots no longer match their full digest: overwritten, or rot that only a key holder can tell.
    pub slots_changed: u64,
    /// Whether it has reached the watermark.
    pub done: bool,
}

/// A walk over the whole journal, from its start.
pub struct Scrub {
    reader: Reader,
    tip: Tip,
    floor: u64,
    groups: u64,
    slots_changed: u64,
}

impl Scrub {
    /// A scrub from the start of the journal. Below `floor` slots may have been overwritten.
    #[must_use]
    pub fn new(reader: &Reader, floor: u64) -> Scrub {
        Scrub {
            reader: reader.clone(),
            tip: Tip::genesis(reader.genesis()),
            floor,
            groups: 0,
            slots_changed: 0,
        }
    }

    /// Reads at most about this many bytes more.
    ///
    /// # Errors
    /// `Damaged`: the writer refuses from then on. `Io`: may be tried again.
    pub fn step(&mut self, bytes: u64) -> Result<ScrubProgress, JournalError> {
        self.step_to(bytes, Index(u64::MAX), |_| Ok(()))
    }

    /// As [`Scrub::step`], but not beyond the group that ends at or behind `until`; hands out each group that is whole.
    ///
    /// # Errors
    /// As [`Scrub::step`]; whatever `each` says.
    pub fn step_to(
        &mut self,
        bytes: u64,
        until: Index,
        each: impl FnMut(&Group) -> Result<(), JournalError>,
    ) -> Result<ScrubProgress, JournalError> {
        let outcome = self.walk(bytes, until, each);
        if let Err(JournalError::Damaged(damage)) = &outcome {
            self.reader.shared.halt(*damage);
        }
        outcome
    }

    fn walk(
        &mut self,
        bytes: u64,
        until: Index,
        mut each: impl FnMut(&Group) -> Result<(), JournalError>,
    ) -> Result<ScrubProgress, JournalError> {
        let shared = std::sync::Arc::clone(&self.reader.shared);
        let watermark = self.reader.watermark();
        let mut read = 0;
        let mut rows = Vec::new();
        while self.tip.group < watermark.group && self.tip.next < until && read < bytes {
            let depth = if self.tip.next.0 >= self.floor {
                Depth::Full
            } else {
                Depth::Outer
            };
            let next = next_group(&shared.segments, &shared.marker, &self.tip, depth);
            let group = next
                .map_err(JournalError::io("scrubbing"))?
                .map_err(|stop| {
                    damaged(stop.place, self.tip.group + 1, self.tip.next, &stop.broken)
                })?;
            self.check_opening(group.place.segment)?;
            self.groups += 1;
            self.slots_changed += u64::from(!group.slots_whole);
            read += u64::from(group.length);
            self.tip = tip_behind(&group);
            rows.push(Row::of_group(&group));
            each(&group)?;
        }
        self.reader.correct_offsets(&rows)?;
        Ok(ScrubProgress {
            next: self.tip.next,
            groups: self.groups,
            slots_changed: self.slots_changed,
            done: self.tip.group >= watermark.group || self.tip.next >= until,
        })
    }

    /// The first segment's header; those of the others are compared when the walk enters them.
    fn check_opening(&self, segment: u32) -> Result<(), JournalError> {
        if self.groups > 0 || segment != 0 {
            return Ok(());
        }
        let shared = &self.reader.shared;
        let wanted = segment_header(&shared.marker, &self.tip, 0);
        let first = shared.segments.header(0);
        let first = first.map_err(JournalError::io("scrubbing"))?;
        if first.is_some_and(|header| header.agrees(&wanted)) {
            return Ok(());
        }
        let place = crate::format::Place {
            segment: 0,
            offset: 0,
        };
        Err(damaged(place, 1, Index(0), &Broken::new(What::Checksum, 0)))
    }
}

/// Reads a journal from its start to its watermark, every group in full above `floor`, every segment header.
///
/// # Errors
/// `Damaged` at the first thing that is not whole; `Io`.
pub fn verify(reader: &Reader, floor: u64) -> Result<ScrubProgress, JournalError> {
    Scrub::new(reader, floor).step(u64::MAX)
}
