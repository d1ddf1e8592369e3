//! The record: what a link commits to.

use crate::{
    EnvelopeClear, Fact, Hash, Index, NumberInStream, PublisherCode, RecordError, StreamId,
    UnixMillis,
};

/// What a record says of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotSeal {
    /// Root of the slot's tree of field commitments.
    pub root: Hash,
    /// SHA-256 of its ciphertext.
    pub digest: Hash,
    /// Recorded without its bytes, because the person mentioned is fenced.
    pub withheld: bool,
}

/// The part of a record that every fact has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordHeader {
    /// Publisher; a ledger's or officer's fact has the code the ledger uses for itself.
    pub publisher: PublisherCode,
    /// CloudEvents source.
    pub source: String,
    /// The publisher's time.
    pub time: UnixMillis,
    /// When the ledger admitted it.
    pub admitted: UnixMillis,
    /// Stream.
    pub stream: StreamId,
    /// Number in the stream.
    pub number: NumberInStream,
    /// Index of the stream's previous record.
    pub previous: Option<Index>,
    /// One per slot, slot 0 first.
    pub slots: Vec<SlotSeal>,
    /// Paths (slot number, field numbers) that only the DPO may open.
    pub quarantined: Vec<Vec<u32>>,
}

/// A decoded record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Header.
    pub header: RecordHeader,
    /// The fact.
    pub fact: &'static Fact,
    /// Clear body.
    pub body: Vec<u8>,
}

impl Record {
    /// The clear envelope.
    pub fn envelope(&self) -> EnvelopeClear {
        unimplemented!("follows")
    }

    /// The record as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        unimplemented!("follows")
    }
}

/// Encodes a record.
pub fn encode_record(_header: &RecordHeader, _fact: &'static Fact, _body: &[u8]) -> Vec<u8> {
    unimplemented!("follows")
}

/// Decodes a record.
///
/// # Errors
/// `RecordError` for anything but the deterministic bytes.
pub fn decode_record(_bytes: &[u8]) -> Result<Record, RecordError> {
    unimplemented!("follows")
}
