//! Reading what is durable: groups and entries up to the watermark, each checked when it is read.
//!
//! Not here: opening sealed things; reading beyond the watermark.
//! Always: a reader never sees a group before its sync returned; a group that is not whole is an error that names it, and the others stay readable.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::check::read_group;
use crate::error::{Damage, JournalError};
use crate::format::{Broken, Depth, Entry, Group, Marker, What};
use crate::offsets::{Offsets, Row};
use crate::recover::{Ground, damaged};
use crate::segments::Segments;
use crate::words::{Hash, Index, UnixMillis};

/// How far the journal is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watermark {
    /// The number of the last durable group; 0 where there is none.
    pub group: u64,
    /// The index of the next entry.
    pub next: Index,
}

/// One entry and the group it lies in.
#[derive(Clone, Debug)]
pub struct EntryAt {
    /// Its index.
    pub index: Index,
    /// The entry.
    pub entry: Entry,
    /// The number of its group.
    pub group_number: u64,
    /// The index of the group's first entry.
    pub group_first: Index,
    /// How many entries the group has.
    pub group_count: u32,
    /// When the group was framed: the time in its foil note.
    pub group_time: UnixMillis,
    /// The whole group, for the path of a foil.
    pub group: Arc<Group>,
}

/// Groups of this many bytes stay in memory, decoded.
const CACHE_BYTES_MAX: usize = 4 << 20;
/// And at most this many of them.
const CACHE_GROUPS_MAX: usize = 64;

/// What the writer, its readers and the scrub share.
pub(crate) struct Shared {
    pub(crate) segments: Segments,
    pub(crate) marker: Marker,
    pub(crate) offsets: RwLock<Offsets>,
    watermark: RwLock<Watermark>,
    /// The watermark's index again, no later than it, for whoever must not hold the writer up.
    durable_next: AtomicU64,
    /// Below it slots may have been overwritten.
    floor: AtomicU64,
    /// Damage found in the background: the writer stops.
    halted: Mutex<Option<Damage>>,
    /// Rows of the offsets that had rotted and were made again.
    corrected: AtomicU64,
    cache: Mutex<VecDeque<Arc<Group>>>,
}

impl Shared {
    pub(crate) fn new(
        segments: Segments,
        marker: Marker,
        offsets: Offsets,
        watermark: Watermark,
        floor: u64,
    ) -> Shared {
        Shared {
            segments,
            marker,
            offsets: RwLock::new(offsets),
            watermark: RwLock::new(watermark),
            durable_next: AtomicU64::new(watermark.next.0),
            floor: AtomicU64::new(floor),
            halted: Mutex::default(),
            corrected: AtomicU64::new(0),
            cache: Mutex::default(),
        }
    }

    pub(crate) fn raise(&self, watermark: Watermark) {
        *self
            .watermark
            .write()
            .unwrap_or_else(PoisonError::into_inner) = watermark;
        self.durable_next.store(watermark.next.0, Ordering::Release);
    }

    /// The watermark's index, without a lock.
    pub(crate) fn durable(&self) -> Index {
        Index(self.durable_next.load(Ordering::Acquire))
    }

    pub(crate) fn watermark(&self) -> Watermark {
        *self
            .watermark
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn halt(&self, damage: Damage) {
        let mut halted = self.halted.lock().unwrap_or_else(PoisonError::into_inner);
        halted.get_or_insert(damage);
    }

    pub(crate) fn halted(&self) -> Option<Damage> {
        *self.halted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a journal up to its watermark. Cheap to clone; every clone sees the same.
#[derive(Clone)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
}

impl Reader {
    /// How far the journal is durable.
    #[must_use]
    pub fn watermark(&self) -> Watermark {
        self.shared.watermark()
    }

    /// The ledger's genesis hash: what the first link names as the one before it.
    #[must_use]
    pub fn genesis(&self) -> Hash {
        self.shared.marker.genesis
    }

    /// What `init` fixed.
    #[must_use]
    pub fn marker(&self) -> &Marker {
        &self.shared.marker
    }

    /// A checkpoint of this size was stored: below it slots may be overwritten from now on.
    pub fn raise_floor(&self, size: u64) {
        self.shared.floor.fetch_max(size, Ordering::AcqRel);
    }

    /// Damage that was found while running; the writer refuses from then on.
    #[must_use]
    pub fn damage(&self) -> Option<Damage> {
        self.shared.halted()
    }

    /// The group that holds an index.
    ///
    /// # Errors
    /// `Beyond` the watermark; `Damaged` where the group is not whole; `Io`.
    pub fn group_of(&self, index: Index) -> Result<Arc<Group>, JournalError> {
        let next = self.watermark().next;
        if index >= next {
            return Err(JournalError::Beyond(next));
        }
        if let Some(group) = self.cached(|group| group.first <= index && index < group.next()) {
            return Ok(group);
        }
        let look = || -> Result<Arc<Group>, JournalError> {
            let row = self
                .offsets()
                .find(index)
                .map_err(JournalError::io("reading the offsets"))?;
            let group = self.read(row.ok_or_else(|| self.unknown(index))?)?;
            if index >= group.next() {
                return Err(self.unknown(index));
            }
            Ok(group)
        };
        let group = look().or_else(|cause| self.led_astray(cause).and_then(|()| look()))?;
        self.keep(&group);
        Ok(group)
    }

    /// A group by its number.
    ///
    /// # Errors
    /// As [`Reader::group_of`].
    pub fn group(&self, number: u64) -> Result<Arc<Group>, JournalError> {
        let watermark = self.watermark();
        if number == 0 || number > watermark.group {
            return Err(JournalError::Beyond(watermark.next));
        }
        if let Some(group) = self.cached(|group| group.number == number) {
            return Ok(group);
        }
        let look = || -> Result<Arc<Group>, JournalError> {
            let row = self
                .offsets()
                .row(number)
                .map_err(JournalError::io("reading the offsets"))?;
            self.read(row.ok_or_else(|| self.unknown(Index(0)))?)
        };
        look().or_else(|cause| self.led_astray(cause).and_then(|()| look()))
    }

    /// Rows of the offsets that had rotted and were made again from the groups' headers, since the start.
    #[must_use]
    pub fn offsets_corrected(&self) -> u64 {
        self.shared.corrected.load(Ordering::Acquire)
    }

    /// The offsets did not lead to a group that is there: makes them again from the headers. Anything else stays what it was.
    fn led_astray(&self, cause: JournalError) -> Result<(), JournalError> {
        let astray = |damage: &Damage| matches!(damage.what, What::Missing | What::WrongNumber);
        if !matches!(&cause, JournalError::Damaged(damage) if astray(damage)) {
            return Err(cause);
        }
        let shared = &self.shared;
        let ground = Ground {
            segments: &shared.segments,
            marker: &shared.marker,
            torn_scan_bytes: 0,
        };
        let rows = ground.rows(self.watermark().group)?;
        match self.correct_offsets(&rows)? {
            0 => Err(cause),
            _ => Ok(()),
        }
    }

    /// Compares rows that the journal's own headers say with those of the offsets, and corrects these.
    pub(crate) fn correct_offsets(&self, rows: &[Row]) -> Result<u64, JournalError> {
        let io = JournalError::io("correcting the offsets");
        let same = |row: &Row| Ok(self.offsets().row(row.number)? == Some(*row));
        let same: Result<Vec<bool>, std::io::Error> = rows.iter().map(same).collect();
        let io_again = JournalError::io("correcting the offsets");
        if same.map_err(io)?.into_iter().all(|same| same) {
            return Ok(0);
        }
        let mut offsets = self
            .shared
            .offsets
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let wrong = offsets.correct(rows).map_err(io_again)?;
        self.shared.corrected.fetch_add(wrong, Ordering::AcqRel);
        Ok(wrong)
    }

    /// One entry.
    ///
    /// # Errors
    /// As [`Reader::group_of`].
    pub fn entry(&self, index: Index) -> Result<EntryAt, JournalError> {
        let group = self.group_of(index)?;
        let at = (index.0 - group.first.0) as usize;
        let entry = group
            .entries
            .get(at)
            .ok_or_else(|| self.unknown(index))?
            .clone();
        Ok(EntryAt {
            index,
            entry,
            group_number: group.number,
            group_first: group.first,
            group_count: group.entries.len() as u32,
            group_time: group.time,
            group,
        })
    }

    /// Every group from the one that holds `from` to the watermark of each moment. Ends there; ask again for what came later.
    /// The groups name one another: the outer digest and the last link of each are compared with what the next one names.
    #[must_use]
    pub fn groups_from(&self, from: Index) -> Groups {
        Groups {
            reader: self.clone(),
            at: At::Index(from),
            before: None,
        }
    }

    fn offsets(&self) -> std::sync::RwLockReadGuard<'_, Offsets> {
        self.shared
            .offsets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, row: Row) -> Result<Arc<Group>, JournalError> {
        let shared = &self.shared;
        let floor = shared.floor.load(Ordering::Acquire);
        let depth = if row.first.0 >= floor {
            Depth::Full
        } else {
            Depth::Outer
        };
        let read = read_group(&shared.segments, &shared.marker, row.place, depth)
            .map_err(JournalError::io("reading a group"))?;
        let group = read.map_err(|broken| damaged(row.place, row.number, row.first, &broken))?;
        if Row::of_group(&group) != row {
            let broken = Broken::new(What::WrongNumber, 16);
            return Err(damaged(row.place, row.number, row.first, &broken));
        }
        Ok(Arc::new(group))
    }

    /// The offsets do not lead to an index below the watermark.
    fn unknown(&self, index: Index) -> JournalError {
        let place = crate::frame::Tip::genesis(self.genesis()).place;
        damaged(place, 0, index, &Broken::new(What::Missing, 0))
    }

    fn cached(&self, wanted: impl Fn(&Group) -> bool) -> Option<Arc<Group>> {
        let cache = self
            .shared
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cache
            .iter()
            .rev()
            .find(|group| wanted(group))
            .map(Arc::clone)
    }

    fn keep(&self, group: &Arc<Group>) {
        let mut cache = self
            .shared
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cache.push_back(Arc::clone(group));
        let bytes = |cache: &VecDeque<Arc<Group>>| {
            cache
                .iter()
                .map(|group| group.length as usize)
                .sum::<usize>()
        };
        while cache.len() > CACHE_GROUPS_MAX
            || (bytes(&cache) > CACHE_BYTES_MAX && !cache.is_empty())
        {
            cache.pop_front();
        }
    }
}

enum At {
    Index(Index),
    Number(u64),
    End,
}

/// The groups of [`Reader::groups_from`].
pub struct Groups {
    reader: Reader,
    at: At,
    /// The outer digest and the last link hash of the group before.
    before: Option<(Hash, Hash)>,
}

impl Iterator for Groups {
    type Item = Result<Arc<Group>, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let watermark = self.reader.watermark();
        let group = match self.at {
            At::End => return None,
            At::Index(index) if index >= watermark.next => return None,
            At::Number(number) if number > watermark.group => return None,
            At::Index(index) => self.reader.group_of(index),
            At::Number(number) => self.reader.group(number),
        };
        let group = match group {
            Ok(group) => group,
            Err(error) => {
                self.at = At::End;
                return Some(Err(error));
            }
        };
        if let Some((outer, link)) = self.before {
            let what = if group.previous_outer != outer {
                Some(Broken::new(What::WrongPrevious, 48))
            } else if group.link_before() != link {
                Some(Broken::new(What::LinkPrevious, 0))
            } else {
                None
            };
            if let Some(broken) = what {
                self.at = At::End;
                return Some(Err(damaged(
                    group.place,
                    group.number,
                    group.first,
                    &broken,
                )));
            }
        }
        self.before = Some((group.outer, group.last_link_hash()));
        self.at = At::Number(group.number + 1);
        Some(Ok(group))
    }
}
