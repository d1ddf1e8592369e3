//! Bad input: each gets its code and its place, and nothing of what was sent.

use super::*;
use crate::catalogue::fact_by_name;
use crate::fact_by_type;

fn decode(data: &str) -> Result<FactData, DecodeError> {
    let fact = fact_by_name("collection.service-requested").expect("in the catalogue");
    decode_json(fact, data.as_bytes())
}

/// Puts `more` behind the required fields.
fn with(more: &str) -> String {
    format!(
        "{{\"envelope\":{{\"controller\":\"westmere\"}},\"subject\":{{\"name\":\"Alex\"}},\
         \"service\":\"missed-bin\",\"serviceReference\":\"SR\"{more}}}"
    )
}

fn check(data: &str, path: &str, rule: RuleCode) {
    let expected = DecodeError {
        path: path.to_owned(),
        rule,
    };
    assert_eq!(decode(data).err(), Some(expected), "{data}");
}

#[test]
fn what_is_good_is_taken() {
    let good = [
        with(""),
        with(",\"details\":null,\"others\":null,\"priority\":null"),
        with(",\"priority\":\"SERVICE_PRIORITY_URGENT\",\"needed_by\":\"2026-11-02\""),
        with(",\"values\":[{\"field\":\"a\",\"value\":\"\\u00e9\"}]"),
        with(",\"others\":[]"),
    ];
    for data in good {
        assert!(decode(&data).is_ok(), "{data}: {:?}", decode(&data).err());
    }
}

#[test]
fn json_that_is_none_or_of_other_shape() {
    check("", "", RuleCode::MalformedJson);
    check("{", "", RuleCode::MalformedJson);
    check("[]", "", RuleCode::WrongType);
    check("null", "", RuleCode::WrongType);
    check("{} {}", "", RuleCode::MalformedJson);
    check(
        &with(",\"details\":\"\\ud800\""),
        "",
        RuleCode::MalformedJson,
    );
    check(&with(",\"details\":1e999"), "details", RuleCode::OutOfRange);
    check(&with(",\"details\":7"), "details", RuleCode::WrongType);
    check(
        &with(",\"details\":[[[[[[[[\"deep\"]]]]]]]]"),
        "details",
        RuleCode::WrongType,
    );
    check(&with(",\"others\":{}"), "others", RuleCode::WrongType);
    check(
        &with(",\"others\":[null]"),
        "others[0]",
        RuleCode::WrongType,
    );
    check(
        &with(",\"others\":[{\"name\":\"A\"},{\"name\":{}}]"),
        "others[1].name",
        RuleCode::WrongType,
    );
    check(&with(",\"priority\":1.5"), "priority", RuleCode::WrongType);
    check(&with(",\"priority\":true"), "priority", RuleCode::WrongType);
    let deep = format!("{}1", "[".repeat(60_000));
    check(&deep, "", RuleCode::WrongType);
    let mut latin = with("").into_bytes();
    latin[30] = 0xe9;
    let fact = fact_by_name("collection.service-requested").expect("in the catalogue");
    let error = decode_json(fact, &latin).err();
    assert_eq!(error.map(|e| e.rule), Some(RuleCode::InvalidUtf8));
}

#[test]
fn fields_that_are_wrong_are_named() {
    check(&with(",\"Alex Example\":1"), "", RuleCode::UnknownField);
    check(
        &with(",\"others\":[{\"Alex\":1}]"),
        "others[0]",
        RuleCode::UnknownField,
    );
    check(
        &with(",\"service\":\"x\""),
        "service",
        RuleCode::DuplicateField,
    );
    check(
        &with(",\"service_reference\":\"x\""),
        "serviceReference",
        RuleCode::DuplicateField,
    );
    check(
        &with(",\"details\":null,\"details\":\"x\""),
        "details",
        RuleCode::DuplicateField,
    );
    check(
        &with(",\"details\":\"a\\u0000b\""),
        "details",
        RuleCode::NulInText,
    );
    check(
        &with(",\"neededBy\":\"2026-02-30\""),
        "neededBy",
        RuleCode::BadDate,
    );
    check(
        &with(",\"receivedAt\":\"yesterday\""),
        "receivedAt",
        RuleCode::BadInstant,
    );
    check(
        &with(",\"handlingUnit\":\"Street Scene\""),
        "handlingUnit",
        RuleCode::BadCode,
    );
    check(
        &with(",\"priority\":\"SERVICE_PRIORITY_ALEX\""),
        "priority",
        RuleCode::UnknownCode,
    );
    check(&with(",\"priority\":99"), "priority", RuleCode::UnknownCode);
    check(
        &with(",\"priority\":99999999999"),
        "priority",
        RuleCode::OutOfRange,
    );
    check(&with(",\"others\":[{}]"), "others[0]", RuleCode::Required);
    check(
        &with(",\"values\":[{\"value\":\"x\"}]"),
        "values[0].field",
        RuleCode::Required,
    );
}

#[test]
fn what_is_too_much_is_refused() {
    let long = format!(",\"details\":\"{}\"", "x".repeat(9_000));
    check(&with(&long), "details", RuleCode::TooLong);
    let large = format!(",\"details\":\"{}\"", "x".repeat(EVENT_BYTES_MAX));
    check(&with(&large), "", RuleCode::TooLarge);
    let crowd = vec!["{\"name\":\"A\"}"; MENTIONS_MAX + 1].join(",");
    check(
        &with(&format!(",\"others\":[{crowd}]")),
        "",
        RuleCode::TooMany,
    );
    let crowd = vec!["{\"field\":\"a\"}"; 257].join(",");
    check(
        &with(&format!(",\"values\":[{crowd}]")),
        "values",
        RuleCode::TooMany,
    );
}

#[test]
fn binary_that_is_malformed() {
    let fact = fact_by_name("collection.service-requested").expect("in the catalogue");
    let good = decode(&with(""))
        .expect("good")
        .wire()
        .duplicate()
        .into_inner();
    let check = |more: &[u8], path: &str, rule| {
        let error = decode_binary(fact, &[&good, more].concat()).err();
        assert_eq!(
            error,
            Some(DecodeError {
                path: path.to_owned(),
                rule
            }),
            "{more:02x?}"
        );
    };
    check(&[0x1a], "", RuleCode::MalformedBinary); // ends early
    check(&[0x1a, 9, b'x'], "", RuleCode::MalformedBinary); // ends early
    check(&[0x1d, 0, 0, 0, 0], "", RuleCode::MalformedBinary); // fixed width is not used
    check(&[0x1b, 0x1c], "", RuleCode::MalformedBinary); // nor are groups
    check(&[0x18, 1], "service", RuleCode::MalformedBinary); // a number for a text
    check(&[0x32, 1, 1], "priority", RuleCode::MalformedBinary); // a text for a word
    check(&[0x30, 99], "priority", RuleCode::UnknownCode);
    check(&[0xaa, 1, 1, 0xff], "details", RuleCode::InvalidUtf8);
    check(&[0xaa, 1, 1, 0], "details", RuleCode::NulInText);
    check(&[0x12, 3, 0xfa, 7, 0], "subject", RuleCode::UnknownField); // unknown deep inside
    check(
        &[0x0a, 4, 0xc2, 2, 1, b'x'],
        "envelope.id",
        RuleCode::Reserved,
    );
    let large = vec![0; EVENT_BYTES_MAX + 1];
    let error = decode_binary(fact, &large).err();
    assert_eq!(error.map(|e| e.rule), Some(RuleCode::TooLarge));
}

#[test]
fn required_and_reserved_fields() {
    check("{}", "envelope", RuleCode::Required);
    check(
        "{\"envelope\":{},\"subject\":{\"name\":\"A\"}}",
        "envelope",
        RuleCode::Required,
    );
    check(
        &with("").replace("\"missed-bin\"", "\"\""),
        "service",
        RuleCode::Required,
    );
    check(
        &with("").replace("\"SR\"", "null"),
        "serviceReference",
        RuleCode::Required,
    );
    let id = with("").replace("\"westmere\"", "\"westmere\",\"id\":\"x\"");
    check(&id, "envelope.id", RuleCode::Reserved);
    let actor = with("").replace("\"westmere\"", "\"westmere\",\"actor\":\"alex.example\"");
    check(&actor, "envelope.actor", RuleCode::BadShape);
}

#[test]
fn consent_cannot_be_expressed_by_silence() {
    let fact = fact_by_type("uk.counterfoil.consent.given.v1").expect("in the catalogue");
    let good = crate::example_data(fact);
    assert!(decode_json(fact, good.as_bytes()).is_ok());
    let silent = good.replace("CONSENT_EXPRESSION_TICKED", "CONSENT_EXPRESSION_PRE_TICKED");
    let unstated = good.replace(
        "CONSENT_EXPRESSION_TICKED",
        "CONSENT_EXPRESSION_UNSPECIFIED",
    );
    let rule = |json: &str| {
        decode_json(fact, json.as_bytes())
            .err()
            .map(|error| error.to_string())
    };
    assert_eq!(rule(&silent).as_deref(), Some("UNKNOWN_CODE at expressed"));
    assert_eq!(rule(&unstated).as_deref(), Some("REQUIRED at expressed"));
}
