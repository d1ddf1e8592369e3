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

#[test]
fn each_question_needs_a_role_and_where_it_shows_someone_a_purpose() {
    let (ledger, served) = ledger();
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    try_publish(&served, &token, 1).expect(201);
    let person = Person::of(1);
    let values = [
        &person.name,
        &person.email,
        &person.telephone,
        &person.address,
    ];
    let planted = Planted::new(values.map(String::as_str));
    let roles = ["auditor", "front-desk"].map(|role| (role, served.user(role)));
    served.folded();
    let nothing_of = |answer: &Answer, asked: &Question| {
        assert_eq!(
            planted.found_in(&answer.body),
            Vec::<usize>::new(),
            "{}",
            asked.name
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    };
    for asked in questions(&person) {
        let name = asked.name;
        let mut nobody = served.connect().expect("it listens");
        for answer in [
            asked.put(&mut nobody, Some("audit")),
            asked.put(&mut client(&served, &token), Some("audit")),
        ] {
            assert_eq!(answer.status, 401, "{name}: {}", answer.text());
            nothing_of(&answer, &asked);
        }
        let (_, other) = roles
            .iter()
            .find(|(role, _)| *role == asked.not_for)
            .expect("listed");
        let before = events(&served);
        let answer = asked.put(&mut client(&served, other), Some("audit"));
        assert_eq!(answer.status, 403, "{name}: {}", answer.text());
        nothing_of(&answer, &asked);
        assert!(events(&served) > before, "{name}: a refusal is recorded");
        if asked.needs_purpose {
            let before = events(&served);
            let answer = asked.put(&mut served.dpo(), None);
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (422, "PURPOSE_MISSING"),
                "{name}"
            );
            nothing_of(&answer, &asked);
            assert!(events(&served) > before, "{name}: a refusal is recorded");
        }
        let before = events(&served);
        let answer = asked.put(&mut served.dpo(), Some("audit"));
        assert!(
            [200, 202].contains(&answer.status),
            "{name}: {}",
            answer.text()
        );
        if asked.needs_purpose {
            let recorded = answer.json()["access_event"].as_u64();
            assert!(
                recorded.is_some_and(|index| index >= before),
                "{name}: {}",
                answer.text()
            );
        }
    }
    // Words in an address are no question, and are not repeated.
    let name = person.name.replace(' ', "%20");
    for path in [
        format!("/v1/ask/person?name={name}"),
        format!("/v1/find/{name}"),
        format!("/v1/proof/{name}"),
    ] {
        let answer = served.dpo().get(&path).expect("it answers");
        assert!((400..500).contains(&answer.status), "{}", answer.text());
        assert_eq!(planted.found_in(&answer.body), Vec::<usize>::new());
    }
    let metrics = served
        .connect()
        .expect("it listens")
        .get("/metrics")
        .expect("it answers");
    assert_eq!(planted.found_in(&metrics.body), Vec::<usize>::new());
    served.folded();
    assert!(served.stop().success());
    planted.assert_not_below(ledger.home());
}
