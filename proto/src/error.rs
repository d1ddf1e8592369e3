//! What this crate refuses, named by rule and place, never by value.
//!
//! Library error text echoes what it read; none of it is passed on (S-1).

use std::fmt;

/// Why an event's data was refused. The text of each code is stable and public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleCode {
    /// Not JSON at all, or more than one value.
    MalformedJson,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// Larger than `EVENT_BYTES_MAX`.
    TooLarge,
    /// A field that the type does not have. The path names the message that held it.
    UnknownField,
    /// The same field twice.
    DuplicateField,
    /// A value of another type, or nested deeper than the type.
    WrongType,
    /// A word that the vocabulary does not have.
    UnknownCode,
    /// A number beyond the field's range.
    OutOfRange,
    /// A required field is absent or empty.
    Required,
    /// A field that only the ledger fills.
    Reserved,
    /// A zero byte or character in text.
    NulInText,
    /// Text longer than its limit.
    TooLong,
    /// More elements than the limit.
    TooMany,
    /// Not of the shape of a registered code.
    BadCode,
    /// Not a calendar date, `YYYY-MM-DD`, from 1900 on.
    BadDate,
    /// Not an instant in UTC, `YYYY-MM-DDThh:mm:ssZ`, from 1900 on.
    BadInstant,
    /// Not of the shape that the field's schema states (hash, citation, source, reference ...).
    BadShape,
    /// Protobuf bytes that end early or use a wrong wire type.
    MalformedBinary,
}

impl RuleCode {
    /// The public code.
    pub fn code(self) -> &'static str {
        match self {
            Self::MalformedJson => "MALFORMED_JSON",
            Self::InvalidUtf8 => "INVALID_UTF8",
            Self::TooLarge => "TOO_LARGE",
            Self::UnknownField => "UNKNOWN_FIELD",
            Self::DuplicateField => "DUPLICATE_FIELD",
            Self::WrongType => "WRONG_TYPE",
            Self::UnknownCode => "UNKNOWN_CODE",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Required => "REQUIRED",
            Self::Reserved => "RESERVED_FIELD",
            Self::NulInText => "NUL_IN_TEXT",
            Self::TooLong => "TOO_LONG",
            Self::TooMany => "TOO_MANY",
            Self::BadCode => "BAD_CODE",
            Self::BadDate => "BAD_DATE",
            Self::BadInstant => "BAD_INSTANT",
            Self::BadShape => "BAD_SHAPE",
            Self::MalformedBinary => "MALFORMED_BINARY",
        }
    }

    /// What the sender has to change, in one line.
    pub fn advice(self) -> &'static str {
        match self {
            Self::MalformedJson => "send one JSON object",
            Self::InvalidUtf8 => "send text as UTF-8",
            Self::TooLarge => "send less data in one event",
            Self::UnknownField => "leave out fields that the type does not have",
            Self::DuplicateField => "send each field once",
            Self::WrongType => "send a value of the type that the schema states",
            Self::UnknownCode => "use a word of the vocabulary in the schema",
            Self::OutOfRange => "send a number within the range of the field",
            Self::Required => "fill in this field",
            Self::Reserved => "leave out this field: the ledger fills it",
            Self::NulInText => "send text without zero characters",
            Self::TooLong => "shorten this text",
            Self::TooMany => "send fewer elements",
            Self::BadCode => "use lower-case letters, digits, dot, dash and underscore, at most 64",
            Self::BadDate => "send a date as YYYY-MM-DD",
            Self::BadInstant => "send an instant as YYYY-MM-DDThh:mm:ssZ",
            Self::BadShape => "send a value of the shape that the schema states",
            Self::MalformedBinary => "send protobuf bytes of the type in the catalogue",
        }
    }
}

impl fmt::Display for RuleCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A refused event: which rule, and at which field. The path is made of catalogue names and element
/// numbers only (`subject.aliases[0].localId`); it is empty for the data as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// Field path in JSON names.
    pub path: String,
    /// The rule.
    pub rule: RuleCode,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "{}", self.rule)
        } else {
            write!(f, "{} at {}", self.rule, self.path)
        }
    }
}

impl std::error::Error for DecodeError {}

/// Why bytes are not a record. A reader treats each as tampering or a newer format, never as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordError {
    /// Not protobuf, or ends early.
    Malformed,
    /// Carries a fact that this catalogue does not have.
    UnknownFact,
    /// Says the same in other bytes than the deterministic ones.
    NotDeterministic,
    /// A header value outside its shape.
    Header,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "record is malformed",
            Self::UnknownFact => "record carries an unknown fact",
            Self::NotDeterministic => "record bytes are not deterministic",
            Self::Header => "record header holds a value outside its shape",
        })
    }
}

impl std::error::Error for RecordError {}

/// Why slot bytes are not the values of a fact's slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotError {
    /// The fact has no slot of that number.
    NoSuchSlot,
    /// Not the deterministic bytes of the slot's type.
    NotDeterministic,
}

impl fmt::Display for SlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchSlot => "the fact has no such slot",
            Self::NotDeterministic => "slot values are not deterministic",
        })
    }
}

impl std::error::Error for SlotError {}
