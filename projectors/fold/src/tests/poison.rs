//! A view that cannot apply an event stops and says which; only a recorded fact lets it go on (P-2).

use super::toy::{Ledger, Toy, fresh_cursor, plain, settle, tally};
use crate::adversarial_store::AdversarialDisk;
use crate::*;
use proto::Index;

fn with_poison_at(at: u64, events: u64) -> Ledger {
    Ledger::of((0..events).map(|n| Toy::Fact {
        stream: 1,
        access: false,
        month: 1,
        poison: n == at,
    }))
}

fn open(disk: &AdversarialDisk) -> Projection {
    Projection::open(tally(), Box::new(disk.home(1)))
        .expect("the disk is there")
        .0
}

fn poisoned(projection: &mut Projection, ledger: &Ledger) -> PoisonedAt {
    match projection.step(&mut ledger.clone(), 100) {
        Err(FoldError::Poisoned(at)) => at,
        other => panic!("expected a stop, got {other:?}"),
    }
}

#[test]
fn poison_stops_the_view_and_names_it() {
    let ledger = with_poison_at(17, 40);
    let disk = AdversarialDisk::new();
    let mut projection = open(&disk);
    let at = poisoned(&mut projection, &ledger);
    assert_eq!(
        at.to_string(),
        "view tally cannot apply event 17: a body of one"
    );
    assert_eq!(projection.status().cursor.next, Index(17));
    assert_eq!(projection.status().poisoned, Some(at.clone()));
    // Asking again and starting again change nothing: it never skips.
    assert_eq!(poisoned(&mut projection, &ledger), at);
    drop(projection);
    disk.kill();
    let mut projection = open(&disk);
    assert_eq!(poisoned(&mut projection, &ledger), at);
}

#[test]
fn a_parked_event_is_left_out_and_listed() {
    let ledger = with_poison_at(17, 40);
    let mut projection = open(&AdversarialDisk::new());
    poisoned(&mut projection, &ledger);
    ledger.append(Toy::Parked {
        index: 17,
        view: "another",
        version: 1,
    });
    ledger.append(Toy::Parked {
        index: 16,
        view: "tally",
        version: 1,
    });
    ledger.append(Toy::Parked {
        index: 17,
        view: "tally",
        version: 2,
    });
    poisoned(&mut projection, &ledger);
    ledger.append(Toy::Parked {
        index: 17,
        view: "tally",
        version: 1,
    });
    settle(&mut projection, &ledger, 100);
    let status = projection.status();
    assert_eq!((status.cursor.next, status.poisoned), (Index(44), None));
    let parked = projection.reader().read().parked().expect("memory");
    assert_eq!(parked, [(Index(17), Index(43))]);
    // A rebuild meets the poison before the fact and finds the fact all the same.
    assert_eq!(status.cursor, fresh_cursor(&ledger));
}

#[test]
fn the_fact_that_parks_may_lie_far_ahead() {
    let ledger = with_poison_at(2, 9000);
    ledger.append(Toy::Parked {
        index: 2,
        view: "tally",
        version: 1,
    });
    let mut projection = open(&AdversarialDisk::new());
    // The search is bounded in each step and goes on in the next.
    let progress = projection
        .step(&mut ledger.clone(), 100)
        .expect("still looking");
    assert_eq!((progress.folded, progress.looking), (2, true));
    assert_eq!(projection.status().cursor.next, Index(2));
    let mut steps = 0;
    while projection.status().cursor.next < Index(9001) {
        projection.step(&mut ledger.clone(), 2000).expect("parked");
        steps += 1;
        assert!(steps < 20, "it does not come through");
    }
}

/// A view that oversteps in the way its name says.
struct Overstepping(&'static str);

impl View for Overstepping {
    fn name(&self) -> &'static str {
        self.0
    }

    fn version(&self) -> u32 {
        1
    }

    fn apply(&self, _: &Event, _: &dyn Rows) -> Result<Changes, Poison> {
        let mut changes = Changes::none();
        match self.0 {
            "panic" => panic!("on purpose"),
            "foreign table" => changes.put(Table(0), *b"cursor", *b"mine"),
            _ => (0..256u32).for_each(|n| changes.put(Table(1), n.to_be_bytes(), *b"row")),
        }
        Ok(changes)
    }

    fn forget(&self, _: Table, _: &[u8], _: &[u8], _: &RecordKey) -> Result<Forgotten, Poison> {
        Ok(Forgotten::Unchanged)
    }
}

#[test]
fn a_view_that_oversteps_stops_like_poison() {
    for name in ["panic", "foreign table", "too many rows"] {
        let home = AdversarialDisk::new().home(1);
        let view = std::sync::Arc::new(Overstepping(name));
        let (mut projection, _) = Projection::open(view, Box::new(home)).expect("memory");
        let mut ledger = Ledger::of([plain(1, 1)]);
        let stopped = projection.step(&mut ledger, 10);
        assert!(
            matches!(stopped, Err(FoldError::Poisoned(at)) if at.index == Index(0)),
            "{name}"
        );
        assert_eq!(projection.status().cursor, Cursor::START);
    }
}

#[test]
fn records_of_a_destroyed_key_leave_as_if_they_had_never_been_readable() {
    let ledger = Ledger::of((0..900).map(|n: u64| Toy::Fact {
        stream: (n % 200) as u8,
        access: n.is_multiple_of(3),
        month: 1 + (n % 4) as u32,
        poison: false,
    }));
    let mut projection = open(&AdversarialDisk::new());
    settle(&mut projection, &ledger, 250);
    let before = projection.status().cursor;
    ledger.append(Toy::Destroyed {
        access: true,
        month: 2,
    });
    ledger.append(Toy::Destroyed {
        access: false,
        month: 1,
    });
    settle(&mut projection, &ledger, 250);
    let after = projection.status().cursor;
    assert!(after.digest.rows < before.digest.rows);
    assert_eq!(after, fresh_cursor(&ledger));
}
