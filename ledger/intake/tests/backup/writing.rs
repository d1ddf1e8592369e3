//! Backups while the ledger writes, and what comes back from them.

use std::path::PathBuf;
use std::sync::Arc;

use ground::{Crash, Disk, Open, Random, RealDisk, SimDisk};
use intake::backup::{BackupError, Bundle, Known, Request, Source, backup_taken, list, take};
use intake::engine::{Outcome, Submit};
use intake::ledger::open;
use intake::run::Engine;

use crate::bench::{Acknowledged, Bench, bench, bytes_of, name, simulated, verified};

#[test]
fn a_backup_between_steps_restores_to_the_same_ledger() {
    let (disk, bench) = simulated(1);
    let mut opened = bench.open();
    let (mut known, mut taken) = (Vec::new(), Vec::new());
    for number in 0..60_u64 {
        known.push(bench.publish(&mut opened, number % 9));
        match number % 13 {
            3 => {
                _ = opened
                    .stepped
                    .keeper
                    .flush()
                    .expect("run files are written")
            }
            5 => _ = opened.stepped.keeper.checkpoint().expect("a checkpoint"),
            7 => {
                let backup = bench.take(&opened).expect("a backup");
                let taken_event = backup_taken(
                    &bench.ground,
                    &name(),
                    proto::clear::Envelope::default(),
                    &backup,
                );
                let event = taken_event.expect("codes of good shape");
                opened.stepped.record(vec![event]).expect("the disk works");
                taken.push(backup.bundle);
            }
            _ => {}
        }
    }
    assert!(matches!(bench.take(&opened), Ok(last) if last.bundle.next > taken[3].next));
    assert!(
        matches!(bench.take(&opened), Err(BackupError::Exists)),
        "nothing was appended since"
    );
    drop(opened);
    let all = list(&bench.ground.disk, &bench.backups).expect("a directory");
    assert_eq!(all.len(), taken.len() + 1);
    let journal = bench.settings.places.journal();
    assert!(
        disk.durable_bytes(&journal.join("0000000001.segment"))
            .is_ok(),
        "two segments"
    );
    for (round, bundle) in all.iter().enumerate() {
        check_bundle(&disk, &bench, &known, (round, bundle));
    }
    // Nothing was appended after the last one: its journal is the ledger's, byte for byte.
    let last = PathBuf::from(format!("/rehearsal-{}", all.len() - 1)).join("ledger/journal");
    for segment in ["0000000000.segment", "0000000001.segment", "ledger"] {
        let (a, b) = (journal.join(segment), last.join(segment));
        assert!(
            bytes_of(&bench.ground.disk, &a) == bytes_of(&bench.ground.disk, &b),
            "{segment}"
        );
    }
}

/// Rehearses one backup, restores it, cuts the power and asks for everything again.
fn check_bundle(
    disk: &SimDisk,
    bench: &Bench,
    known: &[Acknowledged],
    (round, bundle): (usize, &Bundle),
) {
    let base = format!("/rehearsal-{round}");
    let events = bench.rehearse(bundle, &base).expect("it is whole");
    assert_eq!(events, bundle.next.0);
    let root = PathBuf::from(&base).join("ledger/vault/root");
    let root = bytes_of(&bench.ground.disk, &root);
    assert!(
        root.iter().all(|byte| *byte == 0),
        "a rehearsal leaves no root"
    );
    let base = format!("/restored-{round}");
    let restored = bench.restore_to(bundle, &base, &Known::NothingNewer);
    let restored = restored.expect("an empty place");
    disk.restart(Crash::PowerCut);
    let mut again = open(&bench.ground, &restored).expect("the restored ledger opens");
    let report = verified(&again);
    assert_eq!((report.events, report.slots_gone), (bundle.next.0 + 1, 0));
    assert_eq!(report.checkpoint_size, report.events);
    bench.check_foils(&mut again, known, bundle.next);
    let first = again.records.at(bundle.next).expect("its first event");
    let first = first.record.expect("its key lives");
    assert_eq!(first.fact.name, "ledger.restored");
    bench.publish(&mut again, 77);
}

#[test]
fn a_backup_while_the_threads_write_is_true_for_one_position() {
    let (_, bench) = simulated(2);
    let opened = bench.open();
    let (vault, records, published) = (
        opened.vault.clone(),
        opened.records.clone(),
        opened.published.clone(),
    );
    let stepped = opened.stepped;
    let mut keeping = stepped.keeper;
    let engine = Engine::start(
        stepped.sequencer,
        stepped.appender,
        stepped.desk,
        bench.ground.clock.clone(),
    );
    let engine = engine.expect("threads start");
    let name = name();
    let source = Source {
        name: &name,
        journal: records.journal(),
        vault: &vault,
        published: &published,
    };
    let request = Request {
        dir: bench.backups.clone(),
        recovery: bench.public,
        expires_on: None,
    };
    let taken = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.expect("a runtime");
            for number in 0..80_u64 {
                let id = ground::array(&bench.ids as &dyn Random);
                let sent = runtime.block_on(engine.submit(vec![bench.event(id, number % 20)]));
                assert!(matches!(
                    sent.expect("it works").as_slice(),
                    [Outcome::Recorded(_)]
                ));
            }
        });
        let keeper = scope.spawn(move || {
            while !writer.is_finished() {
                keeping.absorb_now().expect("absorbed");
                keeping.checkpoint().expect("a checkpoint");
                std::thread::yield_now();
            }
        });
        let mut taken = Vec::new();
        while !keeper.is_finished() {
            match take(&bench.ground, source, &request) {
                Ok(backup) => taken.push(backup.bundle),
                Err(BackupError::Exists) => {}
                Err(cause) => panic!("{}: {cause}", cause.code()),
            }
        }
        taken
    });
    engine.finish();
    assert!(!taken.is_empty());
    let step = taken.len().div_ceil(4);
    for (round, bundle) in taken.iter().step_by(step).enumerate() {
        let events = bench.rehearse(bundle, &format!("/rehearsal-{round}"));
        assert_eq!(events.expect("it is whole"), bundle.next.0);
    }
}

#[test]
fn a_real_disk_takes_a_backup_and_gives_it_back() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let bench = bench(Arc::new(RealDisk), dir.path());
    let mut opened = bench.open();
    let known: Vec<Acknowledged> = (0..10).map(|n| bench.publish(&mut opened, n % 3)).collect();
    let bundle = bench.take(&opened).expect("a backup").bundle;
    drop(opened);
    let base = dir.path().join("new");
    let base = base.to_str().expect("UTF-8");
    let restored = bench
        .restore_to(&bundle, base, &Known::NothingNewer)
        .expect("an empty place");
    let mut again = open(&bench.ground, &restored).expect("it opens");
    bench.check_foils(&mut again, &known, bundle.next);
    assert_eq!(
        RealDisk
            .open(&bundle.vault(), Open::Read)
            .and_then(|f| f.mode())
            .ok(),
        Some(0o600)
    );
}
