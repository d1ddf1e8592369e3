//! The record: what a link commits to. A stored format.
//!
//! ```text
//! header fields 1..9 (record.proto), ascending ‖ clear body as the field numbered like the fact (>= 64)
//! ```
//!
//! The bytes are deterministic: `decode_record` encodes again and refuses whatever differs, so one
//! record has one encoding. Nothing in it is personal data (S-1); salts and seals lie around it.

use crate::canonical::{Source, canonical};
use crate::catalogue::fact_by_number;
use crate::shape::is_source;
use crate::wire::{LENGTH, Reader, Value, put_bytes, put_nested, put_number, put_tag, put_varint};
use crate::{
    EnvelopeClear, Fact, Hash, Index, NumberInStream, PublisherCode, RecordError, StreamId,
    UnixMillis, clear, json_out, stored,
};
use prost::Message as _;
use serde_json::{Value as Json, json};
use std::convert::Infallible;

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
    /// CloudEvents source: printable ASCII, 1 to `SOURCE_BYTES_MAX` bytes.
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
    /// Clear body, deterministic proto3.
    pub body: Vec<u8>,
}

impl Record {
    /// The clear half, typed.
    pub fn clear(&self) -> clear::Fact {
        clear::Fact::decode(self.fact.number, &self.body)
            .expect("decode_record has checked the body against this type")
    }

    /// The clear envelope.
    pub fn envelope(&self) -> EnvelopeClear {
        EnvelopeClear::of_body(&self.body)
    }

    /// The record as JSON: header fields, `type`, and the clear body as `data`.
    pub fn to_json(&self) -> Json {
        let header = &self.header;
        let mut text = Vec::new();
        let written = json_out::object(self.fact.clear, &self.body, &mut text);
        let data = written.and_then(|()| serde_json::from_slice::<Json>(&text).ok());
        let slots: Vec<Json> = header
            .slots
            .iter()
            .map(|slot| json!({
                "root": hex(&slot.root.0), "digest": hex(&slot.digest.0), "withheld": slot.withheld,
            }))
            .collect();
        json!({
            "type": self.fact.type_name,
            "publisher": header.publisher.as_str(),
            "source": header.source,
            "time": header.time.0,
            "admitted": header.admitted.0,
            "stream": hex(&header.stream.0),
            "number": header.number.0,
            "previous": header.previous.map(|index| index.0),
            "slots": slots,
            "quarantined": header.quarantined,
            "data": data,
        })
    }
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Encodes a record. `body` is the clear body of that fact, as `split` made it; the header's source
/// must be one by `is_source`, else no reader takes the record.
pub fn encode_record(header: &RecordHeader, fact: &'static Fact, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(160 + body.len() + header.slots.len() * 72);
    put_bytes(&mut out, 1, header.publisher.as_str().as_bytes());
    if !header.source.is_empty() {
        put_bytes(&mut out, 2, header.source.as_bytes());
    }
    put_number(&mut out, 3, header.time.0.cast_unsigned());
    put_number(&mut out, 4, header.admitted.0.cast_unsigned());
    put_bytes(&mut out, 5, &header.stream.0);
    put_number(&mut out, 6, header.number.0);
    put_number(
        &mut out,
        7,
        header.previous.map_or(0, |index| index.0.wrapping_add(1)),
    );
    for slot in &header.slots {
        nested(&mut out, 8, |out| {
            put_bytes(out, 1, &slot.root.0);
            put_bytes(out, 2, &slot.digest.0);
            put_number(out, 3, u64::from(slot.withheld));
        });
    }
    for path in &header.quarantined {
        nested(&mut out, 9, |out| {
            if !path.is_empty() {
                nested(out, 1, |out| {
                    path.iter().for_each(|n| put_varint(out, u64::from(*n)))
                });
            }
        });
    }
    put_bytes(&mut out, fact.number, body);
    out
}

fn nested(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    put_tag(out, number, LENGTH);
    let done: Result<(), Infallible> = put_nested(out, |out| {
        write(out);
        Ok(())
    });
    match done {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

/// Decodes a record.
///
/// # Errors
/// `RecordError` for anything but the deterministic bytes of a fact in this catalogue.
pub fn decode_record(bytes: &[u8]) -> Result<Record, RecordError> {
    let (front, fact, body) = part(bytes)?;
    let mut again = Vec::with_capacity(body.len());
    canonical(fact.clear, body, Source::Stored, &mut again).map_err(|_| RecordError::Malformed)?;
    let read = stored::Record::decode(front).map_err(|_| RecordError::Malformed)?;
    let record = Record {
        header: header(read)?,
        fact,
        body: again,
    };
    // Unknown or repeated header fields, defaults, long varints, a body in disorder: all end here.
    if encode_record(&record.header, fact, &record.body) == bytes {
        Ok(record)
    } else {
        Err(RecordError::NotDeterministic)
    }
}

/// Parts the bytes at the body, which is the last field.
fn part(bytes: &[u8]) -> Result<(&[u8], &'static Fact, &[u8]), RecordError> {
    let mut reader = Reader::new(bytes);
    loop {
        let front = bytes.len() - reader.rest.len();
        let element = reader.element().ok_or(RecordError::Malformed)?;
        if element.number < 64 {
            continue;
        }
        let fact = fact_by_number(element.number).ok_or(RecordError::UnknownFact)?;
        let front = bytes.get(..front).ok_or(RecordError::Malformed)?;
        return match element.value {
            Value::Bytes(body) if reader.is_empty() => Ok((front, fact, body)),
            Value::Bytes(_) => Err(RecordError::NotDeterministic),
            Value::Varint(_) => Err(RecordError::Malformed),
        };
    }
}

fn header(read: stored::Record) -> Result<RecordHeader, RecordError> {
    let hash = |bytes: Vec<u8>| bytes.try_into().map(Hash).map_err(|_| RecordError::Header);
    let seal = |slot: stored::SlotSeal| {
        Ok(SlotSeal {
            root: hash(slot.root)?,
            digest: hash(slot.digest)?,
            withheld: slot.withheld,
        })
    };
    if !is_source(&read.source) {
        return Err(RecordError::Header);
    }
    Ok(RecordHeader {
        publisher: PublisherCode::new(read.publisher).map_err(|_| RecordError::Header)?,
        source: read.source,
        time: UnixMillis(read.time),
        admitted: UnixMillis(read.admitted),
        stream: read
            .stream
            .try_into()
            .map(StreamId)
            .map_err(|_| RecordError::Header)?,
        number: NumberInStream(read.number),
        previous: read.previous_plus_one.checked_sub(1).map(Index),
        slots: read
            .slots
            .into_iter()
            .map(seal)
            .collect::<Result<_, RecordError>>()?,
        quarantined: read
            .quarantined
            .into_iter()
            .map(|path| path.numbers)
            .collect(),
    })
}

#[cfg(test)]
mod tests;
