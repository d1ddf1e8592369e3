//! A-1 where it is hardest: the process ends, or the disk fails, between the access event and the values that it is for.
//!
//! Always: values never left without a durable access event; an access event whose values never left is fine.

use std::fs;

use people::Person;
use serde_json::json;
use tests::ledger::Ledger;
use tests::load::{FAMILIES, SOURCE};
use tests::scan::Planted;
use tests::served::{Program, Served, serve};

use crate::{asking, try_publish};

/// What is asked: all three open values.
const ASKED: [&str; 3] = ["/v1/ask/person", "/v1/ask/trail", "/v1/find"];

/// A ledger that knows one person, served on a disk that strikes once the file is there.
fn about_to(strike: &str) -> (Ledger, Served) {
    let ledger = Ledger::found();
    let fault = format!("{strike}:{}", ledger.home().join("armed").display());
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), &fault);
    let served = serve(&program, &ledger).expect("it is not armed yet");
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    try_publish(&served, &token, 1).expect(201);
    served.folded();
    (ledger, served)
}

/// Serves the ledger again on a whole disk; how many events it has.
fn events_after(ledger: &Ledger) -> u64 {
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let served = serve(&program, ledger).expect("nothing is damaged");
    let events = served.folded()["events"].as_u64().expect("a number");
    let report = served.verify();
    assert_eq!(
        report["verdict"],
        json!("verified with pinned keys"),
        "{report:#}"
    );
    let last = json!({ "index": events - 1, "purpose": "audit", "format": "json" });
    let last = served.dpo().post("/v1/ask/event", &last);
    let last = last.expect("it answers").expect(200).text();
    assert!(
        last.contains("access."),
        "the last event is no access: {last}"
    );
    assert!(served.stop().success());
    events
}

#[test]
fn killed_between_the_access_event_and_its_values_the_event_is_there_and_no_value_left() {
    for path in ASKED {
        let (ledger, served) = about_to("kill:journal.group");
        let before = served.folded()["events"].as_u64().expect("a number");
        let mut asker = served.dpo();
        fs::write(ledger.home().join("armed"), "").expect("ours");
        let answer = asker.post(path, &asking(&Person::of(1), true));
        assert!(
            answer.is_err(),
            "{path}: an answer left a process that was killed"
        );
        assert_eq!(served.ended().code(), None, "killed");
        assert_eq!(events_after(&ledger), before + 1, "{path}");
    }
}

#[test]
fn without_a_durable_access_event_no_value_leaves() {
    let person = Person::of(1);
    let planted = Planted::new([person.name.as_str(), &person.email, &person.telephone]);
    for path in ASKED {
        let (ledger, served) = about_to("fail:journal.group");
        let mut asker = served.dpo();
        fs::write(ledger.home().join("armed"), "").expect("ours");
        // The process ends after a failed sync; it may still say so.
        if let Ok(answer) = asker.post(path, &asking(&person, true)) {
            assert_ne!(answer.status, 200, "{path}: {}", answer.text());
            assert_eq!(planted.found_in(&answer.body), Vec::<usize>::new());
        }
        assert_eq!(served.ended().code(), Some(70), "{path}");
    }
}
