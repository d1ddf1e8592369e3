//! Reading a tile of stored hashes: each one is compared with the right edge of the tree, which is in memory and leads to the signed root.
//!
//! Not here: proofs, whose maker verifies what it made. Always: a tile whose hashes do not lead to the edge is never handed out, and the
//! levels are built again; a disk that answers wrongly once is asked twice.

use chain::tree::tiles::{TILE_HEIGHT, TILE_WIDTH};
use chain::tree::{Frontier, LEVEL_MAX, root_of};

use super::{HASH_BYTES, TreeReader};
use crate::error::JournalError;
use crate::words::{Hash, Index};

const WIDTH: u64 = TILE_WIDTH as u64;

impl TreeReader {
    /// The first `width` hashes of tile `number` of a tile level, concatenated.
    ///
    /// # Errors
    /// `Beyond` where one of them is not complete yet; `Derived` where the stored hashes are not those of the links; `Io`.
    pub fn tile(&self, level: u8, number: u64, width: u16) -> Result<Vec<u8>, JournalError> {
        let edge = self.levels.edge();
        let level = level.saturating_mul(TILE_HEIGHT);
        let beyond = JournalError::Beyond(Index(edge.size()));
        let end = number
            .checked_mul(WIDTH)
            .and_then(|first| first.checked_add(u64::from(width)));
        let complete = complete(&edge, level);
        if end.is_none_or(|end| end > complete) || width == 0 || width > TILE_WIDTH {
            return Err(beyond);
        }
        let hashes = match self.checked(&edge, level, number) {
            Ok(hashes) => hashes,
            Err(_) => self.checked(&edge, level, number).inspect_err(|_| {
                // The edge may be of before a rebuild; a needless one costs time only.
                self.report_rot();
            })?,
        };
        let wanted = hashes.iter().take(usize::from(width));
        Ok(wanted.flat_map(|hash| hash.0).collect())
    }

    /// All hashes that a tile has under this edge, compared with the tile above it, up to the edge.
    fn checked(&self, edge: &Frontier, level: u8, number: u64) -> Result<Vec<Hash>, JournalError> {
        const ROTTEN: JournalError =
            JournalError::Derived("the tree's stored hashes are not those of the links");
        let first = number * WIDTH;
        let have = complete(edge, level).saturating_sub(first).min(WIDTH);
        let bytes = self.levels.piece(usize::from(level), first, have);
        let bytes = bytes.map_err(JournalError::io("reading the tree"))?;
        let hashes: Vec<Hash> = bytes
            .chunks_exact(HASH_BYTES as usize)
            .filter_map(|hash| hash.first_chunk().copied().map(Hash))
            .collect();
        if hashes.len() as u64 != have {
            return Err(ROTTEN);
        }
        if have == WIDTH && level + TILE_HEIGHT <= LEVEL_MAX {
            let above = self.checked(edge, level + TILE_HEIGHT, number / WIDTH)?;
            let at = above.get((number % WIDTH) as usize);
            return (at == Some(&root_of(&hashes)))
                .then_some(hashes)
                .ok_or(ROTTEN);
        }
        // The last tile of its level: its hashes make up nodes of the edge, one for each bit of their number.
        let mut rest = hashes.as_slice();
        for height in (0..TILE_HEIGHT).rev().filter(|bit| have >> bit & 1 == 1) {
            let (part, behind) = rest.split_at_checked(1 << height).ok_or(ROTTEN)?;
            if edge.node(level + height) != Some(root_of(part)) {
                return Err(ROTTEN);
            }
            rest = behind;
        }
        Ok(hashes)
    }
}

/// How many hashes a level has.
fn complete(edge: &Frontier, level: u8) -> u64 {
    edge.size().checked_shr(u32::from(level)).unwrap_or(0)
}
