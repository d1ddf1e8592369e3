//! Comparing the stored tree with the links, behind a scrub of the journal.
//!
//! Not here: reading the journal; building the levels again. Always: every stored hash of the scrubbed leaves is compared with one that is
//! computed from the links; nothing is written.

use chain::leaf_hash;
use chain::tree::Frontier;

use super::{HASH_BYTES, TreeLevels};
use crate::error::JournalError;
use crate::format::Group;
use crate::words::Hash;

/// Leaves that are compared at once: 128 KiB of the lowest level.
const LEAVES_AT_ONCE: usize = 4096;

/// Where a comparison stands: the edge of the leaves so far.
#[derive(Default)]
pub struct TreeScrub {
    frontier: Frontier,
    waiting: Vec<Hash>,
}

impl TreeScrub {
    /// Takes the next group of the journal, in order from the first.
    ///
    /// # Errors
    /// As [`TreeScrub::finish`].
    pub fn group(&mut self, tree: &TreeLevels, group: &Group) -> Result<bool, JournalError> {
        let leaves = group.entries.iter().map(|entry| leaf_hash(&entry.link));
        self.waiting.extend(leaves);
        match self.waiting.len() < LEAVES_AT_ONCE {
            true => Ok(true),
            false => self.finish(tree),
        }
    }

    /// Compares what waits. False where a stored hash is not that of the links; the comparison may go on behind it.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(&mut self, tree: &TreeLevels) -> Result<bool, JournalError> {
        let mut rows: Vec<(u64, Vec<u8>)> = Vec::new();
        for leaf in self.waiting.drain(..) {
            self.frontier.push(leaf, |node| {
                let level = usize::from(node.level);
                while rows.len() <= level {
                    rows.push((node.number, Vec::new()));
                }
                if let Some((first, bytes)) = rows.get_mut(level) {
                    if bytes.is_empty() {
                        *first = node.number;
                    }
                    bytes.extend_from_slice(&node.hash.0);
                }
            });
        }
        if self.frontier.size() > tree.size() {
            // Leaves that the tree has not yet are compared once it has: the caller walks no further than the tree.
            return Ok(true);
        }
        for (level, (first, bytes)) in rows.iter().enumerate() {
            let stored = tree
                .levels
                .piece(level, *first, bytes.len() as u64 / HASH_BYTES);
            if stored.map_err(JournalError::io("scrubbing the tree"))? != *bytes {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
