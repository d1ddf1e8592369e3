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
        reader.hashes(0, 3, 2).expect("there"),
        [leaves[3].0, leaves[4].0].concat()
    );
    assert!(reader.hashes(0, 12, 2).is_err());
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

#[test]
fn a_backup_taken_while_writing_opens_and_verifies() {
    let (_, disk) = journal(&[(5, 1000), (5, 1000), (5, 1000), (1, 10)]);
    let mut opened = open_at(&disk, 0).expect("opens");
    let group = prepared(&mut opened.framer, 1, 50);
    // In the middle of a commit: bytes behind the watermark stay out of the backup.
    overwrite(
        &disk,
        &segment_path(1),
        u64::from(group.place.offset),
        &group.bytes,
    );
    let to = Path::new("/backup");
    let report = backup::backup(&opened.reader, &disk, to).expect("copies");
    assert_eq!((report.watermark.next, report.segments), (Index(16), 2));
    assert!(matches!(
        backup::backup(&opened.reader, &disk, to),
        Err(JournalError::AlreadyInitialised)
    ));
    let seen = open_read_only(&disk, to, Floor::default()).expect("reads");
    assert_eq!(
        (seen.reader.watermark().next, seen.damage),
        (Index(16), None)
    );
    assert!(backup::verify(&seen.reader, 0).expect("whole").done);
    let restored = open(
        &disk,
        to,
        &options(),
        Floor {
            size: 16,
            root: None,
        },
    )
    .expect("opens");
    assert_eq!(
        (restored.recovery.next, restored.recovery.torn),
        (Index(16), None)
    );
}
