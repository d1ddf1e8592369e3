//! What `ce-` headers say of an event: all of it in binary mode, nothing new beside a structured one.
//!
//! It reads no bodies. Always: a header that contradicts the event it came with is refused, since a router in between may have gone by it.

use std::borrow::Cow;

use super::super::refusal::Refusal;
use super::super::time;
use super::{ATTRIBUTES, Event, attribute_name, invalid, unknown};

/// A header's value.
pub(super) fn decoded(name: &str, value: &str, place: usize) -> Result<String, Refusal> {
    let rule = "a header is percent-encoded UTF-8";
    percent_decoded(value).ok_or_else(|| invalid(attribute_name(name, place), rule))
}

/// A batch has no attributes of its own.
pub(super) fn none(attributes: &[(String, String)]) -> Result<(), Refusal> {
    match attributes.first() {
        None => Ok(()),
        Some((name, _)) => {
            let rule = "the events of a batch say everything themselves, without ce- headers";
            Err(invalid(attribute_name(name, 0), rule))
        }
    }
}

/// The event, if the headers beside it only repeat what it says (HTTP binding, 3.2.3).
pub(super) fn repeat<'a>(
    attributes: &[(String, String)],
    event: Event<'a>,
) -> Result<Event<'a>, Refusal> {
    for (place, (name, value)) in attributes.iter().enumerate() {
        let value = decoded(name, value, place)?;
        let same = match name.as_str() {
            "specversion" => value == "1.0",
            "id" => value == event.id,
            "source" => value == event.source,
            "type" => value == event.type_name,
            "time" => time::parse_rfc3339(&value) == Some(event.time),
            "traceparent" => event.traceparent.as_deref() == Some(&*value),
            // Its data are the event's own affair; what else it says beside those is dropped unless it is asked for here.
            "data" | "data_base64" => false,
            known if ATTRIBUTES.contains(&known) => event.says(known).as_deref() == Some(&*value),
            _ => return Err(unknown(name, place)),
        };
        if !same {
            let rule =
                "beside a structured event a ce- header is left out or says the same as the event";
            return Err(invalid(Cow::into_owned(attribute_name(name, place)), rule));
        }
    }
    Ok(event)
}

/// A header's value, percent-decoded once as the HTTP binding says (3.1.3.2).
fn percent_decoded(value: &str) -> Option<String> {
    if !value.contains('%') {
        return Some(value.to_owned());
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (pair, after) = rest.split_at_checked(2)?;
        let text = std::str::from_utf8(pair).ok()?;
        bytes.push(
            u8::from_str_radix(text, 16)
                .ok()
                .filter(|_| !text.starts_with('+'))?,
        );
        rest = after;
    }
    String::from_utf8(bytes).ok()
}
