//! Asked as at an earlier event: as if the ledger had ended there, also in by what someone is found.

use serde_json::{Value, json};
use tests::client::Answer;
use tests::load::{FAMILIES, ONE, SOURCE, collected, one};
use tests::served::Served;

use crate::{client, ledger, uuid};

/// Publishes what is known of invented person 1, with these aliases and this name; its index.
fn known_as(served: &Served, token: &str, id: u64, aliases: &[(&str, &str)], name: &str) -> u64 {
    let mut event: Value =
        serde_json::from_slice(&one(&collected(&uuid(id), 1))).expect("events are JSON");
    let subject = &mut event["data"]["subject"];
    let aliases = aliases.iter();
    subject["aliases"] = aliases
        .map(|(system, id)| json!({ "system": system, "localId": id }))
        .collect();
    subject["name"] = json!(name);
    let body = serde_json::to_vec(&event).expect("JSON");
    let answer = client(served, token)
        .send("POST", "/v1/events?foils=full", ONE, &body)
        .expect("it answers")
        .expect(201);
    answer.json()["index"].as_u64().expect("an index")
}

fn ask(served: &Served, path: &str, terms: &Value, as_of: Option<u64>) -> Answer {
    let mut body = json!({ "terms": terms, "purpose": "subject-access", "format": "json" });
    if let Some(index) = as_of {
        body["as_of"] = json!({ "index": index });
    }
    served.dpo().post(path, &body).expect("it answers")
}

#[test]
fn an_alias_or_a_name_that_came_later_finds_nobody_as_of_before() {
    let (_ledger, served) = ledger();
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let first = known_as(&served, &token, 1, &[("crm", "4711")], "Alex Invented");
    let between = known_as(&served, &token, 2, &[("crm", "4712")], "Sam Invented");
    let both = [("crm", "4711"), ("tax", "T-9")];
    let second = known_as(&served, &token, 3, &both, "Alex Otherwise");
    served.folded();
    let alias = |system: &str, id: &str| json!([{ "kind": "alias", "system": system, "text": id }]);
    let name = |name: &str| json!([{ "kind": "name", "text": name }]);
    let asked = [
        (alias("crm", "4711"), [true, true, true]),
        (alias("tax", "T-9"), [false, false, true]),
        (name("alex  OTHERWISE"), [false, false, true]),
        (name("Alex Invented"), [true, true, true]),
        (name("Sam Invented"), [false, true, true]),
        (alias("tax", "4711"), [false, false, false]),
    ];
    for path in ["/v1/ask/person", "/v1/ask/trail"] {
        for (terms, found) in &asked {
            for (index, found) in [first, between, second].into_iter().zip(found) {
                let answer = ask(&served, path, terms, Some(index));
                let status = if *found { 200 } else { 404 };
                assert_eq!(
                    answer.status,
                    status,
                    "{path} {terms} as of {index}: {}",
                    answer.text()
                );
            }
            let now = ask(&served, path, terms, None);
            assert_eq!(
                now.status == 200,
                found[2],
                "{path} {terms} now: {}",
                now.text()
            );
        }
    }
    assert!(served.stop().success());
}
