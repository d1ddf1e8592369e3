//! Questions beside the fold: rows in memory wait for no batch, and all are read at one position to their end.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::directory::home;
use super::toy::{Ledger, fresh_cursor, plain, settle, tally};
use crate::memory_store::MemoryStore;
use crate::runs::RunStore;
use crate::*;

/// Longer than any machine takes to read some rows; only a reader that waits for a batch gets here.
const NEVER: Duration = Duration::from_secs(60);

/// So small that runs are written, merged and removed all the time.
const SMALL: Sizes = Sizes {
    memory_bytes_max: 600,
    block_bytes: 100,
    level_runs_max: 2,
};

/// Where a batch stops on its way to the rows.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<Option<Closed>>>);

/// Says that a batch has come, and hears when it may go on.
type Closed = (SyncSender<()>, Receiver<()>);

impl Gate {
    /// The next batch says that it has come, and goes on when told to.
    fn close(&self) -> (Receiver<()>, SyncSender<()>) {
        let (come, has_come) = sync_channel(1);
        let (go_on, goes_on) = sync_channel(1);
        *self.0.lock().expect("no test panics with it") = Some((come, goes_on));
        (has_come, go_on)
    }
}

/// Rows in memory behind a gate.
struct Gated(MemoryStore, Gate);

impl Store for Gated {
    fn apply(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError> {
        let closed = self.1.0.lock().expect("no test panics with it").take();
        if let Some((come, goes_on)) = closed {
            come.send(()).expect("the test waits");
            goes_on.recv().expect("the test goes on");
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

/// One generation, in runs over a gated store.
struct GatedHome(Gate);

impl Home for GatedHome {
    fn current(&self) -> Result<Option<Generation>, StoreError> {
        Ok(None)
    }

    fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        Ok(Vec::new())
    }

    fn create(&self, _: Generation) -> Result<Box<dyn Store>, StoreError> {
        let rows = Gated(MemoryStore::new(), self.0.clone());
        Ok(Box::new(RunStore::open(Box::new(rows), SMALL)?))
    }

    fn open(&self, _: Generation) -> Result<Opened, StoreError> {
        Ok(Opened::Rebuild(RebuildReason::Broken("none".into())))
    }

    fn make_current(&self, _: Generation) -> Result<(), StoreError> {
        Ok(())
    }

    fn quarantine(&self, _: Generation) -> Result<(), StoreError> {
        Ok(())
    }

    fn discard(&self, _: Generation) -> Result<(), StoreError> {
        Ok(())
    }

    fn discard_quarantine(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The cursor, and the digest of all rows that the reader shows.
fn everything(view: &ReadView) -> (Cursor, Digest) {
    let mut digest = Digest::EMPTY;
    for table in [Table(1), Table(2)] {
        for (key, value) in view.scan(table, &[], &[], usize::MAX).expect("memory") {
            assert_eq!(view.get(table, &key).expect("memory"), Some(value.clone()));
            digest.add(&row_key(table, &key), &value);
        }
    }
    (view.cursor().expect("memory"), digest)
}

#[test]
fn a_question_is_answered_while_a_batch_is_held_open() {
    let gate = Gate::default();
    let ledger = Ledger::of((0..300).map(|n| plain((n % 11) as u8, 1)));
    let opened = Projection::open(tally(), Box::new(GatedHome(gate.clone())));
    let (mut projection, _) = opened.expect("memory");
    settle(&mut projection, &ledger, 50);
    let before = projection.status().cursor;
    let reader = projection.reader();
    let (has_come, go_on) = gate.close();
    for n in 0..40 {
        ledger.append(plain(n, 2));
    }
    let folding = {
        let ledger = ledger.clone();
        std::thread::spawn(move || {
            settle(&mut projection, &ledger, 50);
            projection
        })
    };
    has_come.recv().expect("a batch comes");
    let (answer, answered) = sync_channel(1);
    let asking = {
        let reader = reader.clone();
        std::thread::spawn(move || {
            answer
                .send(everything(&reader.read()))
                .expect("the test waits");
        })
    };
    let answered = answered.recv_timeout(NEVER);
    go_on.send(()).expect("the batch waits");
    assert_eq!(
        answered.expect("the question waits for the batch"),
        (before, before.digest)
    );
    asking.join().expect("it answered");
    let projection = folding.join().expect("it folded");
    let after = fresh_cursor(&ledger);
    assert_eq!(projection.status().cursor, after);
    assert_eq!(everything(&reader.read()), (after, after.digest));
}

#[test]
fn an_answer_keeps_its_position_through_merges_a_swap_and_the_end_of_its_store() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ledger = Ledger::of((0..400).map(|n| plain((n % 11) as u8, 1)));
    let home = home(dir.path(), 1, 1, Engine::Sled).with_sizes(SMALL);
    let (mut projection, _) = Projection::open(tally(), Box::new(home)).expect("ours");
    settle(&mut projection, &ledger, 10);
    let before = projection.status().cursor;
    let reader = projection.reader();
    let read = reader.read();
    for n in 0..400_u32 {
        ledger.append(plain((n % 13) as u8, 2));
    }
    settle(&mut projection, &ledger, 10);
    assert_eq!(
        everything(&read),
        (before, before.digest),
        "merged meanwhile"
    );
    let rows = dir.path().join("000001");
    projection.rebuild().expect("the disk is there");
    settle(&mut projection, &ledger, 100);
    assert!(!rows.exists(), "the store before is gone from its place");
    assert_eq!(
        everything(&read),
        (before, before.digest),
        "swapped meanwhile"
    );
    drop(read);
    let after = fresh_cursor(&ledger);
    assert_eq!(everything(&reader.read()), (after, after.digest));
    projection.close().expect("the disk is there");
    assert!(reader.read().cursor().is_err(), "closed");
}

/// Rows of which the fold reads all and a question none.
struct Unasked(MemoryStore);

impl Store for Unasked {
    fn apply(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError> {
        self.0.apply(batch, cursor)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.0.scan(prefix, from, limit)
    }

    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        Ok(Arc::new(Unread(self.0.snapshot()?)))
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

struct Unread(Arc<dyn Snapshot>);

impl Snapshot for Unread {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }

    fn scan(&self, _: &[u8], _: &[u8], _: usize) -> Result<Vec<Row>, StoreError> {
        Err(StoreError::Broken("a block rotted".into()))
    }
}

/// The first generation is one that no question can read; counts those that were made.
struct RottenHome(Arc<Mutex<u64>>);

impl Home for RottenHome {
    fn current(&self) -> Result<Option<Generation>, StoreError> {
        Ok(None)
    }

    fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        Ok(Vec::new())
    }

    fn create(&self, generation: Generation) -> Result<Box<dyn Store>, StoreError> {
        *self.0.lock().expect("no test panics with it") += 1;
        Ok(match generation {
            Generation(1) => Box::new(Unasked(MemoryStore::new())),
            _ => Box::new(MemoryStore::new()),
        })
    }

    fn open(&self, _: Generation) -> Result<Opened, StoreError> {
        Ok(Opened::Rebuild(RebuildReason::Broken("none".into())))
    }

    fn make_current(&self, _: Generation) -> Result<(), StoreError> {
        Ok(())
    }

    fn quarantine(&self, _: Generation) -> Result<(), StoreError> {
        Ok(())
    }

    fn discard(&self, _: Generation) -> Result<(), StoreError> {
        Ok(())
    }

    fn discard_quarantine(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn what_only_a_question_found_broken_is_built_again_once() {
    let made = Arc::new(Mutex::new(0));
    let home = RottenHome(made.clone());
    let ledger = Ledger::of((0..300).map(|n| plain((n % 11) as u8, 1)));
    let (mut projection, _) = Projection::open(tally(), Box::new(home)).expect("memory");
    settle(&mut projection, &ledger, 50);
    let count = || *made.lock().expect("no test panics with it");
    assert_eq!(count(), 1, "the fold itself finds nothing");
    let reader = projection.reader();
    for _ in 0..3 {
        let asked = reader.read().scan(Table(1), &[], &[], usize::MAX);
        assert!(matches!(asked, Err(StoreError::Broken(_))));
    }
    let right = fresh_cursor(&ledger);
    settle(&mut projection, &ledger, 50);
    assert_eq!(everything(&reader.read()), (right, right.digest));
    let rebuilt = projection.status().last_rebuild.expect("it was rebuilt");
    assert_eq!(rebuilt.comparison, Comparison::Equal);
    settle(&mut projection, &ledger, 50);
    assert_eq!(count(), 2, "once");
}
