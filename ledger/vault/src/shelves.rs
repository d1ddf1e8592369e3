//! Rows on their shelves: where each lies.
//!
//! Not here: how a shelf gets new rows (`rewrite`), transactions (`store`), keys (`table`).
//! Always: all rows of a person lie on one shelf, in one part beside what came lately; a shelf above 256 rows is split into a power of two
//! of parts, which only grows.

mod rewrite;

use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::VaultError;
use crate::finding;
use crate::keys::Key32;
use crate::part::{self, PartPlace, PartRows};
use crate::rows::{Cut, Level, key_of};
use crate::table::{Geometry, Table};
use proto::ids::StreamId;

pub(crate) use rewrite::{NewRow, NewRows, Reach, Rewriter};

/// Rows of a part, on average over the shelf, above which the shelf is split.
pub(crate) const ROWS_PER_PART: usize = 256;
/// Most parts of one shelf.
pub(crate) const PARTS_MAX: u16 = 1 << 12;

const WRONG: VaultError = VaultError::Malformed("row");

/// The shelf of a row, and the bytes that choose its part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Home {
    pub(crate) level: Level,
    pub(crate) shelf: u32,
    pub(crate) locator: [u8; 16],
}

impl Home {
    /// The rows found by this hash.
    pub(crate) fn of_hash(hash: &[u8; 16], geometry: Geometry) -> Home {
        let top = u64::from(hash.first_chunk().map_or(0, |top| u32::from_be_bytes(*top)));
        let shelf = (top * u64::from(geometry.finding)) >> 32;
        let shelf = u32::try_from(shelf).expect("below the number of shelves");
        Home {
            level: Level::Finding,
            shelf,
            locator: *hash,
        }
    }

    /// The rows of a person or a case.
    pub(crate) fn of_id(level: Level, shelf: u32, id: &[u8; 16]) -> Home {
        Home {
            level,
            shelf,
            locator: *id,
        }
    }

    /// Where an encoded row lies.
    pub(crate) fn of_row(
        row: &[u8],
        finding_key: &Key32,
        geometry: Geometry,
    ) -> Result<Home, VaultError> {
        let mut cut = Cut(row);
        let kind = cut.byte().ok_or(WRONG)?;
        if kind >= 40 {
            let key = blake3::hash(key_of(row).ok_or(WRONG)?);
            let locator = *key
                .as_bytes()
                .first_chunk()
                .expect("32 bytes begin with 16");
            return Ok(Home {
                level: Level::Service,
                shelf: 0,
                locator,
            });
        }
        let id: [u8; 16] = cut.array().ok_or(WRONG)?;
        let home = match kind {
            1..=6 => Home::of_id(Level::Person, cut.u32().ok_or(WRONG)?, &id),
            10 => Home::of_id(Level::Case, cut.u32().ok_or(WRONG)?, &id),
            22 | 23 => Home::of_hash(&finding::stream_hash(finding_key, StreamId(id)).0, geometry),
            _ => Home::of_hash(&id, geometry),
        };
        if home.shelf >= geometry.count(home.level) {
            return Err(VaultError::Malformed("shelf number"));
        }
        Ok(home)
    }

    /// The part of `parts` that holds these rows.
    pub(crate) fn part(&self, parts: u16) -> u16 {
        part_of(&self.locator, parts)
    }
}

/// The part of `parts` that holds the rows of this locator.
fn part_of(locator: &[u8; 16], parts: u16) -> u16 {
    let tail = locator.last_chunk();
    tail.map_or(0, |tail| u16::from_be_bytes(*tail)) & (parts.max(1) - 1)
}

/// How many parts each shelf was last seen to have; a hint, checked by what a part says.
pub(crate) struct PartCounts {
    geometry: Geometry,
    counts: Vec<AtomicU8>,
}

impl PartCounts {
    pub(crate) fn new(geometry: Geometry) -> PartCounts {
        let all = geometry.person + geometry.case + geometry.finding + 1;
        PartCounts {
            geometry,
            counts: (0..all).map(|_| AtomicU8::new(0)).collect(),
        }
    }

    fn slot(&self, level: Level, shelf: u32) -> Option<&AtomicU8> {
        let geometry = self.geometry;
        let before = match level {
            Level::Person => 0,
            Level::Case => geometry.person,
            Level::Finding => geometry.person + geometry.case,
            Level::Table | Level::Service => geometry.person + geometry.case + geometry.finding,
        };
        self.counts.get(usize::try_from(before + shelf).ok()?)
    }

    /// The number of parts, where it is known.
    pub(crate) fn get(&self, level: Level, shelf: u32) -> Option<u16> {
        match self.slot(level, shelf)?.load(Ordering::Relaxed) {
            0 => None,
            known => Some(1 << (known - 1)),
        }
    }

    pub(crate) fn set(&self, level: Level, shelf: u32, parts: u16) {
        if let Some(slot) = self.slot(level, shelf) {
            let known = u8::try_from(parts.max(1).ilog2()).expect("below 16") + 1;
            slot.store(known, Ordering::Relaxed);
        }
    }
}

/// Opens stored bytes with whichever living key of the shelf they name; with a locator, its block alone.
pub(crate) fn open_stored(
    table: &Table,
    place: PartPlace,
    locator: Option<&[u8; 16]>,
    stored: &[u8],
) -> Result<(PartRows, u16), VaultError> {
    let generation = part::generation_of(stored)?;
    let key = table.key(place.level, place.shelf, generation);
    let key = key.ok_or(VaultError::Damaged("shelf key"))?;
    part::open(key, place, locator, stored)
}
