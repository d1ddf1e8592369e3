//! The tree against a naive RFC 6962 written here, as section 2.1 states it, over all small sizes.

use super::tiles::{self, TileKind, TilePath};
use super::*;
use crate::ChainError;
use crate::digest::sha256;

const SIZE_MAX: usize = 300;

/// Every completed hash, by level.
#[derive(Default)]
struct Stored(Vec<Vec<Hash>>);

impl Stored {
    fn of(count: usize) -> (Self, Vec<Hash>) {
        let leaves: Vec<Hash> = (0..count as u64)
            .map(|n| sha256(&n.to_be_bytes()))
            .collect();
        let (mut stored, mut frontier) = (Self::default(), Frontier::new());
        for leaf in &leaves {
            frontier.push(*leaf, |node| stored.put(node));
        }
        (stored, leaves)
    }

    fn put(&mut self, node: Node) {
        let level = usize::from(node.level);
        if self.0.len() == level {
            self.0.push(Vec::new());
        }
        assert_eq!(
            self.0[level].len() as u64,
            node.number,
            "nodes come in order"
        );
        self.0[level].push(node.hash);
    }
}

impl HashReader for Stored {
    fn read(&self, level: u8, number: u64) -> Option<Hash> {
        let level = self.0.get(usize::from(level))?;
        level.get(usize::try_from(number).ok()?).copied()
    }
}

mod naive {
    use super::*;

    fn pair(left: Hash, right: Hash) -> Hash {
        sha256(&[[1].as_slice(), &left.0, &right.0].concat())
    }

    fn k(n: usize) -> usize {
        let mut k = 1;
        while k * 2 < n {
            k *= 2;
        }
        k
    }

    pub(super) fn mth(d: &[Hash]) -> Hash {
        match d.len() {
            0 => sha256(b""),
            1 => d[0],
            n => pair(mth(&d[..k(n)]), mth(&d[k(n)..])),
        }
    }

    pub(super) fn path(m: usize, d: &[Hash]) -> Vec<Hash> {
        let n = d.len();
        if n == 1 {
            return Vec::new();
        }
        let (mut path, sibling) = if m < k(n) {
            (self::path(m, &d[..k(n)]), mth(&d[k(n)..]))
        } else {
            (self::path(m - k(n), &d[k(n)..]), mth(&d[..k(n)]))
        };
        path.push(sibling);
        path
    }

    pub(super) fn subproof(m: usize, d: &[Hash], whole: bool) -> Vec<Hash> {
        let n = d.len();
        if m == n {
            return if whole { Vec::new() } else { vec![mth(d)] };
        }
        let (mut proof, rest) = if m <= k(n) {
            (subproof(m, &d[..k(n)], whole), mth(&d[k(n)..]))
        } else {
            (subproof(m - k(n), &d[k(n)..], false), mth(&d[..k(n)]))
        };
        proof.push(rest);
        proof
    }
}

#[test]
fn roots_and_inclusion_for_all_small_sizes() {
    let (stored, leaves) = Stored::of(SIZE_MAX);
    for size in 0..=SIZE_MAX {
        let tree = &leaves[..size];
        let root = naive::mth(tree);
        assert_eq!(root_of(tree), root, "size {size}");
        assert_eq!(Levels::of(tree.to_vec()).root(), root, "size {size}");
        assert_eq!(root_at(size as u64, &stored), Ok(root), "size {size}");
        for (index, leaf) in tree.iter().enumerate() {
            let place = Place {
                index: index as u64,
                size: size as u64,
            };
            let path = inclusion_proof(place, &stored).expect("all is stored");
            assert_eq!(
                verify_inclusion(leaf, place, &path, &root),
                Ok(()),
                "{place:?}"
            );
            // The naive forms take a while: all of them up to 66, then every seventh.
            if size <= 66 || (size + index) % 7 == 0 {
                assert_eq!(path, naive::path(index, tree), "{place:?}");
                assert_eq!(path_of(tree, index as u64), path, "{place:?}");
            }
        }
    }
}

#[test]
fn consistency_for_all_small_sizes() {
    let (stored, leaves) = Stored::of(SIZE_MAX);
    let roots: Vec<Hash> = (0..=SIZE_MAX)
        .map(|size| root_of(&leaves[..size]))
        .collect();
    for new in 0..=SIZE_MAX {
        for old in 0..=new {
            let (old_tree, new_tree) = ((old as u64, roots[old]), (new as u64, roots[new]));
            let proof = consistency_proof(old_tree.0, new_tree.0, &stored).expect("stored");
            assert_eq!(
                verify_consistency(old_tree, new_tree, &proof),
                Ok(()),
                "{old} {new}"
            );
            if old > 0 && (new <= 66 || (new + old) % 7 == 0) {
                assert_eq!(
                    proof,
                    naive::subproof(old, &leaves[..new], true),
                    "{old} {new}"
                );
            }
        }
    }
    assert!(consistency_proof(2, 1, &stored).is_err());
    assert!(verify_consistency((2, roots[2]), (1, roots[1]), &[]).is_err());
}

fn mutations(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for at in 0..proof.len() {
        for (byte, bit) in [(0, 1), (31, 0x80)] {
            let mut changed = proof.to_vec();
            changed[at].0[byte] ^= bit;
            all.push(changed);
        }
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        all.push(shorter);
        let mut doubled = proof.to_vec();
        doubled.insert(at, proof[at]);
        all.push(doubled);
    }
    all.push([proof, &[Hash([0; 32])]].concat());
    all
}

#[test]
fn changed_proofs_are_refused() {
    let (stored, leaves) = Stored::of(70);
    for size in [1, 2, 3, 7, 8, 9, 31, 32, 33, 70_u64] {
        let root = root_at(size, &stored).expect("stored");
        for index in 0..size {
            let place = Place { index, size };
            let leaf = &leaves[usize::try_from(index).expect("small")];
            let path = inclusion_proof(place, &stored).expect("stored");
            for changed in mutations(&path) {
                assert!(verify_inclusion(leaf, place, &changed, &root).is_err());
            }
            let elsewhere = Place {
                index: index + 1,
                size,
            };
            assert!(verify_inclusion(leaf, elsewhere, &path, &root).is_err());
        }
        for old in 1..size {
            let old_root = root_at(old, &stored).expect("stored");
            let proof = consistency_proof(old, size, &stored).expect("stored");
            for changed in mutations(&proof) {
                assert!(verify_consistency((old, old_root), (size, root), &changed).is_err());
            }
            let wrong = Hash([9; 32]);
            assert!(verify_consistency((old, wrong), (size, root), &proof).is_err());
            assert!(verify_consistency((old, old_root), (size, wrong), &proof).is_err());
        }
    }
}

#[test]
fn a_missing_hash_is_named_and_an_unstored_one_not_read() {
    let (mut stored, _) = Stored::of(8);
    stored.0[1][2] = Hash([0; 32]);
    stored.0[1].truncate(2);
    let missing = ChainError::MissingHash {
        level: 1,
        number: 2,
    };
    assert_eq!(root_at(6, &stored), Err(missing));
    assert!(root_at(8, &stored).is_ok());
    assert!(inclusion_proof(Place { index: 8, size: 8 }, &stored).is_err());
}

#[test]
fn frontier_is_restored_from_stored_hashes() {
    let (stored, leaves) = Stored::of(SIZE_MAX);
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push(leaf, |_| ());
        let restored = Frontier::restore(frontier.size(), &stored).expect("stored");
        assert_eq!(restored, frontier);
    }
}

#[test]
fn tiles_at_the_edges() {
    let (stored, leaves) = Stored::of(70_000);
    for size in [1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 70_000_u64] {
        let mut level_hashes = leaves[..usize::try_from(size).expect("small")].to_vec();
        let mut served = tiles::tiles_of(size).peekable();
        for level in 0.. {
            if level_hashes.is_empty() {
                break;
            }
            for (number, chunk) in level_hashes.chunks(256).enumerate() {
                let path = served.next().expect("a tile for every chunk");
                let expected = TilePath {
                    kind: TileKind::Hashes(level),
                    number: number as u64,
                    width: u16::try_from(chunk.len()).expect("at most 256"),
                };
                assert_eq!(path, expected);
                assert!(tiles::exists(&path, size));
                assert_eq!(TilePath::parse(&path.to_string()), Ok(path));
                let bytes = tiles::tile(&path, &stored).expect("stored");
                assert_eq!(tiles::read_tile(&bytes, path.width).expect("whole"), chunk);
                assert!(tiles::read_tile(&bytes, path.width + 1).is_err());
            }
            level_hashes = level_hashes.chunks_exact(256).map(naive::mth).collect();
        }
        assert_eq!(served.next(), None, "size {size}");
        let bundles: u64 = tiles::bundles_of(size)
            .map(|path| u64::from(path.width))
            .sum();
        assert_eq!(bundles, size);
    }
    assert_eq!(tiles::tiles_of(0).count(), 0);
    assert_eq!(
        tiles::tiles_of(256)
            .last()
            .map(|path| path.to_string())
            .as_deref(),
        Some("tile/1/000.p/1")
    );
}

#[test]
fn tile_paths_have_one_spelling() {
    let path = |kind, number, width| TilePath {
        kind,
        number,
        width,
    };
    let hashes = TileKind::Hashes;
    for (expected, text) in [
        (path(hashes(0), 1_234_067, 256), "tile/0/x001/x234/067"),
        (path(hashes(7), 0, 1), "tile/7/000.p/1"),
        (path(hashes(1), 1_000, 256), "tile/1/x001/000"),
        (path(hashes(1), 1_000_000, 256), "tile/1/x001/x000/000"),
        (path(TileKind::Entries, 999, 255), "tile/entries/999.p/255"),
        (
            path(hashes(0), u64::MAX, 256),
            "tile/0/x018/x446/x744/x073/x709/x551/615",
        ),
    ] {
        assert_eq!(expected.to_string(), text);
        assert_eq!(TilePath::parse(text), Ok(expected));
    }
    for bad in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/1",
        "tile/0/0001",
        "tile/00/001",
        "tile/8/001",
        "tile/-1/001",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/001.p/1.p/1",
        "tile/data/001",
        "/tile/0/001",
        "tile/0/+01",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
    ] {
        assert!(TilePath::parse(bad).is_err(), "{bad}");
    }
    assert!(!tiles::exists(&path(hashes(0), u64::MAX, 256), u64::MAX));
    assert!(tiles::tile(&path(hashes(0), u64::MAX, 256), &Stored::default()).is_err());
    assert!(tiles::tile(&path(TileKind::Entries, 0, 1), &Stored::default()).is_err());
    assert!(tiles::tile(&path(hashes(40), 0, 1), &Stored::default()).is_err());
}

#[test]
fn entry_bundles_hold_links_alone() {
    let links = [[1; 77], [2; 77]];
    let bytes = tiles::bundle(&links);
    assert_eq!(bytes.len(), 2 * tiles::ENTRY_BYTES);
    assert_eq!(
        tiles::read_bundle(&bytes, 2).as_deref(),
        Ok(links.as_slice())
    );
    assert!(tiles::read_bundle(&bytes, 1).is_err());
    let mut other_length = bytes;
    other_length[1] = 76;
    assert!(tiles::read_bundle(&other_length, 2).is_err());
}
