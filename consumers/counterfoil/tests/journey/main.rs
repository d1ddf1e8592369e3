//! Journeys of the real binary: from `init` to a found tampering, and what every command answers when
//! something is wrong.

mod backups;
mod elsewhere;
mod formats;
mod ledger;
mod publishing;
mod refusals;
mod views;

use ledger::{Ledger, SOURCE, flip, run};
use serde_json::Value;

const ID: &str = "6f1c2c3e-8f0b-4a55-9d0e-2f6f2a1b7c11";
/// How often a question is asked again while the view, which folds when nothing else wants to run, is behind.
const ASKED_MAX: u32 = 500;

/// The catalogue's example of a type.
fn example(name: &str) -> String {
    run(&["example", name], "").well().out
}

/// A member of a summary.
fn count(said: &ledger::Said, member: &str) -> u64 {
    let summary: Value = serde_json::from_str(&said.out).expect("a summary");
    summary[member].as_u64().expect("a number")
}

#[test]
fn one_event_from_the_door_to_a_proof() {
    let ledger = Ledger::serving();
    let event = example("collection.collected");
    let dry = ledger.publish(&event, &["--dry-run"]).well();
    assert_eq!(count(&dry, "accepted"), 1);
    let first = ledger.publish(&event, &[]).well();
    assert_eq!(
        (count(&first, "accepted"), count(&first, "repeated")),
        (1, 0)
    );
    let again = ledger.publish(&event, &["--url", &ledger.url()]).well();
    assert_eq!(
        (count(&again, "accepted"), count(&again, "repeated")),
        (0, 1)
    );

    let whom = "name=alex  EXAMPLE\npostcode=zz999zz\n";
    // The view folds when nothing else wants to run: asked again until it has come so far.
    let mut tries = (0..ASKED_MAX).map(|_| ledger.run(&["find", "--purpose", "test"], whom).well());
    let found = tries
        .find(|said| said.out.contains("crm:C-1004417"))
        .expect("the view follows");
    assert!(found.out.contains("crm:C-1004417"), "{found:?}");
    assert!(found.err.contains("invented data"));
    let trail = ledger.run(&views::TRAIL, "").well();
    assert!(trail.out.contains("collection.collected"), "{trail:?}");
    let person = [
        "ask",
        "person",
        "--purpose",
        "test",
        "--format",
        "json",
        "--reveal",
    ];
    let person = ledger.run(&person, "alias=crm:C-1004417").well();
    let person: Value = serde_json::from_str(&person.out).expect("JSON");
    assert!(person.to_string().contains("Alex Example"));

    let key = ledger.checkpoint_key();
    ledger.run(&["verify"], "").well();
    let proof = ledger.path("proof");
    let proof = proof.to_str().expect("text");
    ledger.run(&["proof", "3", "-o", proof], "").well();
    let verdict = run(&["verify", proof, "--key", &key], "").well();
    assert!(
        verdict
            .out
            .starts_with("tlog-proof: verified with pinned keys"),
        "{verdict:?}"
    );
    let served = run(&["verify", "--ledger", &ledger.url(), "--key", &key], "").well();
    assert!(
        served.out.contains("verified with pinned keys"),
        "{served:?}"
    );
}

#[test]
fn a_kill_loses_nothing_and_a_stop_is_clean() {
    let mut ledger = Ledger::serving();
    let event = example("collection.collected");
    ledger.publish(&event, &[]).well();
    ledger.kill();
    let unreachable = ledger.run(&["status"], "");
    assert_eq!(unreachable.code, Some(69), "{unreachable:?}");
    ledger.serve();
    let again = ledger.publish(&event, &[]).well();
    assert_eq!(count(&again, "repeated"), 1);
    ledger.run(&["verify"], "").well();
    let key = ledger.checkpoint_key();
    assert_eq!(ledger.stop(), Some(0));
    ledger
        .run(&["verify", "--offline", "--key", &key], "")
        .well();

    flip(
        &ledger.path("ledger/journal/0000000000.segment"),
        8_192 + 200,
    );
    let damaged = ledger.run(&["verify", "--offline", "--key", &key], "");
    assert_eq!(damaged.code, Some(1), "{damaged:?}");
    assert!(damaged.out.contains("first damage: "), "{damaged:?}");
    assert!(damaged.out.contains("segment 0, group "), "{damaged:?}");
}

#[test]
fn a_publisher_gets_its_foils_again() {
    let mut ledger = Ledger::serving();
    ledger.publish(&example("collection.collected"), &[]).well();
    let token = ledger.path("crm.token");
    let token = token.to_str().expect("text");
    let foils = ledger.path("foils");
    let foils_text = foils.to_str().expect("text");
    // Also after a restart: the foil is made again, and is the same.
    let mut kept = Vec::new();
    for _ in 0..2 {
        let asked = [
            "foil",
            "--source",
            SOURCE,
            "--token-file",
            token,
            "-o",
            foils_text,
        ];
        ledger.run(&asked, &format!("{ID}\n")).well();
        let foil = foils.join("3.foil.json");
        let text = std::fs::read_to_string(&foil).expect("a foil");
        run(&["verify", foil.to_str().expect("text")], "").well();
        std::fs::remove_file(foil).expect("removed");
        kept.push(text);
        ledger.kill();
        ledger.serve();
    }
    assert_eq!(kept.first(), kept.last());
    let asked = ["foil", "--source", SOURCE, "--token-file", token];
    let unknown = ledger.run(&asked, "0a1c2c3e-8f0b-4a55-9d0e-2f6f2a1b7c11\n");
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
}
