//! The compact range of a growing tree: at most 64 hashes from which the root follows.
//!
//! Always: the kept nodes are the roots of the perfect subtrees of `size` leaves, largest first.

use super::{HashReader, empty_root, halve, node_hash};
use crate::ChainError;
use proto::Hash;

/// Most leaves that are reduced to one hash before they are added.
const SUBTREE_LEAVES_MAX: usize = 256;

/// A hash of the tree that is complete and will never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// 0 for a leaf.
    pub level: u8,
    /// Place within the level.
    pub number: u64,
    /// The hash itself.
    pub hash: Hash,
}

/// The right edge of a tree, enough to append to it and to know its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    nodes: Vec<Hash>,
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

impl Frontier {
    /// The frontier of no leaves.
    pub fn new() -> Self {
        Self {
            size: 0,
            nodes: Vec::with_capacity(64),
        }
    }

    /// The frontier of a stored tree of `size` leaves.
    pub fn restore(size: u64, stored: &dyn HashReader) -> Result<Self, ChainError> {
        let mut frontier = Self::new();
        let mut start = 0_u64;
        for level in (0..64_u8).rev().filter(|level| size >> level & 1 == 1) {
            let number = start >> level;
            let missing = ChainError::MissingHash { level, number };
            frontier
                .nodes
                .push(stored.read(level, number).ok_or(missing)?);
            start += 1 << level;
        }
        frontier.size = size;
        Ok(frontier)
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the perfect subtree of 2^`level` leaves at the right edge; `None` where the size has no such bit.
    pub fn node(&self, level: u8) -> Option<Hash> {
        let above = self.size.checked_shr(u32::from(level))?;
        let larger = (above >> 1).count_ones() as usize;
        (above & 1 == 1)
            .then(|| self.nodes.get(larger))
            .flatten()
            .copied()
    }

    /// Appends a leaf and hands every hash that it completes to `completed`, the leaf first, then
    /// upwards.
    pub fn push(&mut self, leaf: Hash, mut completed: impl FnMut(Node)) {
        let mut node = Node {
            level: 0,
            number: self.size,
            hash: leaf,
        };
        completed(node);
        // Each one-bit at the right end of the old size is a subtree that the leaf completes.
        for _ in 0..self.size.trailing_ones() {
            let left = self.nodes.pop().expect("one node per bit of the size");
            node = Node {
                level: node.level + 1,
                number: node.number >> 1,
                hash: node_hash(&left, &node.hash),
            };
            completed(node);
        }
        self.nodes.push(node.hash);
        self.size += 1;
    }

    /// Appends many leaves: the same tree as pushing each, subtree by subtree.
    pub fn extend(&mut self, leaves: &[Hash]) {
        let mut scratch = [Hash([0; 32]); SUBTREE_LEAVES_MAX];
        let mut rest = leaves;
        while let Some(most) = rest.len().checked_ilog2() {
            // A subtree of 2^n leaves stands where the size so far is a multiple of it.
            let level = most
                .min(self.size.trailing_zeros())
                .min(SUBTREE_LEAVES_MAX.ilog2());
            let (leaves, later) = rest.split_at(1 << level);
            let (room, _) = scratch.split_at_mut(leaves.len());
            room.copy_from_slice(leaves);
            self.push_subtree(room, level);
            rest = later;
        }
    }

    /// Adds 2^`level` leaves that begin at a multiple of as many; they are overwritten.
    fn push_subtree(&mut self, leaves: &mut [Hash], level: u32) {
        let mut row = leaves;
        while row.len() > 1 {
            let half = halve(row);
            row = row.split_at_mut(half).0;
        }
        let Some(mut hash) = row.first().copied() else {
            return;
        };
        for _ in 0..(self.size >> level).trailing_ones() {
            let left = self.nodes.pop().expect("one node per bit of the size");
            hash = node_hash(&left, &hash);
        }
        self.nodes.push(hash);
        self.size += 1 << level;
    }

    /// The root of the leaves so far.
    pub fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        let Some(last) = nodes.next() else {
            return empty_root();
        };
        nodes.fold(*last, |right, left| node_hash(left, &right))
    }
}
