//! The one place where a personal value is in an answer.
//!
//! What it is: opened values on their way to whoever was allowed to see them. Serializing or
//! rendering one prints it: that is its purpose.
//! What it is not: printable for debugging; made by anyone but an opened slot.
//! What always holds: an access event that names the slot was durable before.

use std::fmt;

use proto::Personal;
use serde::{Serialize, Serializer};

use crate::access::Item;

/// One personal value, shown.
pub struct Revealed(Personal<String>);

impl Revealed {
    /// The value, for a renderer.
    pub fn show(&self) -> &str {
        self.0.expose()
    }
}

impl Serialize for Revealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.show())
    }
}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(personal)")
    }
}

/// One field of an opened slot.
#[derive(Debug, Serialize)]
pub struct RevealedField {
    /// Names down to the field, `subject.aliases[0].localId`.
    pub path: String,
    /// Its value.
    pub value: Revealed,
}

/// One slot, opened or not.
#[derive(Debug, Serialize)]
pub struct RevealedSlot {
    /// Which event.
    pub index: u64,
    /// Which slot.
    pub slot: u32,
    /// `open`, `withheld` or `erased`.
    pub state: &'static str,
    /// The fields, in the order of the schema.
    pub fields: Vec<RevealedField>,
    /// Paths, in field numbers, that only the DPO may open.
    pub quarantined: Vec<String>,
}

impl RevealedSlot {
    pub(crate) fn closed(item: Item, state: &'static str) -> Self {
        Self {
            index: item.index.0,
            slot: item.slot.0,
            state,
            fields: Vec::new(),
            quarantined: Vec::new(),
        }
    }

    /// From the slot as JSON; `None` when it is no object.
    pub(crate) fn open(item: Item, json: Personal<String>, hidden: Vec<Vec<u32>>) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(json.expose()).ok()?;
        let mut fields = Vec::new();
        flatten(String::new(), value, &mut fields);
        let quarantined = hidden
            .iter()
            .map(|path| {
                path.iter()
                    .map(u32::to_string)
                    .collect::<Vec<_>>()
                    .join(".")
            })
            .collect();
        Some(Self {
            index: item.index.0,
            slot: item.slot.0,
            state: "open",
            fields,
            quarantined,
        })
    }

    /// The value of a field, by its path.
    pub fn field(&self, path: &str) -> Option<&Revealed> {
        self.fields
            .iter()
            .find(|field| field.path == path)
            .map(|field| &field.value)
    }

    /// Fields whose path begins so.
    pub fn fields_under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a RevealedField> {
        self.fields
            .iter()
            .filter(move |field| field.path.starts_with(prefix))
    }
}

fn flatten(path: String, value: serde_json::Value, fields: &mut Vec<RevealedField>) {
    use serde_json::Value;
    let text = match value {
        Value::Object(members) => {
            for (name, value) in members {
                let below = if path.is_empty() {
                    name
                } else {
                    format!("{path}.{name}")
                };
                flatten(below, value, fields);
            }
            return;
        }
        Value::Array(elements) => {
            for (place, value) in elements.into_iter().enumerate() {
                flatten(format!("{path}[{place}]"), value, fields);
            }
            return;
        }
        Value::Null => return,
        Value::String(text) => text,
        other => other.to_string(),
    };
    fields.push(RevealedField {
        path,
        value: Revealed(Personal::new(text)),
    });
}
