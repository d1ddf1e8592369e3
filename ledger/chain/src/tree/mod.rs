//! The RFC 6962 tree of a chain: roots, proofs, the frontier that grows it, the tiles that serve it.
//!
//! Level 0 are the leaves; hash n of level l is the root of leaves n·2^l up to (n+1)·2^l and is
//! stored only when all of them exist. Always: a root, a proof and a tile depend on the leaves
//! below their size alone, however and in what order they were stored.

mod frontier;
mod proof;
#[cfg(test)]
mod tests;
pub mod tiles;

pub use frontier::{Frontier, Node};
pub use proof::{
    PROOF_HASHES_MAX, Place, consistency_proof, inclusion_proof, root_at, verify_consistency,
    verify_inclusion,
};

use crate::digest::{Padded, sha256};
use proto::Hash;

const HASH_BYTES: usize = 32;
/// A node before its children are written behind the prefix of RFC 6962.
const NODE: Padded<2> = Padded::of_length(0x01, 1 + 2 * HASH_BYTES);
/// Nodes that are laid out before the first of them is hashed: a message that was only just written
/// stalls the compression that reads it.
const NODES_AT_ONCE: usize = 8;
/// Highest level a hash can have: a tree of 2^63 leaves.
pub const LEVEL_MAX: u8 = 63;

/// Where completed hashes are kept: a tree file, a cache, a vector.
pub trait HashReader {
    /// The hash `number` of `level`, or `None` when it is not stored.
    fn read(&self, level: u8, number: u64) -> Option<Hash>;
}

/// SHA-256( 0x01 ‖ left ‖ right ).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    node(left, right).hash()
}

#[inline]
fn node(left: &Hash, right: &Hash) -> Padded<2> {
    let mut node = NODE;
    lay_node(&mut node, left, right);
    node
}

#[inline]
fn lay_node(node: &mut Padded<2>, left: &Hash, right: &Hash) {
    let (_, children) = node.bytes().split_at_mut(1);
    let (first, rest) = children.split_at_mut(HASH_BYTES);
    let (second, _) = rest.split_at_mut(HASH_BYTES);
    first.copy_from_slice(&left.0);
    second.copy_from_slice(&right.0);
}

/// The root of no leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The root of these leaves.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        let single = level.len() % 2;
        let half = halve(&mut level);
        let last = level.len() - 1;
        if single == 1 {
            level.swap(half, last);
        }
        level.truncate(half + single);
    }
    level.first().copied().unwrap_or_else(empty_root)
}

/// The inclusion path of leaf `index` of these leaves, from its sibling upwards; empty when there
/// is no such leaf. It hashes the whole tree: for more than one path make [`Levels`] once.
pub fn path_of(leaves: &[Hash], index: u64) -> Vec<Hash> {
    Levels::of(leaves.to_vec()).path(index)
}

/// All hashes of a small tree, such as that of one group: each node hashed once, every path read off.
pub struct Levels {
    /// The leaves first; each level above has half as many, rounded up.
    levels: Vec<Vec<Hash>>,
}

impl Levels {
    /// The tree over these leaves.
    pub fn of(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(top) = levels.last().filter(|top| top.len() > 1) {
            levels.push(above(top));
        }
        Self { levels }
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let top = self.levels.last().and_then(|top| top.first());
        top.copied().unwrap_or_else(empty_root)
    }

    /// The inclusion path of leaf `index`, from its sibling upwards; empty when there is no such
    /// leaf.
    pub fn path(&self, index: u64) -> Vec<Hash> {
        let mut path = Vec::with_capacity(self.levels.len());
        let there = self.levels.first().map_or(0, Vec::len);
        if let Some(mut index) = usize::try_from(index).ok().filter(|i| *i < there) {
            for level in &self.levels {
                path.extend((level.len() > 1).then(|| level.get(index ^ 1)).flatten());
                index /= 2;
            }
        }
        path
    }
}

/// The level above an even number of hashes, written over its front; how many they are now.
fn halve(level: &mut [Hash]) -> usize {
    let half = level.len() / 2;
    let mut nodes = [NODE; NODES_AT_ONCE];
    for at in (0..half).step_by(NODES_AT_ONCE) {
        let (_, pairs) = level.split_at(2 * at);
        let pairs = pairs.as_chunks().0;
        for (place, [left, right]) in nodes.iter_mut().zip(pairs) {
            lay_node(place, left, right);
        }
        let (_, above) = level.split_at_mut(at);
        let count = NODES_AT_ONCE.min(half - at);
        for (hash, node) in above.iter_mut().zip(&nodes).take(count) {
            *hash = node.hash();
        }
    }
    half
}

/// The level above; a last hash without a sibling goes up as it is.
fn above(level: &[Hash]) -> Vec<Hash> {
    let mut above = Vec::with_capacity(level.len().div_ceil(2));
    let mut nodes = [NODE; NODES_AT_ONCE];
    let (pairs, single) = level.as_chunks();
    for pairs in pairs.chunks(NODES_AT_ONCE) {
        for (place, [left, right]) in nodes.iter_mut().zip(pairs) {
            *place = node(left, right);
        }
        above.extend(nodes.iter().take(pairs.len()).map(Padded::hash));
    }
    above.extend(single);
    above
}
