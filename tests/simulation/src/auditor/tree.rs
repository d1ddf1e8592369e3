//! The RFC 6962 tree, recomputed from all leaves every time.
//!
//! Not incremental, not clever. Always: straight from the recursive definition in RFC 6962, section 2.1.

use aws_lc_rs::digest::{Context, SHA256, digest};

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Hash {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// SHA-256( 0x00 ‖ link ).
pub fn leaf_hash(link: &[u8]) -> Hash {
    prefixed(0, &[link])
}

/// SHA-256( 0x01 ‖ left ‖ right ).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    prefixed(1, &[left, right])
}

/// SHA-256( prefix ‖ parts ).
pub fn prefixed(prefix: u8, parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[prefix]);
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// MTH of RFC 6962.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&root(left), &root(right))
        }
    }
}

/// The root that a path leads to from leaf `index` of `size`, or `None` where the path has the wrong length.
pub fn root_of_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let Some((last, lower)) = path.split_last() else {
        return (size == 1).then_some(leaf);
    };
    if size == 1 {
        return None;
    }
    let split = size.next_power_of_two() / 2;
    if index < split {
        Some(node_hash(&root_of_path(leaf, index, split, lower)?, last))
    } else {
        Some(node_hash(
            last,
            &root_of_path(leaf, index - split, size - split, lower)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
        if leaves.len() <= 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut inner, sibling) = if index < left.len() {
            (path(left, index), root(right))
        } else {
            (path(right, index - left.len()), root(left))
        };
        inner.push(sibling);
        inner
    }

    #[test]
    fn every_path_of_every_size_leads_to_the_root() {
        let leaves: Vec<Hash> = (0..20_u8).map(|n| leaf_hash(&[n])).collect();
        for size in 1..=leaves.len() {
            for index in 0..size {
                let path = path(&leaves[..size], index);
                let found = root_of_path(leaves[index], index as u64, size as u64, &path);
                assert_eq!(found, Some(root(&leaves[..size])));
                assert_ne!(
                    root_of_path([9; 32], index as u64, size as u64, &path),
                    found
                );
            }
        }
    }
}
