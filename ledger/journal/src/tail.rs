//! Whether what lies behind the last whole group is a torn tail, nothing, or damage.
//!
//! Not here: finding the last whole group (`recover`), zeroing (`repair`).
//! Always: reads only; a torn tail has all four marks of section 6 of the design, and whatever lacks one is damage.

use crate::check::{Stop, read_header};
use crate::error::{Damage, JournalError};
use crate::format::{
    Broken, GROUP_HEADER_BYTES, GroupHeader, SECTOR_BYTES, SEGMENT_HEADER_BYTES, What, aligned,
};
use crate::frame::{Tip, segment_header};
use crate::recover::{Ground, damaged, io_error};
use crate::segments::PIECE_BYTES;

impl Ground<'_> {
    /// Whether what follows the tip is a torn tail (`true`), nothing (`false`), or damage.
    pub(crate) fn judge(&self, tip: &Tip, stop: &Stop) -> Result<bool, JournalError> {
        let damage = |what| {
            damaged(
                stop.place,
                tip.group + 1,
                tip.next,
                &Broken {
                    what,
                    ..stop.broken
                },
            )
        };
        let end = self.segments.segment_bytes();
        let start = u64::from(stop.place.offset);
        let header = if start + GROUP_HEADER_BYTES as u64 <= end {
            read_header(self.segments, stop.place)
                .map_err(io_error)?
                .ok()
        } else {
            None
        };
        // Whole headers lie in one sector, so no crash leaves one that names something else.
        if stop.broken.what == What::Behind {
            return Err(damage(What::Behind));
        }
        if let Some(header) = &header
            && (header.place != stop.place
                || header.number != tip.group + 1
                || header.first != tip.next
                || header.previous_outer != tip.outer
                || header.end() > end)
        {
            return Err(damage(stop.broken.what));
        }
        let clean = self
            .segments
            .first_non_zero(stop.place.segment, start)
            .map_err(io_error)?
            .is_none();
        if tip.group == 0 {
            // The first segment holds no whole group: whatever it holds is filled again, unless it is a later group.
            if self
                .find_header(0, start + SECTOR_BYTES, u64::MAX)?
                .is_some()
            {
                return Err(damage(if header.is_some() {
                    stop.broken.what
                } else {
                    What::LaterGroup
                }));
            }
        } else if !clean {
            let extent = header.map_or(start + aligned(self.marker.group_bytes_max), |h| h.end());
            let behind = start + SECTOR_BYTES;
            let until = start.saturating_add(self.scan_bytes());
            if let Some(what) = self.behind_torn(stop.place.segment, behind, until, extent)? {
                return Err(damage(if header.is_some() {
                    stop.broken.what
                } else {
                    what
                }));
            }
        }
        for number in self.segments.numbers().map_err(io_error)? {
            if number > stop.place.segment && self.holds_group(number, tip, clean)? {
                return Err(damage(What::LaterGroup));
            }
        }
        Ok(!clean)
    }

    fn scan_bytes(&self) -> u64 {
        self.torn_scan_bytes
            .max(aligned(self.marker.group_bytes_max))
    }

    /// What speaks against a torn group: a whole header in `from..=until`, or bytes behind its extent.
    fn behind_torn(
        &self,
        segment: u32,
        from: u64,
        until: u64,
        extent: u64,
    ) -> Result<Option<What>, JournalError> {
        if self.find_header(segment, from, until)?.is_some() {
            return Ok(Some(What::LaterGroup));
        }
        let behind = self
            .segments
            .first_non_zero(segment, extent)
            .map_err(io_error)?;
        Ok(behind.map(|_| What::Behind))
    }

    /// The first whole header that names its own place, on the grid from `from` to `until`.
    fn find_header(
        &self,
        segment: u32,
        from: u64,
        until: u64,
    ) -> Result<Option<GroupHeader>, JournalError> {
        let mut at = from;
        while at <= until {
            let piece = self
                .segments
                .read(segment, at, PIECE_BYTES)
                .map_err(io_error)?;
            for (sector, offset) in piece
                .chunks(SECTOR_BYTES as usize)
                .zip((at..).step_by(SECTOR_BYTES as usize))
            {
                if offset > until {
                    return Ok(None);
                }
                if let Ok(header) = GroupHeader::decode(sector)
                    && u64::from(header.place.offset) == offset
                    && header.place.segment == segment
                {
                    return Ok(Some(header));
                }
            }
            if piece.len() < PIECE_BYTES {
                return Ok(None);
            }
            at += piece.len() as u64;
        }
        Ok(None)
    }

    /// Whether a segment behind the tip holds a group. The torn first group of a segment that was just opened is none.
    fn holds_group(&self, number: u32, tip: &Tip, clean: bool) -> Result<bool, JournalError> {
        let opens = SEGMENT_HEADER_BYTES;
        let Some(header) = self.find_header(number, opens, u64::MAX)? else {
            return Ok(false);
        };
        let may_be_torn = clean
            && number == tip.place.segment + 1
            && u64::from(header.place.offset) == opens
            && header.number == tip.group + 1
            && header.first == tip.next
            && header.previous_outer == tip.outer
            && header.end() <= self.segments.segment_bytes();
        if !may_be_torn {
            return Ok(true);
        }
        // The header names the next group. Behind a header that was synced first it is torn; anywhere else it was moved here.
        let wanted = segment_header(self.marker, tip, number);
        let opened = self.segments.header(number).map_err(io_error)?;
        if !opened.is_some_and(|opened| opened.agrees(&wanted)) {
            return Ok(true);
        }
        let behind = self.behind_torn(number, opens + SECTOR_BYTES, u64::MAX, header.end())?;
        Ok(behind.is_some())
    }

    /// No segment holds a whole group header: `init` may make the first segment.
    pub(crate) fn refuse_groups(&self) -> Result<(), JournalError> {
        for number in self.segments.numbers().map_err(io_error)? {
            if let Some(header) = self.find_header(number, SEGMENT_HEADER_BYTES, u64::MAX)? {
                let damage =
                    Damage::at(header.place, header.number, header.first, What::LaterGroup);
                return Err(JournalError::Damaged(damage));
            }
        }
        Ok(())
    }
}
