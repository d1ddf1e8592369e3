//! One event's data as it enters: checked, in its one deterministic form, and in custody.
//!
//! Not here: the CloudEvents attributes around the data, and who may send it; intake judges those.

use crate::canonical::{Source, canonical};
use crate::limits::{EVENT_BYTES_MAX, MENTIONS_MAX};
use crate::table::Sealed;
use crate::wire::Reader;
use crate::{DecodeError, Fact, Personal, RuleCode, json_in};

/// The publisher's CloudEvents id. It lies in slot 0, never in a record.
pub struct EventId(Personal<String>);

impl EventId {
    /// Takes an id, which the caller has checked (1 to `EVENT_ID_BYTES_MAX` bytes).
    pub fn new(id: Personal<String>) -> Self {
        Self(id)
    }

    /// Lends the id.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// One event's data: deterministic proto3 bytes of the whole message, clear and sealed together.
pub struct FactData {
    fact: &'static Fact,
    wire: Personal<Vec<u8>>,
}

impl FactData {
    /// Takes bytes that `canonical` has just written.
    pub(crate) fn checked(fact: &'static Fact, wire: Personal<Vec<u8>>) -> Self {
        Self { fact, wire }
    }

    /// Which fact it is.
    pub fn fact(&self) -> &'static Fact {
        self.fact
    }

    /// The bytes.
    pub fn wire(&self) -> &Personal<Vec<u8>> {
        &self.wire
    }
}

/// Decodes proto3 JSON. Nulls are dropped; both spellings of a name are taken.
///
/// # Errors
/// The first rule broken, with the path of the field.
pub fn decode_json(fact: &'static Fact, data_json: &[u8]) -> Result<FactData, DecodeError> {
    let whole = |rule| DecodeError {
        path: String::new(),
        rule,
    };
    if data_json.len() > EVENT_BYTES_MAX {
        return Err(whole(RuleCode::TooLarge));
    }
    let text = std::str::from_utf8(data_json).map_err(|_| whole(RuleCode::InvalidUtf8))?;
    // Room for all of it at once: a growing buffer would leave unwiped copies behind.
    let mut bytes = Personal::new(Vec::with_capacity(data_json.len() + 64));
    json_in::transcode(fact.wire, text, bytes.expose_mut())?;
    admit(fact, bytes.expose())
}

/// Decodes protobuf bytes, canonical or not.
///
/// # Errors
/// The first rule broken, with the path of the field.
pub fn decode_binary(fact: &'static Fact, bytes: &[u8]) -> Result<FactData, DecodeError> {
    if bytes.len() > EVENT_BYTES_MAX {
        return Err(DecodeError {
            path: String::new(),
            rule: RuleCode::TooLarge,
        });
    }
    admit(fact, bytes)
}

fn admit(fact: &'static Fact, bytes: &[u8]) -> Result<FactData, DecodeError> {
    let mut wire = Personal::new(Vec::with_capacity(bytes.len() + 64));
    canonical(fact.wire, bytes, Source::Arrival, wire.expose_mut())?;
    if mentions(fact, wire.expose()) > MENTIONS_MAX {
        return Err(DecodeError {
            path: String::new(),
            rule: RuleCode::TooMany,
        });
    }
    Ok(FactData::checked(fact, wire))
}

fn mentions(fact: &'static Fact, wire: &[u8]) -> usize {
    if fact.mentions.is_empty() {
        return 0;
    }
    let mut reader = Reader::new(wire);
    let mut count = 0;
    let mut place = 0;
    while let Some(element) = reader.element() {
        place = fact.wire.place_of(element.number, place).unwrap_or(place);
        let sealed = fact.wire.fields.get(place).map(|field| field.sealed);
        count += usize::from(sealed == Some(Sealed::Mention));
    }
    count
}

#[cfg(test)]
mod tests;
