//! EIO and ENOSPC in each of the first 200 writes and syncs: the process stops acknowledging, says so by its exit code, and a restart on
//! the healthy disk has every acknowledged event (C-2).
//!
//! Always: one process a fault; the ledger is a copy of one that was founded once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use people::Mix;
use serde_json::json;
use tests::foils::Foils;
use tests::ledger::Ledger;
use tests::load::{self, BATCH, FAMILIES, SOURCE, batch, publish};
use tests::served::{Program, Served, serve};
use tests::settings::{Settings, told};

/// Faults of each kind are injected into so many first calls.
const CALLS: u64 = 200;
/// The exit code of a process that stopped after a failed write.
const STOPPED: i32 = 70;
/// A fault that is not met in so many batches is not met at all.
const BATCHES_MAX: usize = 2_000;
/// Cases at the same time.
const WORKERS: usize = 2;

/// What one client saw: foils, and batches that were sent and not answered with one.
#[derive(Default)]
struct Seen {
    foils: Foils,
    unanswered: Vec<(Vec<String>, Vec<u8>)>,
}

/// Publishes until the process stops acknowledging, then goes on a little: nothing more may be acknowledged.
fn publish_until_stopped(served: &Served, token: &str, mut load: Mix) -> Seen {
    let mut seen = Seen::default();
    let Ok(client) = served.connect() else {
        return seen;
    };
    let mut client = client.with(token);
    for _ in 0..BATCHES_MAX {
        let (ids, body) = batch(&mut load, 3);
        let Ok(answer) = publish(&mut client, &body) else {
            seen.unanswered.push((ids, body));
            break;
        };
        if answer.status == 503 {
            assert!(
                ["STOPPED", "DRAINING"].contains(&answer.code().as_str()),
                "{}",
                answer.text()
            );
            seen.unanswered.push((ids, body));
            continue;
        }
        let answer = answer.expect(200);
        assert_eq!(seen.foils.keep(&ids, &answer), ids.len());
        let stopped = seen.unanswered.iter().any(|(ids, _)| !ids.is_empty());
        assert!(!stopped, "acknowledged again after it had stopped");
    }
    seen
}

/// One fault, from a copy of the ledger to the healthy restart. True where the process was ready before it met the fault.
fn case(founded: &Ledger, token: &str, fault: &str) -> bool {
    let ledger = founded.copy();
    let faulty = Program::faulty(env!("CARGO_BIN_EXE_faulty"), fault);
    let (seen, ready) = match serve(&faulty, &ledger) {
        Err(ended) => {
            assert!(
                ended.status.code().is_some_and(|code| code != 0),
                "{fault}: {ended:?}"
            );
            (Seen::default(), false)
        }
        Ok(served) => {
            let seen = publish_until_stopped(&served, token, load::mix(9, 50));
            assert!(
                !seen.unanswered.is_empty(),
                "{fault}: the call was never made, or nobody minded"
            );
            let log = served.log();
            let status = served.ended();
            assert_eq!(status.code(), Some(STOPPED), "{fault}: {status}\n{log}");
            (seen, true)
        }
    };
    let healthy = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let served =
        serve(&healthy, &ledger).unwrap_or_else(|ended| panic!("{fault}: no restart: {ended:?}"));
    let mut client = served.connect().expect("it listens").with(token);
    seen.foils.assert_all_kept(&mut client, SOURCE);
    // A batch that was not answered is in the ledger whole or not at all, and sending it again settles it.
    for (ids, body) in &seen.unanswered {
        let found = client.post("/v1/foils/find", &json!({ "source": SOURCE, "ids": ids }));
        let found = found.expect("it answers").expect(200).json();
        let there = found["results"]
            .as_array()
            .expect("results")
            .iter()
            .filter(|one| one["status"] == json!(200));
        let there = there.count();
        assert!(
            there == 0 || there == ids.len(),
            "{fault}: {there} of {} events of one request",
            ids.len()
        );
        let mut foils = Foils::default();
        let again = client
            .send("POST", "/v1/events?foils=full", BATCH, body)
            .expect("it answers")
            .expect(200);
        assert_eq!(
            foils.keep(ids, &again),
            ids.len(),
            "{fault}: {}",
            again.text()
        );
    }
    let report = served.verify();
    assert_eq!(
        report["verdict"],
        json!("verified with pinned keys"),
        "{fault}: {report:#}"
    );
    assert!(
        served.stop().success(),
        "{fault}: the healthy disk is stopped in order"
    );
    ready
}

#[test]
fn a_failed_write_or_sync_stops_everything_and_loses_nothing() {
    let settings = Settings::read();
    let founded = Ledger::found();
    let healthy = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let served = serve(&healthy, &founded).expect("a new ledger is served");
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    assert!(served.stop().success());
    let mut faults = Vec::new();
    for call in ["write", "sync"] {
        for error in ["eio", "enospc"] {
            faults.extend((0..CALLS).map(|nth| format!("{call}:{nth}:{error}")));
        }
    }
    let stride = usize::try_from(settings.fault_stride).unwrap_or(1);
    let faults: Vec<String> = faults.into_iter().step_by(stride).collect();
    let (next, failed, started) = (
        AtomicUsize::new(0),
        Mutex::new(Vec::new()),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(fault) = faults.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let outcome = std::panic::catch_unwind(|| case(&founded, &token, fault));
                    match outcome {
                        Ok(ready) => _ = started.fetch_add(usize::from(ready), Ordering::SeqCst),
                        Err(_) => failed
                            .lock()
                            .expect("nobody panics with it")
                            .push(fault.clone()),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nobody panics with it");
    let started = started.into_inner();
    told(&format!(
        "{} faults, {started} under load, {} in the start",
        faults.len(),
        faults.len() - started
    ));
    assert!(
        failed.is_empty(),
        "{} of {} faults: {failed:?}",
        failed.len(),
        faults.len()
    );
}
