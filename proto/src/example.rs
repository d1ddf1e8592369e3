//! An example CloudEvent for every fact, with invented data, made from the catalogue.
//!
//! Values come from the `example` option of each field, else from its kind and shape. Names, numbers
//! and addresses are ones that nobody has. Every example is a valid event (tested).

use crate::Fact;
use crate::table::{Field, Kind, Message, Sealed, Shape};
use std::fmt::Write;

const ID: &str = "6f1c2c3e-8f0b-4a55-9d0e-2f6f2a1b7c11";
const SOURCE: &str = "//crm.westmere.example";
const TIME: &str = "2026-11-02T09:30:00Z";
const DATE: &str = "2026-11-02";
const STAFF: &str = "7b1e5a0c94d24b3f8f1d6a2c0e9b4d57";
const OTHER_NAME: &str = "\"Sam Sample\"";
const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A CloudEvent in structured JSON, indented.
pub fn example(fact: &'static Fact) -> String {
    let mut out = format!(
        "{{\n  \"specversion\": \"1.0\",\n  \"id\": \"{ID}\",\n  \"source\": \"{SOURCE}\",\n  \
         \"type\": \"{}\",\n  \"time\": \"{TIME}\",\n  \"datacontenttype\": \"application/json\",\n  \
         \"data\": ",
        fact.type_name
    );
    object(fact.wire, Sealed::Clear, 2, &mut out);
    out.push_str("\n}\n");
    out
}

/// The data of the example alone.
pub fn example_data(fact: &'static Fact) -> String {
    let mut out = String::new();
    object(fact.wire, Sealed::Clear, 0, &mut out);
    out
}

/// Fields that no example shows: they would contradict the others, or are for rare cases.
const RARE: [&str; 3] = ["origin_body", "origin_gateway", "supersedes"];
/// What is said of an official or a third person only.
const OF_MENTIONED: [&str; 4] = ["name", "relation", "post", "body"];

fn shown(field: &Field, role: Sealed) -> bool {
    let of_mentioned = OF_MENTIONED.contains(&field.name);
    !field.reserved
        && !RARE.contains(&field.name)
        && match role {
            Sealed::Mention => of_mentioned,
            Sealed::Subject => !of_mentioned || field.name == "name",
            Sealed::Clear => true,
        }
}

fn object(message: &'static Message, role: Sealed, indent: usize, out: &mut String) {
    out.push('{');
    let mut separator = "";
    for field in message.fields.iter().filter(|field| shown(field, role)) {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "{separator}\n{:indent$}  \"{}\": ",
            "", field.json_name
        );
        separator = ",";
        let inside = |inner: &Message| {
            if inner.name == "Person" {
                field.sealed
            } else {
                Sealed::Clear
            }
        };
        match field.kind {
            Kind::Message(inner) if field.repeated => {
                out.push('[');
                object(inner, inside(inner), indent + 2, out);
                out.push(']');
            }
            Kind::Message(inner) => object(inner, inside(inner), indent + 2, out),
            _ if role == Sealed::Mention && field.name == "name" => out.push_str(OTHER_NAME),
            _ => scalar(field, out),
        }
    }
    let _ = write!(out, "\n{:indent$}}}", "");
}

fn scalar(field: &'static Field, out: &mut String) {
    if !field.example.is_empty() {
        out.push_str(field.example);
        return;
    }
    let value = match field.kind {
        Kind::Bool => "true".to_owned(),
        Kind::Uint32 | Kind::Int32 => "1".to_owned(),
        Kind::Uint64 | Kind::Int64 => "\"1\"".to_owned(),
        Kind::Enum(vocabulary) => {
            let stated = vocabulary.words.iter().find(|(_, number)| *number != 0);
            format!("\"{}\"", stated.map_or("", |(word, _)| word))
        }
        Kind::Text | Kind::Message(_) => format!("\"{}\"", text(field.shape)),
    };
    if field.repeated {
        let _ = write!(out, "[{value}]");
    } else {
        out.push_str(&value);
    }
}

fn text(shape: Shape) -> &'static str {
    match shape {
        Shape::Date => DATE,
        Shape::Instant => TIME,
        Shape::Sha256 => SHA256,
        Shape::StaffReference => STAFF,
        Shape::Source => SOURCE,
        Shape::Citation => "ukpga/2018/12",
        Shape::FieldPath => "subject",
        Shape::Origin => "test.westmere.example/counterfoil",
        Shape::VerifierKey => {
            "test.westmere.example/counterfoil/0+c1726d2b+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
        }
        Shape::EventType => "uk.counterfoil.collection.collected.v1",
        Shape::Code => "example",
        Shape::Text => "Invented text",
    }
}
