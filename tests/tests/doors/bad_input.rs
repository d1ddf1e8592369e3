//! Every kind of bad input of the door over the real HTTP stack: a coded answer, no value in it, nothing lost around it.

use people::Person;
use serde_json::json;
use tests::foils::Foils;
use tests::load::{self, BATCH, FAMILIES, ONE, SOURCE, batch_of, collected, one, publish};
use tests::scan::Planted;
use tests::served::Served;

use crate::{client, ledger, uuid};

/// Every kind of bad input of the door, as it comes over the wire: status, code, and no value in the answer.
#[rustfmt::skip] // a table, a line a row
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
        ("malformed", ONE, good.as_bytes()[..good.len() - 2].to_vec(), 400, "MALFORMED_JSON"),
        ("not JSON", ONE, b"\x00\x01\x02".to_vec(), 400, "MALFORMED_JSON"),
        ("wrong type", ONE, with("\"form\":\"missed-bin\"", "\"form\":7"), 422, "WRONG_TYPE"),
        ("unknown event type", ONE, with("collection.collected.v1", "collection.dreamt.v1"), 422, "TYPE_UNKNOWN"),
        ("unknown field", ONE, with("\"form\":", "\"colour\":\"x\",\"form\":"), 422, "UNKNOWN_FIELD"),
        ("duplicate key", ONE, with("\"form\":", "\"form\":\"x\",\"form\":"), 400, "DUPLICATE_FIELD"),
        ("deep nesting", ONE, deep.into_bytes(), 400, "JSON_TOO_DEEP"),
        ("invalid UTF-8", ONE, utf8, 400, "INVALID_UTF8"),
        ("NUL", ONE, with("Westmere\"", "West\\u0000mere\""), 400, "NUL_IN_TEXT"),
        ("future", ONE, with("\"time\":\"20", "\"time\":\"29"), 422, "TIME_AHEAD"),
        ("ancient", ONE, with("\"time\":\"20", "\"time\":\"18"), 422, "TIME_TOO_EARLY"),
        ("card number", ONE, with("Westmere\"", "4111 1111 1111 1111\""), 422, "CARD_DATA_BLOCKED"),
        ("an id that is not random", ONE, with(&id, "order-17"), 422, "ID_NOT_RANDOM"),
        ("another's source", ONE, with(SOURCE, "urn:westmere:tax"), 403, "SOURCE_NOT_ALLOWED"),
        ("a ledger's fact", ONE, with("collection.collected.v1", "access.record-viewed.v1"), 403, "MAY_NOT_APPEND"),
        ("unknown content type", "text/plain", good.clone().into_bytes(), 415, "CONTENT_TYPE_UNSUPPORTED"),
        ("an empty batch", BATCH, b"[]".to_vec(), 400, "BATCH_EMPTY"),
        ("1,001 events", BATCH, many(1_001), 413, "BATCH_TOO_LARGE"),
        ("10,000 events", BATCH, many(10_000), 413, ""),
        ("4 MiB and a byte", BATCH, vec![b' '; (4 << 20) + 1], 413, "REQUEST_TOO_LARGE"),
        ("oversize event", ONE, with("\"form\":\"", &format!("\"form\":\"{}", "x".repeat(1 << 20))), 413, "TOO_LARGE"),
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
    around_a_bad_one(&served, &token, &mut foils);
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

/// A batch with a bad one in the middle: the others are recorded. The same id with other content: 409.
fn around_a_bad_one(served: &Served, token: &str, foils: &mut Foils) {
    let mut good = [
        collected(&uuid(1), 1),
        collected(&uuid(2), 2),
        collected(&uuid(3), 3),
    ];
    good[1].id = "order-17".to_owned();
    let ids: Vec<String> = good.iter().map(|event| event.id.clone()).collect();
    let answer = publish(&mut client(served, token), &batch_of(&good))
        .expect("it answers")
        .expect(200);
    assert_eq!(foils.keep(&ids, &answer), 2, "{}", answer.text());
    assert_eq!(
        answer.json()["results"][1]["problem"]["code"],
        json!("ID_NOT_RANDOM")
    );
    let other = one(&collected(&uuid(1), 4));
    let reused = client(served, token)
        .send("POST", "/v1/events", ONE, &other)
        .expect("it answers");
    assert_eq!(reused.expect(409).code(), "ID_REUSED");
}
