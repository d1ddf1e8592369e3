//! Deterministic protobuf bytes in, proto3 JSON out: derived for reading, never hashed or stored.
//!
//! The bytes must have been through `canonical`. Text goes straight into the output, so that no copy
//! of a personal value is left behind in a tree of values.

use crate::table::{Field, Kind, Message};
use crate::wire::{Reader, Value};

/// Appends the JSON object of a message. `None`: the bytes are not of that type.
pub(crate) fn object(message: &'static Message, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.push(b'{');
    let mut reader = Reader::new(bytes);
    let mut open: Option<&'static Field> = None;
    let mut place = 0;
    while !reader.is_empty() {
        let element = reader.element()?;
        place = message.place_of(element.number, place)?;
        let field = message.fields.get(place)?;
        let again = open.is_some_and(|last| last.number == field.number);
        if again {
            out.push(b',');
        } else {
            close(open, out);
            out.extend_from_slice(if open.is_some() { b",\"" } else { b"\"" });
            out.extend_from_slice(field.json_name.as_bytes());
            out.extend_from_slice(if field.repeated { b"\":[" } else { b"\":" });
        }
        open = Some(field);
        value(field, element.value, out)?;
    }
    close(open, out);
    out.push(b'}');
    Some(())
}

fn close(open: Option<&'static Field>, out: &mut Vec<u8>) {
    if open.is_some_and(|field| field.repeated) {
        out.push(b']');
    }
}

fn value(field: &'static Field, value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match (field.kind, value) {
        (Kind::Message(inner), Value::Bytes(bytes)) => object(inner, bytes, out),
        (Kind::Text, Value::Bytes(bytes)) => text(std::str::from_utf8(bytes).ok()?, out),
        (kind, Value::Varint(number)) => scalar(kind, number, out),
        (kind, Value::Bytes(packed)) => {
            let mut reader = Reader::new(packed);
            let mut first = true;
            while !reader.is_empty() {
                if !first {
                    out.push(b',');
                }
                first = false;
                scalar(kind, reader.varint()?, out)?;
            }
            Some(())
        }
    }
}

fn scalar(kind: Kind, number: u64, out: &mut Vec<u8>) -> Option<()> {
    match kind {
        Kind::Bool => out.extend_from_slice(if number == 0 { b"false" } else { b"true" }),
        Kind::Enum(vocabulary) => return text(vocabulary.word_of(number)?, out),
        Kind::Uint32 => out.extend_from_slice(number.to_string().as_bytes()),
        Kind::Int32 => out.extend_from_slice(number.cast_signed().to_string().as_bytes()),
        Kind::Uint64 => return text(&number.to_string(), out),
        Kind::Int64 => return text(&number.cast_signed().to_string(), out),
        Kind::Text | Kind::Message(_) => return None,
    }
    Some(())
}

fn text(text: &str, out: &mut Vec<u8>) -> Option<()> {
    serde_json::to_writer(out, text).ok()
}
