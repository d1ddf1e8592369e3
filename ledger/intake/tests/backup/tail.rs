//! The tail: a ledger at rest is restored to what it has signed for, and goes on under the same chain.

use intake::backup::{
    BackupError, Known, Part, RestoreVerdict, Source, Taken, backup_taken, restore,
    restore_closing, take_tail,
};
use intake::ledger::{Opened, open};
use proto::Index;

use crate::bench::{Bench, bytes_of, name, put_bytes, settings, simulated, verified};

/// A backup with the event that says so, and its tail.
fn taken_with_tail(bench: &Bench, opened: &mut Opened) -> Taken {
    let taken = bench.take(opened).expect("a backup");
    let envelope = proto::clear::Envelope::default();
    let event = backup_taken(&bench.ground, &name(), envelope, &taken);
    let event = event.expect("codes of good shape");
    opened.stepped.record(vec![event]).expect("the disk works");
    take_tail(&bench.ground, Source::of(opened), &taken).expect("a tail");
    taken
}

fn signed(opened: &mut Opened) -> Known {
    opened.stepped.keeper.checkpoint().expect("a checkpoint");
    let newest = opened.published.newest().expect("it was just signed");
    Known::Note(newest.note.clone().into_bytes())
}

#[test]
fn a_ledger_at_rest_goes_on_under_its_chain() {
    let (_, bench) = simulated(21);
    let mut opened = bench.open();
    let mut known: Vec<_> = (0..40).map(|n| bench.publish(&mut opened, n % 9)).collect();
    let taken = taken_with_tail(&bench, &mut opened);
    let newest = signed(&mut opened);
    let events = verified(&opened).events;
    drop(opened);
    assert!(
        events > taken.bundle.next.0,
        "the event lies behind the backup"
    );
    let restored = bench.restore_to(&taken.bundle, "/again", &newest);
    let restored = restored.expect("nothing is missing");
    let mut again = open(&bench.ground, &restored).expect("it opens");
    // `ledger.restored` is its first event.
    assert_eq!(verified(&again).events, events + 1);
    bench.check_foils(&mut again, &known, Index(events));
    known.push(bench.publish(&mut again, 3));
    again
        .stepped
        .keeper
        .checkpoint()
        .expect("it extends what was signed");
    assert_eq!(
        bench.rehearse(&taken.bundle, "/rehearsed").ok(),
        Some(events)
    );
}

#[test]
fn events_between_backup_and_tail_are_there_with_their_vault_rows() {
    let (_, bench) = simulated(22);
    let mut opened = bench.open();
    for number in 0..10 {
        bench.publish(&mut opened, number);
    }
    let taken = bench.take(&opened).expect("a backup");
    // New persons, enough for another segment: their rows are in no vault file.
    let mut known: Vec<_> = (50..110).map(|n| bench.publish(&mut opened, n)).collect();
    take_tail(&bench.ground, Source::of(&opened), &taken).expect("a tail");
    let newest = signed(&mut opened);
    let end = Index(verified(&opened).events);
    known.push(bench.publish(&mut opened, 200));
    let beyond = signed(&mut opened);
    drop(opened);
    let restored = bench.restore_to(&taken.bundle, "/again", &newest);
    let mut again = open(&bench.ground, &restored.expect("all is there")).expect("it opens");
    verified(&again);
    bench.check_foils(&mut again, &known, end);
    drop(again);
    // One event later more was signed than the tail has.
    let target = settings(std::path::Path::new("/short"));
    let short = restore(
        &bench.ground,
        &taken.bundle,
        &bench.secret,
        &target,
        &beyond,
    );
    let verdict = short.expect("it can be read").verdict;
    let (restored, known) = (end.0, end.0 + 1);
    assert_eq!(verdict, RestoreVerdict::Shorter { restored, known });
    // Closed, the chain ends with the backup itself.
    let target = settings(std::path::Path::new("/closed"));
    let closed = restore_closing(
        &bench.ground,
        &taken.bundle,
        &bench.secret,
        &target,
        &beyond,
    );
    let (_, closing) = closed.expect("another chain goes on");
    assert_eq!(closing.lost, known - taken.bundle.next.0);
    let on = target.on_chain(closing.opened);
    verified(&open(&bench.ground, &on).expect("it opens"));
}

#[test]
fn a_tail_that_is_not_what_was_written_is_refused_and_one_that_is_missing_is_not_needed() {
    let (_, bench) = simulated(23);
    let mut opened = bench.open();
    bench.publish(&mut opened, 1);
    let older = taken_with_tail(&bench, &mut opened);
    bench.publish(&mut opened, 2);
    let taken = taken_with_tail(&bench, &mut opened);
    let newest = signed(&mut opened);
    drop(opened);
    let disk = &bench.ground.disk;
    let (path, whole) = (taken.bundle.tail(), bytes_of(disk, &taken.bundle.tail()));
    for at in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        let mut other = whole.clone();
        other[at] ^= 4;
        put_bytes(disk, &path, &other);
        let refused = bench.restore_to(&taken.bundle, "/refused", &newest);
        let named = matches!(refused, Err(BackupError::Damaged(Part::Tail, _)));
        assert!(named, "byte {at}");
        put_bytes(disk, &path, &whole[..at]);
        let refused = bench.restore_to(&taken.bundle, "/refused", &newest);
        assert!(refused.is_err(), "cut at {at}");
    }
    // Where the chain is closed, it is not looked at.
    let target = settings(std::path::Path::new("/closed"));
    let closed = restore_closing(
        &bench.ground,
        &taken.bundle,
        &bench.secret,
        &target,
        &newest,
    );
    let (_, closing) = closed.expect("what is cut off is not used");
    let on = target.on_chain(closing.opened);
    verified(&open(&bench.ground, &on).expect("it opens"));
    put_bytes(disk, &path, &bytes_of(disk, &older.bundle.tail()));
    let refused = bench.restore_to(&taken.bundle, "/refused", &newest);
    assert!(matches!(refused, Err(BackupError::Mixed)));
    disk.remove(&path).expect("ours");
    let target = settings(std::path::Path::new("/refused"));
    let short = restore(
        &bench.ground,
        &taken.bundle,
        &bench.secret,
        &target,
        &newest,
    );
    let verdict = short.expect("the backup itself is whole").verdict;
    assert!(matches!(verdict, RestoreVerdict::Shorter { .. }));
}
