//! One part of a shelf as it lies in the store: rows in a few blocks, each in a box of its own, so that a look-up opens one of them.
//!
//! ```text
//! stored = generation of the key u64 ‖ log2 of the number of blocks u8 ‖ nonce[12] ‖ AES-256-GCM( head ) with tag[16] ‖ blocks
//! head   = version u8 (=1) ‖ part u16 ‖ parts u16 ‖ seals u64 ‖ per block: length u32 ‖ nonce[12] ‖ tag[16]
//! block  = AES-256-GCM( rows ), its nonce and tag in the head          rows: part/rows.rs
//! data   = level u8 ‖ shelf u32 ‖ generation u64                       of every box
//! ```
//!
//! A shelf of several parts may have one more, number 65,535, of rows that came lately (`shelves/rewrite.rs`); it says how many others there were.
//! Always: a part is written whole, every box under a fresh nonce, so that two copies show which part changed and not which block; where
//! a block ends is in the sealed head. A part says which of how many it is, and its head names every block's tag, so that neither parts nor
//! blocks can be swapped. `seals` counts the boxes of this part's line under the key.

mod rows;

use ground::Random;
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::keys::{Cipher, Key32, NONCE_BYTES, SEALS_PER_KEY_MAX, TAG_BYTES};
use crate::rows::{Cut, Level};

pub(crate) use rows::PartRows;

/// Rows of a block, on average, above which a part gets more blocks.
pub(crate) const ROWS_PER_BLOCK: usize = 24;
/// Most blocks of a part, a power of two.
pub(crate) const BLOCKS_MAX: usize = 16;
/// The number of the part that holds what came to a shelf lately.
pub(crate) const LATE: u16 = u16::MAX;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + 2 + 2 + 8;
const BLOCK_ENTRY_BYTES: usize = 4 + NONCE_BYTES + TAG_BYTES;
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

/// The block that the rows of a locator lie in. Other bytes than those that choose shelf and part.
pub(crate) fn block_of(locator: &[u8; 16], blocks: usize) -> usize {
    let [.., chooses, _, _, _] = locator;
    usize::from(*chooses) & (blocks - 1)
}

/// Into how many blocks so many rows are put.
pub(crate) fn blocks_for(rows: usize) -> usize {
    let needed = rows.div_ceil(ROWS_PER_BLOCK).max(1);
    needed.next_power_of_two().min(BLOCKS_MAX)
}

/// Rows of one part on their way to be sealed: block after block, ascending in each.
pub(crate) struct Blocks<'a> {
    rows: Vec<&'a [u8]>,
    ends: Vec<usize>,
}

impl<'a> Blocks<'a> {
    pub(crate) fn with_capacity(rows: usize) -> Blocks<'a> {
        Blocks {
            rows: Vec::with_capacity(rows),
            ends: Vec::with_capacity(BLOCKS_MAX),
        }
    }

    pub(crate) fn push(&mut self, row: &'a [u8]) {
        self.rows.push(row);
    }

    /// What was pushed since the last end is a block.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.rows.len());
    }

    /// Divides rows, each with its locator, into as many blocks as they need.
    pub(crate) fn spread(mut rows: Vec<([u8; 16], &'a [u8])>) -> Blocks<'a> {
        let count = blocks_for(rows.len());
        rows.sort_unstable_by(|(a, left), (b, right)| {
            let blocks = block_of(a, count).cmp(&block_of(b, count));
            blocks.then_with(|| left.cmp(right))
        });
        let mut blocks = Blocks::with_capacity(rows.len());
        let mut rows = rows.into_iter().peekable();
        for block in 0..count {
            while let Some((_, row)) = rows.next_if(|(of, _)| block_of(of, count) == block) {
                blocks.push(row);
            }
            blocks.end();
        }
        blocks
    }

    fn iter(&self) -> impl Iterator<Item = &[&'a [u8]]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let ranges = starts.zip(&self.ends);
        ranges.map_while(|(start, end)| self.rows.get(*start..*end))
    }
}

/// Seals rows as one part. `seals` is what the part had before (0 under a fresh key).
pub(crate) fn seal(
    key: &ShelfKey,
    place: PartPlace,
    rows: &Blocks<'_>,
    seals: u64,
    random: &dyn Random,
) -> Result<Vec<u8>, VaultError> {
    let blocks = rows.ends.len();
    let seals = seals + 1 + blocks as u64;
    // The part of what came lately has a line of its own beside the others.
    if seals > SEALS_PER_KEY_MAX / (u64::from(place.parts) + 1) {
        return Err(VaultError::Limit("seals of one shelf key"));
    }
    let data = shelf_data(place.level, place.shelf, key.generation);
    let cipher = key.key.cipher();
    let mut head = Zeroizing::new(Vec::with_capacity(HEAD_BYTES + blocks * BLOCK_ENTRY_BYTES));
    head.push(VERSION);
    head.extend_from_slice(&place.part.to_be_bytes());
    head.extend_from_slice(&place.parts.to_be_bytes());
    head.extend_from_slice(&seals.to_be_bytes());
    let (mut boxes, mut total) = (Vec::with_capacity(blocks), 0);
    for block in rows.iter() {
        let mut sealed = rows::fold(block.iter().copied());
        let nonce: [u8; NONCE_BYTES] = ground::array(random);
        let tag = cipher.seal_apart(nonce, &data, &mut sealed);
        let length =
            u32::try_from(sealed.len()).map_err(|_| VaultError::Limit("bytes of a part"))?;
        head.extend_from_slice(&length.to_be_bytes());
        head.extend_from_slice(&nonce);
        head.extend_from_slice(&tag);
        total += sealed.len();
        boxes.push(sealed);
    }
    let mut stored = Vec::with_capacity(9 + NONCE_BYTES + head.len() + TAG_BYTES + total);
    stored.extend_from_slice(&key.generation.to_be_bytes());
    stored.push(u8::try_from(blocks.ilog2()).expect("at most 16 blocks"));
    stored.extend_from_slice(&key.key.seal(random, &head, &data));
    boxes
        .iter()
        .for_each(|sealed| stored.extend_from_slice(sealed));
    Ok(stored)
}

/// Opens a stored part and checks that it is the one asked for. `place.parts` of 0 takes whatever number of parts it says.
/// With a locator, the rows are those of its block alone, sorted.
pub(crate) fn open(
    key: &ShelfKey,
    place: PartPlace,
    locator: Option<&[u8; 16]>,
    stored: &[u8],
) -> Result<(PartRows, u16), VaultError> {
    let data = shelf_data(place.level, place.shelf, key.generation);
    let cipher = key.key.cipher();
    let mut cut = Cut(stored);
    let head = open_head(&cipher, &data, &mut cut)?;
    if head.part != place.part || (place.parts != 0 && head.parts != place.parts) {
        return Err(WRONG);
    }
    let blocks = head.blocks.len();
    let wanted = locator.map(|locator| block_of(locator, blocks));
    let mut plains = Vec::with_capacity(blocks);
    for (at, entry) in head.blocks.iter().enumerate() {
        let sealed = cut.slice(entry.length).ok_or(WRONG)?;
        if wanted.is_none_or(|wanted| wanted == at) {
            let plain = cipher.open_apart(entry.nonce, &entry.tag, &data, sealed);
            plains.push(plain.map_err(|_| WRONG)?);
        }
    }
    if !cut.0.is_empty() {
        return Err(WRONG);
    }
    let mut rows = decode_blocks(plains.iter().map(|plain| plain.as_slice()))?;
    rows.seals = head.seals;
    Ok((rows, head.parts))
}

/// Into how many parts the shelf of this stored part 0 is split, read from its head alone.
pub(crate) fn parts_in(key: &ShelfKey, place: PartPlace, stored: &[u8]) -> Result<u16, VaultError> {
    let data = shelf_data(place.level, place.shelf, key.generation);
    let head = open_head(&key.key.cipher(), &data, &mut Cut(stored))?;
    let mine = head.part == place.part;
    mine.then_some(head.parts).ok_or(WRONG)
}

/// Opens the head at the front of a stored part; what is left are its blocks.
fn open_head(cipher: &Cipher, data: &[u8], cut: &mut Cut<'_>) -> Result<Head, VaultError> {
    let _generation = cut.u64().ok_or(WRONG)?;
    let blocks = 1usize << cut.byte().filter(|log| *log <= 4).ok_or(WRONG)?;
    let head_bytes = NONCE_BYTES + HEAD_BYTES + blocks * BLOCK_ENTRY_BYTES + TAG_BYTES;
    let head = cut.slice(head_bytes).ok_or(WRONG)?;
    decode_head(&cipher.open(head, data).map_err(|_| WRONG)?)
}

struct Head {
    part: u16,
    parts: u16,
    seals: u64,
    blocks: Vec<BlockEntry>,
}

struct BlockEntry {
    length: usize,
    nonce: [u8; NONCE_BYTES],
    tag: [u8; TAG_BYTES],
}

fn decode_head(head: &[u8]) -> Result<Head, VaultError> {
    let mut cut = Cut(head);
    let mut fields = || -> Option<Head> {
        let version = cut.byte()?;
        let (part, parts, seals) = (cut.u16()?, cut.u16()?, cut.u64()?);
        let mut blocks = Vec::with_capacity(cut.0.len() / BLOCK_ENTRY_BYTES);
        while !cut.0.is_empty() {
            blocks.push(BlockEntry {
                length: usize::try_from(cut.u32()?).ok()?,
                nonce: cut.array()?,
                tag: cut.array()?,
            });
        }
        let placed = part < parts || part == LATE;
        let sound = version == VERSION && parts.is_power_of_two() && placed;
        sound.then_some(Head {
            part,
            parts,
            seals,
            blocks,
        })
    };
    fields().ok_or(WRONG)
}

/// Reads opened blocks.
fn decode_blocks<'a>(
    blocks: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<PartRows, VaultError> {
    let mut room = 0;
    for block in blocks.clone() {
        room += rows::unfolded_bytes(block).ok_or(WRONG)?;
    }
    let mut rows = PartRows::with_capacity(room);
    for block in blocks {
        rows.add(block).ok_or(WRONG)?;
    }
    Ok(rows)
}

/// The fuzz body: reads bytes as an opened head, and as an opened block.
pub(crate) fn decode_plain(plain: &[u8]) -> Result<PartRows, VaultError> {
    let _ = decode_head(plain);
    decode_blocks(std::iter::once(plain))
}

#[cfg(test)]
pub(crate) mod tests;
