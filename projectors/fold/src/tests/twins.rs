//! sled, redb and memory keep the same rows, cursor and digest for the same events.

use proptest::prelude::*;

use super::toy::{Ledger, Toy, settle, tally};
use crate::memory_store::MemoryStore;
use crate::redb_store::RedbStore;
use crate::sled_store::SledStore;
use crate::*;
use proto::{Hash, Index};

fn batch() -> impl Strategy<Value = Batch> {
    let key = proptest::collection::vec(1u8..5, 1..4);
    let value = proptest::option::weighted(0.7, proptest::collection::vec(any::<u8>(), 0..70));
    proptest::collection::btree_map(key, value, 0..40).prop_map(|rows| Batch {
        rows: rows.into_iter().collect(),
    })
}

fn compare(one: &dyn Store, other: &dyn Store, prefix: &[u8], from: &[u8], limit: usize) {
    assert_eq!(one.cursor().expect("twin"), other.cursor().expect("twin"));
    let rows = one.scan(prefix, from, limit).expect("twin");
    assert_eq!(rows, other.scan(prefix, from, limit).expect("twin"));
    for (key, value) in rows {
        assert_eq!(other.get(&key).expect("twin"), Some(value));
    }
    assert_eq!(one.get(from).expect("twin"), other.get(from).expect("twin"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_same_batches_leave_the_same_rows(
        batches in proptest::collection::vec(batch(), 1..8),
        prefix in proptest::collection::vec(1u8..5, 0..3),
        from in proptest::collection::vec(0u8..6, 0..4),
        limit in 0usize..30,
    ) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let memory = MemoryStore::new();
        let sled_dir = dir.path().join("sled");
        let redb_dir = dir.path().join("redb");
        {
            let sled = SledStore::open(&sled_dir).expect("a new sled");
            let redb = RedbStore::open(&redb_dir).expect("a new redb");
            for (place, batch) in batches.iter().enumerate() {
                let cursor = Cursor {
                    next: Index(place as u64),
                    link_hash: Hash([place as u8; 32]),
                    digest: Digest::EMPTY,
                };
                for store in [&memory as &dyn Store, &sled, &redb] {
                    store.apply(batch, &cursor).expect("a batch fits");
                }
            }
            compare(&memory, &sled, &prefix, &from, limit);
            compare(&memory, &redb, &prefix, &from, limit);
            Box::new(sled).close().expect("sled closes");
            Box::new(redb).close().expect("redb closes");
        }
        let sled = SledStore::open(&sled_dir).expect("sled again");
        let redb = RedbStore::open(&redb_dir).expect("redb again");
        compare(&memory, &sled, &prefix, &from, limit);
        compare(&memory, &redb, &prefix, &from, limit);
    }
}

#[test]
fn a_whole_fold_gives_the_same_digest_on_both_engines() {
    let ledger = Ledger::of((0..1500u64).map(|n| Toy::Fact {
        stream: (n * 7 % 97) as u8,
        access: n % 5 == 0,
        month: 1 + (n % 3) as u32,
        poison: false,
    }));
    ledger.append(Toy::Destroyed {
        access: true,
        month: 2,
    });
    let cursors = [Engine::Sled, Engine::Redb].map(|engine| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let home = super::directory::home(dir.path(), 1, 1, engine);
        let (mut projection, _) = Projection::open(tally(), Box::new(home)).expect("a new view");
        settle(&mut projection, &ledger, 200);
        projection.status().cursor
    });
    assert_eq!(cursors[0], cursors[1]);
    assert_eq!(cursors[0], super::toy::fresh_cursor(&ledger));
}

#[test]
#[should_panic(expected = "a batch holds 256 rows")]
fn a_batch_beyond_the_limit_is_our_own_mistake() {
    let rows = (0..256u32)
        .map(|n| (n.to_be_bytes().to_vec(), None))
        .collect();
    let _ = MemoryStore::new().apply(&Batch { rows }, &Cursor::START);
}
