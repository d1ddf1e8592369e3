//! JSON Schema 2020-12 of a fact's data, made from the catalogue: what a publisher codes against.
//!
//! `x-sealed` says where a field lies once recorded: `subject` (slot 0), `mention` (a slot of its own);
//! fields without it are in the record, in the clear.

use crate::Fact;
use crate::limits::{ELEMENTS_MAX, TEXT_BYTES_MAX};
use crate::shape::pattern;
use crate::table::{Field, Kind, Message, Sealed, Shape};
use serde_json::{Map, Value, json};

/// The schema of a fact's data.
pub fn schema(fact: &'static Fact) -> Value {
    let mut schema = object(fact.wire);
    if let Some(top) = schema.as_object_mut() {
        top.insert(
            "$schema".into(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        top.insert("$id".into(), json!(format!("urn:{}", fact.type_name)));
        top.insert("title".into(), json!(fact.name));
        top.insert("description".into(), json!(fact.doc));
        let who: Vec<_> = fact
            .may_append
            .iter()
            .map(|who| format!("{who:?}").to_lowercase())
            .collect();
        top.insert("x-may-append".into(), json!(who));
        top.insert("x-number".into(), json!(fact.number));
    }
    schema
}

fn object(message: &'static Message) -> Value {
    let open = || message.fields.iter().filter(|field| !field.reserved);
    let properties: Map<String, Value> = open()
        .map(|field| (field.json_name.to_owned(), property(field)))
        .collect();
    let required: Vec<_> = open().filter(|f| f.required).map(|f| f.json_name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(field: &'static Field) -> Value {
    let mut one = single(field);
    if field.repeated {
        let least = usize::from(field.required);
        one = json!({
            "type": "array", "items": one, "minItems": least, "maxItems": ELEMENTS_MAX,
        });
    }
    if let Some(map) = one.as_object_mut() {
        if !field.doc.is_empty() {
            map.insert("description".into(), json!(field.doc));
        }
        match field.sealed {
            Sealed::Clear => {}
            Sealed::Subject => drop(map.insert("x-sealed".into(), json!("subject"))),
            Sealed::Mention => drop(map.insert("x-sealed".into(), json!("mention"))),
        }
    }
    one
}

fn single(field: &'static Field) -> Value {
    match field.kind {
        Kind::Message(inner) => object(inner),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Uint32 => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        Kind::Int32 => json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }),
        Kind::Uint64 => json!({ "type": ["string", "integer"], "pattern": "^[0-9]{1,20}$" }),
        Kind::Int64 => json!({ "type": ["string", "integer"], "pattern": "^-?[0-9]{1,19}$" }),
        Kind::Enum(vocabulary) => {
            let words: Vec<_> = vocabulary
                .words
                .iter()
                .filter(|(_, n)| *n != 0)
                .map(|(word, _)| word)
                .collect();
            json!({ "type": "string", "enum": words, "x-vocabulary": vocabulary.name })
        }
        Kind::Text => match pattern(field.shape) {
            Some(pattern) => json!({ "type": "string", "pattern": pattern }),
            None => {
                let least = usize::from(field.required && field.shape == Shape::Text);
                json!({ "type": "string", "minLength": least, "maxLength": TEXT_BYTES_MAX })
            }
        },
    }
}
