//! The three modes, and every way an attribute can be wrong. No answer echoes a planted value.

use super::*;

const GOOD: &str = r#"{"specversion":"1.0","id":"a","source":"urn:crm","type":"t","time":"2026-01-02T03:04:05Z","datacontenttype":"application/json","data":{"x":1}}"#;

fn refused(json: &str) -> (RefusalCode, String) {
    let read = structured(json.as_bytes());
    let refusal = read.map_or_else(Some, |event| event.fault());
    let refusal = refusal.expect("refused");
    assert!(!refusal.to_string().contains("SECRET"), "{refusal}");
    (refusal.code, refusal.field.into_owned())
}

fn check(from: &str, to: &str, code: RefusalCode, field: &str) {
    assert!(GOOD.contains(from));
    assert_eq!(
        refused(&GOOD.replacen(from, to, 1)),
        (code, field.to_owned()),
        "{to}"
    );
}

#[test]
fn a_good_event_is_read() {
    let Ok(event) = structured(GOOD.as_bytes()) else {
        panic!("good")
    };
    assert_eq!(
        (&*event.id, &*event.source, &*event.type_name),
        ("a", "urn:crm", "t")
    );
    assert_eq!(event.time.0, 1_767_323_045_000);
    assert!(matches!(event.data, Data::Json(ref data) if &**data == br#"{"x":1}"#));
    let traced = GOOD.replacen(
        "\"id\"",
        "\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\",\"tracestate\":\"a=b\",\"dataschema\":null,\"id\"",
        1,
    );
    assert!(structured(traced.as_bytes()).is_ok_and(|event| event.traceparent.is_some()));
}

#[test]
fn attributes_that_are_missing_or_wrong_are_named() {
    use RefusalCode as C;
    check("\"1.0\"", "\"0.3\"", C::SpecVersion, "specversion");
    check(
        "\"specversion\":\"1.0\",",
        "",
        C::AttributeMissing,
        "specversion",
    );
    check("\"a\"", "\"\"", C::AttributeMissing, "id");
    check("\"a\"", "5", C::AttributeInvalid, "id");
    check(
        "\"time\":\"2026-01-02T03:04:05Z\",",
        "",
        C::AttributeMissing,
        "time",
    );
    check(
        "2026-01-02T03:04:05Z",
        "SECRET",
        C::AttributeInvalid,
        "time",
    );
    check(
        "application/json",
        "text/SECRET",
        C::AttributeInvalid,
        "datacontenttype",
    );
    check(
        "\"data\":{\"x\":1}",
        "\"data_base64\":\"SECRET!\"",
        C::AttributeInvalid,
        "data_base64",
    );
    check(
        "\"data\":{\"x\":1}",
        "\"data\":1,\"data_base64\":\"AA==\"",
        C::DataMissing,
        "data",
    );
    check(",\"data\":{\"x\":1}", "", C::DataMissing, "data");
    check(
        "application/json",
        "application/protobuf",
        C::DataMissing,
        "data",
    );
}

#[test]
fn what_is_unknown_or_twice_is_refused_by_name_or_place() {
    use RefusalCode as C;
    check(
        "\"id\"",
        "\"subject\":\"SECRET\",\"id\"",
        C::AttributeUnknown,
        "subject",
    );
    check(
        "\"id\"",
        "\"SECRET\":\"x\",\"id\"",
        C::AttributeUnknown,
        "(attribute 2)",
    );
    check(
        "\"id\"",
        "\"SECRET\":{},\"id\"",
        C::AttributeUnknown,
        "(attribute 2)",
    );
    check(
        "\"id\"",
        "\"traceparent\":\"SECRET\",\"id\"",
        C::AttributeInvalid,
        "traceparent",
    );
    check(
        "\"id\":\"a\"",
        "\"id\":\"a\",\"id\":\"b\"",
        C::DuplicateField,
        "id",
    );
    check(
        "{\"x\":1}",
        "{\"SECRET\":1,\"SECRET\":2}",
        C::DuplicateField,
        "data.(member 2)",
    );
    check(
        "{\"x\":1}",
        "{\"SECRET\":\"\\u0000\"}",
        C::NulInText,
        "data.(member 1)",
    );
    assert_eq!(refused("[]").0, C::MalformedJson);
    let large = GOOD.replacen(
        "{\"x\":1}",
        &format!("\"{}\"", "x".repeat(WHOLE_BYTES_MAX)),
        1,
    );
    assert_eq!(refused(&large).0, C::TooLarge);
}

fn request<'a>(
    content_type: &'a str,
    attributes: &'a [(String, String)],
    body: &'a [u8],
) -> Request<'a> {
    Request {
        content_type: Some(content_type),
        attributes,
        body,
    }
}

fn headers(change: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all = vec![
        ("specversion", "1.0"),
        ("id", "a"),
        ("source", "urn:crm"),
        ("type", "t"),
        ("time", "2026-01-02T03:04:05Z"),
    ];
    all.retain(|(name, _)| !change.iter().any(|(changed, _)| changed == name));
    all.extend_from_slice(change);
    all.into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn binary_mode_reads_headers_and_keeps_the_body() {
    let attributes = headers(&[("id", "caf%C3%A9%25")]);
    let Ok(Events::One(event)) = read(&request("application/protobuf", &attributes, &[8, 1]))
    else {
        panic!("one event")
    };
    let event = event.ok().expect("good");
    assert_eq!(&*event.id, "café%");
    assert!(matches!(event.data, Data::Binary(ref bytes) if **bytes == [8, 1]));
    for (change, code) in [
        (("id", "%F"), RefusalCode::AttributeInvalid),
        (("id", "%FF"), RefusalCode::AttributeInvalid),
        (("id", "%+1"), RefusalCode::AttributeInvalid),
        (("subject", "x"), RefusalCode::AttributeUnknown),
        (("name", "x"), RefusalCode::AttributeUnknown),
    ] {
        let attributes = headers(&[change]);
        let Ok(Events::One(event)) = read(&request("application/json", &attributes, b"{}")) else {
            panic!("one event")
        };
        assert_eq!(event.err().expect("refused").code, code);
    }
    let mut twice = headers(&[]);
    twice.push(("id".to_owned(), "b".to_owned()));
    let Ok(Events::One(event)) = read(&request("application/json", &twice, b"{}")) else {
        panic!("one event")
    };
    assert_eq!(
        event.err().expect("refused").code,
        RefusalCode::DuplicateField
    );
}

#[test]
fn modes_are_told_by_content_type() {
    let code = |kind, body: &[u8]| {
        read(&request(kind, &[], body))
            .err()
            .map(|fault| fault.code)
    };
    assert_eq!(
        code("application/cloudevents+json; charset=UTF-8", b"{}"),
        None
    );
    assert_eq!(code("application/CloudEvents+JSON", b"{}"), None);
    let unsupported = Some(RefusalCode::ContentTypeUnsupported);
    assert_eq!(
        code("application/cloudevents+json; charset=latin1", b"{}"),
        unsupported
    );
    assert_eq!(code("application/json", b"{}"), unsupported);
    assert_eq!(code("", b"{}"), unsupported);
    assert_eq!(
        code("application/cloudevents-batch+json", b"[]"),
        Some(RefusalCode::BatchEmpty)
    );
    let many = format!("[{}]", vec!["1"; 10_000].join(","));
    assert_eq!(
        code("application/cloudevents-batch+json", many.as_bytes()),
        Some(RefusalCode::BatchTooLarge)
    );
}

#[test]
fn a_header_beside_a_structured_event_says_the_same_or_is_refused() {
    let said = GOOD.replacen(
        "\"id\"",
        "\"dataschema\":\"https://schemas.example/a\\u0062\",\"tracestate\":\"a=b\",\"id\"",
        1,
    );
    let check = |body: &str, name: &str, value: &str| {
        let attributes = [(name.to_owned(), value.to_owned())];
        let request = request("application/cloudevents+json", &attributes, body.as_bytes());
        let Ok(Events::One(event)) = read(&request) else {
            panic!("one event")
        };
        event.err().map(|fault| fault.code)
    };
    let other = Some(RefusalCode::AttributeInvalid);
    for (name, same) in [
        ("dataschema", "https://schemas.example/ab"),
        ("tracestate", "a=b"),
        ("datacontenttype", "application/json"),
        ("specversion", "1.0"),
    ] {
        assert_eq!(check(&said, name, same), None, "{name}");
        assert_eq!(check(&said, name, &format!("{same}x")), other, "{name}");
    }
    for (name, value) in [
        ("dataschema", "https://schemas.example/ab"),
        ("tracestate", ""),
        ("subject", "x"),
        ("data", "{\"x\":1}"),
    ] {
        assert_eq!(check(GOOD, name, value), other, "{name}");
    }
}
