//! Any protobuf bytes of a type in, its one deterministic form out: ascending fields, no duplicates,
//! no unknowns, no defaults, minimal varints, packed numbers, no empty messages.
//!
//! The same walk checks the rules of each field, so that JSON, protobuf and stored bytes meet the
//! same rules in the same place. It never fails half-way silently: the first breach ends it.

use crate::limits::ELEMENTS_MAX;
use crate::shape::breach;
use crate::table::{Field, Kind, Message, Sealed, Vocabulary};
use crate::wire::{
    LENGTH, Reader, Value, close_nested, put_bytes, put_number, put_tag, put_varint,
};
use crate::{DecodeError, RuleCode};
use std::fmt::Write;
use zeroize::Zeroizing;

/// Whose bytes they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// From outside: required fields must be there, the ledger's own must not.
    Arrival,
    /// Half of an event, read back from a record or a slot.
    Stored,
}

/// A step of a path, collected from the inside out while an error travels up.
pub(crate) enum Step {
    Field(&'static Field),
    Element(usize),
}

/// A breach and the way to it.
pub(crate) struct Refusal {
    pub(crate) rule: RuleCode,
    pub(crate) steps: Vec<Step>,
}

impl Refusal {
    pub(crate) fn at(rule: RuleCode, field: &'static Field) -> Self {
        Self {
            rule,
            steps: vec![Step::Field(field)],
        }
    }

    fn here(rule: RuleCode) -> Self {
        Self {
            rule,
            steps: Vec::new(),
        }
    }

    fn under(mut self, field: &'static Field, element: Option<usize>) -> Self {
        self.steps.extend(element.map(Step::Element));
        self.steps.push(Step::Field(field));
        self
    }
}

impl From<Refusal> for DecodeError {
    fn from(refusal: Refusal) -> Self {
        let mut path = String::new();
        for step in refusal.steps.iter().rev() {
            match step {
                Step::Field(field) if path.is_empty() => path.push_str(field.json_name),
                Step::Field(field) => {
                    path.push('.');
                    path.push_str(field.json_name);
                }
                Step::Element(number) => {
                    // Writing to a String cannot fail.
                    let _ = write!(path, "[{number}]");
                }
            }
        }
        Self {
            path,
            rule: refusal.rule,
        }
    }
}

/// Appends the deterministic form of `bytes` to `out`.
pub(crate) fn canonical(
    message: &'static Message,
    bytes: &[u8],
    source: Source,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let mut walk = Walk {
        source,
        found: Vec::with_capacity(64),
    };
    walk.message(message, bytes, out)
}

/// One element as found, to be brought into order.
#[derive(Clone, Copy)]
struct Found<'a> {
    place: usize,
    value: Value<'a>,
}

struct Walk<'a> {
    source: Source,
    /// Elements of the messages being walked, innermost last: one allocation for all.
    found: Vec<Found<'a>>,
}

impl<'a> Walk<'a> {
    fn message(
        &mut self,
        message: &'static Message,
        bytes: &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let base = self.found.len();
        self.collect(message, bytes)?;
        let mut at = base;
        let mut next_required = 0;
        while let Some(first) = self.found.get(at).copied() {
            let rest = self.found.get(at..).unwrap_or_default();
            let count = rest
                .iter()
                .take_while(|one| one.place == first.place)
                .count();
            let field = message
                .fields
                .get(first.place)
                .ok_or(Refusal::here(RuleCode::UnknownField))?;
            let before = out.len();
            self.field(field, at, count, out)?;
            if out.len() > before {
                self.required(message, next_required, first.place)?;
                next_required = first.place + 1;
            }
            at += count;
        }
        self.required(message, next_required, message.fields.len())?;
        self.found.truncate(base);
        Ok(())
    }

    /// Complains about the first required field among those left empty.
    fn required(&self, message: &'static Message, from: usize, to: usize) -> Result<(), Refusal> {
        if self.source == Source::Stored {
            return Ok(());
        }
        let skipped = message.fields.get(from..to).unwrap_or_default();
        match skipped.iter().find(|field| field.required) {
            Some(field) => Err(Refusal::at(RuleCode::Required, field)),
            None => Ok(()),
        }
    }

    fn collect(&mut self, message: &'static Message, bytes: &'a [u8]) -> Result<(), Refusal> {
        let base = self.found.len();
        let mut reader = Reader::new(bytes);
        let (mut last, mut ordered) = (0, true);
        while !reader.is_empty() {
            let element = reader
                .element()
                .ok_or(Refusal::here(RuleCode::MalformedBinary))?;
            let place = message
                .place_of(element.number, last)
                .ok_or(Refusal::here(RuleCode::UnknownField))?;
            ordered &= place >= last;
            last = place;
            self.found.push(Found {
                place,
                value: element.value,
            });
        }
        if !ordered && let Some(own) = self.found.get_mut(base..) {
            own.sort_by_key(|one| one.place);
        }
        Ok(())
    }

    fn field(
        &mut self,
        field: &'static Field,
        at: usize,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        if field.reserved && self.source == Source::Arrival {
            return Err(Refusal::at(RuleCode::Reserved, field));
        }
        if field.repeated && count > ELEMENTS_MAX && self.source == Source::Arrival {
            return Err(Refusal::at(RuleCode::TooMany, field));
        }
        match field.kind {
            Kind::Message(inner) if field.repeated => self.messages(field, inner, at, count, out),
            Kind::Message(inner) => self.nested(field, inner, at, count, out),
            Kind::Text => self.texts(field, at, count, out),
            _ => self.numbers(field, at, count, out),
        }
    }

    fn bytes_at(&self, field: &'static Field, at: usize) -> Result<&'a [u8], Refusal> {
        match self.found.get(at).map(|one| one.value) {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            _ => Err(Refusal::at(RuleCode::MalformedBinary, field)),
        }
    }

    fn messages(
        &mut self,
        field: &'static Field,
        inner: &'static Message,
        at: usize,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        for element in 0..count {
            let bytes = self.bytes_at(field, at + element)?;
            put_tag(out, field.number, LENGTH);
            let start = out.len();
            out.push(0);
            self.message(inner, bytes, out)
                .map_err(|r| r.under(field, Some(element)))?;
            // A mention is a slot: one of nobody would be a slot without a leaf.
            let mention = field.sealed == Sealed::Mention;
            if mention && out.len() == start + 1 && self.source == Source::Arrival {
                return Err(Refusal::here(RuleCode::Required).under(field, Some(element)));
            }
            close_nested(out, start);
        }
        Ok(())
    }

    fn nested(
        &mut self,
        field: &'static Field,
        inner: &'static Message,
        at: usize,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let before = out.len();
        put_tag(out, field.number, LENGTH);
        let start = out.len();
        out.push(0);
        if count == 1 {
            let bytes = self.bytes_at(field, at)?;
            self.message(inner, bytes, out)
                .map_err(|r| r.under(field, None))?;
        } else {
            // Protobuf merges repeated occurrences of one message: the same as joining their bytes.
            let mut joined = Zeroizing::new(Vec::new());
            for element in 0..count {
                joined.extend_from_slice(self.bytes_at(field, at + element)?);
            }
            let mut walk = Walk {
                source: self.source,
                found: Vec::new(),
            };
            walk.message(inner, &joined, out)
                .map_err(|r| r.under(field, None))?;
        }
        if out.len() == start + 1 {
            out.truncate(before);
        } else {
            close_nested(out, start);
        }
        Ok(())
    }

    fn texts(
        &mut self,
        field: &'static Field,
        at: usize,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        for element in 0..count {
            let bytes = self.bytes_at(field, at + element)?;
            let refuse = |rule| {
                let element = field.repeated.then_some(element);
                Refusal::here(rule).under(field, element)
            };
            let text = std::str::from_utf8(bytes).map_err(|_| refuse(RuleCode::InvalidUtf8))?;
            if text.is_empty() && field.repeated && self.source == Source::Arrival {
                return Err(refuse(RuleCode::Required));
            }
            if !text.is_empty()
                && let Some(rule) = breach(field.shape, text)
            {
                return Err(refuse(rule));
            }
            let last = element + 1 == count;
            if field.repeated || (last && !text.is_empty()) {
                put_bytes(out, field.number, bytes);
            }
        }
        Ok(())
    }

    fn numbers(
        &mut self,
        field: &'static Field,
        at: usize,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        // The common case, without a list.
        if !field.repeated
            && let Some(Value::Varint(value)) = self.found.get(at + count - 1).map(|one| one.value)
            && count == 1
        {
            let value = normal(field.kind, value).map_err(|rule| Refusal::at(rule, field))?;
            put_number(out, field.number, value);
            return Ok(());
        }
        let mut all = Vec::new();
        for element in self.found.get(at..at + count).unwrap_or_default() {
            match element.value {
                Value::Varint(value) => all.push(value),
                Value::Bytes(packed) if field.repeated => {
                    let mut reader = Reader::new(packed);
                    while !reader.is_empty() {
                        let value = reader.varint();
                        all.push(value.ok_or(Refusal::at(RuleCode::MalformedBinary, field))?);
                    }
                }
                Value::Bytes(_) => return Err(Refusal::at(RuleCode::MalformedBinary, field)),
            }
        }
        for (element, value) in all.iter_mut().enumerate() {
            let element = field.repeated.then_some(element);
            let refuse = |rule| Refusal::here(rule).under(field, element);
            *value = normal(field.kind, *value).map_err(refuse)?;
            let unstated = *value == 0 && field.repeated && matches!(field.kind, Kind::Enum(_));
            if unstated && self.source == Source::Arrival {
                return Err(refuse(RuleCode::Required));
            }
        }
        if !field.repeated {
            put_number(out, field.number, all.last().copied().unwrap_or(0));
        } else if all.len() > ELEMENTS_MAX && self.source == Source::Arrival {
            return Err(Refusal::at(RuleCode::TooMany, field));
        } else if !all.is_empty() {
            put_tag(out, field.number, LENGTH);
            let start = out.len();
            out.push(0);
            all.iter().for_each(|value| put_varint(out, *value));
            close_nested(out, start);
        }
        Ok(())
    }
}

/// The one way to write a number of that kind.
fn normal(kind: Kind, value: u64) -> Result<u64, RuleCode> {
    let signed = value.cast_signed();
    match kind {
        Kind::Bool => Ok(u64::from(value != 0)),
        Kind::Uint32 if u32::try_from(value).is_err() => Err(RuleCode::OutOfRange),
        Kind::Int32 if i32::try_from(signed).is_err() => Err(RuleCode::OutOfRange),
        Kind::Enum(vocabulary) => known(vocabulary, value),
        _ => Ok(value),
    }
}

fn known(vocabulary: &Vocabulary, value: u64) -> Result<u64, RuleCode> {
    vocabulary
        .word_of(value)
        .map(|_| value)
        .ok_or(RuleCode::UnknownCode)
}
