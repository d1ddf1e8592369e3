//! What nobody sends who means well: over raw connections, to every address, with and without a token.
//!
//! Always: every answer that has a body is a problem with a code, repeats nothing, and leaves the process serving.

use std::io::Write;
use std::net::TcpStream;

use serde_json::json;
use tests::client::Answer;
use tests::foils::Foils;
use tests::load::{FAMILIES, ONE, SOURCE, collected, one};
use tests::served::Served;

use crate::{client, ledger, try_publish, uuid};

/// Stands in every address and header that is sent; no answer holds it.
const PLANTED: &str = "PLANTED0123";

/// One request as these bytes, on a connection of its own.
fn raw(served: &Served, head: &str, body: &[u8]) -> Answer {
    let mut bytes = head.replace('\n', "\r\n").into_bytes();
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes.extend_from_slice(body);
    let answer = served.connect().expect("it listens").raw(&bytes);
    let answer = answer.expect("it answers");
    assert!(!answer.text().contains(PLANTED), "{}", answer.text());
    answer
}

#[test]
fn addresses_methods_and_queries_that_are_not_there_are_told_by_code() {
    let (_ledger, served) = ledger();
    let dpo = format!("authorization: Bearer {}", served.token());
    let cases = [
        ("GET /PLANTED0123", 404, "NO_SUCH_PAGE"),
        ("GET /v1/events", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE /livez", 405, "METHOD_NOT_ALLOWED"),
        ("OPTIONS /v1/ask/person", 405, "METHOD_NOT_ALLOWED"),
        ("TRACE /v1/find", 405, "METHOD_NOT_ALLOWED"),
        ("PLANTED0123 /checkpoint", 405, "METHOD_NOT_ALLOWED"),
        ("GET /v1/proof/PLANTED0123", 400, "ADDRESS_MALFORMED"),
        ("GET /v1/proof/-1", 400, "ADDRESS_MALFORMED"),
        ("GET /v1/proof/+1", 400, "ADDRESS_MALFORMED"),
        ("GET /v1/proof/01", 400, "ADDRESS_MALFORMED"),
        ("POST /v1/foils/find", 401, "UNAUTHENTICATED"),
        (
            "GET /v1/proof/99999999999999999999",
            400,
            "ADDRESS_MALFORMED",
        ),
        ("GET /v1/foils/%50LANTED0123", 400, "ADDRESS_MALFORMED"),
        ("GET /v1/proof/18446744073709551615", 404, "NOT_FOUND"),
        ("GET /v1/schemas/PLANTED0123", 404, "TYPE_UNKNOWN"),
        ("GET /v1/schemas/%ff%fe", 400, "ADDRESS_MALFORMED"),
        ("GET /tile/%ff", 400, "ADDRESS_MALFORMED"),
        ("GET /tile/PLANTED0123", 404, "NOT_FOUND"),
        ("GET /livez?PLANTED0123", 400, "PARAMETER_INVALID"),
        ("GET /v1/keys?as=PLANTED0123", 400, "PARAMETER_INVALID"),
        (
            "POST /v1/events?dry_run=true&dry_run=false",
            401,
            "UNAUTHENTICATED",
        ),
        ("GET /v1//keys", 404, "NO_SUCH_PAGE"),
        ("GET /v1/../livez", 404, "NO_SUCH_PAGE"),
        ("GET /%6civez", 404, "NO_SUCH_PAGE"),
        ("POST /v1/ask/person", 415, "CONTENT_TYPE_UNSUPPORTED"),
        ("POST /v1/admin/users", 415, "CONTENT_TYPE_UNSUPPORTED"),
    ];
    let mut wrong = Vec::new();
    for (line, status, code) in cases {
        let head = format!("{line} HTTP/1.1\nhost: ledger\n{dpo}\ncontent-length: 0");
        let answer = raw(&served, &head, b"");
        let kind = answer.header("content-type");
        if (answer.status, answer.code().as_str()) != (status, code)
            || kind != Some("application/problem+json")
        {
            wrong.push(format!(
                "{line}: {} {kind:?} {}",
                answer.status,
                answer.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(served.stop().success());
}

#[test]
fn what_decides_a_request_stands_in_its_head_once() {
    let (_ledger, served) = ledger();
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let body = one(&collected(&uuid(1), 1));
    let length = body.len();
    let head = |line: &str, more: &str| {
        format!(
            "{line} HTTP/1.1\nhost: x\ncontent-type: {ONE}\ncontent-length: {length}\nauthorization: Bearer {token}{more}"
        )
    };
    let events = "POST /v1/events";
    for (more, status, code) in [
        (
            "\nauthorization: Bearer PLANTED0123",
            401,
            "UNAUTHENTICATED",
        ),
        (
            &format!("\nauthorization: Bearer {token}"),
            401,
            "UNAUTHENTICATED",
        ),
        (
            "\ncontent-type: text/PLANTED0123",
            415,
            "CONTENT_TYPE_UNSUPPORTED",
        ),
        (
            "\ncontent-encoding: gzip",
            415,
            "CONTENT_ENCODING_UNSUPPORTED",
        ),
    ] {
        let answer = raw(&served, &head(events, more), &body).expect(status);
        assert_eq!(answer.code(), code, "{more}");
    }
    for query in [
        "dry_run=true&dry_run=false",
        "dry_run=false&dry_run=true",
        "foils=none&foils=full",
        "dry%5frun=true",
    ] {
        let answer = raw(&served, &head(&format!("{events}?{query}"), ""), &body).expect(400);
        assert_eq!(answer.code(), "PARAMETER_INVALID", "{query}");
    }
    let twice = format!(
        "GET /v1/keys HTTP/1.1\nhost: x\nauthorization: Bearer {0}\nauthorization: Bearer {0}",
        served.token()
    );
    assert_eq!(
        raw(&served, &twice, b"").expect(401).code(),
        "UNAUTHENTICATED"
    );
    raw(&served, &head(events, ""), &body).expect(201);
    assert!(served.stop().success());
}

#[test]
fn counts_are_for_this_machine_or_a_token_and_files_for_the_socket() {
    let (ledger, served) = ledger();
    let metrics = |served: &Served, token: Option<&str>| {
        let connection = served.connect().expect("it listens");
        let mut connection = match token {
            Some(token) => connection.with(token),
            None => connection,
        };
        connection.get("/metrics").expect("it answers").status
    };
    assert_eq!(metrics(&served, None), 200, "this machine");
    for passed_on in [
        "via: 1.1 PLANTED0123",
        "x-forwarded-for: 192.0.2.7",
        "forwarded: for=192.0.2.7",
    ] {
        let head = format!("GET /metrics HTTP/1.1\nhost: x\n{passed_on}");
        raw(&served, &head, b"").expect(401);
    }
    let auditor = served.user("auditor");
    let desk = served.user("front-desk");
    let there = ledger.home().join("PLANTED0123");
    let backup = json!({ "directory": there, "recovery_key": "x" });
    let refused = served
        .dpo()
        .post("/v1/admin/backup", &backup)
        .expect("it answers")
        .expect(403);
    assert_eq!(refused.code(), "ONLY_AT_SOCKET");
    assert!(!there.exists() && !refused.text().contains(PLANTED));
    assert!(served.stop().success());

    ledger.edit_config("behind_proxy = false", "behind_proxy = true");
    let served = crate::serve_again(&ledger);
    assert_eq!(metrics(&served, None), 401, "whoever is behind the proxy");
    assert_eq!(metrics(&served, Some("cfu_nobody")), 401);
    assert_eq!(metrics(&served, Some(&desk)), 403);
    assert_eq!(metrics(&served, Some(&auditor)), 200);
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    try_publish(&served, &token, 1).expect(201);
    assert_eq!(
        client(&served, &token)
            .get("/metrics")
            .expect("it answers")
            .status,
        401
    );
    assert!(served.stop().success());
}

/// How often two requests are let race until the greedy one won.
const RACES_MAX: u64 = 200;
/// Requests that may pass until a connection's end has been noticed.
const TRIES_MAX: u64 = 20_000;

/// A request of 4 MiB that never ends: it takes nearly all the room there is.
fn greedy(served: &Served, token: &str) -> TcpStream {
    let bytes = 4 << 20;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {ONE}\r\ncontent-length: {bytes}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(served.http).expect("it listens");
    stream.write_all(head.as_bytes()).expect("it reads");
    // One that lost the race is answered and closed before it is through.
    let _ = stream.write_all(&vec![b' '; bytes - 1]);
    for _ in 0..20 {
        let alive = served.connect().expect("it listens").get("/livez");
        alive.expect("it answers").expect(200);
    }
    stream
}

#[test]
fn more_bodies_than_there_is_room_for_get_429_and_lose_nothing() {
    let ledger = tests::ledger::Ledger::found();
    ledger.edit_config("bodies_bytes_max = 67108864", "bodies_bytes_max = 4194304");
    let served = crate::serve_again(&ledger);
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let mut foils = Foils::default();
    let mut send = |number: u64| {
        let id = uuid(number);
        let body = one(&collected(&id, number));
        let answer = client(&served, &token)
            .send("POST", "/v1/events", ONE, &body)
            .expect("it answers");
        foils.keep(std::slice::from_ref(&id), &answer);
        answer
    };
    let mut refused = None;
    let mut races = 0..RACES_MAX;
    while refused.is_none() {
        let race = races.next().expect("the room is taken at last");
        let greedy = greedy(&served, &token);
        let answer = send(race);
        refused = (answer.status != 201).then_some((answer, greedy));
    }
    let (refused, greedy) = refused.expect("it was refused");
    let refused = refused.expect(429);
    assert_eq!(refused.code(), "QUEUE_FULL");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    // Who asks first is told before the body is sent, and officers have room of their own.
    let asking = format!(
        "POST /v1/events HTTP/1.1\nhost: x\nauthorization: Bearer {token}\ncontent-type: {ONE}\ncontent-length: 100\nexpect: 100-continue"
    );
    let told = raw(&served, &asking, b"").expect(429);
    assert_eq!(told.code(), "QUEUE_FULL");
    let status = client(&served, served.token()).post("/v1/ask/status", &json!({}));
    status.expect("it answers").expect(200);
    drop(greedy);
    let again = (RACES_MAX..TRIES_MAX).map(&mut send);
    let mut again = again.skip_while(|answer| answer.status == 429);
    again.next().expect("the room came back").expect(201);
    let counted = served.connect().expect("it listens").get("/metrics");
    let counted = counted.expect("it answers").expect(200).text();
    assert!(!counted.contains("{code=\"QUEUE_FULL\"} 0"), "{counted}");
    foils.assert_all_kept(&mut client(&served, &token), SOURCE);
    assert!(served.stop().success());
}

/// Heads on which two readers could disagree about where the body ends, and others that no client sends.
#[test]
fn a_head_that_two_readers_could_read_in_two_ways_records_nothing() {
    let (_ledger, served) = ledger();
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let body = one(&collected(&uuid(1), 1));
    let length = body.len();
    let head = |more: &str| {
        format!(
            "POST /v1/events HTTP/1.1\nhost: x\ncontent-type: {ONE}\nauthorization: Bearer {token}{more}"
        )
    };
    let many: String = (0..200).map(|n| format!("\nx{n}: PLANTED0123")).collect();
    let long = format!("\nx: {}", PLANTED.repeat(60_000));
    let cases = [
        (
            format!("\ncontent-length: {length}\ncontent-length: 3"),
            400,
        ),
        (format!("\ncontent-length: {length}, {length}"), 400),
        (format!("\ncontent-length: +{length}"), 400),
        ("\ncontent-length: -1".to_owned(), 400),
        ("\ncontent-length: 99999999999999999999999".to_owned(), 400),
        ("\ntransfer-encoding: chunked, PLANTED0123".to_owned(), 400),
        ("\ntransfer-encoding: PLANTED0123".to_owned(), 400),
        ("\ntransfer-encoding : chunked".to_owned(), 400),
        (format!("\nx: a\n folded\ncontent-length: {length}"), 400),
        (format!("\nx: a\0b\ncontent-length: {length}"), 400),
        (format!("{many}\ncontent-length: {length}"), 431),
        (format!("{long}\ncontent-length: {length}"), 431),
    ];
    for (more, status) in cases {
        let answer = raw(&served, &head(&more), &body);
        let shown: String = more.chars().take(60).collect();
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
    }
    let packed = raw(
        &served,
        &head("\ntransfer-encoding: gzip, chunked"),
        b"0\r\n\r\n",
    );
    assert_eq!(packed.expect(415).code(), "CONTENT_ENCODING_UNSUPPORTED");
    let broken = raw(
        &served,
        &head("\ntransfer-encoding: chunked"),
        b"fffffffffffffffff\r\n",
    );
    assert_eq!(broken.expect(400).code(), "BODY_INCOMPLETE");
    // 201 and not 200: none of those above was recorded.
    let whole = format!("\ncontent-length: {length}");
    raw(&served, &head(&whole), &body).expect(201);
    raw(&served, &head(&whole), &body).expect(200);
    assert!(served.stop().success());
}
