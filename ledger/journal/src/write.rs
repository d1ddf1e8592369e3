//! The writer: one group, one write, one `fdatasync`; then the watermark. The durable step D1 of the design.
//!
//! Not here: what goes into a group (`frame`), what a start does (`recover`).
//! Always: group g+1 is not written until g's sync returned. After one failed write or sync nothing is written again by this process:
//! nobody knows then what the disk holds, and only recovery may find out (C-2).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ground::{File, Lock, Site};

use crate::error::JournalError;
use crate::format::WatermarkRecord;
use crate::frame::{PreparedGroup, Tip};
use crate::offsets::Row;
use crate::read::{Shared, Watermark};
use crate::repair::SITE_SEGMENT_HEADER;
use crate::words::{Index, UnixMillis};

/// The sync of a group: what makes its events durable.
pub const SITE_GROUP: Site = Site("journal.group");

/// A group that is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// Its number.
    pub group: u64,
    /// The index of its first entry.
    pub first: Index,
    /// How many entries.
    pub count: u32,
    /// Its time.
    pub time: UnixMillis,
}

/// Writes prepared groups. There is one in the world: it holds the journal's lock until it is dropped.
pub struct Writer {
    shared: Arc<Shared>,
    preparer: SegmentPreparer,
    /// The segment that holds the last group.
    segment: Arc<dyn File>,
    watermark_file: Arc<dyn File>,
    boot: [u8; 16],
    tip: Tip,
    stopped: Option<&'static str>,
    _lock: Box<dyn Lock>,
}

/// What the writer is made of when recovery is done.
pub(crate) struct WriterParts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) segment: Arc<dyn File>,
    pub(crate) watermark_file: Arc<dyn File>,
    pub(crate) boot: [u8; 16],
    pub(crate) tip: Tip,
    pub(crate) lock: Box<dyn Lock>,
    pub(crate) ready: Option<u32>,
}

impl Writer {
    pub(crate) fn new(parts: WriterParts) -> Writer {
        let preparer = SegmentPreparer {
            shared: Arc::clone(&parts.shared),
            state: Arc::new(Mutex::new(Prepared {
                used: parts.tip.place.segment,
                ready: parts.ready,
            })),
            end: Arc::new(AtomicU32::new(parts.tip.place.offset)),
        };
        Writer {
            shared: parts.shared,
            preparer,
            segment: parts.segment,
            watermark_file: parts.watermark_file,
            boot: parts.boot,
            tip: parts.tip,
            stopped: None,
            _lock: parts.lock,
        }
    }

    /// Makes a group durable. When this returns `Ok`, its events may be acknowledged; not before.
    ///
    /// # Errors
    /// `Fatal` after a failed write or sync, and on every call from then on: the group may or may not be on the disk.
    /// `Damaged` once the scrub has found something: nothing was written.
    pub fn commit(&mut self, group: PreparedGroup) -> Result<Committed, JournalError> {
        if let Some(what) = self.stopped {
            return Err(JournalError::Fatal { what, cause: None });
        }
        if let Some(damage) = self.shared.halted() {
            self.stopped = Some("damage was found");
            return Err(JournalError::Damaged(damage));
        }
        let committed = self.write(&group);
        if let Err(JournalError::Fatal { what, .. }) = &committed {
            self.stopped = Some(what);
        }
        committed
    }

    fn write(&mut self, group: &PreparedGroup) -> Result<Committed, JournalError> {
        if group.number != self.tip.group + 1 || group.first != self.tip.next {
            return Err(JournalError::Fatal {
                what: "groups were committed out of order",
                cause: None,
            });
        }
        if let Some(header) = &group.opens {
            // D0: a crash from here to the group's own sync leaves a last segment without groups, which is filled again.
            self.preparer.ensure(header.number)?;
            let file = self.shared.segments.file(header.number);
            self.segment = file.map_err(JournalError::fatal("opening the next segment"))?;
            self.segment
                .write_all_at(&header.encode(), 0)
                .and_then(|()| self.segment.sync_data(SITE_SEGMENT_HEADER))
                .map_err(JournalError::fatal("writing a segment header"))?;
        }
        // A crash here leaves a torn tail, or the whole group unacknowledged; recovery decides which.
        self.segment
            .write_all_at(&group.bytes, u64::from(group.place.offset))
            .map_err(JournalError::fatal("writing a group"))?;
        self.segment
            .sync_data(SITE_GROUP)
            .map_err(JournalError::fatal("syncing a group"))?;
        // D1: the group is durable. A crash from here on loses nothing; the answer may be asked for again.
        self.tip = group.after;
        let end = &self.preparer.end;
        end.store(self.tip.place.offset, Ordering::Relaxed);
        self.raise(group)?;
        Ok(Committed {
            group: group.number,
            first: group.first,
            count: group.count,
            time: group.time,
        })
    }

    /// Lets this and other processes see the group.
    fn raise(&mut self, group: &PreparedGroup) -> Result<(), JournalError> {
        let row = Row {
            number: group.number,
            first: group.first,
            place: group.place,
            length: group.length,
        };
        let mut offsets = self
            .shared
            .offsets
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        offsets
            .push(row)
            .map_err(JournalError::fatal("writing the offsets"))?;
        drop(offsets);
        self.shared.raise(Watermark {
            group: self.tip.group,
            next: self.tip.next,
        });
        write_watermark(&*self.watermark_file, self.boot, &self.tip)
            .map_err(JournalError::fatal("writing the watermark"))
    }

    /// Makes the next segment ahead of time, in this thread; for a caller without a background thread.
    ///
    /// # Errors
    /// `Io`: nothing is lost, the writer tries again when it needs the segment.
    pub fn prepare_next_segment(&self) -> Result<bool, JournalError> {
        self.preparer.prepare_next_segment()
    }

    /// What makes segments ahead of time, for a background thread.
    #[must_use]
    pub fn preparer(&self) -> SegmentPreparer {
        self.preparer.clone()
    }
}

/// Writes the watermark file in place; it is not synced.
pub(crate) fn write_watermark(file: &dyn File, boot: [u8; 16], tip: &Tip) -> std::io::Result<()> {
    let record = WatermarkRecord {
        boot,
        group: tip.group,
        end: tip.place,
        next: tip.next,
    };
    file.write_all_at(&record.encode(), 0)
}

struct Prepared {
    /// The last segment that the writer has asked for.
    used: u32,
    /// The segment behind it, once it is durable and zero.
    ready: Option<u32>,
}

/// Makes the next segment ahead of time: 64 MiB of zeros and two syncs that no group should wait for.
#[derive(Clone)]
pub struct SegmentPreparer {
    shared: Arc<Shared>,
    state: Arc<Mutex<Prepared>>,
    /// Where the last durable group ends in its segment.
    end: Arc<AtomicU32>,
}

impl SegmentPreparer {
    /// Whether the segment in use is half full and the next is not there yet: zeros for a distant future are bytes that nobody needs.
    /// Cheap; ask after each group or every second.
    #[must_use]
    pub fn wanted(&self) -> bool {
        let end = u64::from(self.end.load(Ordering::Relaxed));
        if end < self.shared.segments.segment_bytes() / 2 {
            return false;
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ready.is_none()
    }

    /// Makes the next segment unless it is there; whether it did.
    ///
    /// # Errors
    /// `Io`: nothing is lost, it may be tried again.
    pub fn prepare_next_segment(&self) -> Result<bool, JournalError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.ready.is_some() {
            return Ok(false);
        }
        let next = state.used + 1;
        self.shared
            .segments
            .fill(next)
            .map_err(JournalError::io("making the next segment"))?;
        state.ready = Some(next);
        Ok(true)
    }

    /// The writer opens this segment now; waits for one that is being made.
    fn ensure(&self, number: u32) -> Result<(), JournalError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.ready != Some(number) {
            let filled = self.shared.segments.fill(number);
            filled.map_err(JournalError::fatal("making the next segment"))?;
        }
        *state = Prepared {
            used: number,
            ready: None,
        };
        Ok(())
    }
}
