//! What a start writes when recovery found no damage: the torn tail's zeros, segments without groups, the last group again.
//!
//! Not here: deciding whether anything may be written at all (`recover`).
//! Always: each step may be done again after a crash in any of them; nothing is answered before all are synced.

use std::io;

use ground::Site;

use crate::error::JournalError;
use crate::format::{Place, aligned};
use crate::frame::{Tip, segment_header};
use crate::recover::{Found, Ground, Recovery};
use crate::segments::PIECE_BYTES;

/// The sync behind a torn tail's zeros and the second writing of the last whole group, which lie in one file.
pub const SITE_LAST_GROUP: Site = Site("journal.last-group");
/// The sync of a segment header, before the segment's first group.
pub const SITE_SEGMENT_HEADER: Site = Site("journal.segment-header");

impl Ground<'_> {
    /// Zeroes the torn tail, last byte first; fills again every segment without groups; then writes the last whole group again,
    /// byte for byte, and syncs both: any part of the zeros that a crash leaves is a torn tail again. Nothing may be answered
    /// before this returned.
    pub(crate) fn repair(&self, found: &Found) -> Result<Recovery, JournalError> {
        let tip = &found.tip;
        if tip.group > 0 {
            // Always, not only where something was seen: after a kill the cache may show zeros that the disk does not have.
            self.zero_behind(tip.place)
                .map_err(JournalError::fatal("zeroing the torn tail"))?;
        }
        let refilled = self
            .refill(tip)
            .map_err(JournalError::fatal("filling a segment again"))?;
        if let Some((place, length)) = found.last {
            self.write_again(place, length)
                .map_err(JournalError::fatal("writing the last group again"))?;
        }
        Ok(Recovery {
            next: tip.next,
            group: tip.group,
            checked_from_group: found.checked_from_group,
            torn: found.torn.then_some(tip.place),
            refilled,
            offsets_rebuilt: found.offsets_rebuilt,
        })
    }

    fn zero_behind(&self, place: Place) -> io::Result<()> {
        let start = u64::from(place.offset);
        let end = (start + aligned(self.marker.group_bytes_max)).min(self.segments.segment_bytes());
        let file = self.segments.file(place.segment)?;
        let zeros = vec![0; PIECE_BYTES];
        let mut behind = end;
        while behind > start {
            let from = behind.saturating_sub(PIECE_BYTES as u64).max(start);
            let piece = zeros.get(..(behind - from) as usize).unwrap_or_default();
            file.write_all_at(piece, from)?;
            behind = from;
        }
        Ok(())
    }

    fn refill(&self, tip: &Tip) -> io::Result<Vec<u32>> {
        let first = if tip.group == 0 {
            0
        } else {
            tip.place.segment + 1
        };
        let mut numbers: Vec<u32> = self
            .segments
            .numbers()?
            .into_iter()
            .filter(|number| *number >= first)
            .collect();
        if tip.group == 0 && !numbers.contains(&0) {
            numbers.insert(0, 0);
        }
        for number in &numbers {
            self.segments.fill(*number)?;
        }
        if tip.group == 0 {
            let file = self.segments.file(0)?;
            file.write_all_at(&segment_header(self.marker, tip, 0).encode(), 0)?;
            file.sync_data(SITE_SEGMENT_HEADER)?;
        }
        Ok(numbers)
    }

    fn write_again(&self, place: Place, length: usize) -> io::Result<()> {
        let read = || {
            self.segments
                .read(place.segment, u64::from(place.offset), length)
        };
        // What is written over a whole group must be that group: one misdirected read would destroy it.
        let bytes = read()?;
        if bytes != read()? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "two reads of one group differ",
            ));
        }
        let file = self.segments.file(place.segment)?;
        file.write_all_at(&bytes, u64::from(place.offset))?;
        file.sync_data(SITE_LAST_GROUP)
    }
}
