//! Rows in runs against rows in a plain map: the same batches, reopened at any of them.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proto::{Hash, Index};

use super::{RunStore, Sizes};
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
    assert!(bytes < 3 * 2000 * 27, "{bytes}");
    assert!(whole.len() < 2500, "{}", whole.len());
    for part in [1, 2, 3] {
        let of_part = whole.iter().filter(|(key, _)| key[0] == part);
        let (mut spoilt, mut as_it_was) = (Batch::default(), Batch::default());
        for (key, value) in of_part.take(200) {
            spoilt.rows.push((key.clone(), Some(vec![7])));
            as_it_was.rows.push((key.clone(), Some(value.clone())));
        }
        assert!(!spoilt.rows.is_empty(), "there are some of each kind");
        below.apply(&spoilt, &cursor(2000)).expect("memory");
        let opened = RunStore::open(Box::new(below.clone()), SMALL);
        let scanned = opened.and_then(|store| store.scan(&[], &[], usize::MAX));
        assert!(scanned.is_err(), "part {part}");
        below.apply(&as_it_was, &cursor(2000)).expect("memory");
    }
    assert_eq!(everything(&open(&below)).len(), 2001);
}
