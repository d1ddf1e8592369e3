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

use crate::digest::sha256;
use proto::Hash;

const NODE_PREFIX: u8 = 0x01;
/// Highest level a hash can have: a tree of 2^63 leaves.
pub const LEVEL_MAX: u8 = 63;

/// Where completed hashes are kept: a tree file, a cache, a vector.
pub trait HashReader {
    /// The hash `number` of `level`, or `None` when it is not stored.
    fn read(&self, level: u8, number: u64) -> Option<Hash>;
}

/// SHA-256( 0x01 ‖ left ‖ right ).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [NODE_PREFIX; 65];
    let (_, body) = input.split_at_mut(1);
    let (first, second) = body.split_at_mut(32);
    first.copy_from_slice(&left.0);
    second.copy_from_slice(&right.0);
    sha256(&input)
}

/// The root of no leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The root of these leaves.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push(*leaf, |_| ());
    }
    frontier.root()
}

/// The inclusion path of leaf `index` of these leaves, from its sibling upwards; empty when there
/// is no such leaf.
pub fn path_of(leaves: &[Hash], index: u64) -> Vec<Hash> {
    let mut path = Vec::new();
    let Some(mut index) = usize::try_from(index).ok().filter(|i| *i < leaves.len()) else {
        return path;
    };
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        path.extend(level.get(index ^ 1));
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node_hash(left, right),
                [single] => *single,
                _ => empty_root(),
            })
            .collect();
        index /= 2;
    }
    path
}
