//! The split of one event into a clear body and sealed slots, and the leaves of a slot.
//!
//! Bytes are moved along the descriptor tables; there is no code per type, so no second list of what
//! is sealed (S-1). The bytes given are those of `FactData` or of a slot that was opened and checked.

use crate::canonical::{Source, canonical};
use crate::table::{Kind, Message, Sealed, SlotType, alias, envelope, person};
use crate::wire::{LENGTH, Reader, Value, close_nested, put_bytes, put_tag};
use crate::{EnvelopeClear, EventId, Fact, FactData, Personal, SlotError, SlotNumber, json_out};

/// A natural identifier of a person in one system.
pub struct Alias {
    /// Registered code of the system.
    pub system: String,
    /// The person's id there.
    pub local_id: Personal<String>,
}

/// By what a person can be found: aliases decide who it is, the rest is only searched by.
#[derive(Default)]
pub struct SubjectReference {
    /// Aliases; the only thing that joins.
    pub aliases: Vec<Alias>,
    /// Names, former ones included.
    pub names: Vec<Personal<String>>,
    /// Dates of birth, `YYYY-MM-DD`.
    pub dates_of_birth: Vec<Personal<String>>,
    /// Postcodes, as sent.
    pub postcodes: Vec<Personal<String>>,
    /// E-mail addresses, as sent.
    pub emails: Vec<Personal<String>>,
    /// Telephone numbers, as sent.
    pub telephones: Vec<Personal<String>>,
}

/// The values of one slot, deterministic proto3.
pub struct SlotValues {
    /// Slot number.
    pub number: SlotNumber,
    /// The bytes.
    pub values: Personal<Vec<u8>>,
}

/// An event in two: what the record says, and what is sealed.
pub struct Split {
    /// The fact.
    pub fact: &'static Fact,
    /// Clear fields, clear envelope included, deterministic proto3.
    pub body: Vec<u8>,
    /// The clear envelope, typed.
    pub clear: EnvelopeClear,
    /// Slot 0 first, then one per mention in the order of field and element.
    pub slots: Vec<SlotValues>,
    /// By what the subject can be found.
    pub subject: SubjectReference,
    /// The same for each mention, in the order of `slots[1..]`.
    pub mentions: Vec<SubjectReference>,
}

/// One leaf field of a slot.
#[derive(Clone, Copy)]
pub struct Leaf<'a> {
    /// Field numbers down to the leaf, without the slot number.
    pub path: &'static [u32],
    /// Its bytes, tag included, all elements of a repeated field in order; empty: absent.
    pub value: &'a [u8],
}

/// Splits an event. The id becomes the first value of slot 0, so slot 0 always exists.
pub fn split(data: FactData, id: &EventId) -> Split {
    let fact = data.fact();
    let wire = data.wire().expose();
    let mut body = Vec::with_capacity(wire.len());
    let mut slot0 = Personal::new(Vec::with_capacity(wire.len() + id.expose().len() + 16));
    let mut out = Split {
        fact,
        body: Vec::new(),
        clear: EnvelopeClear::default(),
        slots: Vec::new(),
        subject: SubjectReference::default(),
        mentions: Vec::new(),
    };
    let mut mentions = Vec::new();
    let mut reader = Reader::new(wire);
    let mut place = 0;
    let mut enveloped = false;
    loop {
        let before = reader.rest;
        let Some(element) = reader.element() else {
            break;
        };
        let whole = before
            .get(..before.len() - reader.rest.len())
            .unwrap_or_default();
        place = fact
            .wire
            .place_of(element.number, place)
            .expect("FactData holds known fields only");
        let sealed = fact
            .wire
            .fields
            .get(place)
            .map_or(Sealed::Subject, |field| field.sealed);
        match (element.number, sealed, element.value) {
            (1, _, Value::Bytes(bytes)) => {
                enveloped = true;
                out.clear = split_envelope(bytes, id, &mut body, slot0.expose_mut());
            }
            (_, Sealed::Clear, _) => body.extend_from_slice(whole),
            (number, Sealed::Subject, value) => {
                if !enveloped {
                    enveloped = true;
                    split_envelope(&[], id, &mut body, slot0.expose_mut());
                }
                slot0.expose_mut().extend_from_slice(whole);
                if let (2, Value::Bytes(bytes)) = (number, value) {
                    out.subject = SubjectReference::of(bytes);
                }
            }
            (_, Sealed::Mention, value) => {
                if let Value::Bytes(bytes) = value {
                    out.mentions.push(SubjectReference::of(bytes));
                }
                mentions.push(Personal::new(whole.to_vec()));
            }
        }
    }
    if !enveloped {
        split_envelope(&[], id, &mut body, slot0.expose_mut());
    }
    out.body = body;
    out.slots = (0..)
        .map(SlotNumber)
        .zip(std::iter::once(slot0).chain(mentions))
        .map(|(number, values)| SlotValues { number, values })
        .collect();
    out
}

/// Parts the envelope at its first sealed field: clear fields have the lower numbers, the id is first
/// among the sealed ones (both checked when the catalogue is built).
fn split_envelope(
    bytes: &[u8],
    id: &EventId,
    body: &mut Vec<u8>,
    slot0: &mut Vec<u8>,
) -> EnvelopeClear {
    let mut reader = Reader::new(bytes);
    let mut clear = 0;
    while let Some(element) = reader.element() {
        if element.number >= envelope::ID {
            break;
        }
        clear = bytes.len() - reader.rest.len();
    }
    let (clear, sealed) = bytes.split_at_checked(clear).unwrap_or((bytes, &[]));
    if !clear.is_empty() {
        put_bytes(body, 1, clear);
    }
    put_tag(slot0, 1, LENGTH);
    let start = slot0.len();
    slot0.push(0);
    put_bytes(slot0, envelope::ID, id.expose().as_bytes());
    slot0.extend_from_slice(sealed);
    close_nested(slot0, start);
    EnvelopeClear::of_bytes(clear)
}

impl SubjectReference {
    /// Reads the checked bytes of a Person.
    fn of(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let mut reader = Reader::new(bytes);
        while let Some(element) = reader.element() {
            let Value::Bytes(bytes) = element.value else {
                continue;
            };
            let list = match element.number {
                person::NAME | person::FORMER_NAMES => &mut found.names,
                person::DATE_OF_BIRTH => &mut found.dates_of_birth,
                person::POSTCODE => &mut found.postcodes,
                person::EMAILS => &mut found.emails,
                person::TELEPHONES => &mut found.telephones,
                person::ALIASES => {
                    found.aliases.push(Alias::of(bytes));
                    continue;
                }
                _ => continue,
            };
            list.push(Personal::new(text(bytes)));
        }
        found
    }
}

/// By what the values of a slot name their person: slot 0 its subject, any other the one mentioned. Bytes
/// that are no such values name nobody.
pub fn reference_in(slot: SlotNumber, values: &[u8]) -> SubjectReference {
    let mut reader = Reader::new(values);
    while let Some(element) = reader.element() {
        if let (true, Value::Bytes(bytes)) = (slot.0 > 0 || element.number == 2, element.value) {
            return SubjectReference::of(bytes);
        }
    }
    SubjectReference::default()
}

impl Alias {
    fn of(bytes: &[u8]) -> Self {
        let mut found = Self {
            system: String::new(),
            local_id: Personal::new(String::new()),
        };
        let mut reader = Reader::new(bytes);
        while let Some(element) = reader.element() {
            match (element.number, element.value) {
                (alias::SYSTEM, Value::Bytes(bytes)) => found.system = text(bytes),
                (alias::LOCAL_ID, Value::Bytes(bytes)) => {
                    found.local_id = Personal::new(text(bytes))
                }
                _ => {}
            }
        }
        found
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .unwrap_or_default()
}

/// The type of a slot. A mention's values begin with the number of the field that mentions.
pub(crate) fn slot_type(
    fact: &'static Fact,
    slot: SlotNumber,
    values: &[u8],
) -> Result<&'static SlotType, SlotError> {
    if slot.0 == 0 {
        return Ok(fact.slot0);
    }
    let first = Reader::new(values).element().ok_or(SlotError::NoSuchSlot)?;
    let is = |kind: &&&'static SlotType| {
        kind.message
            .fields
            .first()
            .is_some_and(|field| field.number == first.number)
    };
    fact.mentions
        .iter()
        .find(is)
        .copied()
        .ok_or(SlotError::NoSuchSlot)
}

/// All leaf fields of a slot in path order, absent ones included: what its tree commits to.
///
/// # Errors
/// `SlotError` where the bytes are not values of that slot in ascending order.
pub fn leaves<'a>(
    fact: &'static Fact,
    slot: SlotNumber,
    values: &'a [u8],
) -> Result<Vec<Leaf<'a>>, SlotError> {
    let kind = slot_type(fact, slot, values)?;
    leaves_of(kind, values).ok_or(SlotError::NotDeterministic)
}

/// The leaves of bytes of a slot type.
pub(crate) fn leaves_of<'a>(kind: &'static SlotType, values: &'a [u8]) -> Option<Vec<Leaf<'a>>> {
    let mut found = Vec::with_capacity(kind.leaves.len());
    let mut paths = kind.leaves.iter();
    descend(kind.message, values, &mut paths, &mut found)?;
    Some(found)
}

fn descend<'a>(
    message: &'static Message,
    bytes: &'a [u8],
    paths: &mut std::slice::Iter<'static, &'static [u32]>,
    found: &mut Vec<Leaf<'a>>,
) -> Option<()> {
    let mut reader = Reader::new(bytes);
    for field in message.fields {
        match field.kind {
            Kind::Message(inner) if !field.repeated => {
                let mut ahead = reader;
                let inside = match ahead
                    .element()
                    .map(|element| (element.number, element.value))
                {
                    Some((number, Value::Bytes(inside))) if number == field.number => {
                        reader = ahead;
                        inside
                    }
                    _ => &[],
                };
                descend(inner, inside, paths, found)?;
            }
            _ => {
                let from = reader.rest;
                let mut ahead = reader;
                while ahead
                    .element()
                    .is_some_and(|element| element.number == field.number)
                {
                    reader = ahead;
                    if !field.repeated {
                        break;
                    }
                }
                let value = from.get(..from.len() - reader.rest.len())?;
                found.push(Leaf {
                    path: paths.next()?,
                    value,
                });
            }
        }
    }
    reader.is_empty().then_some(())
}

/// The values of a slot as JSON text.
///
/// # Errors
/// `SlotError` where the bytes are not the deterministic values of that slot.
pub fn slot_to_json(
    fact: &'static Fact,
    slot: SlotNumber,
    values: &[u8],
) -> Result<Personal<String>, SlotError> {
    let kind = slot_type(fact, slot, values)?;
    let mut again = Personal::new(Vec::with_capacity(values.len() + 16));
    let checked = canonical(kind.message, values, Source::Stored, again.expose_mut());
    if checked.is_err() || again.expose() != values {
        return Err(SlotError::NotDeterministic);
    }
    let mut json = Personal::new(Vec::with_capacity(values.len() * 4 + 256));
    json_out::object(kind.message, values, json.expose_mut()).ok_or(SlotError::NotDeterministic)?;
    let text = String::from_utf8(json.into_inner()).map_err(|_| SlotError::NotDeterministic)?;
    Ok(Personal::new(text))
}

#[cfg(test)]
mod tests;
