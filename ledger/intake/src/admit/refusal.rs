//! Why something from outside was not taken: a stable code, the field, one sentence.
//!
//! It is not an internal error type: everything here is shown to the publisher and counted.
//! Always: a refusal holds no value that came from outside, only paths made of names the
//! catalogue itself defines and positions (S-1); a code never changes its meaning.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

/// One answer to something that cannot be recorded faithfully.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code a publisher's program can act on.
    pub code: RefusalCode,
    /// Path of the field, made of catalogue names and positions; empty when the whole is meant.
    pub field: Cow<'static, str>,
    /// The rule that was broken, in one sentence.
    pub rule: Cow<'static, str>,
}

impl Refusal {
    /// A refusal for one field.
    pub fn new(
        code: RefusalCode,
        field: impl Into<Cow<'static, str>>,
        rule: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code,
            field: field.into(),
            rule: rule.into(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.field.is_empty() {
            write!(f, "{}: {}", self.code.as_str(), self.rule)
        } else {
            write!(f, "{} at {}: {}", self.code.as_str(), self.field, self.rule)
        }
    }
}

impl std::error::Error for Refusal {}

/// Declares the codes once: variant, stable text, HTTP status.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal;)*) => {
        /// Stable codes. The text is an interface: it is never reused for another meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefusalCode { $($(#[$doc])* $variant,)* }

        impl RefusalCode {
            /// Every code, in the order of the enum.
            pub const ALL: &'static [RefusalCode] = &[$(RefusalCode::$variant,)*];

            /// The stable text.
            pub const fn as_str(self) -> &'static str {
                match self { $(RefusalCode::$variant => $text,)* }
            }

            /// The HTTP status of a single event refused with this code.
            pub const fn http_status(self) -> u16 {
                match self { $(RefusalCode::$variant => $status,)* }
            }
        }
    };
}

codes! {
    /// No token, or one nobody holds.
    Unauthenticated = "UNAUTHENTICATED", 401;
    /// The publisher is not registered to speak for this source.
    SourceNotAllowed = "SOURCE_NOT_ALLOWED", 403;
    /// The publisher is not registered for this family of facts.
    FamilyNotAllowed = "FAMILY_NOT_ALLOWED", 403;
    /// A code that belongs to the ledger itself.
    CodeReserved = "CODE_RESERVED", 403;
    /// Only an officer or the ledger itself appends this fact.
    MayNotAppend = "MAY_NOT_APPEND", 403;
    /// The content type names no mode of CloudEvents that is read here.
    ContentTypeUnsupported = "CONTENT_TYPE_UNSUPPORTED", 415;
    /// The request is longer than a request may be.
    RequestTooLarge = "REQUEST_TOO_LARGE", 413;
    /// The body ended, or lost its chunks, before it was whole.
    BodyIncomplete = "BODY_INCOMPLETE", 400;
    /// The body was not whole within the time that a body has.
    BodyTimeout = "BODY_TIMEOUT", 408;
    /// The body is compressed or encoded.
    ContentEncodingUnsupported = "CONTENT_ENCODING_UNSUPPORTED", 415;
    /// Another method than the address takes.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405;
    /// The batch has more events than a batch may have.
    BatchTooLarge = "BATCH_TOO_LARGE", 413;
    /// The batch has no event.
    BatchEmpty = "BATCH_EMPTY", 400;
    /// The event is longer than an event may be.
    TooLarge = "TOO_LARGE", 413;
    /// Not JSON.
    MalformedJson = "MALFORMED_JSON", 400;
    /// Nested deeper than the limit.
    JsonTooDeep = "JSON_TOO_DEEP", 400;
    /// The same key, field or attribute twice.
    DuplicateField = "DUPLICATE_FIELD", 400;
    /// Not UTF-8.
    InvalidUtf8 = "INVALID_UTF8", 400;
    /// A NUL character in a text.
    NulInText = "NUL_IN_TEXT", 400;
    /// Not CloudEvents 1.0.
    SpecVersion = "SPECVERSION_UNSUPPORTED", 422;
    /// A required attribute is missing.
    AttributeMissing = "ATTRIBUTE_MISSING", 422;
    /// An attribute has the wrong type, length or form.
    AttributeInvalid = "ATTRIBUTE_INVALID", 422;
    /// An attribute the ledger does not take.
    AttributeUnknown = "ATTRIBUTE_UNKNOWN", 422;
    /// No such event type in the catalogue.
    TypeUnknown = "TYPE_UNKNOWN", 422;
    /// The event has no data, or has it twice.
    DataMissing = "DATA_MISSING", 422;
    /// The data has a field that the type does not have.
    UnknownField = "UNKNOWN_FIELD", 422;
    /// A value of another type than the field's.
    WrongType = "WRONG_TYPE", 422;
    /// A word that the vocabulary does not have.
    UnknownCode = "UNKNOWN_CODE", 422;
    /// A number beyond the field's range.
    OutOfRange = "OUT_OF_RANGE", 422;
    /// A required field is absent or empty.
    Required = "REQUIRED", 422;
    /// A field that only the ledger fills.
    Reserved = "RESERVED_FIELD", 422;
    /// Text longer than its limit.
    TooLong = "TOO_LONG", 422;
    /// More elements than the limit.
    TooMany = "TOO_MANY", 422;
    /// Not of the shape of a registered code.
    BadCode = "BAD_CODE", 422;
    /// Not a calendar date.
    BadDate = "BAD_DATE", 422;
    /// Not an instant in UTC.
    BadInstant = "BAD_INSTANT", 422;
    /// Not of the shape that the field's schema states.
    BadShape = "BAD_SHAPE", 422;
    /// Protobuf bytes that end early or use a wrong wire type.
    MalformedBinary = "MALFORMED_BINARY", 400;
    /// The id is not a random UUID, and the publisher is not registered with map-ids.
    IdNotRandom = "ID_NOT_RANDOM", 422;
    /// The time is more than ten minutes ahead.
    TimeAhead = "TIME_AHEAD", 422;
    /// The time is before 1900.
    TimeTooEarly = "TIME_TOO_EARLY", 422;
    /// A card number in free text (WL-13).
    CardDataBlocked = "CARD_DATA_BLOCKED", 422;
    /// No such event can be found.
    NotFound = "NOT_FOUND", 404;
    /// The same id was recorded with other content (C-3).
    IdReused = "ID_REUSED", 409;
    /// The id belongs to an event that is fenced or gone.
    Gone = "GONE", 410;
    /// The stream is fenced (S-3).
    ErasedScope = "ERASED_SCOPE", 410;
    /// The aliases of the subject name different persons.
    AliasesDisagree = "ALIASES_DISAGREE", 409;
    /// The queue before the sequencer is full.
    QueueFull = "QUEUE_FULL", 429;
    /// The ledger is stopping and takes nothing new.
    Draining = "DRAINING", 503;
    /// The ledger has stopped writing after a failure.
    Stopped = "STOPPED", 503;
    /// A query parameter is unknown or has a value that is not known.
    ParameterInvalid = "PARAMETER_INVALID", 400;
}

impl From<proto::RuleCode> for RefusalCode {
    fn from(rule: proto::RuleCode) -> Self {
        use proto::RuleCode as Rule;
        match rule {
            Rule::MalformedJson => Self::MalformedJson,
            Rule::InvalidUtf8 => Self::InvalidUtf8,
            Rule::TooLarge => Self::TooLarge,
            Rule::UnknownField => Self::UnknownField,
            Rule::DuplicateField => Self::DuplicateField,
            Rule::WrongType => Self::WrongType,
            Rule::UnknownCode => Self::UnknownCode,
            Rule::OutOfRange => Self::OutOfRange,
            Rule::Required => Self::Required,
            Rule::Reserved => Self::Reserved,
            Rule::NulInText => Self::NulInText,
            Rule::TooLong => Self::TooLong,
            Rule::TooMany => Self::TooMany,
            Rule::BadCode => Self::BadCode,
            Rule::BadDate => Self::BadDate,
            Rule::BadInstant => Self::BadInstant,
            Rule::BadShape => Self::BadShape,
            Rule::MalformedBinary => Self::MalformedBinary,
        }
    }
}

impl From<proto::DecodeError> for Refusal {
    fn from(error: proto::DecodeError) -> Self {
        Self::new(
            error.rule.into(),
            super::json::join("data", &error.path),
            error.rule.advice(),
        )
    }
}

impl RefusalCode {
    /// Place of the code in [`RefusalCode::ALL`].
    const fn place(self) -> usize {
        self as usize
    }
}

/// How often each code was given since the process started. Counts only, no names.
#[derive(Debug)]
pub struct RefusalCounts {
    counts: Vec<AtomicU64>,
}

impl Default for RefusalCounts {
    fn default() -> Self {
        Self {
            counts: RefusalCode::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl RefusalCounts {
    /// Counts one refusal.
    pub fn count(&self, code: RefusalCode) {
        if let Some(count) = self.counts.get(code.place()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often this code was given.
    pub fn of(&self, code: RefusalCode) -> u64 {
        self.counts
            .get(code.place())
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Every code with its count, for `/metrics`.
    pub fn all(&self) -> impl Iterator<Item = (RefusalCode, u64)> + '_ {
        RefusalCode::ALL.iter().map(|code| (*code, self.of(*code)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_screaming() {
        let mut seen = std::collections::BTreeSet::new();
        for (place, code) in RefusalCode::ALL.iter().enumerate() {
            assert_eq!(code.place(), place);
            assert!(seen.insert(code.as_str()));
            assert!(
                code.as_str()
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            );
            assert!((400..=503).contains(&code.http_status()));
        }
    }

    #[test]
    fn counts_by_code() {
        let counts = RefusalCounts::default();
        counts.count(RefusalCode::IdNotRandom);
        counts.count(RefusalCode::IdNotRandom);
        assert_eq!(counts.of(RefusalCode::IdNotRandom), 2);
        assert_eq!(counts.all().map(|(_, n)| n).sum::<u64>(), 2);
    }
}
