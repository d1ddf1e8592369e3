//! The scanner against serde_json, the splitter, and the paths of faults.

use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules {
    depth_max: 8,
    nameable: |key| matches!(key, "data" | "items"),
};

fn check_fault(json: &str, code: RefusalCode, field: &str) {
    let fault = check(json.as_bytes(), RULES).expect_err("the document is bad");
    assert_eq!((fault.code, &*fault.field), (code, field), "{json}");
}

#[test]
fn faults_have_code_and_path_and_no_value() {
    check_fault(
        r#"{"data":{"items":[1,{"a":1,"a":2}]}}"#,
        RefusalCode::DuplicateField,
        "data.items[1].(member 2)",
    );
    check_fault(
        r#"{"data":1,"da\u0074a":2}"#,
        RefusalCode::DuplicateField,
        "data",
    );
    check_fault(r#"{"data":"x\u0000"}"#, RefusalCode::NulInText, "data");
    check_fault(
        "[[[[[[[[[1]]]]]]]]]",
        RefusalCode::JsonTooDeep,
        "[0][0][0][0]",
    );
    check_fault(
        r#"{"secret":tru}"#,
        RefusalCode::MalformedJson,
        "(member 1)",
    );
    for bad in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1.",
        "-",
        "1e",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\udc00x\"",
        "nul",
        "1 2",
        "\"a\nb\"",
        "{1:2}",
        "{\"a\" 1}",
    ] {
        assert_eq!(
            check(bad.as_bytes(), RULES).expect_err(bad).code,
            RefusalCode::MalformedJson,
            "{bad}"
        );
    }
    assert_eq!(
        check(b"\"\xff\"", RULES).expect_err("bad").code,
        RefusalCode::InvalidUtf8
    );
}

#[test]
fn a_hundred_thousand_brackets_do_not_recurse() {
    let deep = "[".repeat(100_000);
    assert_eq!(
        check(deep.as_bytes(), RULES).expect_err("deep").code,
        RefusalCode::JsonTooDeep
    );
    let batch = format!("[{deep}{},{{}}]", "]".repeat(100_000));
    assert_eq!(
        array_items(batch.as_bytes(), 10)
            .expect("outer is whole")
            .len(),
        2
    );
}

#[test]
fn large_objects_find_their_duplicate_too() {
    let mut keys: Vec<String> = (0..100).map(|n| format!("\"k{n}\":{n}")).collect();
    assert!(check(format!("{{{}}}", keys.join(",")).as_bytes(), RULES).is_ok());
    keys.push("\"k50\":1".to_owned());
    check_fault(
        &format!("{{{}}}", keys.join(",")),
        RefusalCode::DuplicateField,
        "(member 101)",
    );
}

#[test]
fn the_splitter_keeps_good_items_beside_bad_ones() {
    let batch = br#" [ {"a":1}, {"a":], {"b":"],[\"{"} , nonsense, {"c":[1,2]} ] "#;
    let items = array_items(batch, 10).expect("outer is whole");
    let good: Vec<bool> = items
        .iter()
        .map(|item| object(item, RULES).is_ok())
        .collect();
    assert_eq!(good, [true, false, true, false, true]);
    assert_eq!(array_items(b"[]", 10).expect("empty").len(), 0);
    assert_eq!(array_items(b"[{},]", 10).expect("outer is whole").len(), 2);
    assert_eq!(
        array_items(b"[1,2,3]", 2).expect_err("too many").code,
        RefusalCode::BatchTooLarge
    );
    for bad in ["", "{}", "[", "[1", "[\"x]", "[1]]", "[1] x"] {
        assert_eq!(
            array_items(bad.as_bytes(), 10).expect_err(bad).code,
            RefusalCode::MalformedJson
        );
    }
}

#[test]
fn plain_bytes_end_where_they_end() {
    let slow = |bytes: &[u8]| {
        let stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        bytes.iter().position(stop).unwrap_or(bytes.len())
    };
    for length in 0..20 {
        for place in 0..length {
            for byte in 0..=255_u8 {
                // Neighbours that borrow and carry: the byte repeated, and the ends of the range.
                for around in [b'a', 0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xa0, 0xff] {
                    let mut bytes = vec![around; length];
                    bytes[place] = byte;
                    assert_eq!(plain(&bytes), slow(&bytes), "{bytes:?}");
                    if let Some(after) = bytes.get_mut(place + 1) {
                        *after = byte.wrapping_add(1);
                    }
                    assert_eq!(plain(&bytes), slow(&bytes), "{bytes:?}");
                }
            }
        }
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[^\\x00]{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map("[^\\x00]{0,6}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn everything_serde_writes_is_taken(value in json_value()) {
        let compact = serde_json::to_vec(&value).expect("a value can be written");
        prop_assert!(check(&compact, RULES).is_ok());
        let pretty = serde_json::to_vec_pretty(&value).expect("a value can be written");
        prop_assert!(check(&pretty, RULES).is_ok());
    }

    #[test]
    fn whatever_is_taken_serde_reads(bytes in "[\\[\\]{}\",:0-9a-z\\\\ .eE+-]{0,40}") {
        if check(bytes.as_bytes(), RULES).is_ok() {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&bytes).is_ok());
        }
    }

    #[test]
    fn items_of_a_batch_come_back(values in proptest::collection::vec(json_value(), 0..6)) {
        let whole = serde_json::to_vec(&values).expect("values can be written");
        let items = array_items(&whole, 10).expect("outer is whole");
        prop_assert_eq!(items.len(), values.len());
        for (item, value) in items.iter().zip(&values) {
            let written = serde_json::to_vec(value).expect("a value can be written");
            prop_assert_eq!(*item, written.as_slice());
        }
    }
}
