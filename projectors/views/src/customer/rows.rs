//! The encoding of the customer view's rows: one for each event of a stream.
//!
//! ```text
//! row = version u8 (=2) ‖ index ‖ fact ‖ admitted ‖ said     varints, admitted in seconds; said is
//!                                                            the protobuf of `Said` without fact and
//!                                                            admitted, or nothing
//! ```
//!
//! What always holds: equal items give equal bytes (protobuf without maps, fields ascending); a
//! reader refuses what it would not have written. A row is written once and never changed, so that a
//! fold need not read what it has written before.

use std::error::Error;
use std::fmt;

use prost::Message;
use prost::encoding::{decode_varint, encode_varint};
use proto::{Index, NumberInStream, UnixMillis};

const VERSION: u8 = 2;

/// A row that does not hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowError {
    /// The bytes are not a row of this version.
    Malformed,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of the view does not hold together")
    }
}

impl Error for RowError {}

/// Where one event of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Its number in the stream.
    pub number: NumberInStream,
    /// Its place in the chain.
    pub index: Index,
    /// Number of its fact.
    pub fact: u32,
    /// When it was admitted, to the second: its month names its record key.
    pub admitted: UnixMillis,
}

impl Posting {
    /// Reads the front of a row; the rest is what the event says.
    pub(crate) fn decode(number: NumberInStream, row: &[u8]) -> Result<(Self, &[u8]), RowError> {
        let mut rest = row;
        if rest.split_off_first() != Some(&VERSION) {
            return Err(RowError::Malformed);
        }
        let posting = Self {
            number,
            index: Index(varint(&mut rest)?),
            fact: u32::try_from(varint(&mut rest)?).map_err(|_| RowError::Malformed)?,
            admitted: millis(varint(&mut rest)?)?,
        };
        // Long varints end here.
        match encode(&posting, None).len() + rest.len() == row.len() {
            true => Ok((posting, rest)),
            false => Err(RowError::Malformed),
        }
    }
}

/// What one event of a stream says, in codes.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number in the stream.
    pub number: NumberInStream,
    /// Its place in the chain.
    pub index: Index,
    /// The codes.
    pub said: Said,
}

impl Entry {
    /// What the event says; `None` for a fact that is not the customer's.
    pub(crate) fn decode(posting: &Posting, said: &[u8]) -> Result<Option<Self>, RowError> {
        if said.is_empty() {
            return Ok(None);
        }
        let codes = Said::decode(said).map_err(|_| RowError::Malformed)?;
        if codes.encode_to_vec() != said || codes.fact != 0 || codes.admitted != 0 {
            return Err(RowError::Malformed);
        }
        let admitted = u32::try_from(seconds(posting.admitted));
        Ok(Some(Self {
            number: posting.number,
            index: posting.index,
            said: Said {
                fact: posting.fact,
                admitted: admitted.map_err(|_| RowError::Malformed)?,
                ..codes
            },
        }))
    }
}

/// The row of one event.
pub(crate) fn encode(posting: &Posting, said: Option<Said>) -> Vec<u8> {
    let said = said.map(|said| Said {
        fact: 0,
        admitted: 0,
        ..said
    });
    let length = said.as_ref().map_or(0, Said::encoded_len);
    let mut row = Vec::with_capacity(ROW_FRONT_BYTES_MAX + length);
    row.push(VERSION);
    encode_varint(posting.index.0, &mut row);
    encode_varint(u64::from(posting.fact), &mut row);
    encode_varint(seconds(posting.admitted), &mut row);
    if let Some(said) = said {
        said.encode(&mut row)
            .expect("a growing list of bytes has room for everything");
    }
    row
}

/// Version and three varints.
const ROW_FRONT_BYTES_MAX: usize = 1 + 10 + 5 + 10;

/// The codes of one event, as kept in a row. Never a personal value: everything here is copied from
/// the clear body of a record. An empty text, zero or empty list: not stated.
#[derive(Clone, PartialEq, Message)]
pub struct Said {
    /// Number of the fact; says which of the fields below are used.
    #[prost(uint32, tag = "1")]
    pub fact: u32,
    /// When it was admitted, Unix seconds.
    #[prost(uint32, tag = "2")]
    pub admitted: u32,
    /// The publisher's time, Unix milliseconds.
    #[prost(sint64, tag = "3")]
    pub time: i64,
    /// The publisher: the source of what it says.
    #[prost(string, tag = "4")]
    pub publisher: String,
    /// Purpose.
    #[prost(string, tag = "5")]
    pub purpose: String,
    /// Classes of data: collected, asked for, or disclosed.
    #[prost(string, repeated, tag = "6")]
    pub data_classes: Vec<String>,
    /// Channel word, or channel words of a consent.
    #[prost(string, repeated, tag = "7")]
    pub channels: Vec<String>,
    /// Retention row and its version.
    #[prost(string, tag = "8")]
    pub retention_row: String,
    /// Version of the retention row.
    #[prost(string, tag = "9")]
    pub retention_version: String,
    /// Number in this stream of the event that this one supersedes or closes, plus one.
    #[prost(uint64, tag = "10")]
    pub supersedes_plus_one: u64,
    /// Imported rather than live.
    #[prost(bool, tag = "11")]
    pub imported: bool,
    /// What it is about: service, notice, recipient, requester, form or wording.
    #[prost(string, tag = "12")]
    pub code: String,
    /// Version of the notice, form or wording; gateway of a disclosure.
    #[prost(string, tag = "13")]
    pub version: String,
    /// How: delivery, outcome, method, route, ground.
    #[prost(string, tag = "14")]
    pub how: String,
    /// Date that the fact itself states: closed, expires, needed by, embargo review.
    #[prost(string, tag = "15")]
    pub date: String,
    /// Instant that the fact itself states: collected, given, withdrawn, received, sent.
    #[prost(string, tag = "16")]
    pub instant: String,
    /// Purposes of a consent.
    #[prost(string, repeated, tag = "17")]
    pub purposes: Vec<String>,
    /// Fields of a form, each followed by its data class.
    #[prost(string, repeated, tag = "18")]
    pub fields: Vec<String>,
    /// Lawful bases asserted.
    #[prost(string, repeated, tag = "19")]
    pub bases: Vec<String>,
    /// Left out of what the subject sees until the date.
    #[prost(bool, tag = "20")]
    pub embargoed: bool,
}

fn varint(bytes: &mut &[u8]) -> Result<u64, RowError> {
    decode_varint(bytes).map_err(|_| RowError::Malformed)
}

fn seconds(instant: UnixMillis) -> u64 {
    u64::try_from(instant.0.div_euclid(1000)).unwrap_or(0)
}

fn millis(seconds: u64) -> Result<UnixMillis, RowError> {
    let seconds = i64::try_from(seconds).map_err(|_| RowError::Malformed)?;
    seconds
        .checked_mul(1000)
        .map(UnixMillis)
        .ok_or(RowError::Malformed)
}
