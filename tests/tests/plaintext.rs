//! S-1: no personal value is anywhere on disk, in a log, in a metric or in an answer to the wrong one. Every byte is looked at.
//!
//! Always: names, addresses, mails, telephones, dates, local ids, publishers' event ids, free text and tokens are planted, and the
//! scan is shown to find them where they are.

use std::fs;

use people::{Person, Story};
use serde_json::json;
use tests::ledger::Ledger;
use tests::load::{self, FAMILIES, SOURCE, batch_of, publish};
use tests::scan::Planted;
use tests::served::{Program, Served, serve};
use tests::settings::told;

const PEOPLE: u64 = 60;

/// What the load says about these people, and what must not be found.
fn values(ids: &[String], tokens: &[String]) -> Vec<String> {
    let mut values = Vec::new();
    for person in (0..PEOPLE).map(Person::of) {
        values.extend([
            person.name,
            person.date_of_birth,
            person.address,
            person.postcode,
            person.email,
            person.telephone,
        ]);
        values.push(format!("C-{:07}", 1_000_000 + person.number));
    }
    values.extend(
        [
            "Gate is at the rear",
            "Too many letters",
            "Investigation of an offence",
            "Current address only",
        ]
        .map(str::to_owned),
    );
    values.extend(ids.iter().cloned());
    values.extend(tokens.iter().cloned());
    values
}

fn load(served: &Served, token: &str) -> Vec<String> {
    let now = load::now_s();
    let mut story = Story::new(3, PEOPLE * 8, now - 1_000_000, now);
    let mut client = served.connect().expect("it listens").with(token);
    let mut all = Vec::new();
    loop {
        let events: Vec<_> = story.by_ref().take(50).collect();
        if events.is_empty() {
            return all;
        }
        publish(&mut client, &batch_of(&events))
            .expect("it answers")
            .expect(200);
        all.extend(events.into_iter().map(|event| event.id));
    }
}

/// Questions, wrong questions, refused events: everything that could leave a value in a log.
fn talk(served: &Served) {
    let person = Person::of(1);
    let mut dpo = served.dpo();
    for path in ["/v1/find", "/v1/ask/person", "/v1/ask/trail"] {
        let terms = json!([{ "kind": "name", "text": person.name }, { "kind": "postcode", "text": person.postcode }]);
        let asked = json!({ "terms": terms, "purpose": "subject-access", "reason": person.email, "reveal": true });
        dpo.post(path, &asked).expect("it answers").expect(200);
        dpo.post(path, &json!({ "terms": terms, "colour": person.name }))
            .expect("it answers");
        dpo.send("POST", path, "application/json", person.name.as_bytes())
            .expect("it answers");
    }
    served.verify();
}

#[test]
fn no_personal_value_is_on_the_disk_or_in_the_log() {
    let ledger = Ledger::found();
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let served = serve(&program, &ledger).expect("a new ledger is served");
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let ids = load(&served, &token);
    served.folded();
    talk(&served);
    let tokens = [token, ledger.token.clone()];
    let values = values(&ids, &tokens);
    let planted = Planted::new(values.iter().map(String::as_str));
    let metrics = served
        .connect()
        .expect("it listens")
        .get("/metrics")
        .expect("it answers")
        .expect(200);
    assert!(
        planted.found_in(&metrics.body).is_empty(),
        "a value is in a metric"
    );
    // Under way, after a kill, and after an orderly stop: logs, temporary and core files lie below the same directory.
    let mut read = planted.assert_not_below(ledger.home());
    served.kill();
    let served = serve(&program, &ledger).expect("it was killed, no more");
    served.folded();
    assert!(served.stop().success());
    read += planted.assert_not_below(ledger.home());
    told(&format!(
        "{} values nowhere in {} MiB of files",
        values.len(),
        read >> 20
    ));
    // The scan finds what is there.
    fs::write(
        ledger.home().join("leak"),
        format!("x{}x", Person::of(7).name),
    )
    .expect("ours");
    let found = std::panic::catch_unwind(|| planted.assert_not_below(ledger.home()));
    assert!(found.is_err(), "the scan is blind");
}
