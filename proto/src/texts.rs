//! The sealed free texts of an event, lent one by one to whoever screens them before sealing.
//!
//! Not here: what is screened for. Walks the descriptor tables, so a new field is seen without a
//! change here. Always: texts of a stated shape (codes, dates, hashes) are left out, and a path is made
//! of catalogue names and element numbers only (S-1).

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::split::slot_type;
use crate::table::{Kind, Message, Shape};
use crate::wire::{Reader, Value};
use crate::{Fact, SlotNumber, SlotValues, Split, facts};

/// One sealed text.
pub struct SealedText<'a> {
    /// The slot it will lie in.
    pub slot: SlotNumber,
    /// Field numbers of the leaf field that holds it, without the slot number. A repeated field is
    /// one leaf.
    pub leaf: &'a [u32],
    /// Message that has the field, as in the schema.
    pub message: &'static str,
    /// The field, as in the schema.
    pub field: &'static str,
    /// The text.
    pub text: &'a str,
    steps: &'a [Step],
}

/// One part of a path: a JSON name, and which element of a repeated field.
struct Step {
    name: &'static str,
    element: Option<usize>,
}

impl SealedText<'_> {
    /// Where it stands in the event's data, in JSON names: `values[0].value`.
    pub fn path(&self) -> String {
        let part = |step: &Step| match step.element {
            Some(element) => format!("{}[{element}]", step.name),
            None => step.name.to_owned(),
        };
        self.steps.iter().map(part).collect::<Vec<_>>().join(".")
    }
}

/// Lends every sealed free text of an event, in the order of slots and fields.
pub fn visit_texts(split: &Split, visit: &mut dyn FnMut(&SealedText<'_>)) {
    let mut walk = Walk {
        slot: SlotNumber(0),
        leaf: Vec::new(),
        steps: Vec::new(),
        visit,
    };
    let mut mentioned = (0, 0);
    for slot in &split.slots {
        let values = slot.values.expose();
        let Ok(kind) = slot_type(split.fact, slot.number, values) else {
            continue;
        };
        walk.slot = slot.number;
        let mut start = 0;
        if slot.number.0 > 0
            && let Some(field) = kind.message.fields.first()
        {
            mentioned = if mentioned.0 == field.number {
                (field.number, mentioned.1 + 1)
            } else {
                (field.number, 0)
            };
            start = mentioned.1;
        }
        walk.message(split.fact, kind.message, values, false, start);
    }
}

/// Where a mention stands in the event's data, in JSON names: `thirdParties[1]`. `mention` is its place
/// in `Split::mentions`.
pub fn mention_path(split: &Split, mention: usize) -> String {
    let field = |slot: &SlotValues| {
        let kind = slot_type(split.fact, slot.number, slot.values.expose()).ok()?;
        kind.message.fields.first()
    };
    let mut before = split.slots.iter().skip(1).take(mention + 1).map(field);
    let Some(Some(named)) = before.clone().next_back() else {
        return String::new();
    };
    let of_event = split.fact.wire.place_of(named.number, 0);
    let of_event = of_event.and_then(|place| split.fact.wire.fields.get(place));
    if !of_event.is_some_and(|field| field.repeated) {
        return named.json_name.to_owned();
    }
    let first = before.position(|field| field.is_some_and(|field| field.number == named.number));
    let element = mention.saturating_sub(first.unwrap_or_default());
    format!("{}[{element}]", named.json_name)
}

struct Walk<'v> {
    slot: SlotNumber,
    leaf: Vec<u32>,
    steps: Vec<Step>,
    visit: &'v mut dyn FnMut(&SealedText<'_>),
}

impl Walk<'_> {
    /// `in_leaf`: already inside a repeated field, whose path is the leaf's. `start`: number of the
    /// first element of a mention, whose slot holds one element of what the event repeats.
    fn message(
        &mut self,
        fact: &'static Fact,
        message: &'static Message,
        bytes: &[u8],
        in_leaf: bool,
        start: usize,
    ) {
        let mut reader = Reader::new(bytes);
        let (mut place, mut last, mut element) = (0, 0, start);
        while let Some(found) = reader.element() {
            let Some(at) = message.place_of(found.number, place) else {
                return;
            };
            place = at;
            let Some(field) = message.fields.get(at) else {
                return;
            };
            element = if last == field.number {
                element + 1
            } else {
                start
            };
            last = field.number;
            let Value::Bytes(inside) = found.value else {
                continue;
            };
            let repeated = field.repeated || self.repeats_outside(fact, field.number);
            self.steps.push(Step {
                name: field.json_name,
                element: repeated.then_some(element),
            });
            if !in_leaf {
                self.leaf.push(field.number);
            }
            match field.kind {
                Kind::Message(inner) => {
                    self.message(fact, inner, inside, in_leaf || field.repeated, 0);
                }
                Kind::Text if field.shape == Shape::Text => {
                    if let Ok(text) = std::str::from_utf8(inside) {
                        (self.visit)(&SealedText {
                            slot: self.slot,
                            leaf: &self.leaf,
                            message: message.name,
                            field: field.name,
                            text,
                            steps: &self.steps,
                        });
                    }
                }
                _ => {}
            }
            if !in_leaf {
                self.leaf.pop();
            }
            self.steps.pop();
        }
    }

    /// Whether this is the field of a mention that the event repeats; its slot holds one element.
    fn repeats_outside(&self, fact: &'static Fact, number: u32) -> bool {
        self.slot.0 > 0
            && self.steps.is_empty()
            && fact
                .wire
                .place_of(number, 0)
                .and_then(|place| fact.wire.fields.get(place))
                .is_some_and(|field| field.repeated)
    }
}

/// Every (message, field) of a sealed free text in the catalogue, for a table that people review.
pub fn sealed_text_fields() -> BTreeSet<(&'static str, &'static str)> {
    let mut found = BTreeSet::new();
    for fact in facts() {
        let slots = std::iter::once(&fact.slot0).chain(fact.mentions);
        for slot in slots {
            each_field(slot.message, &mut |message, field| {
                if matches!(field.kind, Kind::Text) && field.shape == Shape::Text {
                    found.insert((message.name, field.name));
                }
            });
        }
    }
    found
}

/// Whether a name is that of any field in the catalogue, in either spelling: only such names may be
/// echoed to a caller.
pub fn is_field_name(name: &str) -> bool {
    static NAMES: OnceLock<BTreeSet<&'static str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let mut names = BTreeSet::new();
        for fact in facts() {
            each_field(fact.wire, &mut |_, field| {
                names.insert(field.name);
                names.insert(field.json_name);
            });
        }
        names
    });
    names.contains(name)
}

fn each_field(
    message: &'static Message,
    visit: &mut dyn FnMut(&'static Message, &'static crate::table::Field),
) {
    for field in message.fields {
        visit(message, field);
        if let Kind::Message(inner) = field.kind {
            each_field(inner, visit);
        }
    }
}

#[cfg(test)]
mod tests;
