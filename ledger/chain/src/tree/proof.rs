//! Inclusion and consistency proofs of RFC 6962, made from stored hashes and checked without them.
//!
//! Always: a proof that verifies has exactly the hashes the sizes call for, in RFC order; one hash
//! more or fewer is refused. Checking follows RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use super::{HashReader, empty_root, node_hash};
use crate::ChainError;
use proto::Hash;

/// Most hashes a proof can need: one per level on the way up, twice for a ragged edge.
pub const PROOF_HASHES_MAX: usize = 64;

/// A leaf's place in a tree of a certain size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of the leaf.
    pub index: u64,
    /// Number of leaves of the tree.
    pub size: u64,
}

/// The root of the first `size` leaves.
pub fn root_at(size: u64, stored: &dyn HashReader) -> Result<Hash, ChainError> {
    range_hash(0, size, stored)
}

/// The root of the leaves `start..end`, where `start` is a multiple of the next power of two not
/// less than the range, as every subtree's start is.
fn range_hash(start: u64, end: u64, stored: &dyn HashReader) -> Result<Hash, ChainError> {
    let mut right = None;
    let mut end = end;
    // From the smallest perfect subtree at the right end to the largest at the left.
    while end > start {
        let level = (end - start).trailing_zeros();
        let width = 1_u64 << level;
        let (level, number) = (level as u8, (end - width) >> level);
        let missing = ChainError::MissingHash { level, number };
        let left = stored.read(level, number).ok_or(missing)?;
        right = Some(right.map_or(left, |right| node_hash(&left, &right)));
        end -= width;
    }
    Ok(right.unwrap_or_else(empty_root))
}

/// Largest power of two below `width`, which is at least 2: where RFC 6962 splits a tree.
fn split(width: u64) -> u64 {
    1 << (63 - (width - 1).leading_zeros())
}

/// The path of a leaf, from its sibling upwards. Refused when the leaf is not in the tree.
pub fn inclusion_proof(place: Place, stored: &dyn HashReader) -> Result<Vec<Hash>, ChainError> {
    if place.index >= place.size {
        return Err(ChainError::refused(
            "inclusion proof",
            "the index is not below the size",
        ));
    }
    let (mut start, mut end) = (0, place.size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if place.index < middle {
            path.push(range_hash(middle, end, stored)?);
            end = middle;
        } else {
            path.push(range_hash(start, middle, stored)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `new` leaves extends the tree of `old` leaves. Empty for equal sizes
/// and for the empty tree; refused when `old` is larger.
pub fn consistency_proof(
    old: u64,
    new: u64,
    stored: &dyn HashReader,
) -> Result<Vec<Hash>, ChainError> {
    if old > new {
        return Err(ChainError::refused(
            "consistency proof",
            "the old tree is larger",
        ));
    }
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new);
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(range_hash(middle, end, stored)?);
            end = middle;
        } else {
            proof.push(range_hash(start, middle, stored)?);
            start = middle;
        }
    }
    // The old tree itself is known to whoever asks; only a part of it has to be named.
    if start != 0 {
        proof.push(range_hash(start, end, stored)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Proves that `leaf` lies at `place` in the tree with this root.
pub fn verify_inclusion(
    leaf: &Hash,
    place: Place,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ChainError> {
    let refused = |rule| Err(ChainError::refused("inclusion proof", rule));
    if place.index >= place.size {
        return refused("the index is not below the size");
    }
    let (mut node, mut last) = (place.index, place.size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return refused("more hashes than the tree has levels");
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return refused("fewer hashes than the tree has levels");
    }
    if hash != *root {
        return refused("the path does not lead to the root");
    }
    Ok(())
}

/// Proves that a tree of `new.0` leaves with root `new.1` extends one of `old.0` with root `old.1`.
pub fn verify_consistency(
    old: (u64, Hash),
    new: (u64, Hash),
    proof: &[Hash],
) -> Result<(), ChainError> {
    let refused = |rule| Err(ChainError::refused("consistency proof", rule));
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return refused("the old tree is larger");
    }
    if old_size == 0 || old_size == new_size {
        let expected = if old_size == 0 {
            empty_root()
        } else {
            new_root
        };
        return if !proof.is_empty() {
            refused("more hashes than the sizes call for")
        } else if old_root != expected {
            refused("the old root does not agree")
        } else {
            Ok(())
        };
    }
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    node >>= (old_size - 1).trailing_ones();
    last >>= (old_size - 1).trailing_ones();
    // An old tree that is one perfect subtree is its own first hash.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        match proof.split_first() {
            Some((first, rest)) => (*first, rest),
            None => return refused("fewer hashes than the sizes call for"),
        }
    };
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in rest {
        if last == 0 {
            return refused("more hashes than the sizes call for");
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return refused("fewer hashes than the sizes call for");
    }
    if old_hash != old_root {
        return refused("the old root does not agree");
    }
    if new_hash != new_root {
        return refused("the new root does not agree");
    }
    Ok(())
}
