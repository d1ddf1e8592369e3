//! Sorted rows in one buffer, and how a block of them is written: each row without what it shares with the row before.
//!
//! ```text
//! block = rows;   row = shared u8 ‖ length LEB128 ‖ bytes             shared: bytes in common with the row before
//! ```
//!
//! Not here: sealing (`part`). Always: rows of a block ascend strictly, and every shared prefix is as long as it can be (one spelling).

use zeroize::Zeroizing;

use crate::rows::{Cut, ROW_BYTES_MAX, key_of, put_length, take_length};

/// Most bytes that a row shares with the one before: their number is one byte.
const SHARED_MAX: usize = 255;

/// Rows, opened: one wiped buffer and where each row ends in it. Sorted where they are of one block.
#[derive(Default)]
pub(crate) struct PartRows {
    bytes: Zeroizing<Vec<u8>>,
    ends: Vec<u32>,
    /// How many rows there are up to the end of each block.
    blocks: Vec<usize>,
    /// Seals made under the key on the way to this part.
    pub(crate) seals: u64,
}

impl PartRows {
    /// Room for so many bytes, reserved once, so that no copy of keys is left behind by a growing buffer.
    pub(super) fn with_capacity(bytes: usize) -> PartRows {
        PartRows {
            bytes: Zeroizing::new(Vec::with_capacity(bytes)),
            ends: Vec::new(),
            blocks: Vec::new(),
            seals: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)? as usize;
        let start = match at.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.bytes.get(start..end)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map_while(|at| self.get(at))
    }

    /// How many blocks were opened.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The rows of one of the opened blocks, ascending.
    pub(crate) fn block(&self, block: usize) -> impl Iterator<Item = &[u8]> {
        let before = block
            .checked_sub(1)
            .and_then(|before| self.blocks.get(before));
        let start = before.copied().unwrap_or_default();
        let end = self.blocks.get(block).copied().unwrap_or(start);
        (start..end).map_while(|at| self.get(at))
    }

    /// The same rows with those of a later block laid over them: of two rows with one key the later one stays. Both are one block each.
    pub(crate) fn overlaid(&self, later: &PartRows) -> Option<PartRows> {
        let mut rows = PartRows::with_capacity(self.bytes.len() + later.bytes.len());
        let mut over = later.iter().peekable();
        for row in self.iter() {
            let key = key_of(row)?;
            let mut replaced = false;
            while let Some(next) = over.peek() {
                let order = key_of(next)?.cmp(key);
                replaced |= order.is_eq();
                match over.next_if(|_| order.is_lt()) {
                    Some(next) => rows.push(next)?,
                    None => break,
                }
            }
            if !replaced {
                rows.push(row)?;
            }
        }
        over.try_for_each(|row| rows.push(row))?;
        rows.blocks.push(rows.len());
        Some(rows)
    }

    fn push(&mut self, row: &[u8]) -> Option<()> {
        self.bytes.extend_from_slice(row);
        self.ends.push(u32::try_from(self.bytes.len()).ok()?);
        Some(())
    }

    /// The rows that begin with `prefix`.
    pub(crate) fn with_prefix<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(|row| row < prefix) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low..self.len())
            .map_while(|at| self.get(at))
            .take_while(move |row| row.starts_with(prefix))
    }

    /// Adds the rows of one opened block; `None` where they are not in their one spelling. `with_capacity` had room for them.
    pub(super) fn add(&mut self, block: &[u8]) -> Option<()> {
        let mut cut = Cut(block);
        let mut before = 0..0;
        while !cut.0.is_empty() {
            let shared = usize::from(cut.byte()?);
            let length = take_length(&mut cut)?;
            let rest = cut.slice(length)?;
            if shared > before.len() || shared + length > ROW_BYTES_MAX {
                return None;
            }
            if !follows(self.bytes.get(before.clone())?, shared, rest) {
                return None;
            }
            let start = self.bytes.len();
            self.bytes
                .extend_from_within(before.start..before.start + shared);
            self.bytes.extend_from_slice(rest);
            self.ends.push(u32::try_from(self.bytes.len()).ok()?);
            before = start..self.bytes.len();
        }
        self.blocks.push(self.ends.len());
        Some(())
    }
}

/// Whether a row of `shared` bytes of `last` and then `rest` comes after `last`, and could not share more.
fn follows(last: &[u8], shared: usize, rest: &[u8]) -> bool {
    match (last.get(shared), rest.first()) {
        (None, Some(_)) => true,
        (Some(before), Some(now)) if before == now => {
            shared == SHARED_MAX && last.get(shared..).is_some_and(|last| rest > last)
        }
        (Some(before), Some(now)) => now > before,
        (_, None) => false,
    }
}

/// Bytes of all rows of a block with their shared prefixes; at most 255 times the bytes read.
pub(super) fn unfolded_bytes(block: &[u8]) -> Option<usize> {
    let mut cut = Cut(block);
    let mut total = 0usize;
    while !cut.0.is_empty() {
        let shared = usize::from(cut.byte()?);
        let length = take_length(&mut cut)?;
        cut.slice(length)?;
        total += shared + length;
    }
    Some(total)
}

/// Writes sorted rows as one block.
pub(super) fn fold<'a>(rows: impl Iterator<Item = &'a [u8]> + Clone) -> Zeroizing<Vec<u8>> {
    let room = rows.clone().map(|row| row.len() + 4).sum();
    let mut block = Zeroizing::new(Vec::with_capacity(room));
    let mut before: &[u8] = &[];
    for row in rows {
        let shared = shared_prefix(before, row);
        block.push(u8::try_from(shared).expect("capped at 255"));
        let (_, rest) = row
            .split_at_checked(shared)
            .expect("shared is within the row");
        put_length(&mut block, rest.len());
        block.extend_from_slice(rest);
        before = row;
    }
    block
}

fn shared_prefix(before: &[u8], row: &[u8]) -> usize {
    before
        .iter()
        .zip(row)
        .take(SHARED_MAX)
        .take_while(|(a, b)| a == b)
        .count()
}
