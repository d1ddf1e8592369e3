//! Rows in runs against rows in a plain map: the same batches, reopened at any of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proto::{Hash, Index};

use super::{RunStore, Sizes, pages};
use crate::memory_store::MemoryStore;
use crate::{Batch, Cursor, Digest, Row, Store, StoreError};

/// A store that outlives the one above it, and that can refuse to write.
#[derive(Clone, Default)]
struct Shared(Arc<MemoryStore>, Arc<Mutex<Option<u64>>>);

impl Store for Shared {
    fn apply(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError> {
        let mut left = self.1.lock().expect("no test panics with it");
        if let Some(left) = left.as_mut() {
            *left = left
                .checked_sub(1)
                .ok_or_else(|| StoreError::Broken("it refuses".into()))?;
        }
        self.0.apply(batch, cursor)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.0.scan(prefix, from, limit)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }

    fn destroy(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// So small that a few rows make a run and a few runs are merged.
const SMALL: Sizes = Sizes {
    memory_bytes_max: 300,
    block_bytes: 40,
    level_runs_max: 3,
};

fn open(below: &Shared) -> RunStore {
    RunStore::open(Box::new(below.clone()), SMALL).expect("it was left whole")
}

fn cursor(place: u64) -> Cursor {
    Cursor {
        next: Index(place),
        link_hash: Hash([3; 32]),
        digest: Digest::EMPTY,
    }
}

fn batch() -> impl Strategy<Value = Batch> {
    let key = proptest::collection::vec(1u8..6, 1..5);
    let value = proptest::option::weighted(0.8, proptest::collection::vec(any::<u8>(), 0..30));
    proptest::collection::btree_map(key, value, 0..12).prop_map(|rows| Batch {
        rows: rows.into_iter().collect(),
    })
}

fn everything(store: &dyn Store) -> Vec<Row> {
    store.scan(&[], &[], usize::MAX).expect("memory")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_same_rows_as_a_map_through_any_number_of_reopenings(
        batches in proptest::collection::vec((batch(), proptest::bool::weighted(0.1)), 1..120),
        prefix in proptest::collection::vec(1u8..6, 0..3),
        from in proptest::collection::vec(0u8..6, 0..5),
        limit in 0usize..40,
    ) {
        let (plain, below) = (MemoryStore::new(), Shared::default());
        let mut runs = open(&below);
        for (place, (batch, reopened)) in (1..).zip(&batches) {
            if *reopened {
                runs = open(&below);
            }
            for store in [&plain as &dyn Store, &runs] {
                store.apply(batch, &cursor(place)).expect("memory");
            }
            for (key, value) in &batch.rows {
                prop_assert_eq!(&runs.get(key).expect("memory"), value);
            }
        }
        prop_assert_eq!(everything(&runs), everything(&plain));
        prop_assert_eq!(
            runs.scan(&prefix, &from, limit).expect("memory"),
            plain.scan(&prefix, &from, limit).expect("memory")
        );
        prop_assert_eq!(everything(&open(&below)), everything(&plain));
    }

    /// Stopped at any write of its own, it is found as it was after a whole number of batches.
    #[test]
    fn a_stop_at_any_write_leaves_whole_batches(
        batches in proptest::collection::vec(batch(), 40..120),
        refused_after in 0u64..300,
    ) {
        let (plain, below) = (MemoryStore::new(), Shared::default());
        *below.1.lock().expect("ours") = Some(refused_after);
        let mut runs = open(&below);
        for (place, batch) in (1..).zip(&batches) {
            let mut applied = runs.apply(batch, &cursor(place));
            if applied.is_err() {
                prop_assert!(runs.get(b"k").is_err(), "a store that failed must not go on");
                *below.1.lock().expect("ours") = None;
                runs = open(&below);
                prop_assert_eq!(everything(&runs), everything(&plain));
                applied = runs.apply(batch, &cursor(place));
            }
            applied.expect("it no longer refuses");
            plain.apply(batch, &cursor(place)).expect("memory");
        }
        prop_assert_eq!(everything(&runs), everything(&plain));
    }
}

/// What a store that loses or brings back a row leaves: every row as it is, but one as it was some
/// batches ago, or gone.
fn with_one_row_otherwise(
    now: &[Row],
    then: &[Row],
    place: usize,
    gone: bool,
) -> (Shared, Vec<u8>) {
    let map = |rows: &[Row]| rows.iter().cloned().collect::<BTreeMap<_, _>>();
    let (now, then) = (map(now), map(then));
    let keys: Vec<&Vec<u8>> = now
        .keys()
        .chain(then.keys().filter(|key| !now.contains_key(*key)))
        .collect();
    let key = keys[place % keys.len()].clone();
    let mut left = now;
    match then.get(&key).filter(|_| !gone) {
        Some(value) => left.insert(key.clone(), value.clone()),
        None => left.remove(&key),
    };
    let below = Shared::default();
    for (key, value) in left {
        let rows = vec![(key.clone(), Some(value.clone()))];
        // A memory store begins with a cursor and writes one with each batch: the lost one is put last.
        below
            .0
            .apply(&Batch { rows }, &Cursor::START)
            .expect("memory");
    }
    (below, key)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() })]

    /// sled promises whole batches in order. Should it keep all of a batch but one row, or bring back a
    /// row of some time ago, nothing is answered from what is left.
    #[test]
    fn a_row_that_was_lost_or_is_as_it_was_is_found(
        batches in proptest::collection::vec(batch(), 10..60),
        since in 1usize..10,
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 12),
    ) {
        let (plain, below) = (MemoryStore::new(), Shared::default());
        let runs = open(&below);
        let mut then = everything(&below);
        for (place, batch) in (1..).zip(&batches) {
            if place as usize + since == batches.len() {
                then = everything(&below);
            }
            runs.apply(batch, &cursor(place)).expect("memory");
            plain.apply(batch, &cursor(place)).expect("memory");
        }
        let now = everything(&below);
        for (place, gone) in places {
            let (left, key) = with_one_row_otherwise(&now, &then, place.index(now.len()), gone);
            // The cursor's own row cannot be withheld from a memory store: see the next test.
            if key == Cursor::key() {
                continue;
            }
            left.0.apply(&Batch::default(), &cursor(batches.len() as u64)).expect("memory");
            let opened = RunStore::open(Box::new(left), SMALL);
            let read = opened.and_then(|store| store.scan(&[], &[], usize::MAX));
            if let Ok(rows) = read {
                prop_assert_eq!(rows, everything(&plain), "{:?}", key);
            }
        }
    }
}

#[test]
fn a_cursor_of_another_batch_is_found_and_so_is_a_lost_last_batch() {
    let below = Shared::default();
    let runs = open(&below);
    for n in 0..9 {
        let rows = vec![(vec![9, n], Some(vec![n]))];
        runs.apply(&Batch { rows }, &cursor(u64::from(n)))
            .expect("memory");
    }
    drop(runs);
    let whole = everything(&below);
    // The last batch's rows are lost, its cursor is not.
    let last = whole.iter().rfind(|(key, _)| key[0] == pages::WAITING);
    let (last, value) = last.expect("there are waiting batches").clone();
    let lost = Batch {
        rows: vec![(last.clone(), None)],
    };
    below.apply(&lost, &cursor(8)).expect("memory");
    let opened = RunStore::open(Box::new(below.clone()), SMALL);
    assert!(matches!(opened, Err(StoreError::Broken(_))));
    let again = Batch {
        rows: vec![(last, Some(value))],
    };
    // The rows are there, the cursor is the one before, or that of a new store.
    for (before, found) in [
        (cursor(7), false),
        (Cursor::START, false),
        (cursor(8), true),
    ] {
        below.apply(&again, &before).expect("memory");
        let opened = RunStore::open(Box::new(below.clone()), SMALL);
        assert_eq!(opened.is_ok(), found, "{before:?}");
    }
}

#[test]
fn a_missing_part_is_found_and_what_was_replaced_is_removed() {
    let below = Shared::default();
    let runs = open(&below);
    for n in 0..2000_u32 {
        let rows = vec![([&[1][..], &n.to_be_bytes()].concat(), Some(vec![9; 20]))];
        runs.apply(&Batch { rows }, &cursor(u64::from(n)))
            .expect("memory");
    }
    let whole = everything(&below);
    // 2,000 rows of 27 bytes; what is replaced does not pile up beside them.
    let bytes: usize = whole.iter().map(|(_, value)| value.len()).sum();
    assert!(bytes < 4 * 2000 * 27, "{bytes}");
    assert!(whole.len() < 2500, "{}", whole.len());
    for part in [0, 1, 2, 3, 4] {
        let of_part = whole.iter().filter(|(key, _)| key[0] == part);
        let (mut spoilt, mut as_it_was) = (Batch::default(), Batch::default());
        for (key, value) in of_part.take(200) {
            spoilt.rows.push((key.clone(), Some(vec![7])));
            as_it_was.rows.push((key.clone(), Some(value.clone())));
        }
        assert!(!spoilt.rows.is_empty(), "there are some of each kind");
        below.apply(&spoilt, &cursor(1999)).expect("memory");
        let opened = RunStore::open(Box::new(below.clone()), SMALL);
        let scanned = opened.and_then(|store| store.scan(&[], &[], usize::MAX));
        assert!(scanned.is_err(), "part {part}");
        below.apply(&as_it_was, &cursor(1999)).expect("memory");
    }
    assert_eq!(everything(&open(&below)).len(), 2001);
}
