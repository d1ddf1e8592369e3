//! Rows on their shelves: where each lies, and how a shelf is rewritten with new rows.
//!
//! Not here: transactions (`store`), keys (`table`), the order of steps (`absorb`, `rotation`).
//! Always: all rows of a person lie on one shelf, in one part; a shelf above 256 rows is split into a power of two of parts, which only
//! grows; a rewrite touches the parts that change, or all of them under a new key.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};

use ground::Random;

use crate::error::VaultError;
use crate::finding;
use crate::keys::Key32;
use crate::part::{self, PartPlace, PartRows};
use crate::rows::{Cut, Level, RowBytes, key_of};
use crate::store::Change;
use crate::table::{Geometry, Table};
use proto::ids::StreamId;

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
        let tail = self
            .locator
            .last_chunk()
            .map_or(0, |tail| u16::from_be_bytes(*tail));
        tail & (parts.max(1) - 1)
    }
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

/// New rows of one shelf, by key: the last one staged wins.
pub(crate) type NewRows = BTreeMap<Vec<u8>, RowBytes>;

/// Rewrites shelves inside one change.
pub(crate) struct Rewriter<'a> {
    pub(crate) change: &'a Change,
    /// Opens what is there.
    pub(crate) old: &'a Table,
    /// Seals what is written.
    pub(crate) new: &'a Table,
    pub(crate) finding_key: &'a Key32,
    pub(crate) random: &'a dyn Random,
    pub(crate) counts: &'a PartCounts,
}

/// What a rewrite of one shelf does beside adding rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Only the parts that get new rows.
    Touched,
    /// Every part: under a new key, or because rows leave.
    Whole,
}

impl Rewriter<'_> {
    /// Rewrites one shelf with `rows` in and without what `keep` refuses. Returns the bytes written.
    pub(crate) fn rewrite(
        &self,
        (level, shelf): (Level, u32),
        rows: NewRows,
        reach: Reach,
        keep: &dyn Fn(&[u8]) -> bool,
    ) -> Result<usize, VaultError> {
        let parts = match self.read((level, shelf), 0, 0)? {
            Some((_, parts)) => parts,
            None => 0,
        };
        let mut by_part: BTreeMap<u16, NewRows> = BTreeMap::new();
        for (key, row) in rows {
            let home = Home::of_row(&row, self.finding_key, self.new.geometry)?;
            by_part
                .entry(home.part(parts))
                .or_default()
                .insert(key, row);
        }
        if reach == Reach::Whole {
            (0..parts).for_each(|part| _ = by_part.entry(part).or_default());
        }
        let mut merged = Vec::with_capacity(by_part.len());
        for (part, rows) in by_part {
            let old = if parts == 0 {
                None
            } else {
                self.read((level, shelf), part, parts)?
            };
            merged.push((part, merge(old.map(|(rows, _)| rows), rows, keep)?));
        }
        let crowded = merged
            .iter()
            .any(|(_, part)| part.rows.len() > ROWS_PER_PART);
        if parts == 0 || crowded {
            return self.split((level, shelf), parts, merged, keep);
        }
        self.put_all((level, shelf), parts, merged)
    }

    /// Reads the parts that were not touched, and spreads all rows over as many parts as they need.
    fn split(
        &self,
        (level, shelf): (Level, u32),
        parts: u16,
        mut merged: Vec<(u16, Merged)>,
        keep: &dyn Fn(&[u8]) -> bool,
    ) -> Result<usize, VaultError> {
        for part in 0..parts {
            if !merged.iter().any(|(known, _)| *known == part) {
                let old = self.read((level, shelf), part, parts)?;
                let rows = merge(old.map(|(rows, _)| rows), NewRows::new(), keep)?;
                merged.push((part, rows));
            }
        }
        let total: usize = merged.iter().map(|(_, part)| part.rows.len()).sum();
        let needed = total.div_ceil(ROWS_PER_PART).max(1).next_power_of_two();
        let needed = u16::try_from(needed)
            .unwrap_or(PARTS_MAX)
            .min(PARTS_MAX)
            .max(parts);
        if needed == parts {
            return self.put_all((level, shelf), parts, merged);
        }
        let seals = merged.iter().map(|(_, part)| part.seals).max().unwrap_or(0);
        let mut spread: Vec<Merged> = (0..needed)
            .map(|_| Merged {
                rows: vec![],
                seals,
            })
            .collect();
        for row in merged.into_iter().flat_map(|(_, part)| part.rows) {
            let home = Home::of_row(&row, self.finding_key, self.new.geometry)?;
            let part = spread.get_mut(usize::from(home.part(needed)));
            part.expect("a part is below their number").rows.push(row);
        }
        for part in &mut spread {
            part.rows
                .sort_unstable_by(|a, b| a.as_slice().cmp(b.as_slice()));
        }
        self.put_all((level, shelf), needed, (0..needed).zip(spread))
    }

    fn put_all(
        &self,
        (level, shelf): (Level, u32),
        parts: u16,
        merged: impl IntoIterator<Item = (u16, Merged)>,
    ) -> Result<usize, VaultError> {
        let key = self
            .new
            .sealing_key(level, shelf)
            .ok_or(VaultError::NoKey)?;
        let fresh = self
            .old
            .sealing_key(level, shelf)
            .is_none_or(|old| old != key);
        let mut written = 0;
        for (part, merged) in merged {
            let place = PartPlace {
                level,
                shelf,
                part,
                parts,
            };
            let seals = if fresh { 0 } else { merged.seals };
            let rows = self.located(merged.rows)?;
            let stored = part::seal(key, place, &rows, seals, self.random)?;
            written += stored.len();
            self.change.put(place, &stored)?;
        }
        self.counts.set(level, shelf, parts);
        Ok(written)
    }

    fn located(&self, rows: Vec<RowBytes>) -> Result<Vec<([u8; 16], RowBytes)>, VaultError> {
        let located = rows.into_iter().map(|row| {
            let home = Home::of_row(&row, self.finding_key, self.new.geometry)?;
            Ok((home.locator, row))
        });
        located.collect()
    }

    /// One part as this change sees it; `parts` of 0 takes what the part says.
    pub(crate) fn read(
        &self,
        (level, shelf): (Level, u32),
        part: u16,
        parts: u16,
    ) -> Result<Option<(PartRows, u16)>, VaultError> {
        self.change.part(level, shelf, part, |stored| {
            open_stored(
                self.old,
                PartPlace {
                    level,
                    shelf,
                    part,
                    parts,
                },
                None,
                stored,
            )
        })
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

struct Merged {
    rows: Vec<RowBytes>,
    seals: u64,
}

/// Old and new rows in order; a new row replaces the old one with its key.
fn merge(
    old: Option<PartRows>,
    mut new: NewRows,
    keep: &dyn Fn(&[u8]) -> bool,
) -> Result<Merged, VaultError> {
    let seals = old.as_ref().map_or(0, |old| old.seals);
    let mut rows = Vec::with_capacity(new.len() + old.as_ref().map_or(0, PartRows::len));
    for row in old.iter().flat_map(PartRows::iter) {
        let key = key_of(row).ok_or(VaultError::Damaged("row on a shelf"))?;
        if !new.contains_key(key) && keep(row) {
            rows.push(RowBytes::new(row.to_vec()));
        }
    }
    while let Some((_, row)) = new.pop_first() {
        if keep(&row) {
            rows.push(row);
        }
    }
    rows.sort_by(|a, b| a.as_slice().cmp(b.as_slice()));
    Ok(Merged { rows, seals })
}
