//! `ask event`: one event by its index, its clear record and, when allowed, its values.
//!
//! What it is not: a way to find out whose event it is; it is looked at without naming a person, and
//! the access event lies in the office's stream.

use fold::Event;
use jiff::civil::Date;
use proto::{Index, Record, SlotNumber};
use serde::Serialize;

use crate::access::{AccessKind, Act, Item, authorise, record_access};
use crate::answer::{Answer, AsOf};
use crate::asof::under_embargo;
use crate::error::QuestionError;
use crate::owner::{Actor, Owner};
use crate::revealed::RevealedSlot;
use crate::roles::Right;
use crate::sheet::{Sheet, Sheets};
use crate::wording;

/// The answer.
#[derive(Debug, Serialize)]
pub struct EventAnswer {
    /// Place in the chain.
    pub index: u64,
    /// BLAKE3 of its link, hexadecimal.
    pub link_hash: String,
    /// The clear record; `None` when its key was destroyed at the end of its period.
    pub record: Option<serde_json::Value>,
    /// The fact; empty when the record is gone.
    pub fact: &'static str,
    /// Slots that were sealed.
    pub slots: usize,
    /// Opened slots, when values were asked for.
    pub revealed: Vec<RevealedSlot>,
}

/// Asks for one event.
///
/// # Errors
/// As [`QuestionError`] says; nothing was shown then.
pub fn ask(
    owner: &dyn Owner,
    actor: &Actor,
    index: Index,
    reveal: bool,
) -> Result<Answer<EventAnswer>, QuestionError> {
    let act = Act {
        actor,
        right: Right::AskEvent,
        question: "event",
        person: None,
    };
    authorise(owner, &act)?;
    let head = owner.head();
    if index >= head {
        return Err(QuestionError::NotYet {
            last: head.0.checked_sub(1).map(Index),
        });
    }
    let Event {
        link_hash, record, ..
    } = owner.event(index)?.ok_or(QuestionError::NotFound)?;
    let sees_all = actor.role_for(Right::SeeEmbargoed).is_some();
    let hidden = |record: &Record| embargoed(record, owner.today());
    if !sees_all && record.as_ref().is_some_and(hidden) {
        return Err(QuestionError::NotFound);
    }
    let slots = record
        .as_ref()
        .map_or(0, |record| record.header.slots.len());
    let numbers = 0..u32::try_from(slots).unwrap_or(u32::MAX);
    let items: Vec<Item> = match reveal {
        true => numbers
            .map(|slot| Item {
                index,
                slot: SlotNumber(slot),
            })
            .collect(),
        false => Vec::new(),
    };
    let kind = match items.is_empty() {
        true => AccessKind::RecordViewed { count: 1 },
        false => AccessKind::ValuesRevealed { items: &items },
    };
    let granted = record_access(owner, &act, kind)?;
    let mut revealed = Vec::new();
    if let Some(record) = &record {
        for &item in &items {
            revealed.push(granted.open(owner, record, item)?);
        }
    }
    let as_of = AsOf::new(Some(head.0 - 1), head.0, owner.checkpoint(), None);
    let answer = EventAnswer {
        index: index.0,
        link_hash: hex(&link_hash.0),
        fact: record.as_ref().map_or("", |record| record.fact.name),
        record: record.as_ref().map(|record| clear(record, sees_all)),
        slots,
        revealed,
    };
    Ok(Answer {
        question: "event",
        as_of,
        access_event: Some(granted.recorded().0),
        answer,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn embargoed(record: &Record, today: Date) -> bool {
    use proto::clear::{Fact, Visibility};
    let (visibility, review_on) = match record.clear() {
        Fact::DisclosureRequested(one) => (one.visibility(), one.embargo_review_on),
        Fact::DisclosureMade(one) => (one.visibility(), one.embargo_review_on),
        _ => return false,
    };
    under_embargo(visibility == Visibility::Embargoed, &review_on, today)
}

/// The clear record. Its number in the stream and the event before it count events under embargo too: a gap would tell of them.
fn clear(record: &Record, sees_all: bool) -> serde_json::Value {
    let mut shown = record.to_json();
    if !sees_all && let Some(members) = shown.as_object_mut() {
        members.retain(|name, _| !COUNTING.contains(&name.as_str()));
    }
    shown
}

/// What a record says of its place in its stream.
const COUNTING: [&str; 2] = ["number", "previous"];

impl Sheets for EventAnswer {
    fn sheets(&self) -> Vec<Sheet> {
        let mut sheet = Sheet::new("event", &["field", "value"]);
        sheet.row(["index".into(), self.index.to_string()]);
        sheet.row(["link hash".into(), self.link_hash.clone()]);
        match &self.record {
            Some(record) => put(&mut sheet, String::new(), record),
            None => sheet.row(["record".into(), "gone: its key was destroyed".into()]),
        }
        let mut sheets = vec![sheet];
        if !self.revealed.is_empty() {
            sheets.push(Sheet::of_revealed(&self.revealed));
        }
        sheets
    }
}

/// Clear fields, a row each; instants in milliseconds also as people read them.
fn put(sheet: &mut Sheet, path: String, value: &serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let below = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                put(sheet, below, value);
            }
        }
        Value::Array(elements) if elements.iter().any(|one| one.is_object() || one.is_array()) => {
            for (place, value) in elements.iter().enumerate() {
                put(sheet, format!("{path}[{place}]"), value);
            }
        }
        Value::Array(elements) => {
            let texts: Vec<String> = elements.iter().map(plain).collect();
            sheet.row([path, texts.join(" ")]);
        }
        Value::Number(number) if path == "time" || path == "admitted" => {
            let instant = proto::UnixMillis(number.as_i64().unwrap_or(0));
            sheet.row([path, format!("{} UTC ({number})", wording::minute(instant))]);
        }
        Value::Null => {}
        other => sheet.row([path, plain(other)]),
    }
}

fn plain(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
