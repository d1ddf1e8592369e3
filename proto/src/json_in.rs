//! Proto3 JSON in, protobuf bytes out, in one pass along the descriptors.
//!
//! Nulls are dropped, duplicate keys and unknown fields refused. The bytes come in the order of the
//! JSON and still have to go through `canonical`, which checks every value. Nesting is bounded by the
//! type: what goes deeper is a wrong type. No text of the parser is passed on; it echoes values (S-1).

use crate::canonical::{Refusal, Step};
use crate::table::{Field, Kind, Message};
use crate::wire::{LENGTH, VARINT, close_nested, put_bytes, put_tag, put_varint};
use crate::{DecodeError, RuleCode};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use std::fmt;

/// Turns JSON text of a message into its protobuf bytes.
pub(crate) fn transcode(
    message: &'static Message,
    json: &str,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let mut pen = Pen {
        out,
        rule: None,
        steps: Vec::new(),
    };
    let mut parser = serde_json::Deserializer::from_str(json);
    let read = parser.deserialize_map(Fields {
        message,
        pen: &mut pen,
    });
    match read {
        Ok(()) => parser.end().map_err(|_| whole(RuleCode::MalformedJson)),
        Err(error) => Err(match (pen.rule, error.classify()) {
            (Some(rule), _) => Refusal {
                rule,
                steps: pen.steps,
            }
            .into(),
            (None, Category::Data) => Refusal {
                rule: RuleCode::WrongType,
                steps: pen.steps,
            }
            .into(),
            // A number that no type holds is JSON all the same; the parser has no class of its own for it.
            (None, _) if error.to_string().starts_with("number out of range") => Refusal {
                rule: RuleCode::OutOfRange,
                steps: pen.steps,
            }
            .into(),
            (None, _) => whole(RuleCode::MalformedJson),
        }),
    }
}

fn whole(rule: RuleCode) -> DecodeError {
    DecodeError {
        path: String::new(),
        rule,
    }
}

/// Where the bytes go, and what went wrong.
struct Pen<'o> {
    out: &'o mut Vec<u8>,
    rule: Option<RuleCode>,
    /// Filled from the inside out while an error travels up.
    steps: Vec<Step>,
}

impl Pen<'_> {
    fn refuse<E: serde::de::Error>(&mut self, rule: RuleCode) -> E {
        self.rule = Some(rule);
        E::custom(rule.code())
    }
}

/// The fields of a message.
struct Fields<'p, 'o> {
    message: &'static Message,
    pen: &'p mut Pen<'o>,
}

impl<'de> Visitor<'de> for Fields<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = 0_u128;
        let mut hint = 0;
        while let Some(place) = map.next_key_seed(Key {
            message: self.message,
            hint,
        })? {
            let known = place.and_then(|place| self.message.fields.get(place).map(|f| (place, f)));
            let Some((place, field)) = known else {
                return Err(self.pen.refuse(RuleCode::UnknownField));
            };
            hint = place + 1;
            if seen & (1 << place) != 0 {
                self.pen.steps.push(Step::Field(field));
                return Err(self.pen.refuse(RuleCode::DuplicateField));
            }
            seen |= 1 << place;
            if let Err(error) = map.next_value_seed(Nullable {
                field,
                pen: self.pen,
            }) {
                self.pen.steps.push(Step::Field(field));
                return Err(error);
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Fields<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// A field's name; gives its place, or nothing if there is no such field.
struct Key {
    message: &'static Message,
    hint: usize,
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.message.place_named(name, self.hint))
    }
}

/// A field's value or null; null is as good as absent.
struct Nullable<'p, 'o> {
    field: &'static Field,
    pen: &'p mut Pen<'o>,
}

impl<'de> DeserializeSeed<'de> for Nullable<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Nullable<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { field, pen } = self;
        if field.repeated {
            deserializer.deserialize_seq(Elements { field, pen })
        } else {
            One { field, pen }.deserialize(deserializer)
        }
    }
}

/// The elements of a repeated field.
struct Elements<'p, 'o> {
    field: &'static Field,
    pen: &'p mut Pen<'o>,
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let Self { field, pen } = self;
        let mut number = 0;
        loop {
            match sequence.next_element_seed(One {
                field,
                pen: &mut *pen,
            }) {
                Ok(Some(())) => number += 1,
                Ok(None) => return Ok(()),
                Err(error) => {
                    pen.steps.push(Step::Element(number));
                    return Err(error);
                }
            }
        }
    }
}

/// One value, written with its tag.
struct One<'p, 'o> {
    field: &'static Field,
    pen: &'p mut Pen<'o>,
}

impl One<'_, '_> {
    fn number<E>(self, value: u64) -> Result<(), E> {
        put_tag(self.pen.out, self.field.number, VARINT);
        put_varint(self.pen.out, value);
        Ok(())
    }

    fn integer<E: serde::de::Error>(self, value: i128) -> Result<(), E> {
        let fits = match self.field.kind {
            Kind::Uint32 => u32::try_from(value).is_ok(),
            Kind::Uint64 => u64::try_from(value).is_ok(),
            Kind::Int32 | Kind::Enum(_) => i32::try_from(value).is_ok(),
            Kind::Int64 => i64::try_from(value).is_ok(),
            _ => return Err(self.pen.refuse(RuleCode::WrongType)),
        };
        if fits {
            self.number(value as u64)
        } else {
            Err(self.pen.refuse(RuleCode::OutOfRange))
        }
    }
}

impl<'de> DeserializeSeed<'de> for One<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.field.kind {
            Kind::Text => deserializer.deserialize_str(self),
            Kind::Bool => deserializer.deserialize_bool(self),
            Kind::Message(_) => deserializer.deserialize_map(self),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for One<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the field's type")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        match self.field.kind {
            Kind::Text => {
                put_bytes(self.pen.out, self.field.number, text.as_bytes());
                Ok(())
            }
            Kind::Enum(vocabulary) => match vocabulary.number_of(text) {
                Some(number) => self.integer(i128::from(number)),
                None => Err(self.pen.refuse(RuleCode::UnknownCode)),
            },
            Kind::Uint32 | Kind::Uint64 | Kind::Int32 | Kind::Int64 => match decimal(text) {
                Some(value) => self.integer(value),
                None => Err(self.pen.refuse(RuleCode::WrongType)),
            },
            _ => Err(self.pen.refuse(RuleCode::WrongType)),
        }
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        match self.field.kind {
            Kind::Bool => self.number(u64::from(value)),
            _ => Err(self.pen.refuse(RuleCode::WrongType)),
        }
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.integer(i128::from(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.integer(i128::from(value))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.field.kind else {
            return Err(A::Error::custom("not a message"));
        };
        put_tag(self.pen.out, self.field.number, LENGTH);
        let start = self.pen.out.len();
        self.pen.out.push(0);
        Fields {
            message,
            pen: &mut *self.pen,
        }
        .visit_map(map)?;
        close_nested(self.pen.out, start);
        Ok(())
    }
}

/// A whole number as proto3 JSON writes 64-bit ones: decimal digits with at most a minus sign.
fn decimal(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
