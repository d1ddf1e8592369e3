//! The encoding of the customer view's rows.
//!
//! ```text
//! row      = version u8 (=1) ‖ items
//! posting  = gap ‖ index ‖ fact ‖ admitted            all varints; gap and index count from the
//! entry    = gap ‖ length ‖ protobuf of EntryWire     item before in the row, admitted in seconds
//! ```
//!
//! What always holds: items ascend by number and index; equal items give equal bytes (protobuf
//! without maps, fields ascending); a reader refuses what it would not have written.

use std::error::Error;
use std::fmt;

use prost::Message;
use prost::encoding::{decode_varint, encode_varint};
use proto::{Index, NumberInStream, UnixMillis};

const VERSION: u8 = 1;

/// A row that does not hold together, or an event that does not fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowError {
    /// The bytes are not a row of this version.
    Malformed,
    /// An event has a number that the stream already has, or comes before an earlier one.
    OutOfOrder,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "a row of the view does not hold together",
            Self::OutOfOrder => "the stream already has an event with this number or a later one",
        })
    }
}

impl Error for RowError {}

/// What a chunk holds: something that one event of a stream left in the view.
pub(crate) trait RowKind: Sized {
    /// Numbers of a stream that share a row.
    const CHUNK_NUMBERS: u64;
    fn number(&self) -> NumberInStream;
    fn index(&self) -> Index;
    fn fact(&self) -> u32;
    fn admitted(&self) -> UnixMillis;
    /// Appends the item, counting from the one before in the row.
    fn put(&self, before: Place, bytes: &mut Vec<u8>);
    /// Steps over one item; its place.
    fn skip(before: Place, bytes: &mut &[u8]) -> Result<Place, RowError>;
    /// Takes one item off the bytes.
    fn take(before: Place, bytes: &mut &[u8]) -> Result<Self, RowError>;
}

/// Number and index of the item before; where the row begins, zero.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place {
    number: u64,
    index: u64,
}

/// The items of one row.
pub(crate) struct Chunk<K> {
    pub(crate) items: Vec<K>,
}

impl<K: RowKind> Chunk<K> {
    pub(crate) fn empty() -> Self {
        Self { items: Vec::new() }
    }

    pub(crate) fn append(&mut self, item: K) -> Result<(), RowError> {
        match self.items.last() {
            Some(last) if last.number() >= item.number() || last.index() >= item.index() => {
                Err(RowError::OutOfOrder)
            }
            _ => {
                self.items.push(item);
                Ok(())
            }
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        let mut before = Place::default();
        for item in &self.items {
            item.put(before, &mut bytes);
            before = Place {
                number: item.number().0,
                index: item.index().0,
            };
        }
        bytes
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, RowError> {
        let all = bytes;
        let version = bytes.split_off_first().ok_or(RowError::Malformed)?;
        if *version != VERSION {
            return Err(RowError::Malformed);
        }
        let mut chunk = Self::empty();
        let mut before = Place::default();
        while !bytes.is_empty() {
            let item = K::take(before, &mut bytes)?;
            before = Place {
                number: item.number().0,
                index: item.index().0,
            };
            chunk.append(item)?;
        }
        if chunk.items.is_empty() || chunk.encode() != all {
            return Err(RowError::Malformed);
        }
        Ok(chunk)
    }
}

/// A row with one more item, the others as they are: most of the cost of a fold would be decoding
/// what is only carried along. Whoever reads the row decodes and checks all of it.
pub(crate) fn appended<K: RowKind>(row: Option<Vec<u8>>, item: &K) -> Result<Vec<u8>, RowError> {
    let mut row = row.unwrap_or_else(|| vec![VERSION]);
    let mut rest = row.as_slice();
    if rest.split_off_first() != Some(&VERSION) {
        return Err(RowError::Malformed);
    }
    let mut last = None;
    while !rest.is_empty() {
        last = Some(K::skip(last.unwrap_or_default(), &mut rest)?);
    }
    let before = last.unwrap_or_default();
    let follows = item.number().0 > before.number && item.index().0 > before.index;
    if last.is_some() && !follows {
        return Err(RowError::OutOfOrder);
    }
    item.put(before, &mut row);
    Ok(row)
}

fn step(before: Place, bytes: &mut &[u8]) -> Result<Place, RowError> {
    let number = before
        .number
        .checked_add(varint(bytes)?)
        .ok_or(RowError::Malformed)?;
    let index = before
        .index
        .checked_add(varint(bytes)?)
        .ok_or(RowError::Malformed)?;
    Ok(Place { number, index })
}

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

impl RowKind for Posting {
    const CHUNK_NUMBERS: u64 = 64;

    fn number(&self) -> NumberInStream {
        self.number
    }

    fn index(&self) -> Index {
        self.index
    }

    fn fact(&self) -> u32 {
        self.fact
    }

    fn admitted(&self) -> UnixMillis {
        self.admitted
    }

    fn put(&self, before: Place, bytes: &mut Vec<u8>) {
        encode_varint(self.number.0.wrapping_sub(before.number), bytes);
        encode_varint(self.index.0.wrapping_sub(before.index), bytes);
        encode_varint(u64::from(self.fact), bytes);
        encode_varint(seconds(self.admitted), bytes);
    }

    fn skip(before: Place, bytes: &mut &[u8]) -> Result<Place, RowError> {
        let place = step(before, bytes)?;
        varint(bytes)?;
        varint(bytes)?;
        Ok(place)
    }

    fn take(before: Place, bytes: &mut &[u8]) -> Result<Self, RowError> {
        let Place { number, index } = step(before, bytes)?;
        let fact = u32::try_from(varint(bytes)?).map_err(|_| RowError::Malformed)?;
        Ok(Self {
            number: NumberInStream(number),
            index: Index(index),
            fact,
            admitted: millis(varint(bytes)?)?,
        })
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

impl RowKind for Entry {
    const CHUNK_NUMBERS: u64 = 16;

    fn number(&self) -> NumberInStream {
        self.number
    }

    fn index(&self) -> Index {
        self.index
    }

    fn fact(&self) -> u32 {
        self.said.fact
    }

    fn admitted(&self) -> UnixMillis {
        UnixMillis(i64::from(self.said.admitted) * 1000)
    }

    fn put(&self, before: Place, bytes: &mut Vec<u8>) {
        encode_varint(self.number.0.wrapping_sub(before.number), bytes);
        encode_varint(self.index.0.wrapping_sub(before.index), bytes);
        let said = self.said.encode_to_vec();
        encode_varint(said.len() as u64, bytes);
        bytes.extend_from_slice(&said);
    }

    fn skip(before: Place, bytes: &mut &[u8]) -> Result<Place, RowError> {
        let place = step(before, bytes)?;
        let length = usize::try_from(varint(bytes)?).map_err(|_| RowError::Malformed)?;
        *bytes = bytes.split_at_checked(length).ok_or(RowError::Malformed)?.1;
        Ok(place)
    }

    fn take(before: Place, bytes: &mut &[u8]) -> Result<Self, RowError> {
        let Place { number, index } = step(before, bytes)?;
        let length = usize::try_from(varint(bytes)?).map_err(|_| RowError::Malformed)?;
        let (said, rest) = bytes.split_at_checked(length).ok_or(RowError::Malformed)?;
        *bytes = rest;
        Ok(Self {
            number: NumberInStream(number),
            index: Index(index),
            said: Said::decode(said).map_err(|_| RowError::Malformed)?,
        })
    }
}

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
