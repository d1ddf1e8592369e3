//! How a shelf gets new rows, loses rows, and changes its key, inside one change of the store.
//!
//! A shelf of several parts takes new rows into one part beside them, which is small: an absorption touches nearly every shelf, and
//! rewriting them whole would cost each event more the more streams there are. When that part is full, its rows go to the others.
//! Not here: where a row lies (`shelves`), the order of steps (`vault`, `rotation`).
//! Always: of rows with one key the last one staged stays; a row leaves everything that it lies in at once; a shelf under a new key has no
//! part under the old one; the number of seals of a part's line never goes down under one key.

use ground::Random;

use super::{Home, PartCounts, ROWS_PER_PART, open_stored, part_of};
use crate::error::VaultError;
use crate::keys::Key32;
use crate::part::{self, Blocks, LATE, PartPlace, PartRows, block_of, blocks_for};
use crate::rows::{Level, RowBytes, key_of};
use crate::shelves::PARTS_MAX;
use crate::store::Change;
use crate::table::Table;

/// Rows that came lately, for each other part of the shelf, above which they go to those: what one absorption brings to a shelf is then
/// rewritten about as often lately as it is later, with the shelves of a council of 50,000 persons.
const LATE_ROWS_A_PART: usize = 40;
/// Most rows that came lately on one shelf.
const LATE_ROWS_MAX: usize = 640;

/// A new row, encoded, and where it goes.
pub(crate) struct NewRow {
    locator: [u8; 16],
    key_bytes: usize,
    row: RowBytes,
}

impl NewRow {
    pub(crate) fn new(row: RowBytes, home: &Home) -> Result<NewRow, VaultError> {
        let key_bytes = key_of(&row).ok_or(VaultError::Malformed("row"))?.len();
        Ok(NewRow {
            locator: home.locator,
            key_bytes,
            row,
        })
    }

    fn key(&self) -> &[u8] {
        self.row.get(..self.key_bytes).unwrap_or_default()
    }
}

/// New rows of one shelf, in the order in which they were staged.
#[derive(Default)]
pub(crate) struct NewRows(Vec<NewRow>);

impl NewRows {
    pub(crate) fn push(&mut self, row: NewRow) {
        self.0.push(row);
    }

    /// By key; of one key the last.
    fn settled(mut self) -> Vec<NewRow> {
        self.0.sort_by(|a, b| a.key().cmp(b.key()));
        self.0.dedup_by(|later, kept| {
            let same = later.key() == kept.key();
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        self.0
    }
}

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

/// Refuses rows that leave; a row of which it cannot tell stops the rewrite.
type Keep<'a> = &'a dyn Fn(&[u8]) -> Result<bool, VaultError>;
type Shelf = (Level, u32);

/// One part, as it is and with what it gets.
struct Old {
    part: u16,
    rows: Option<PartRows>,
    new: Vec<NewRow>,
}

impl Old {
    /// Rows at most.
    fn len(&self) -> usize {
        self.rows.as_ref().map_or(0, PartRows::len) + self.new.len()
    }

    fn seals(&self) -> u64 {
        self.rows.as_ref().map_or(0, |rows| rows.seals)
    }
}

impl Rewriter<'_> {
    /// Rewrites one shelf with `rows` in and without what `keep` refuses. Returns the bytes written.
    pub(crate) fn rewrite(
        &self,
        shelf: Shelf,
        rows: NewRows,
        reach: Reach,
        keep: Keep<'_>,
    ) -> Result<usize, VaultError> {
        let parts = self.parts_of(shelf)?;
        let rows = rows.settled();
        let mut late = Old {
            part: LATE,
            rows: self.read(shelf, LATE, 0)?.map(|(rows, _)| rows),
            new: rows,
        };
        let fits = late_rows_max(shelf, parts).is_some_and(|most| late.len() <= most);
        if reach == Reach::Touched && fits {
            return self.put(shelf, parts, &late, keep);
        }
        let new = std::mem::take(&mut late.new);
        let Some(before) = &late.rows else {
            return self.rewrite_parts(shelf, parts, new, reach, keep);
        };
        let mut all = NewRows(Vec::with_capacity(before.len() + new.len()));
        for row in before.iter() {
            let home = self.home(row)?;
            all.push(NewRow::new(RowBytes::new(row.to_vec()), &home)?);
        }
        all.0.extend(new);
        // Emptied, not removed: it keeps the count of its seals.
        let emptied = self.put_blocks(self.place(shelf, LATE, parts), &no_rows(), late.seals())?;
        Ok(emptied + self.rewrite_parts(shelf, parts, all.settled(), reach, keep)?)
    }

    fn rewrite_parts(
        &self,
        shelf: Shelf,
        parts: u16,
        rows: Vec<NewRow>,
        reach: Reach,
        keep: Keep<'_>,
    ) -> Result<usize, VaultError> {
        let mut by_part: Vec<Vec<NewRow>> = (0..parts.max(1)).map(|_| Vec::new()).collect();
        for row in rows {
            let part = by_part.get_mut(usize::from(part_of(&row.locator, parts)));
            part.expect("a part is below their number").push(row);
        }
        let (mut touched, mut untouched) = (Vec::new(), Vec::new());
        for (part, new) in (0..).zip(by_part) {
            if reach == Reach::Touched && new.is_empty() {
                untouched.push(part);
            } else {
                touched.push(self.old(shelf, (part, parts), new)?);
            }
        }
        let crowded = touched.iter().any(|old| old.len() > ROWS_PER_PART);
        if parts == 0 || crowded {
            for part in untouched {
                touched.push(self.old(shelf, (part, parts), Vec::new())?);
            }
            let total: usize = touched.iter().map(Old::len).sum();
            let needed = total.div_ceil(ROWS_PER_PART).max(1).next_power_of_two();
            let needed = u16::try_from(needed).unwrap_or(PARTS_MAX).min(PARTS_MAX);
            if needed > parts {
                return self.split(shelf, needed, &touched, keep);
            }
        }
        let mut written = 0;
        for old in &touched {
            if reach == Reach::Whole || !old.new.is_empty() {
                written += self.put(shelf, parts, old, keep)?;
            }
        }
        self.counts.set(shelf.0, shelf.1, parts);
        Ok(written)
    }

    /// Spreads all rows of a shelf over as many parts as they need.
    fn split(
        &self,
        shelf: Shelf,
        parts: u16,
        olds: &[Old],
        keep: Keep<'_>,
    ) -> Result<usize, VaultError> {
        let seals = olds.iter().map(Old::seals).max().unwrap_or(0);
        let mut spread: Vec<Vec<([u8; 16], &[u8])>> = (0..parts).map(|_| Vec::new()).collect();
        for row in olds.iter().flat_map(|old| self.located(old, keep)) {
            let (locator, row) = row?;
            let part = spread.get_mut(usize::from(part_of(&locator, parts)));
            part.expect("a part is below their number")
                .push((locator, row));
        }
        let mut written = 0;
        for (part, rows) in (0..).zip(spread) {
            let place = self.place(shelf, part, parts);
            written += self.put_blocks(place, &Blocks::spread(rows), seals)?;
        }
        self.counts.set(shelf.0, shelf.1, parts);
        Ok(written)
    }

    /// Writes one part with what it gets.
    fn put(
        &self,
        shelf: Shelf,
        parts: u16,
        old: &Old,
        keep: Keep<'_>,
    ) -> Result<usize, VaultError> {
        let place = self.place(shelf, old.part, parts);
        let blocks = match &old.rows {
            Some(rows) if rows.blocks() == blocks_for(old.len()) => merged(rows, &old.new, keep)?,
            _ => Blocks::spread(self.located(old, keep).collect::<Result<_, _>>()?),
        };
        self.put_blocks(place, &blocks, old.seals())
    }

    fn put_blocks(
        &self,
        place: PartPlace,
        blocks: &Blocks<'_>,
        seals: u64,
    ) -> Result<usize, VaultError> {
        let (level, shelf) = (place.level, place.shelf);
        let key = self.new.sealing_key(level, shelf);
        let key = key.ok_or(VaultError::NoKey)?;
        let same = self.old.sealing_key(level, shelf) == Some(key);
        let seals = if same { seals } else { 0 };
        let stored = part::seal(key, place, blocks, seals, self.random)?;
        self.change.put(place, &stored)?;
        Ok(stored.len())
    }

    /// The rows of a part with what it gets, each with its locator.
    fn located<'o>(
        &self,
        old: &'o Old,
        keep: Keep<'_>,
    ) -> impl Iterator<Item = Result<([u8; 16], &'o [u8]), VaultError>> {
        let before = old.rows.iter().flat_map(PartRows::iter);
        let before = before.filter_map(move |row| {
            let Some(key) = key_of(row) else {
                return Some(Err(VaultError::Damaged("row on a shelf")));
            };
            if old.new.binary_search_by(|new| new.key().cmp(key)).is_ok() {
                return None;
            }
            match keep(row) {
                Ok(true) => Some(self.home(row).map(|home| (home.locator, row))),
                Ok(false) => None,
                Err(cause) => Some(Err(cause)),
            }
        });
        let new = old.new.iter().filter_map(move |row| {
            let kept = keep(&row.row);
            let place = || (row.locator, row.row.as_slice());
            kept.map(|kept| kept.then(place)).transpose()
        });
        before.chain(new)
    }

    fn old(
        &self,
        shelf: Shelf,
        (part, parts): (u16, u16),
        new: Vec<NewRow>,
    ) -> Result<Old, VaultError> {
        let rows = match parts {
            0 => None,
            _ => self.read(shelf, part, parts)?.map(|(rows, _)| rows),
        };
        Ok(Old { part, rows, new })
    }

    fn home(&self, row: &[u8]) -> Result<Home, VaultError> {
        Home::of_row(row, self.finding_key, self.new.geometry)
    }

    fn place(&self, (level, shelf): Shelf, part: u16, parts: u16) -> PartPlace {
        PartPlace {
            level,
            shelf,
            part,
            parts,
        }
    }

    /// Into how many parts the shelf is split; 0 where it holds nothing.
    pub(crate) fn parts_of(&self, shelf: Shelf) -> Result<u16, VaultError> {
        let place = self.place(shelf, 0, 0);
        let read = |stored: &[u8]| {
            let generation = part::generation_of(stored)?;
            let key = self.old.key(place.level, place.shelf, generation);
            part::parts_in(key.ok_or(VaultError::Damaged("shelf key"))?, place, stored)
        };
        let parts = self.change.part(place.level, place.shelf, 0, read)?;
        Ok(parts.unwrap_or(0))
    }

    /// One part as this change sees it; `parts` of 0 takes what the part says.
    fn read(
        &self,
        shelf: Shelf,
        part: u16,
        parts: u16,
    ) -> Result<Option<(PartRows, u16)>, VaultError> {
        let place = self.place(shelf, part, parts);
        self.change.part(shelf.0, shelf.1, part, |stored| {
            open_stored(self.old, place, None, stored)
        })
    }
}

/// How many rows that came lately a shelf may have, if any; shelves differ, so that they are not all rewritten by one absorption.
fn late_rows_max((level, shelf): Shelf, parts: u16) -> Option<usize> {
    if parts < 2 || level == Level::Service {
        return None;
    }
    let most = (LATE_ROWS_A_PART * usize::from(parts)).min(LATE_ROWS_MAX);
    let share = 12 + (shelf % 8) as usize;
    Some(most * share / 16)
}

fn no_rows() -> Blocks<'static> {
    Blocks::spread(Vec::new())
}

/// Old and new rows, block by block, where the number of blocks stays: an old row is where it was.
fn merged<'o>(
    old: &'o PartRows,
    new: &'o [NewRow],
    keep: Keep<'_>,
) -> Result<Blocks<'o>, VaultError> {
    let count = old.blocks();
    let mut blocks = Blocks::with_capacity(old.len() + new.len());
    for block in 0..count {
        let mine = |row: &&NewRow| block_of(&row.locator, count) == block;
        let mut new = new.iter().filter(mine).peekable();
        for row in old.block(block) {
            let key = key_of(row).ok_or(VaultError::Damaged("row on a shelf"))?;
            while let Some(next) = new.next_if(|next| next.key() < key) {
                if keep(&next.row)? {
                    blocks.push(&next.row);
                }
            }
            let replaced = new.peek().is_some_and(|next| next.key() == key);
            if !replaced && keep(row)? {
                blocks.push(row);
            }
        }
        for next in new {
            if keep(&next.row)? {
                blocks.push(&next.row);
            }
        }
        blocks.end();
    }
    Ok(blocks)
}
