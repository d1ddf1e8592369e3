//! A role gets what its line in the table says, and no more; refusals are recorded.

use people::Person;
use serde_json::json;
use tests::load::{FAMILIES, SOURCE};
use tests::served::Served;

use crate::{asking, client, ledger, try_publish};

#[test]
fn a_role_gets_what_its_line_in_the_table_says() {
    let (_ledger, served) = ledger();
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    try_publish(&served, &token, 1).expect(201);
    let person = Person::of(1);
    served.folded();
    let desk = served.user("front-desk");
    let head = || served.folded()["events"].as_u64().expect("a number");
    let before = head();
    let refused = client(&served, &desk)
        .post("/v1/ask/trail", &asking(&person, false))
        .expect("it answers");
    assert_eq!(refused.expect(403).code(), "ROLE_MISSING");
    assert_eq!(head(), before + 1, "a refusal by role is recorded");
    let event = served.dpo().post(
        "/v1/ask/event",
        &json!({ "index": before, "purpose": "audit", "format": "json" }),
    );
    let event = event.expect("it answers").expect(200).text();
    assert!(event.contains("access.refused"), "{event}");
    assert!(!event.contains(&person.name));
    client(&served, &desk)
        .post("/v1/ask/person", &asking(&person, false))
        .expect("it answers")
        .expect(200);

    let auditor = served.user("auditor");
    let one = json!({ "index": 3, "purpose": "audit", "reveal": true, "format": "json" });
    let shown = client(&served, &auditor)
        .post("/v1/ask/event", &one)
        .expect("it answers");
    assert!(
        !shown.text().contains(&person.name),
        "an auditor sees a value"
    );
    for path in ["/v1/ask/person", "/v1/ask/trail", "/v1/find"] {
        let answer = client(&served, &auditor)
            .post(path, &asking(&person, true))
            .expect("it answers");
        assert_eq!(answer.status, 403, "{path}");
        assert!(!answer.text().contains(&person.name));
    }
    others_tokens(&served, &token, &desk, &auditor, &person);
    disabled_is_out(&served, &auditor);
    assert!(served.stop().success());
}

/// A publisher's token is none of an actor, and the other way round; without a token nothing is asked.
fn others_tokens(served: &Served, token: &str, desk: &str, auditor: &str, person: &Person) {
    client(served, token)
        .post("/v1/ask/person", &asking(person, true))
        .expect("it answers")
        .expect(401);
    try_publish(served, desk, 2).expect(401);
    served
        .connect()
        .expect("it listens")
        .post("/v1/ask/status", &json!({}))
        .expect("it answers")
        .expect(401);
    for path in ["/v1/admin/publishers", "/v1/admin/users"] {
        client(served, auditor)
            .get(path)
            .expect("it answers")
            .expect(403);
    }
}

/// Whatever refuses an officer's command, and a role that does not allow a question, is a fact of codes alone.
#[test]
fn a_refused_command_is_recorded() {
    let (_ledger, served) = ledger();
    let desk = served.user("front-desk");
    let mut expected = served.folded()["events"].as_u64().expect("a number");
    let mut recorded = |fact: &str, word: &str, reason: &str| {
        let one = json!({ "index": expected, "purpose": "audit", "format": "json" });
        let answer = served.dpo().post("/v1/ask/event", &one);
        let event = answer.expect("it answers").expect(200).text();
        for part in [fact, word, reason] {
            assert!(event.contains(part), "{part} in {event}");
        }
        // The refusal, and the access that showed it.
        expected += 2;
    };
    let kept = json!({ "view": "customer-of-Alex-Example" });
    let answer = client(&served, &desk).post("/v1/admin/rebuild", &kept);
    assert_eq!(
        answer.expect("it answers").expect(403).code(),
        "ROLE_MISSING"
    );
    recorded("ledger.command-refused", "rebuild", "role-missing");
    let answer = served.dpo().post("/v1/admin/rebuild", &kept);
    assert_eq!(
        answer.expect("it answers").expect(422).code(),
        "VIEW_UNKNOWN"
    );
    recorded("ledger.command-refused", "rebuild", "view-unknown");
    let answer = client(&served, &desk).get("/v1/admin/users");
    answer.expect("it answers").expect(403);
    recorded("ledger.command-refused", "user-list", "role-missing");
    let answer = client(&served, &desk).get("/v1/proof/1");
    answer.expect("it answers").expect(403);
    recorded("access.refused", "proof", "role-missing");
    assert!(served.stop().success());
}

/// A disabled user's token is nobody's.
fn disabled_is_out(served: &Served, auditor: &str) {
    let disabled = served
        .dpo()
        .get("/v1/admin/users")
        .expect("it answers")
        .expect(200)
        .json();
    let actor = disabled
        .as_array()
        .expect("a list")
        .iter()
        .find(|user| user["role"] == json!("auditor"));
    let actor = actor
        .and_then(|user| user["actor"].as_str())
        .expect("the auditor is listed")
        .to_owned();
    served
        .dpo()
        .post(&format!("/v1/admin/users/{actor}/disable"), &json!({}))
        .expect("it answers")
        .expect(200);
    client(served, auditor)
        .post("/v1/ask/status", &json!({}))
        .expect("it answers")
        .expect(401);
}
