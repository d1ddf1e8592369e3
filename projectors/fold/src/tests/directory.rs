//! Generations as directories: markers, quarantine, swap, and crashes between their steps.

use std::fs;
use std::path::Path;

use super::toy::{Ledger, Tally, fresh_cursor, plain, settle, tally};
use crate::*;
use proto::Hash;

pub(crate) fn home(dir: &Path, version: u32, boot: u8, engine: Engine) -> DirectoryHome {
    let identity = Identity {
        genesis: Hash([3; 32]),
        view: "tally".into(),
        version,
    };
    DirectoryHome::new(dir, identity, BootId([boot; 16]), engine).expect("a temporary directory")
}

fn open(dir: &Path, boot: u8) -> (Projection, Opening) {
    let home = home(dir, 1, boot, Engine::Sled);
    Projection::open(tally(), Box::new(home)).expect("the directory is ours")
}

fn ledger() -> Ledger {
    Ledger::of((0..700).map(|n| plain((n % 11) as u8, 1)))
}

/// Directories of generations that are there.
fn generations(dir: &Path) -> Vec<u64> {
    home(dir, 1, 1, Engine::Sled)
        .generations()
        .expect("ours")
        .iter()
        .map(|g| g.0)
        .collect()
}

#[test]
fn a_stop_under_the_same_boot_goes_on_and_under_another_only_when_clean() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ledger = ledger();
    let (mut projection, opening) = open(dir.path(), 1);
    assert_eq!(opening, Opening::Fresh);
    settle(&mut projection, &ledger, 100);
    let cursor = projection.status().cursor;
    drop(projection);

    let (projection, opening) = open(dir.path(), 1);
    assert_eq!(opening, Opening::Continued, "killed, same boot");
    assert_eq!(projection.status().cursor, cursor);
    projection.close().expect("the disk is there");

    let (projection, opening) = open(dir.path(), 2);
    assert_eq!(opening, Opening::Continued, "closed, other boot");
    drop(projection);

    let (mut projection, opening) = open(dir.path(), 3);
    assert_eq!(opening, Opening::StartedOver(RebuildReason::UncleanStop));
    assert!(dir.path().join("quarantine").is_dir());
    settle(&mut projection, &ledger, 1000);
    assert_eq!(projection.status().cursor, cursor);
    assert_eq!(cursor, fresh_cursor(&ledger));
}

#[test]
fn a_store_of_another_ledger_or_without_a_marker_is_not_used() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (projection, _) = open(dir.path(), 1);
    projection.close().expect("the disk is there");
    let identity = Identity {
        genesis: Hash([4; 32]),
        view: "tally".into(),
        version: 1,
    };
    let other = DirectoryHome::new(dir.path(), identity, BootId([1; 16]), Engine::Sled);
    let (projection, opening) =
        Projection::open(tally(), Box::new(other.expect("ours"))).expect("the directory is ours");
    assert_eq!(opening, Opening::StartedOver(RebuildReason::OtherLedger));
    projection.close().expect("the disk is there");
    fs::remove_file(dir.path().join("000002/marker")).expect("it is there");
    let (_, opening) = open(dir.path(), 1);
    assert_eq!(
        opening,
        Opening::StartedOver(RebuildReason::Broken("no marker".into()))
    );
}

/// What is done to the engine's files.
type Spoil = fn(&Path);

#[test]
fn corrupt_files_and_empty_stores_are_set_aside() {
    let ledger = ledger();
    let spoil: [(&str, Spoil); 2] = [
        ("empty", |rows| {
            fs::remove_dir_all(rows).expect("it is there");
            fs::create_dir(rows).expect("it is not there");
        }),
        ("db", |rows| {
            let mut bytes = fs::read(rows.join("db")).expect("it is there");
            bytes.iter_mut().for_each(|byte| *byte = !*byte);
            fs::write(rows.join("db"), bytes).expect("ours");
        }),
    ];
    for (what, spoil) in spoil {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (mut projection, _) = open(dir.path(), 1);
        settle(&mut projection, &ledger, 1000);
        projection.close().expect("the disk is there");
        spoil(&dir.path().join("000001/rows"));
        let (mut projection, opening) = open(dir.path(), 1);
        let broken = matches!(opening, Opening::StartedOver(RebuildReason::Broken(_)));
        assert!(broken, "{what}: {opening:?}");
        settle(&mut projection, &ledger, 1000);
        assert_eq!(projection.status().cursor, fresh_cursor(&ledger), "{what}");
    }
}

#[test]
fn a_second_process_is_refused_and_nothing_is_set_aside() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (projection, _) = open(dir.path(), 1);
    let second = Projection::open(tally(), Box::new(home(dir.path(), 1, 1, Engine::Sled)));
    assert!(matches!(
        second,
        Err(FoldError::Store {
            cause: StoreError::Busy,
            ..
        })
    ));
    assert!(!dir.path().join("quarantine").exists());
    drop(projection);
}

#[test]
fn a_rebuild_swaps_at_an_equal_position_and_readers_stay() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ledger = ledger();
    let (mut projection, _) = open(dir.path(), 1);
    settle(&mut projection, &ledger, 100);
    let reader = projection.reader();
    projection.rebuild().expect("the disk is there");
    assert_eq!(generations(dir.path()), [1, 2]);
    ledger.append(plain(3, 1));
    settle(&mut projection, &ledger, 100);
    let outcome = projection.status().last_rebuild.expect("it was swapped");
    assert_eq!(outcome.comparison, Comparison::Equal);
    assert_eq!(generations(dir.path()), [2]);
    assert_eq!(
        reader.read().cursor().expect("readers follow"),
        projection.status().cursor
    );
}

#[test]
fn a_crash_at_any_point_of_a_rebuild_leaves_one_usable_view() {
    let ledger = ledger();
    // Steps of 100 over 700 events: the crash falls before, within and after the build and swap.
    for steps in 0..10 {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (mut projection, _) = open(dir.path(), 1);
        settle(&mut projection, &ledger, 1000);
        let cursor = projection.status().cursor;
        projection.rebuild().expect("the disk is there");
        for _ in 0..steps {
            projection
                .step(&mut ledger.clone(), 100)
                .expect("no poison");
        }
        drop(projection);
        let (projection, opening) = open(dir.path(), 1);
        assert_eq!(opening, Opening::Continued, "after {steps} steps");
        assert_eq!(projection.status().cursor, cursor);
        assert_eq!(generations(dir.path()).len(), 1);
    }
    // Named as current, the old one not yet destroyed.
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (mut projection, _) = open(dir.path(), 1);
    settle(&mut projection, &ledger, 1000);
    projection.rebuild().expect("the disk is there");
    drop(projection);
    fs::write(dir.path().join("current"), "2\n").expect("ours");
    let (mut projection, opening) = open(dir.path(), 1);
    assert_eq!(
        (opening, generations(dir.path())),
        (Opening::Continued, vec![2])
    );
    settle(&mut projection, &ledger, 1000);
    assert_eq!(projection.status().cursor, fresh_cursor(&ledger));
}

#[test]
fn another_version_answers_until_the_new_one_has_caught_up() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ledger = ledger();
    let (mut projection, _) = open(dir.path(), 1);
    settle(&mut projection, &ledger, 1000);
    let old = projection.status().cursor;
    projection.close().expect("the disk is there");
    ledger.append(plain(1, 1));
    let newer = home(dir.path(), 2, 1, Engine::Sled);
    let (mut projection, opening) =
        Projection::open(std::sync::Arc::new(Tally(2)), Box::new(newer)).expect("ours");
    assert_eq!(opening, Opening::OtherVersion(1));
    let reader = projection.reader();
    projection
        .step(&mut ledger.clone(), 300)
        .expect("no poison");
    assert_eq!(
        (
            reader.read().version(),
            reader.read().cursor().expect("ours")
        ),
        (1, old)
    );
    settle(&mut projection, &ledger, 300);
    assert_eq!(reader.read().version(), 2);
    assert_eq!(projection.status().cursor.next.0, 701);
    assert_eq!(generations(dir.path()), [2]);
}
