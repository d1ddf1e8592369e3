//! Who may do what at the doors, and what bad input gets: tokens, roles, A-1, answers with codes, nothing personal anywhere outside.
//!
//! Always: over the real HTTP stack of the running process; one ledger a test.

use people::Person;
use serde_json::{Value, json};
use tests::client::{Answer, Client};
use tests::foils::Foils;
use tests::ledger::Ledger;
use tests::load::{self, BATCH, FAMILIES, ONE, SOURCE, batch_of, collected, one, publish};
use tests::scan::Planted;
use tests::served::{Program, Served, serve};

fn ledger() -> (Ledger, Served) {
    let ledger = Ledger::found();
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let served = serve(&program, &ledger).expect("a new ledger is served");
    (ledger, served)
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
    // A publisher's token is none of an actor, and the other way round; without a token nothing is asked.
    client(&served, &token)
        .post("/v1/ask/person", &asking(&person, true))
        .expect("it answers")
        .expect(401);
    try_publish(&served, &desk, 2).expect(401);
    served
        .connect()
        .expect("it listens")
        .post("/v1/ask/status", &json!({}))
        .expect("it answers")
        .expect(401);
    for path in ["/v1/admin/publishers", "/v1/admin/users"] {
        client(&served, &auditor)
            .get(path)
            .expect("it answers")
            .expect(403);
    }
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
    client(&served, &auditor)
        .post("/v1/ask/status", &json!({}))
        .expect("it answers")
        .expect(401);
    assert!(served.stop().success());
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

/// Every kind of bad input of the door, as it comes over the wire: status, code, and no value in the answer.
fn bad_inputs() -> Vec<(&'static str, &'static str, Vec<u8>, u16, &'static str)> {
    let good = String::from_utf8(one(&collected(&uuid(900), 900))).expect("JSON");
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1).into_bytes()
    };
    let id = uuid(900);
    let many = |count: usize| {
        let events: Vec<_> = (0..count as u64)
            .map(|n| collected(&uuid(10_000 + n), n))
            .collect();
        batch_of(&events)
    };
    let mut utf8 = with("Westmere\"", "West~mere\"");
    let at = utf8
        .iter()
        .position(|byte| *byte == b'~')
        .expect("it was put there");
    utf8[at] = 0xff;
    let deep = format!("{{\"data\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    vec![
        (
            "malformed",
            ONE,
            good.as_bytes()[..good.len() - 2].to_vec(),
            400,
            "MALFORMED_JSON",
        ),
        (
            "not JSON",
            ONE,
            b"\x00\x01\x02".to_vec(),
            400,
            "MALFORMED_JSON",
        ),
        (
            "wrong type",
            ONE,
            with("\"form\":\"missed-bin\"", "\"form\":7"),
            422,
            "WRONG_TYPE",
        ),
        (
            "unknown event type",
            ONE,
            with("collection.collected.v1", "collection.dreamt.v1"),
            422,
            "TYPE_UNKNOWN",
        ),
        (
            "unknown field",
            ONE,
            with("\"form\":", "\"colour\":\"x\",\"form\":"),
            422,
            "UNKNOWN_FIELD",
        ),
        (
            "duplicate key",
            ONE,
            with("\"form\":", "\"form\":\"x\",\"form\":"),
            400,
            "DUPLICATE_FIELD",
        ),
        ("deep nesting", ONE, deep.into_bytes(), 400, "JSON_TOO_DEEP"),
        ("invalid UTF-8", ONE, utf8, 400, "INVALID_UTF8"),
        (
            "NUL",
            ONE,
            with("Westmere\"", "West\\u0000mere\""),
            400,
            "NUL_IN_TEXT",
        ),
        (
            "future",
            ONE,
            with("\"time\":\"20", "\"time\":\"29"),
            422,
            "TIME_AHEAD",
        ),
        (
            "ancient",
            ONE,
            with("\"time\":\"20", "\"time\":\"18"),
            422,
            "TIME_TOO_EARLY",
        ),
        (
            "card number",
            ONE,
            with("Westmere\"", "4111 1111 1111 1111\""),
            422,
            "CARD_DATA_BLOCKED",
        ),
        (
            "an id that is not random",
            ONE,
            with(&id, "order-17"),
            422,
            "ID_NOT_RANDOM",
        ),
        (
            "another's source",
            ONE,
            with(SOURCE, "urn:westmere:tax"),
            403,
            "SOURCE_NOT_ALLOWED",
        ),
        (
            "a ledger's fact",
            ONE,
            with("collection.collected.v1", "access.record-viewed.v1"),
            403,
            "MAY_NOT_APPEND",
        ),
        (
            "unknown content type",
            "text/plain",
            good.clone().into_bytes(),
            415,
            "CONTENT_TYPE_UNSUPPORTED",
        ),
        ("an empty batch", BATCH, b"[]".to_vec(), 400, "BATCH_EMPTY"),
        ("1,001 events", BATCH, many(1_001), 413, "BATCH_TOO_LARGE"),
        ("10,000 events", BATCH, many(10_000), 413, ""),
        (
            "4 MiB and a byte",
            BATCH,
            vec![b' '; (4 << 20) + 1],
            413,
            "REQUEST_TOO_LARGE",
        ),
        (
            "oversize event",
            ONE,
            with(
                "\"form\":\"",
                &format!("\"form\":\"{}", "x".repeat(1 << 20)),
            ),
            413,
            "TOO_LARGE",
        ),
    ]
}

#[test]
fn bad_input_gets_a_coded_answer_and_loses_nothing_around_it() {
    let (_ledger, served) = ledger();
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let mut mix = load::mix(5, 50);
    let mut foils = Foils::default();
    let mut wrong = Vec::new();
    let person = Person::of(900);
    let values = Planted::new([
        person.name.as_str(),
        &person.email,
        &person.telephone,
        "order-17",
        "4111 1111 1111 1111",
    ]);
    for (name, kind, body, status, code) in bad_inputs() {
        let (ids, good) = load::batch(&mut mix, 5);
        let answer = publish(&mut client(&served, &token), &good)
            .expect("it answers")
            .expect(200);
        foils.keep(&ids, &answer);
        let answer = client(&served, &token)
            .send("POST", "/v1/events", kind, &body)
            .expect("it answers");
        if answer.status != status || !(code.is_empty() || answer.code() == code) {
            wrong.push(format!(
                "{name}: {} {}, not {status} {code}: {}",
                answer.status,
                answer.code(),
                answer.text()
            ));
        }
        let found = values.found_in(&answer.body);
        assert!(
            found.is_empty(),
            "{name}: the answer echoes values {found:?}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{name}"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A batch with a bad one in the middle: the others are recorded.
    let mut good = [
        collected(&uuid(1), 1),
        collected(&uuid(2), 2),
        collected(&uuid(3), 3),
    ];
    good[1].id = "order-17".to_owned();
    let ids: Vec<String> = good.iter().map(|event| event.id.clone()).collect();
    let answer = publish(&mut client(&served, &token), &batch_of(&good))
        .expect("it answers")
        .expect(200);
    assert_eq!(foils.keep(&ids, &answer), 2, "{}", answer.text());
    assert_eq!(
        answer.json()["results"][1]["problem"]["code"],
        json!("ID_NOT_RANDOM")
    );
    // The same id with other content.
    let other = one(&collected(&uuid(1), 4));
    let reused = client(&served, &token)
        .send("POST", "/v1/events", ONE, &other)
        .expect("it answers");
    assert_eq!(reused.expect(409).code(), "ID_REUSED");
    let counted = served
        .connect()
        .expect("it listens")
        .get("/metrics")
        .expect("it answers")
        .expect(200)
        .text();
    assert!(
        counted.contains("counterfoil_refusals_total{code=\"CARD_DATA_BLOCKED\"} 1"),
        "{counted}"
    );
    foils.assert_all_kept(&mut client(&served, &token), SOURCE);
    let report = served.verify();
    assert_eq!(
        report["verdict"],
        json!("verified with pinned keys"),
        "{report:#}"
    );
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
