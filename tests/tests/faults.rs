//! EIO and ENOSPC in each of the first 200 writes and syncs: the process stops acknowledging, says so by its exit code, and a restart on
//! the healthy disk has every acknowledged event (C-2).
//!
//! Always: one process a fault. Ten of them follow one another on one ledger, so that each start recovers from the fault before.

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
/// Faults that one ledger lives through before it is judged on the healthy disk.
const LIFE_FAULTS: usize = 10;
/// Lives at the same time.
const WORKERS: usize = 4;

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

/// One fault; what was seen until it stopped, `None` where it was met before the ledger was ready.
fn stop_by(ledger: &Ledger, token: &str, fault: &str, seed: u64) -> Option<Seen> {
    let faulty = Program::faulty(env!("CARGO_BIN_EXE_faulty"), fault);
    match serve(&faulty, ledger) {
        Err(ended) => {
            assert!(
                ended.status.code().is_some_and(|code| code != 0),
                "{fault}: {ended:?}"
            );
            None
        }
        Ok(served) => {
            let seen = publish_until_stopped(&served, token, load::mix(seed, 50));
            assert!(
                !seen.unanswered.is_empty(),
                "{fault}: the call was never made, or nobody minded"
            );
            let log = served.log();
            let status = served.ended();
            assert_eq!(status.code(), Some(STOPPED), "{fault}: {status}\n{log}");
            Some(seen)
        }
    }
}

/// Faults one after the other on one ledger, each in a process that recovers from the one before; then the healthy disk.
/// How many faults were met under load.
fn life(founded: &Ledger, token: &str, faults: &[String], number: usize) -> usize {
    let ledger = founded.copy();
    let (mut foils, mut unanswered, mut under_load) = (Foils::default(), Vec::new(), 0);
    for (place, fault) in faults.iter().enumerate() {
        if let Some(seen) = stop_by(&ledger, token, fault, (1_000 * number + place) as u64) {
            foils.join(seen.foils);
            unanswered.extend(seen.unanswered);
            under_load += 1;
        }
    }
    let healthy = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let served = serve(&healthy, &ledger)
        .unwrap_or_else(|ended| panic!("{faults:?}: no restart: {ended:?}"));
    let mut client = served.connect().expect("it listens").with(token);
    foils.assert_all_kept(&mut client, SOURCE);
    // A batch that was not answered is in the ledger whole or not at all, and sending it again settles it.
    for (ids, body) in &unanswered {
        let found = client.post("/v1/foils/find", &json!({ "source": SOURCE, "ids": ids }));
        let found = found.expect("it answers").expect(200).json();
        let results = found["results"].as_array().expect("results").iter();
        let there = results.filter(|one| one["status"] == json!(200)).count();
        assert!(
            there == 0 || there == ids.len(),
            "{faults:?}: {there} of {} events of one request",
            ids.len()
        );
        let again = client
            .send("POST", "/v1/events?foils=full", BATCH, body)
            .expect("it answers")
            .expect(200);
        assert_eq!(
            foils.keep(ids, &again),
            ids.len(),
            "{faults:?}: {}",
            again.text()
        );
    }
    foils.assert_all_verify(&ledger.foil_vkey);
    let report = served.verify();
    assert_eq!(
        report["verdict"],
        json!("verified with pinned keys"),
        "{faults:?}: {report:#}"
    );
    assert!(
        served.stop().success(),
        "{faults:?}: the healthy disk is stopped in order"
    );
    under_load
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
    for nth in 0..CALLS {
        for call in ["write", "sync"] {
            faults.extend(["eio", "enospc"].map(|error| format!("{call}:{nth}:{error}")));
        }
    }
    // A stride that is odd meets every kind.
    let stride = usize::try_from(settings.fault_stride).unwrap_or(1) | 1;
    let faults: Vec<String> = faults.into_iter().step_by(stride).collect();
    let lives: Vec<&[String]> = faults.chunks(LIFE_FAULTS).collect();
    let (next, failed, under_load) = (
        AtomicUsize::new(0),
        Mutex::new(Vec::new()),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(faults) = lives.get(number) else {
                        return;
                    };
                    match std::panic::catch_unwind(|| life(&founded, &token, faults, number)) {
                        Ok(count) => _ = under_load.fetch_add(count, Ordering::SeqCst),
                        Err(_) => failed
                            .lock()
                            .expect("nobody panics with it")
                            .push(faults.join(" ")),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nobody panics with it");
    let under_load = under_load.into_inner();
    told(&format!(
        "{} faults, {under_load} under load, {} in the start",
        faults.len(),
        faults.len() - under_load
    ));
    assert!(
        failed.is_empty(),
        "{} of {} lives: {failed:#?}",
        failed.len(),
        lives.len()
    );
}
