//! One part of a shelf as it lies in the store: sorted rows in one box.
//!
//! ```text
//! stored = generation of the key u64 ‖ nonce[12] ‖ AES-256-GCM( plain ) with tag[16]
//! data   = level u8 ‖ shelf u32 ‖ generation u64
//! plain  = version u8 (=1) ‖ part u16 ‖ parts u16 ‖ seals u64 ‖ count u32 ‖ rows
//! row    = shared u8 ‖ length LEB128 ‖ bytes             shared: bytes in common with the row before
//! ```
//!
//! Always: rows ascend strictly, every shared prefix is as long as it can be (one spelling), and a part says which of how many it is,
//! so that two parts of one shelf cannot be swapped. `seals` counts the seals of this part's line under the key.

use ground::Random;
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::keys::{Key32, SEALS_PER_KEY_MAX};
use crate::rows::{Cut, Level, ROW_BYTES_MAX};

const VERSION: u8 = 1;
const WRONG: VaultError = VaultError::Damaged("shelf part");

/// Which part of which shelf.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PartPlace {
    pub(crate) level: Level,
    pub(crate) shelf: u32,
    pub(crate) part: u16,
    pub(crate) parts: u16,
}

/// A shelf's key and the generation in which it was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ShelfKey {
    pub(crate) key: Key32,
    pub(crate) generation: u64,
}

/// Sorted rows, opened: one wiped buffer and where each row ends in it.
#[derive(Default)]
pub(crate) struct PartRows {
    bytes: Zeroizing<Vec<u8>>,
    ends: Vec<u32>,
    /// Seals made under the key on the way to this part.
    pub(crate) seals: u64,
}

impl PartRows {
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

    fn push(&mut self, shared: usize, rest: &[u8]) -> Option<()> {
        let start = match self.ends.len().checked_sub(2) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        let start = if self.ends.is_empty() {
            self.bytes.len()
        } else {
            start
        };
        let end = self.bytes.len();
        if start + shared > end {
            return None;
        }
        self.bytes.extend_from_within(start..start + shared);
        self.bytes.extend_from_slice(rest);
        self.ends.push(u32::try_from(self.bytes.len()).ok()?);
        Some(())
    }
}

/// The generation of the key that a stored part is sealed under.
pub(crate) fn generation_of(stored: &[u8]) -> Result<u64, VaultError> {
    stored
        .first_chunk()
        .map(|bytes| u64::from_be_bytes(*bytes))
        .ok_or(WRONG)
}

/// Associated data of a sealed shelf or table.
pub(crate) fn shelf_data(level: Level, shelf: u32, generation: u64) -> [u8; 13] {
    let mut data = [0; 13];
    let fields = [
        &[level as u8][..],
        &shelf.to_be_bytes(),
        &generation.to_be_bytes(),
    ];
    for (to, from) in data.iter_mut().zip(fields.into_iter().flatten()) {
        *to = *from;
    }
    data
}

/// Seals sorted rows as one part. `seals` is what the part had before (0 under a fresh key).
pub(crate) fn seal<'a>(
    key: &ShelfKey,
    place: PartPlace,
    rows: impl ExactSizeIterator<Item = &'a [u8]>,
    seals: u64,
    random: &dyn Random,
) -> Result<Vec<u8>, VaultError> {
    let seals = seals + 1;
    if seals > SEALS_PER_KEY_MAX / u64::from(place.parts.max(1)) {
        return Err(VaultError::Limit("seals of one shelf key"));
    }
    let plain = encode_plain(place, rows, seals)?;
    let data = shelf_data(place.level, place.shelf, key.generation);
    let mut stored = key.generation.to_be_bytes().to_vec();
    stored.extend_from_slice(&key.key.seal(random, &plain, &data));
    Ok(stored)
}

/// Opens a stored part and checks that it is the one asked for. `place.parts` of 0 takes whatever number of parts it says.
pub(crate) fn open(
    key: &ShelfKey,
    place: PartPlace,
    stored: &[u8],
) -> Result<(PartRows, u16), VaultError> {
    let (_, boxed) = stored.split_at_checked(8).ok_or(WRONG)?;
    let data = shelf_data(place.level, place.shelf, key.generation);
    let plain = key.key.open(boxed, &data).map_err(|_| WRONG)?;
    let (rows, part, parts) = decode_plain(&plain)?;
    if part != place.part || (place.parts != 0 && parts != place.parts) {
        return Err(WRONG);
    }
    Ok((rows, parts))
}

fn encode_plain<'a>(
    place: PartPlace,
    rows: impl ExactSizeIterator<Item = &'a [u8]>,
    seals: u64,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut plain = Zeroizing::new(Vec::with_capacity(64 * rows.len() + 32));
    plain.push(VERSION);
    plain.extend_from_slice(&place.part.to_be_bytes());
    plain.extend_from_slice(&place.parts.to_be_bytes());
    plain.extend_from_slice(&seals.to_be_bytes());
    let count = u32::try_from(rows.len()).map_err(|_| VaultError::Limit("rows of a part"))?;
    plain.extend_from_slice(&count.to_be_bytes());
    let mut before: &[u8] = &[];
    for row in rows {
        let shared = shared_prefix(before, row);
        plain.push(u8::try_from(shared).expect("capped at 255"));
        let (_, rest) = row
            .split_at_checked(shared)
            .expect("shared is within the row");
        put_length(&mut plain, rest.len());
        plain.extend_from_slice(rest);
        before = row;
    }
    Ok(plain)
}

/// Reads an opened part: its rows, its number and the number of parts.
pub(crate) fn decode_plain(plain: &[u8]) -> Result<(PartRows, u16, u16), VaultError> {
    let mut cut = Cut(plain);
    if cut.byte() != Some(VERSION) {
        return Err(WRONG);
    }
    let (part, parts) = (cut.u16().ok_or(WRONG)?, cut.u16().ok_or(WRONG)?);
    let seals = cut.u64().ok_or(WRONG)?;
    let count = cut.u32().ok_or(WRONG)?;
    if !parts.is_power_of_two() || part >= parts {
        return Err(WRONG);
    }
    // Reserved once, so that no copy of keys is left behind by a growing buffer.
    let capacity = unfolded_bytes(Cut(cut.0), count).ok_or(WRONG)?;
    let mut rows = PartRows {
        bytes: Zeroizing::new(Vec::with_capacity(capacity)),
        ends: Vec::new(),
        seals,
    };
    for at in 0..count {
        let shared = usize::from(cut.byte().ok_or(WRONG)?);
        let length = take_length(&mut cut).ok_or(WRONG)?;
        let rest = cut.slice(length).ok_or(WRONG)?;
        rows.push(shared, rest).ok_or(WRONG)?;
        let at = usize::try_from(at).map_err(|_| WRONG)?;
        let row = rows.get(at).ok_or(WRONG)?;
        let before = at
            .checked_sub(1)
            .and_then(|at| rows.get(at))
            .unwrap_or_default();
        if row <= before || shared_prefix(before, row) != shared || row.len() > ROW_BYTES_MAX {
            return Err(WRONG);
        }
    }
    if cut.0.is_empty() {
        Ok((rows, part, parts))
    } else {
        Err(WRONG)
    }
}

/// Bytes of all rows with their shared prefixes; bounded by 255 times the bytes read.
fn unfolded_bytes(mut cut: Cut<'_>, count: u32) -> Option<usize> {
    let mut total = 0usize;
    for _ in 0..count {
        let shared = usize::from(cut.byte()?);
        let length = take_length(&mut cut)?;
        cut.slice(length)?;
        total += shared + length;
    }
    Some(total)
}

fn shared_prefix(before: &[u8], row: &[u8]) -> usize {
    before
        .iter()
        .zip(row)
        .take(255)
        .take_while(|(a, b)| a == b)
        .count()
}

fn put_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).expect("below 0x80"));
}

fn take_length(cut: &mut Cut<'_>) -> Option<usize> {
    let mut length = 0usize;
    for shift in [0, 7, 14] {
        let byte = cut.byte()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (shift == 0 || byte != 0).then_some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests;
