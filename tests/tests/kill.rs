//! kill -9 under load, in a loop, and the orderly stop: C-2 and C-3 of the real binary on the real disk.
//!
//! Always: what was acknowledged before the kill has the same foil after it, whatever the kill interrupted; a seed fixes where kills fall
//! in the load (not in the machine's scheduling). Rounds: `COUNTERFOIL_KILL_ROUNDS`.

use std::sync::atomic::{AtomicU64, Ordering};

use people::{Mix, Seeded};
use serde_json::json;
use tests::client::Client;
use tests::foils::Foils;
use tests::ledger::Ledger;
use tests::load::{self, FAMILIES, SOURCE, batch, publish};
use tests::served::{Program, Served, serve, start};
use tests::settings::{Settings, counterfoil, told};

const CLIENTS: u64 = 4;
const PEOPLE: u64 = 200;
/// A kill falls after at most so many acknowledged events of its round.
const EVENTS_BEFORE_KILL_MAX: u64 = 400;
/// Turns of an empty loop between that and the kill, at most: some hundred microseconds.
const SPIN_MAX: u64 = 400_000;
/// Earlier foils that are asked again in each round; all are at the end.
const ASKED_AGAIN: usize = 500;
/// The ledger is verified whole after every so many rounds, and at the end.
const VERIFY_EVERY: u64 = 10;

/// One client's load until the connection breaks: what was acknowledged.
fn publish_until_dead(
    served: &Served,
    token: &str,
    mut load: Mix,
    seed: u64,
    acknowledged: &AtomicU64,
) -> Foils {
    let mut foils = Foils::default();
    let mut random = Seeded::new(seed);
    let Ok(client) = served.connect() else {
        return foils;
    };
    let mut client = client.with(token);
    loop {
        let count = 1 + usize::try_from(random.below(20)).unwrap_or_default();
        let (ids, body) = batch(&mut load, count);
        match publish(&mut client, &body) {
            Ok(answer) => {
                assert!([200, 503].contains(&answer.status), "{}", answer.text());
                let kept = foils.keep(&ids, &answer);
                acknowledged.fetch_add(kept as u64, Ordering::SeqCst);
                if kept == 0 {
                    return foils;
                }
            }
            Err(_) => return foils,
        }
    }
}

fn spin(turns: u64) {
    for _ in 0..turns {
        std::hint::spin_loop();
    }
}

/// Loads from several clients at once and strikes at a random point; the foils of the round.
fn round(served: &Served, token: &str, seed: u64, strike: impl Fn(&Served) + Sync) -> Foils {
    let mut random = Seeded::new(seed);
    let (after, turns) = (random.below(EVENTS_BEFORE_KILL_MAX), random.below(SPIN_MAX));
    let acknowledged = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let seed = seed * 1_000 + number;
                let (load, acknowledged) = (load::mix(seed, PEOPLE), &acknowledged);
                scope.spawn(move || publish_until_dead(served, token, load, seed, acknowledged))
            })
            .collect();
        while acknowledged.load(Ordering::SeqCst) < after
            && clients.iter().any(|client| !client.is_finished())
        {
            std::thread::yield_now();
        }
        spin(turns);
        strike(served);
        let mut foils = Foils::default();
        for client in clients {
            foils.join(client.join().expect("a client does not panic"));
        }
        foils
    })
}

/// Starts and kills again before the start is over: recovery is interrupted as well.
fn kill_while_starting(program: &Program, ledger: &Ledger, random: &mut Seeded) {
    let mut child = start(program, ledger, &ledger.home().join("serve.log"));
    spin(random.below(SPIN_MAX) * 100);
    // One that ended by itself is reported by the start that follows.
    let _ = child.kill();
    child.wait().expect("it is our child");
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let Some(binary) = counterfoil("kill -9 in a loop") else {
        return;
    };
    let settings = Settings::read();
    let (ledger, program) = (Ledger::found(), Program::counterfoil(&binary));
    let mut served = serve(&program, &ledger).expect("a new ledger is served");
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let mut all = Foils::default();
    for number in 0..settings.kill_rounds {
        let seed = settings.seed * 1_000_000 + number;
        let mut random = Seeded::new(seed);
        let foils = round(&served, &token, seed, Served::strike);
        served.kill();
        for _ in 0..random.below(3) {
            kill_while_starting(&program, &ledger, &mut random);
        }
        served = serve(&program, &ledger)
            .unwrap_or_else(|ended| panic!("round {number}, seed {seed}: {ended:?}"));
        let mut client = served.connect().expect("it listens").with(&token);
        foils.assert_all_kept(&mut client, SOURCE);
        let skip = usize::try_from(random.below(1 + all.len() as u64)).unwrap_or_default();
        all.assert_kept(
            &mut client,
            SOURCE,
            &all.ids().skip(skip).take(ASKED_AGAIN).collect::<Vec<_>>(),
        );
        told(&format!(
            "round {number}: {} acknowledged, all there with their foils",
            foils.len()
        ));
        all.join(foils);
        if number % VERIFY_EVERY == VERIFY_EVERY - 1 {
            assert_verifies(&served);
        }
    }
    assert_whole(served, &program, &ledger, &token, &all);
}

fn assert_verifies(served: &Served) {
    let report = served.verify();
    assert_eq!(
        report["verdict"],
        json!("verified with pinned keys"),
        "{report:#}"
    );
}

/// Everything: foils, verification, and the view against one that is folded anew (P-1).
fn assert_whole(served: Served, program: &Program, ledger: &Ledger, token: &str, all: &Foils) {
    let mut client: Client = served.connect().expect("it listens").with(token);
    all.assert_all_kept(&mut client, SOURCE);
    all.assert_all_verify(&ledger.foil_vkey);
    assert_verifies(&served);
    let before = served.folded();
    assert!(served.stop().success());
    std::fs::remove_dir_all(ledger.dir().join("views")).expect("views are derived");
    let served = serve(program, ledger).expect("views are derived");
    let after = served.folded();
    assert_eq!(before, after, "the view is not that of a rebuild");
    told(&format!(
        "{} foils kept, verified; view {}",
        all.len(),
        after["views"][0]["digest"]
    ));
}

#[test]
fn an_orderly_stop_answers_what_was_taken_and_covers_it() {
    let Some(binary) = counterfoil("SIGTERM under load") else {
        return;
    };
    let (ledger, program) = (Ledger::found(), Program::counterfoil(&binary));
    let served = serve(&program, &ledger).expect("a new ledger is served");
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let foils = round(&served, &token, 77, Served::terminate);
    assert!(!foils.is_empty());
    let status = served.ended();
    assert_eq!(status.code(), Some(0), "{status}");
    let note = ledger.checkpoint_note().expect("a stop signs a checkpoint");
    let checkpoint = chain::checkpoint::Checkpoint::parse(&note).expect("it is one");
    let last = foils.last().expect("there are some");
    assert!(
        checkpoint.size > last,
        "the last checkpoint has {} events, {last} was acknowledged",
        checkpoint.size
    );
    let verdict = ledger.verify_files(&[note]);
    assert_eq!(
        verdict.word,
        verifier::Word::Pinned,
        "{}",
        verdict.to_text()
    );
    let served = serve(&program, &ledger).expect("it was stopped in order");
    let events = served.folded()["events"].as_u64();
    assert_eq!(
        events,
        Some(checkpoint.size),
        "the last checkpoint covers everything"
    );
    let mut client = served.connect().expect("it listens").with(&token);
    foils.assert_all_kept(&mut client, SOURCE);
}
