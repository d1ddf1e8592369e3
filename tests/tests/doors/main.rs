//! Who may do what at the doors, and what bad input gets: tokens, roles, A-1, answers with codes, nothing personal anywhere outside.
//!
//! Always: over the real HTTP stack of the running process; one ledger a test.

mod access_first;
mod as_of;
mod bad_input;
mod outside;
mod questions;
mod roles;
mod tls;

use people::Person;
use serde_json::{Value, json};
use tests::client::{Answer, Client};
use tests::ledger::Ledger;
use tests::load::{FAMILIES, ONE, SOURCE, collected, one};
use tests::served::{Program, Served, serve};

fn ledger() -> (Ledger, Served) {
    let ledger = Ledger::found();
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let served = serve(&program, &ledger).expect("a new ledger is served");
    (ledger, served)
}

fn serve_again(ledger: &Ledger) -> Served {
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    serve(&program, ledger).expect("it was served before")
}

fn client(served: &Served, token: &str) -> Client {
    served.connect().expect("it listens").with(token)
}

fn uuid(seed: u64) -> String {
    people::Seeded::new(seed).uuid()
}

/// Publishes one event of a new person; the answer.
fn try_publish(served: &Served, token: &str, number: u64) -> Answer {
    let body = one(&collected(&uuid(number), number));
    let answer = client(served, token).send("POST", "/v1/events", ONE, &body);
    answer.expect("it answers")
}

#[test]
fn a_token_is_rotated_with_overlap_scoped_and_revoked() {
    let (_ledger, served) = ledger();
    let first = served.publisher("crm", &[SOURCE], &FAMILIES);
    try_publish(&served, &first, 1).expect(201);
    let rotate = |overlap: u64| {
        let answer = served.dpo().post(
            "/v1/admin/publishers/crm/rotate",
            &json!({ "overlap_s": overlap }),
        );
        answer.expect("it answers").expect(201).json()["token"]
            .as_str()
            .expect("a token")
            .to_owned()
    };
    let second = rotate(3_600);
    try_publish(&served, &first, 2).expect(201);
    try_publish(&served, &second, 3).expect(201);
    let third = rotate(0);
    let refused = try_publish(&served, &first, 4).expect(401);
    assert_eq!(refused.code(), "UNAUTHENTICATED");
    try_publish(&served, &second, 5).expect(401);
    try_publish(&served, &third, 6).expect(201);
    served
        .dpo()
        .post(
            "/v1/admin/publishers/crm/revoke",
            &json!({ "reason": "replaced" }),
        )
        .expect("it answers")
        .expect(200);
    let revoked = try_publish(&served, &third, 7).expect(401);
    assert_eq!(
        revoked.body, refused.body,
        "revoked and unknown are told apart"
    );
    try_publish(&served, "cfp_nobody", 8).expect(401);

    let narrow = served.publisher("narrow", &["urn:westmere:other"], &["notice"]);
    assert_eq!(
        try_publish(&served, &narrow, 9).expect(403).code(),
        "SOURCE_NOT_ALLOWED"
    );
    let notices = served.publisher("notices", &[SOURCE], &["notice"]);
    assert_eq!(
        try_publish(&served, &notices, 10).expect(403).code(),
        "FAMILY_NOT_ALLOWED"
    );
    assert!(served.stop().success());
}

fn asking(person: &Person, reveal: bool) -> Value {
    json!({
        "terms": [{ "kind": "name", "text": person.name }, { "kind": "postcode", "text": person.postcode }],
        "purpose": "subject-access", "reveal": reveal, "format": "json",
    })
}

/// by the time that an answer shows values, the access event is in the ledger, and survives a kill.
#[test]
fn values_are_shown_only_behind_a_durable_access_event() {
    let (ledger, served) = ledger();
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    try_publish(&served, &token, 1).expect(201);
    let person = Person::of(1);
    served.folded();
    let unpurposed = json!({ "terms": [{ "kind": "name", "text": person.name }], "reveal": true });
    let refused = served
        .dpo()
        .post("/v1/ask/person", &unpurposed)
        .expect("it answers");
    assert!(
        refused.status >= 400 && !refused.text().contains(&person.name),
        "{}",
        refused.text()
    );
    let mut accesses = Vec::new();
    for path in ["/v1/ask/person", "/v1/ask/trail", "/v1/find"] {
        let answer = served
            .dpo()
            .post(path, &asking(&person, true))
            .expect("it answers")
            .expect(200);
        let access = answer.json()["access_event"].as_u64();
        accesses.push(
            access.unwrap_or_else(|| panic!("{path} names no access event: {}", answer.text())),
        );
    }
    let shown = served
        .dpo()
        .post("/v1/ask/person", &asking(&person, true))
        .expect("it answers")
        .expect(200);
    assert!(
        shown.text().contains(&person.name),
        "the DPO sees values: {}",
        shown.text()
    );
    accesses.extend(shown.json()["access_event"].as_u64());
    served.kill();
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let served = serve(&program, &ledger).expect("it was killed, no more");
    for index in accesses {
        let event = served.dpo().post(
            "/v1/ask/event",
            &json!({ "index": index, "purpose": "audit", "format": "json" }),
        );
        let event = event.expect("it answers").expect(200).text();
        assert!(
            event.contains("access."),
            "event {index} is no access: {event}"
        );
    }
    assert!(served.stop().success());
}

#[test]
fn a_slow_body_holds_up_neither_others_nor_a_stop() {
    let (_ledger, served) = ledger();
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let mut slow = std::net::TcpStream::connect(served.http).expect("it listens");
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {ONE}\r\ncontent-length: 1000\r\n\r\n{{\""
    );
    std::io::Write::write_all(&mut slow, head.as_bytes()).expect("it listens");
    try_publish(&served, &token, 1).expect(201);
    assert!(served.stop().success());
    drop(slow);
}

#[test]
fn health_and_metrics_are_open_and_say_nothing_of_anyone() {
    let (_ledger, served) = ledger();
    let mut open = served.connect().expect("it listens");
    for path in ["/livez", "/readyz", "/metrics", "/checkpoint", "/vkeys"] {
        open.get(path).expect("it answers").expect(200);
    }
    assert_eq!(
        open.get("/nowhere").expect("it answers").expect(404).code(),
        "NO_SUCH_PAGE"
    );
    for path in [
        "/tile/0/999",
        "/tile/0/..%2f..",
        "/tile/entries/x",
        "/tile/9/000",
    ] {
        let answer = open.get(path).expect("it answers");
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
    assert!(served.stop().success());
}

#[test]
fn an_open_address_needs_tls_or_a_proxy() {
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let ledger = Ledger::found();
    ledger.edit_config("127.0.0.1:0", "0.0.0.0:0");
    let Err(ended) = serve(&program, &ledger) else {
        panic!("an open address without TLS was served")
    };
    assert!(
        !ended.status.success() && ended.log.contains("tls"),
        "{ended:?}"
    );
    ledger.edit_config("behind_proxy = false", "behind_proxy = true");
    assert!(
        serve(&program, &ledger)
            .expect("a proxy ends TLS")
            .stop()
            .success()
    );
}
