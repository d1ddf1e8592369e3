//! `--imported`: marks an event as taken from an older system, in its envelope.
//!
//! Only the one member is written; every other byte stays as it was, so that the door still sees what
//! the file said (a duplicate key, a wrong type). Always: an event it cannot mark is refused, not sent
//! as live.

use std::borrow::Cow;

use intake::admit::json::{self, Member, Rules};
use proto::Personal;
use proto::limits::JSON_DEPTH_MAX;

use super::source::{Event, Refused};

const RULES: Rules = Rules {
    depth_max: JSON_DEPTH_MAX,
    nameable: |key| matches!(key, "data" | "envelope" | "imported"),
};

/// The event with `data.envelope.imported` true.
pub(super) fn mark(event: Event) -> Result<Event, Refused> {
    let line = event.line;
    let refused = |fault: intake::admit::Refusal| Refused {
        field: fault.field.to_string(),
        ..Refused::whole(line, fault.code.as_str(), &fault.rule)
    };
    let outer = json::object(event.bytes.expose(), RULES).map_err(refused)?;
    let Some(data) = value_of(&outer, "data") else {
        let rule = "--imported marks events whose data are JSON; this one has none";
        return Err(Refused {
            field: "data".to_owned(),
            ..Refused::whole(line, "DATA_MISSING", rule)
        });
    };
    let data = json::object(data, RULES).map_err(refused)?;
    let envelope = match value_of(&data, "envelope") {
        Some(envelope) => json::object(envelope, RULES).map_err(refused)?,
        None => Vec::new(),
    };
    let envelope = with(envelope, "imported", b"true");
    let data = with(data, "envelope", envelope.expose());
    let bytes = with(outer, "data", data.expose());
    Ok(Event { line, bytes })
}

fn value_of<'a>(members: &[Member<'a>], key: &str) -> Option<&'a [u8]> {
    let member = members.iter().find(|member| member.key == key)?;
    Some(member.value)
}

/// The object again, with one member replaced or added.
fn with<'a>(mut members: Vec<Member<'a>>, key: &'static str, value: &'a [u8]) -> Personal<Vec<u8>> {
    members.retain(|member| member.key != key);
    members.push(Member {
        key: Cow::Borrowed(key),
        value,
        plain: None,
    });
    let mut out = Personal::new(Vec::new());
    for (place, member) in members.iter().enumerate() {
        let bytes = out.expose_mut();
        bytes.push(if place == 0 { b'{' } else { b',' });
        let key = serde_json::to_string(&*member.key).expect("a text is always JSON");
        bytes.extend_from_slice(key.as_bytes());
        bytes.push(b':');
        bytes.extend_from_slice(member.value);
    }
    out.expose_mut().push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, String> {
        let bytes = Personal::new(text.as_bytes().to_vec());
        match mark(Event { line: 3, bytes }) {
            Ok(event) => Ok(String::from_utf8(event.bytes.into_inner()).expect("text")),
            Err(refused) => Err(refused.code),
        }
    }

    #[test]
    fn one_member_is_written_and_the_rest_stays() {
        let marked = r#"{"id":"a","data":{"x":1.0,"envelope":{"activity":"w","imported":true}}}"#;
        let text = r#"{"id":"a","data":{"x":1.0,"envelope":{"imported":false, "activity":"w"}}}"#;
        assert_eq!(check(text).as_deref(), Ok(marked));
        let bare = r#"{"data":{"x":1}}"#;
        let marked = r#"{"data":{"x":1,"envelope":{"imported":true}}}"#;
        assert_eq!(check(bare).as_deref(), Ok(marked));
    }

    #[test]
    fn what_cannot_be_marked_is_refused() {
        assert_eq!(
            check(r#"{"data_base64":"AA=="}"#),
            Err("DATA_MISSING".to_owned())
        );
        assert_eq!(check(r#"{"data":1}"#), Err("MALFORMED_JSON".to_owned()));
        let twice = check(r#"{"data":{"a":1,"a":2}}"#);
        assert_eq!(twice, Err("DUPLICATE_FIELD".to_owned()));
    }
}
