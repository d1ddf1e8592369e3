//! The machine stops in the middle: of a backup, of a restore; and what each sync is for.

use std::path::Path;

use ground::{Crash, DropSync, SimDisk, Site};
use intake::backup::{Known, list};
use intake::ledger::open;

use crate::bench::{Acknowledged, Bench, settings, simulated, verified};

#[test]
fn a_power_cut_during_a_backup_leaves_none_or_a_whole_one() {
    let (disk, bench) = simulated(3);
    let mut opened = bench.open();
    for number in 0..25 {
        bench.publish(&mut opened, number % 4);
    }
    drop(opened);
    let trial = disk.fork(100);
    let there = bench.on(&trial, 100);
    let opened = there.open();
    let before = trial.operations();
    there.take(&opened).expect("a backup");
    let operations = trial.operations() - before;
    drop(opened);
    let (mut none, mut whole) = (0, 0);
    for at in (0..operations).step_by(3).chain(operations - 8..operations) {
        let trial = disk.fork(200 + at);
        let there = bench.on(&trial, 100);
        let opened = there.open();
        trial.crash_at(trial.operations() + at);
        assert!(
            there.take(&opened).is_err(),
            "operation {at} of {operations}"
        );
        drop(opened);
        trial.restart(if at % 2 == 0 {
            Crash::PowerCut
        } else {
            Crash::Kill
        });
        let opened = there.open();
        let found = if trial
            .shared()
            .exists(&there.backups)
            .expect("the disk works")
        {
            list(&trial.shared(), &there.backups).expect("a directory")
        } else {
            Vec::new()
        };
        match found.first() {
            None => {
                none += 1;
                assert!(
                    there.take(&opened).is_ok(),
                    "the next one is not in the way, {at}"
                );
            }
            Some(bundle) => {
                whole += 1;
                assert_eq!(
                    there.rehearse(bundle, "/r").expect("it is whole"),
                    bundle.next.0
                );
            }
        }
    }
    assert!(none > 0 && whole > 0, "{none} {whole}");
}

#[test]
fn a_power_cut_during_a_restore_leaves_nothing_that_opens_or_everything() {
    let (disk, bench) = simulated(4);
    let mut opened = bench.open();
    let known: Vec<Acknowledged> = (0..20).map(|n| bench.publish(&mut opened, n % 4)).collect();
    let bundle = bench.take(&opened).expect("a backup").bundle;
    drop(opened);
    let trial = disk.fork(100);
    let there = bench.on(&trial, 100);
    let before = trial.operations();
    there
        .restore_to(&bundle, "/new", &Known::NothingNewer)
        .expect("an empty place");
    let operations = trial.operations() - before;
    let (mut refused, mut whole) = (0, 0);
    let early = (0..operations).step_by(7).map(|at| match at % 2 {
        0 => (at, Crash::PowerCut),
        _ => (at, Crash::Kill),
    });
    // The last steps both ways: only a kill behind the last write leaves all of it.
    let late = operations - 6..operations;
    let late = late.flat_map(|at| [(at, Crash::PowerCut), (at, Crash::Kill)]);
    for (at, crash) in early.chain(late) {
        let trial = disk.fork(200 + at);
        let there = bench.on(&trial, 100);
        trial.crash_at(trial.operations() + at);
        let cut = there.restore_to(&bundle, "/new", &Known::NothingNewer);
        assert!(cut.is_err(), "operation {at} of {operations}");
        trial.restart(crash);
        match open(&there.ground, &settings(Path::new("/new"))) {
            Err(_) => refused += 1,
            Ok(mut opened) => {
                whole += 1;
                let report = verified(&opened);
                assert_eq!((report.events, report.slots_gone), (bundle.next.0 + 1, 0));
                there.check_foils(&mut opened, &known, bundle.next);
            }
        }
        // The operator begins again elsewhere.
        there
            .restore_to(&bundle, "/newer", &Known::NothingNewer)
            .expect("an empty place");
    }
    assert!(refused > 0 && whole > 0, "{refused} {whole}");
}

/// Runs `work` on copies of the disk where this sync says `Ok` and does nothing, cuts the power and asks whether all is well.
/// How many runs of `RUNS` were not.
fn misses(
    (disk, bench): (&SimDisk, &Bench),
    dropped: Option<(&'static str, DropSync)>,
    work: &dyn Fn(&SimDisk, &Bench),
    is_well: &dyn Fn(&SimDisk, &Bench) -> bool,
) -> usize {
    let misses = |seed: &u64| {
        let trial = disk.fork(300 + seed);
        let there = bench.on(&trial, 100);
        if let Some((site, which)) = dropped {
            trial.drop_sync(Site(site), which);
        }
        work(&trial, &there);
        trial.keep_syncs();
        trial.restart(Crash::PowerCut);
        !is_well(&trial, &there)
    };
    (0..RUNS).filter(misses).count()
}

const RUNS: u64 = 12;

/// What has returned is there after a power cut, what has not is no backup; leave out any one sync, and that is no longer so.
#[test]
fn every_sync_of_a_backup_is_missed_where_it_is_left_out() {
    let (disk, bench) = simulated(9);
    let mut opened = bench.open();
    for number in 0..12 {
        bench.publish(&mut opened, number % 3);
    }
    drop(opened);
    let listed = |there: &Bench| list(&there.ground.disk, &there.backups).unwrap_or_default();
    let take = |_: &SimDisk, there: &Bench| _ = there.take(&there.open()).expect("a backup");
    let is_taken = |_: &SimDisk, there: &Bench| {
        let found = listed(there);
        found
            .first()
            .is_some_and(|bundle| there.rehearse(bundle, "/r").is_ok())
    };
    // The last operation is the sync of the manifest's name: stopped there, it may have arrived or not.
    let trial = disk.fork(299);
    let there = bench.on(&trial, 100);
    let opened = there.open();
    let before = trial.operations();
    there.take(&opened).expect("a backup");
    let last = trial.operations() - before - 1;
    drop(opened);
    let cut = move |trial: &SimDisk, there: &Bench| {
        let opened = there.open();
        trial.crash_at(trial.operations() + last);
        assert!(there.take(&opened).is_err(), "the machine stopped");
    };
    let is_none_or_whole = |_: &SimDisk, there: &Bench| {
        let found = listed(there);
        found
            .first()
            .is_none_or(|bundle| there.rehearse(bundle, "/r").is_ok())
    };
    let from = (&disk, &bench);
    assert_eq!(misses(from, None, &take, &is_taken), 0);
    assert_eq!(misses(from, None, &cut, &is_none_or_whole), 0);
    for file in 0..3 {
        let dropped = Some(("backup.file", DropSync::Nth(file)));
        assert!(
            misses(from, dropped, &take, &is_taken) > 0,
            "the content of file {file}"
        );
    }
    for names in [0, 2] {
        let dropped = Some(("backup.names", DropSync::Nth(names)));
        assert!(misses(from, dropped, &take, &is_taken) > 0, "names {names}");
    }
    let dropped = Some(("backup.names", DropSync::Nth(1)));
    assert!(
        misses(from, dropped, &cut, &is_none_or_whole) > 0,
        "the names before the manifest's"
    );
}

/// As before, for a restore. The journal's own syncs at its next start cover the names of the segments; `journal::pieces` tests those.
#[test]
fn every_sync_of_a_restore_is_missed_where_it_is_left_out() {
    let (disk, bench) = simulated(10);
    let mut opened = bench.open();
    // Two segments: the first event after the restore syncs the last one anyway.
    for number in 0..45 {
        bench.publish(&mut opened, number % 3);
    }
    let bundle = bench.take(&opened).expect("a backup").bundle;
    drop(opened);
    let put_back = |_: &SimDisk, there: &Bench| {
        there
            .restore_to(&bundle, "/deep/new", &Known::NothingNewer)
            .expect("an empty place");
    };
    let opens = |_: &SimDisk, there: &Bench| {
        let opened = open(&there.ground, &settings(Path::new("/deep/new")));
        opened.is_ok_and(|opened| verified(&opened).events == bundle.next.0 + 1)
    };
    let rehearse = |_: &SimDisk, there: &Bench| _ = there.rehearse(&bundle, "/r").expect("whole");
    let is_blotted = |trial: &SimDisk, _: &Bench| {
        let root = trial.durable_bytes(Path::new("/r/ledger/vault/root"));
        root.is_ok_and(|root| root.iter().all(|byte| *byte == 0))
    };
    let from = (&disk, &bench);
    assert_eq!(misses(from, None, &put_back, &opens), 0);
    assert_eq!(misses(from, None, &rehearse, &is_blotted), 0);
    for site in ["rebuild.segment", "backup.names"] {
        let dropped = Some((site, DropSync::All));
        assert!(misses(from, dropped, &put_back, &opens) > 0, "{site}");
    }
    let dropped = Some(("restore.blot", DropSync::All));
    assert!(
        misses(from, dropped, &rehearse, &is_blotted) > 0,
        "the overwritten root"
    );
}
