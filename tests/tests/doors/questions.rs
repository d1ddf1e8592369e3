//! Each question over HTTP: who may not, what a purpose is needed for, and that no value is where it must not be.
//!
//! Always: refused without a token, with a publisher's, with a role that lacks the right; the refusal of an actor is an event; nothing
//! personal in an address, a problem, a metric or the log.

use people::Person;
use serde_json::{Value, json};
use tests::client::{Answer, Client};
use tests::load::{FAMILIES, SOURCE};
use tests::scan::Planted;
use tests::served::Served;

use crate::{client, ledger, try_publish};

/// A question: how it is asked, a role that may not, whether it needs a purpose.
struct Question {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    body: Value,
    not_for: &'static str,
    needs_purpose: bool,
}

fn questions(person: &Person) -> Vec<Question> {
    let terms = json!([{ "kind": "name", "text": person.name }]);
    let question = |name, method, path, body, not_for, needs_purpose| Question {
        name,
        method,
        path,
        body,
        not_for,
        needs_purpose,
    };
    let about = json!({ "terms": terms, "reveal": true, "format": "json" });
    let found = json!({ "terms": terms, "format": "json" });
    let one = json!({ "index": 2, "format": "json" });
    let plain = json!({ "format": "json" });
    vec![
        question(
            "person",
            "POST",
            "/v1/ask/person",
            about.clone(),
            "auditor",
            true,
        ),
        question("trail", "POST", "/v1/ask/trail", about, "front-desk", true),
        question("event", "POST", "/v1/ask/event", one, "front-desk", true),
        question("find", "POST", "/v1/find", found, "auditor", true),
        question(
            "status",
            "POST",
            "/v1/ask/status",
            plain,
            "front-desk",
            false,
        ),
        question(
            "proof",
            "GET",
            "/v1/proof/1",
            Value::Null,
            "front-desk",
            false,
        ),
        question(
            "verify",
            "POST",
            "/v1/admin/verify",
            json!({}),
            "front-desk",
            false,
        ),
        question(
            "rebuild",
            "POST",
            "/v1/admin/rebuild",
            json!({ "view": "customer" }),
            "auditor",
            false,
        ),
    ]
}

impl Question {
    fn put(&self, client: &mut Client, purpose: Option<&str>) -> Answer {
        let mut body = self.body.clone();
        if let Some(purpose) = purpose.filter(|_| self.needs_purpose) {
            body["purpose"] = json!(purpose);
        }
        let answer = match self.method {
            "GET" => client.get(self.path),
            _ => client.post(self.path, &body),
        };
        answer.expect("it answers")
    }
}

fn events(served: &Served) -> u64 {
    served.folded()["events"].as_u64().expect("a number")
}

/// Nothing of the person is in a problem.
fn says_nothing(planted: &Planted, answer: &Answer, asked: &Question) {
    let found = planted.found_in(&answer.body);
    assert!(found.is_empty(), "{}: values {found:?}", asked.name);
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/problem+json"), "{}", asked.name);
}

/// Without a token, with a publisher's, with another role, without a purpose: refused, and an actor's refusal recorded.
fn refused(served: &Served, tokens: [&str; 2], planted: &Planted, asked: &Question) {
    let ([publisher, other], name) = (tokens, asked.name);
    let mut nobody = served.connect().expect("it listens");
    for answer in [
        asked.put(&mut nobody, Some("audit")),
        asked.put(&mut client(served, publisher), Some("audit")),
    ] {
        assert_eq!(answer.status, 401, "{name}: {}", answer.text());
        says_nothing(planted, &answer, asked);
    }
    let before = events(served);
    let answer = asked.put(&mut client(served, other), Some("audit"));
    assert_eq!(answer.status, 403, "{name}: {}", answer.text());
    says_nothing(planted, &answer, asked);
    assert!(events(served) > before, "{name}: a refusal is recorded");
    if asked.needs_purpose {
        let before = events(served);
        let answer = asked.put(&mut served.dpo(), None);
        let said = (answer.status, answer.code());
        assert_eq!(said, (422, "PURPOSE_MISSING".to_owned()), "{name}");
        says_nothing(planted, &answer, asked);
        assert!(events(served) > before, "{name}: a refusal is recorded");
    }
}

#[test]
fn each_question_needs_a_role_and_where_it_shows_someone_a_purpose() {
    let (ledger, served) = ledger();
    let publisher = served.publisher("crm", &[SOURCE], &FAMILIES);
    try_publish(&served, &publisher, 1).expect(201);
    let person = Person::of(1);
    let values = [
        &person.name,
        &person.email,
        &person.telephone,
        &person.address,
    ];
    let planted = Planted::new(values.map(String::as_str));
    let roles = ["auditor", "front-desk"].map(|role| (role, served.user(role)));
    for asked in questions(&person) {
        let other = roles.iter().find(|(role, _)| *role == asked.not_for);
        let (_, other) = other.expect("listed");
        refused(&served, [&publisher, other], &planted, &asked);
        let before = events(&served);
        let answer = asked.put(&mut served.dpo(), Some("audit"));
        let good = [200, 202].contains(&answer.status);
        assert!(good, "{}: {}", asked.name, answer.text());
        if asked.needs_purpose {
            let recorded = answer.json()["access_event"].as_u64();
            let after = recorded.is_some_and(|index| index >= before);
            assert!(after, "{}: {}", asked.name, answer.text());
        }
    }
    in_an_address(&served, &person, &planted);
    let metrics = served.connect().expect("it listens").get("/metrics");
    let metrics = metrics.expect("it answers");
    assert_eq!(planted.found_in(&metrics.body), Vec::<usize>::new());
    served.folded();
    assert!(served.stop().success());
    planted.assert_not_below(ledger.home());
}

/// Words in an address are no question, and are not repeated.
fn in_an_address(served: &Served, person: &Person, planted: &Planted) {
    let name = person.name.replace(' ', "%20");
    for path in [
        format!("/v1/ask/person?name={name}"),
        format!("/v1/find/{name}"),
        format!("/v1/proof/{name}"),
        format!("/v1/foils/{name}"),
    ] {
        let answer = served.dpo().get(&path).expect("it answers");
        assert!((400..500).contains(&answer.status), "{}", answer.text());
        assert_eq!(planted.found_in(&answer.body), Vec::<usize>::new());
    }
}
