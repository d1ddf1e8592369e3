//! One event's data as it enters.

use crate::{DecodeError, Fact, Personal};

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
    /// Which fact it is.
    pub fn fact(&self) -> &'static Fact {
        self.fact
    }

    /// The bytes.
    pub fn wire(&self) -> &Personal<Vec<u8>> {
        &self.wire
    }
}

/// Decodes proto3 JSON.
///
/// # Errors
/// The first rule broken, with the path of the field.
pub fn decode_json(_fact: &'static Fact, _data_json: &[u8]) -> Result<FactData, DecodeError> {
    unimplemented!("follows")
}

/// Decodes protobuf bytes, canonical or not.
///
/// # Errors
/// The first rule broken, with the path of the field.
pub fn decode_binary(_fact: &'static Fact, _bytes: &[u8]) -> Result<FactData, DecodeError> {
    unimplemented!("follows")
}
