//! Tree levels, checkpoint store, backup: each against the journal it belongs to.

use std::path::Path;

use chain::leaf_hash;
use chain::tree::{HashReader, consistency_proof, root_at, root_of};
use ground::{Crash, SharedDisk};

use crate::testing::*;
use crate::words::{Hash, Index};
use crate::*;

const TREE: &str = "/ledger/tree";
const CHECKPOINTS: &str = "/ledger/checkpoints";

fn leaves(reader: &Reader) -> Vec<Hash> {
    reader
        .groups_from(Index(0))
        .flat_map(|group| group.expect("whole").entries.clone())
        .map(|entry| leaf_hash(&entry.link))
        .collect()
}

fn tree(disk: &SharedDisk, reader: &Reader, floor: Floor) -> (TreeLevels, TreeStart) {
    TreeLevels::open(disk, Path::new(TREE), reader, floor).expect("opens")
}

#[test]
fn the_tree_has_the_roots_of_the_links_and_survives_every_loss() {
    let (sim, disk) = journal(&[(5, 100), (6, 100), (2, 100)]);
    let opened = open_at(&disk, 0).expect("opens");
    let leaves = leaves(&opened.reader);
    let (mut built, start) = tree(&disk, &opened.reader, Floor::default());
    assert_eq!(
        (start.kept, start.size, built.root()),
        (0, 13, root_of(&leaves))
    );
    let reader = built.reader();
    for size in 1..=13 {
        assert_eq!(
            root_at(size, &reader),
            Ok(root_of(&leaves[..size as usize]))
        );
    }
    assert_eq!(
        reader.tile(0, 0, 5).expect("there"),
        leaves[..5]
            .iter()
            .flat_map(|leaf| leaf.0)
            .collect::<Vec<_>>()
    );
    assert!(reader.tile(0, 0, 14).is_err());
    assert!(reader.tile(1, 0, 1).is_err());
    assert_eq!(reader.read(1, 6), None);
    let floor = Floor {
        size: 11,
        root: Some(root_of(&leaves[..11])),
    };
    built.append(&[], Hash([0; 32])).expect("nothing to append");
    drop((opened, built));
    // The simulated machine has no boot id: only what leads to the signed root is kept.
    let opened = open_at(&disk, 11).expect("opens");
    assert_eq!(
        tree(&disk, &opened.reader, floor).1,
        TreeStart { kept: 11, size: 13 }
    );
    assert_eq!(
        tree(
            &disk,
            &opened.reader,
            Floor {
                size: 11,
                root: None
            }
        )
        .1
        .kept,
        0
    );
    let other = Floor {
        size: 11,
        root: Some(Hash([1; 32])),
    };
    let refused = TreeLevels::open(&disk, Path::new(TREE), &opened.reader, other);
    assert!(matches!(refused, Err(JournalError::Damaged(damage)) if damage.index == Index(10)));
    overwrite(&disk, &Path::new(TREE).join("level-01"), 40, &[0; 8]);
    let (rebuilt, start) = tree(&disk, &opened.reader, floor);
    assert_eq!((start.kept, rebuilt.root()), (0, root_of(&leaves)));
    drop((opened, rebuilt));
    sim.restart(Crash::PowerCut);
    let opened = open_at(&disk, 11).expect("opens");
    assert_eq!(
        tree(&disk, &opened.reader, floor).0.root(),
        root_of(&leaves)
    );
}

#[test]
fn checkpoints_are_compared_swapped_and_never_go_back() {
    let (sim, disk) = journal(&[(5, 10), (6, 10)]);
    let opened = open_at(&disk, 0).expect("opens");
    let (built, _) = tree(&disk, &opened.reader, Floor::default());
    let dir = Path::new(CHECKPOINTS);
    let missing = CheckpointStore::open(&disk, dir, &genesis());
    assert!(matches!(missing, Err(JournalError::NotInitialised)));
    CheckpointStore::init(&disk, dir, &genesis()).expect("an empty store");
    let again = CheckpointStore::init(&disk, dir, &genesis());
    assert!(matches!(again, Err(JournalError::AlreadyInitialised)));
    let mut store = CheckpointStore::open(&disk, dir, &genesis()).expect("opens");
    let at = |size: u64| StoredCheckpoint {
        size,
        root: root_at(size, &built.reader()).expect("there"),
        note: format!("note {size}").into_bytes(),
    };
    let proof = consistency_proof(5, 11, &built.reader()).expect("there");
    store.swap(None, at(5), &[]).expect("the first");
    assert!(matches!(
        store.swap(None, at(11), &proof),
        Err(SwapError::Changed)
    ));
    assert!(matches!(
        store.swap(Some(5), at(11), &[]),
        Err(SwapError::NotExtending)
    ));
    assert!(matches!(
        store.swap(Some(5), at(3), &[]),
        Err(SwapError::NotExtending)
    ));
    store.swap(Some(5), at(11), &proof).expect("extends");
    drop(store);
    sim.restart(Crash::PowerCut);
    let mut store = CheckpointStore::open(&disk, dir, &genesis()).expect("opens");
    assert_eq!(store.current(), Some(&at_kept(11, &disk)));
    sim.fail_sync(Some(checkpoints::SITE_CHECKPOINT), 0);
    let same = StoredCheckpoint {
        note: b"cosigned".to_vec(),
        ..at_kept(11, &disk)
    };
    let failed = store.swap(Some(11), same.clone(), &[]);
    assert!(matches!(
        failed,
        Err(SwapError::Journal(JournalError::Fatal {
            cause: Some(_),
            ..
        }))
    ));
    let refused = store.swap(Some(11), same, &[]);
    assert!(matches!(
        refused,
        Err(SwapError::Journal(JournalError::Fatal { cause: None, .. }))
    ));
}

fn at_kept(size: u64, disk: &SharedDisk) -> StoredCheckpoint {
    let stored = checkpoints::read_checkpoint(disk, Path::new(CHECKPOINTS)).expect("reads");
    let stored = stored.expect("signed");
    assert_eq!(
        (stored.size, stored.note.as_slice()),
        (size, b"note 11".as_slice())
    );
    stored
}

/// A tree of more than one tile level, and a journal with as many links.
fn large() -> (SharedDisk, Opened) {
    let (_, disk) = new_disk();
    let mut opened = open_at(&disk, 0).expect("opens");
    for _ in 0..30 {
        commit(&mut opened.framer, &mut opened.writer, 10, 20);
    }
    (disk, opened)
}

#[test]
fn no_flipped_bit_of_the_tree_is_ever_served() {
    let (disk, opened) = large();
    let (mut built, _) = tree(&disk, &opened.reader, Floor::default());
    let reader = built.reader();
    let tiles = |reader: &TreeReader| {
        let mut tiles = Vec::new();
        for (level, number, width) in [(0, 0, 256), (0, 1, 44), (0, 1, 40), (1, 0, 1)] {
            tiles.push(reader.tile(level, number, width).ok());
        }
        tiles
    };
    let whole = tiles(&reader);
    assert!(whole.iter().all(Option::is_some));
    for (level, last) in [(0, 299 * 32), (8, 0)] {
        let path = Path::new(TREE).join(format!("level-{level:02}"));
        for offset in [0, 77, last, last + 31] {
            let before = read_file(&disk, &path);
            let Some(byte) = before.get(offset).copied() else {
                continue;
            };
            overwrite(&disk, &path, offset as u64, &[byte ^ 4]);
            for (now, then) in tiles(&reader).iter().zip(&whole) {
                assert!(now.is_none() || now == then, "level {level} at {offset}");
            }
            assert!(built.is_rotten(), "level {level} at {offset}");
            built.rebuild(&opened.reader).expect("from the links");
            assert!(!built.is_rotten());
            assert_eq!(tiles(&reader), whole);
            assert_eq!(read_file(&disk, &path), before);
        }
    }
    assert_eq!(reader.rebuilt(), 7);
}

#[test]
fn a_scrub_compares_the_tree_and_mends_the_offsets() {
    let (disk, opened) = large();
    let (built, _) = tree(&disk, &opened.reader, Floor::default());
    let scrub = |reader: &Reader| {
        let (mut journal, mut stored, mut same) =
            (Scrub::new(reader, 0), TreeScrub::default(), true);
        let walked = journal.step_to(u64::MAX, Index(300), |group| {
            same &= stored.group(&built, group)?;
            Ok(())
        });
        assert!(walked.expect("the journal is whole").done);
        same & stored.finish(&built).expect("it can be read")
    };
    assert!(scrub(&opened.reader));
    // Any level, also one that no tile serves.
    for level in 0..=8 {
        let path = Path::new(TREE).join(format!("level-{level:02}"));
        let byte = read_file(&disk, &path)[9];
        overwrite(&disk, &path, 9, &[byte ^ 1]);
        assert!(!scrub(&opened.reader), "level {level}");
        overwrite(&disk, &path, 9, &[byte]);
    }
    // Rows of the offsets: the reader is led by the headers, the scrub puts the row right.
    let path = dir().join("offsets");
    let before = read_file(&disk, &path);
    for (corrected, read) in [(1, true), (2, false)] {
        overwrite(&disk, &path, 48 + 24 * 7 + 3, &[0xEE]);
        match read {
            true => {
                opened
                    .reader
                    .group(8)
                    .map(|_| ())
                    .expect("its header leads to it");
            }
            false => assert!(scrub(&opened.reader)),
        }
        assert_eq!(opened.reader.offsets_corrected(), corrected);
        assert_eq!(read_file(&disk, &path), before);
        overwrite(
            &disk,
            &path,
            48 + 24 * 7 + 3,
            &before[48 + 24 * 7 + 3..][..1],
        );
    }
}

#[test]
fn a_start_builds_a_tree_again_that_rotted_below_its_position() {
    let (disk, opened) = large();
    let leaves = leaves(&opened.reader);
    let (built, _) = tree(&disk, &opened.reader, Floor::default());
    drop(built);
    // Of the floor's right edge, not of the position's.
    overwrite(&disk, &Path::new(TREE).join("level-02"), 9, &[0xEE; 4]);
    let floor = Floor {
        size: 4,
        root: Some(root_of(&leaves[..4])),
    };
    let (built, start) = tree(&disk, &opened.reader, floor);
    assert_eq!((start.kept, built.root()), (0, root_of(&leaves)));
}
