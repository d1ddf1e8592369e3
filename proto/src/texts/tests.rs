//! Every sealed free text is lent, once, under the path that its publisher knows.

use super::*;
use crate::invent::{Dice, invent};
use crate::{EventId, Personal, decode_json, example_data, split};

#[test]
fn all_sealed_free_texts_are_lent() {
    for fact in facts() {
        for seed in 0..20 {
            let event = invent(fact, &mut Dice(seed));
            let data = decode_json(fact, event.json.as_bytes()).expect("invented events are valid");
            let split = split(data, &EventId::new(Personal::from("the id")));
            let mut lent = Vec::new();
            visit_texts(&split, &mut |text| lent.push(text.text.to_owned()));
            let id = lent.iter().filter(|text| *text == "the id").count();
            assert_eq!(
                (id, lent.len()),
                (1, event.secrets.len() + 1),
                "{}",
                fact.name
            );
            for secret in &event.secrets {
                assert!(
                    lent.iter().any(|text| text.contains(secret)),
                    "{}",
                    fact.name
                );
            }
        }
    }
}

#[test]
fn a_path_leads_to_the_text() {
    for fact in facts() {
        let json = example_data(fact);
        let whole: serde_json::Value = serde_json::from_str(&json).expect("examples are JSON");
        let data = decode_json(fact, json.as_bytes()).expect("examples are valid");
        let split = split(data, &EventId::new(Personal::from("the id")));
        visit_texts(&split, &mut |text| {
            let pointer = format!("/{}", text.path().replace(['.', '['], "/").replace(']', ""));
            let found = whole.pointer(&pointer).and_then(|value| value.as_str());
            assert!(
                found == Some(text.text) || text.field == "id",
                "{}",
                text.path()
            );
            assert!(is_field_name(text.field));
        });
    }
}
