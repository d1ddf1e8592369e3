//! Fuzz bodies for every parser of outside bytes in this crate: plain functions, run on stable over a
//! corpus and seeded mutations, and wrapped by cargo-fuzz.
//!
//! They judge no content. Always: a body takes any bytes, returns, and panics only where an invariant
//! of the parser is broken.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use ground::SeededRandom;
use proto::{PublisherCode, UnixMillis};

use super::cloudevent::{self, Event, Events, Request};
use super::csv_map::CsvMap;
use super::{Publisher, Refusal, RefusalCode, Token, admit, json};

/// 2100-01-01, so that a corpus never ages.
const NOW: UnixMillis = UnixMillis(4_102_444_800_000);

/// A publisher that may send whatever the corpus holds.
fn publisher() -> Publisher {
    let families = proto::facts()
        .iter()
        .filter_map(|fact| fact.name.split('.').next());
    Publisher {
        code: PublisherCode::new("fuzz").expect("a code"),
        sources: BTreeSet::from(["//crm.westmere.example".to_owned()]),
        families: families.map(str::to_owned).collect(),
        map_ids: true,
    }
}

/// Admits what was read; a refusal must have a rule and no control characters.
fn judge(event: Result<Event<'_>, Refusal>) -> Option<Refusal> {
    let outcome = event.and_then(|event| {
        admit(event, &publisher(), NOW, &SeededRandom::new(1)).map_err(|refused| refused.refusal)
    });
    match outcome {
        Ok(admitted) => {
            assert!(!admitted.slots.is_empty(), "every event has slot 0");
            None
        }
        Err(refusal) => {
            assert!(!refusal.rule.is_empty(), "a refusal says its rule");
            assert!(
                !refusal.to_string().contains(char::is_control),
                "a refusal is one line"
            );
            Some(refusal)
        }
    }
}

/// A structured event. What a scan of the whole finds wrong is what is answered, though an event that
/// is admitted was never scanned whole.
pub fn structured(bytes: &[u8]) {
    let scanned = json::object(bytes, cloudevent::rules()).err();
    let outcome = judge(cloudevent::structured(bytes));
    if bytes.len() <= cloudevent::WHOLE_BYTES_MAX && scanned.is_some() {
        assert!(
            outcome == scanned,
            "the scan says {scanned:?}, admission {outcome:?}"
        );
    }
}

/// A batch.
pub fn batch(bytes: &[u8]) {
    let kind = Some("application/cloudevents-batch+json");
    let request = Request {
        content_type: kind,
        attributes: &[],
        body: bytes,
    };
    if let Ok(Events::Batch(items)) = cloudevent::read(&request) {
        for item in items {
            judge(cloudevent::structured(item));
        }
    }
}

/// Binary mode: `name: value` lines up to an empty one, then the body.
pub fn binary(bytes: &[u8]) {
    let split = bytes
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .unwrap_or(bytes.len());
    let (head, body) = bytes.split_at(split);
    let body = body.get(2..).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let mut content_type = None;
    let mut attributes = Vec::new();
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        match name.trim().strip_prefix("ce-") {
            Some(name) => attributes.push((name.to_owned(), value.trim().to_owned())),
            None => content_type = Some(value.trim()),
        }
    }
    let request = Request {
        content_type,
        attributes: &attributes,
        body,
    };
    if let Ok(Events::One(event)) = cloudevent::read(&request) {
        judge(*event);
    }
}

/// A CSV file under a fixed map; every event it gives must be read as one.
pub fn csv(bytes: &[u8]) {
    static MAP: OnceLock<CsvMap> = OnceLock::new();
    let map = MAP.get_or_init(|| {
        CsvMap::parse(include_str!("../../data/maps/receipt.toml"))
            .expect("the shipped map is read by a test")
    });
    let Ok(rows) = map.rows(bytes) else { return };
    for row in rows {
        match row {
            Ok(row) => {
                let fault = cloudevent::structured(row.event.expose())
                    .err()
                    .map(|fault| fault.code);
                assert!(
                    matches!(fault, None | Some(RefusalCode::TooLarge)),
                    "a map writes events"
                );
            }
            Err(error) => assert!(!error.rule.is_empty(), "a row's error says its rule"),
        }
    }
}

/// An `authorization` header: a token that is taken has one spelling, and its hash is its own.
pub fn bearer(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(token) = Token::from_authorization(text) {
        assert!(text.ends_with(token.reveal()) || text.trim_end().ends_with(token.reveal()));
        let again = Token::parse(token.reveal()).map(|again| again.hash());
        assert!(again == Some(token.hash()), "one spelling a token");
    }
}

/// A map file.
pub fn map(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(map) = CsvMap::parse(text)
    {
        let _ = map.rows("a,b\n1,2\n".as_bytes()).map(Iterator::count);
    }
}
