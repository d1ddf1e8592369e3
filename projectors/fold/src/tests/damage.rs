//! A view's files on a disk that rots: flipped, zeroed, cut off, swapped and deleted, then opened again.
//!
//! What always holds, round for round: no panic leaves the crate; what can be read before the view is
//! stepped is what the events say at the position it names, or an error; and stepping ends in the digest
//! of a rebuild. Rounds follow from seeds.

use std::fs;
use std::path::{Path, PathBuf};

use super::directory::home;
use super::toy::{Ledger, fresh_cursor, plain, settle, tally};
use crate::*;

const EVENTS: u64 = 500;
const ROUNDS: u64 = 80;

/// Runs of a few rows, so that every kind of row lies in the files.
const SMALL: Sizes = Sizes {
    memory_bytes_max: 3000,
    block_bytes: 400,
    level_runs_max: 3,
};

fn open(dir: &Path) -> (Projection, Opening) {
    let home = home(dir, 1, 1, Engine::Sled).with_sizes(SMALL);
    Projection::open(tally(), Box::new(home)).expect("rot is no reason not to open")
}

fn ledger(events: u64) -> Ledger {
    Ledger::of((0..events).map(|n| plain((n * 7 % 61) as u8, 1 + (n % 3) as u32)))
}

/// Numbers from a seed (splitmix).
struct Chooser(u64);

impl Chooser {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }
}

/// All files below a directory, in one order.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("ours") {
        let path = entry.expect("ours").path();
        match path.is_dir() {
            true => found.append(&mut files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let to = to.join(path.strip_prefix(from).expect("below it"));
        fs::create_dir_all(to.parent().expect("a file lies in a directory")).expect("ours");
        fs::copy(&path, to).expect("ours");
    }
}

/// What is done to one file; `older` is the same view some events earlier.
fn spoil(file: &Path, older: Option<PathBuf>, choose: &mut Chooser) -> String {
    let mut bytes = fs::read(file).expect("ours");
    let written: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at] != 0).collect();
    let at = match written.is_empty() {
        true => 0,
        false => written[choose.below(written.len())],
    };
    let end = bytes.len().min(at + 1 + choose.below(6000));
    let what = match choose.below(8) {
        0..=2 if !bytes.is_empty() => {
            bytes[at] ^= 1 << choose.below(8);
            "flipped"
        }
        3 | 4 => {
            bytes[at..end].fill(0);
            "zeroed"
        }
        5 => {
            bytes.truncate(at);
            "cut off"
        }
        6 => {
            if let Some(older) = older.and_then(|path| fs::read(path).ok()) {
                let end = end.min(older.len());
                if at < end {
                    bytes[at..end].copy_from_slice(&older[at..end]);
                }
            }
            "partly as it was before"
        }
        _ => {
            fs::remove_file(file).expect("ours");
            return format!("{} deleted", file.display());
        }
    };
    fs::write(file, bytes).expect("ours");
    format!("{} {what} from {at} to {end}", file.display())
}

/// The digest of the rows that can be read, and the cursor beside them.
fn read(reader: &ViewReader) -> Result<(Cursor, Digest), StoreError> {
    let view = reader.read();
    let cursor = view.cursor()?;
    let mut digest = Digest::EMPTY;
    for table in [Table(1), Table(2), Table::PARKED] {
        for (key, value) in view.scan(table, &[], &[], usize::MAX)? {
            digest.add(&row_key(table, &key), &value);
        }
    }
    Ok((cursor, digest))
}

#[test]
fn rot_in_any_file_is_never_answered_from() {
    let whole = tempfile::tempdir().expect("a temporary directory");
    let before = tempfile::tempdir().expect("a temporary directory");
    let ledger_whole = ledger(EVENTS);
    let (mut projection, _) = open(whole.path());
    settle(&mut projection, &ledger(EVENTS - 100), 50);
    projection.close().expect("the disk is there");
    copy(whole.path(), before.path());
    let (mut projection, _) = open(whole.path());
    settle(&mut projection, &ledger_whole, 50);
    projection.close().expect("the disk is there");
    let right = fresh_cursor(&ledger_whole);
    let (mut started_over, mut continued) = (0, 0);
    for seed in 0..ROUNDS {
        let mut choose = Chooser(seed);
        let dir = tempfile::tempdir().expect("a temporary directory");
        copy(whole.path(), dir.path());
        let all = files(dir.path());
        let file = &all[choose.below(all.len())];
        let older = before
            .path()
            .join(file.strip_prefix(dir.path()).expect("below it"));
        let what = spoil(file, Some(older), &mut choose);
        let (mut projection, opening) = open(dir.path());
        let asked = read(&projection.reader());
        if let Ok((cursor, digest)) = asked {
            assert_eq!(cursor.digest, digest, "seed {seed}: {what}, {opening:?}");
            let same = fresh_cursor(&ledger(cursor.next.0));
            assert_eq!(cursor, same, "seed {seed}: {what}, {opening:?}");
        }
        settle(&mut projection, &ledger_whole, 300);
        // A question that met it is enough: the fold may never read that row.
        if let Err(StoreError::Broken(_)) = asked {
            let now = read(&projection.reader()).expect("it was built again");
            assert_eq!(now, (right, right.digest), "seed {seed}: {what}");
            assert_eq!(projection.status().building, None, "once");
        }
        projection.rebuild().expect("the disk is there");
        settle(&mut projection, &ledger_whole, 300);
        let (cursor, digest) = read(&projection.reader()).expect("it was built again");
        assert_eq!(
            (cursor, digest),
            (right, right.digest),
            "seed {seed}: {what}"
        );
        match opening {
            Opening::Continued => continued += 1,
            _ => started_over += 1,
        }
    }
    assert!(started_over > ROUNDS / 4, "{started_over} of {ROUNDS}");
    assert!(continued > 0, "bytes that nobody reads spoil nothing");
}
