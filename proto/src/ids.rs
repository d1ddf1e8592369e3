//! The identifiers of the ledger as types of their own, so that two of them cannot be swapped.
//!
//! Numbers and random bytes are plain newtypes; texts are checked when made and never changed. None
//! of them holds personal data: codes are registered words, staff references are random.

use crate::limits::{CODE_BYTES_MAX, ORIGIN_BYTES_MAX};
use std::fmt;

/// What is wrong with an identifier. Carries no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdError {
    /// Not a registered code: `[a-z0-9][a-z0-9._-]{0,63}`.
    Code,
    /// Not an origin: lower-case host and path, without scheme, spaces, `+` or empty parts.
    Origin,
    /// Not a staff reference: 32 lower-case hex digits or a UUID, drawn at random.
    StaffReference,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "not a registered code",
            Self::Origin => "not a ledger origin",
            Self::StaffReference => "not a random staff reference",
        })
    }
}

impl std::error::Error for IdError {}

macro_rules! number {
    ($(#[$doc:meta] $name:ident($inner:ty);)*) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);
    )*};
}

number! {
    /// Number of a chain of the ledger, from 0.
    ChainNumber(u32);
    /// Place of a link in its chain, from 0.
    Index(u64);
    /// A stream: 16 random bytes. One person, one activity, one outside party.
    StreamId([u8; 16]);
    /// Number of an event in its stream.
    NumberInStream(u64);
    /// Number of a slot of an event: 0 the subject, one more per mention.
    SlotNumber(u32);
    /// A month of admission, yyyymm, UTC.
    Month(u32);
    /// Keyed hash of (source, id) by which repeats are found.
    IdTag([u8; 16]);
    /// Milliseconds since 1970-01-01T00:00:00Z.
    UnixMillis(i64);
    /// A 32-byte hash or commitment; which function made it is said where it is used.
    Hash([u8; 32]);
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ChainNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Month {
    /// The UTC month in which an instant lies.
    pub fn of(instant: UnixMillis) -> Self {
        let days = instant.0.div_euclid(86_400_000);
        // Civil date from a day count, after Howard Hinnant's days algorithms: years begin in March.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self(u32::try_from(year * 100 + month).unwrap_or(0))
    }

    /// The calendar year.
    pub fn year(self) -> u32 {
        self.0 / 100
    }
}

/// True for `[a-z0-9][a-z0-9._-]{0,63}`, the shape of every registered code.
pub fn is_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    let first = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    bytes.len() <= CODE_BYTES_MAX
        && bytes.first().is_some_and(first)
        && bytes
            .iter()
            .all(|b| first(b) || matches!(b, b'.' | b'_' | b'-'))
}

/// True for a random staff reference: 32 lower-case hex digits or a lower-case UUID.
pub fn is_staff_reference(text: &str) -> bool {
    let hex = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
    let bytes = text.as_bytes();
    match bytes.len() {
        32 => bytes.iter().all(hex),
        36 => bytes.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => hex(b),
        }),
        _ => false,
    }
}

macro_rules! code {
    ($(#[$doc:meta] $name:ident $empty:literal;)*) => {$(
        #[$doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes a registered code.
            ///
            /// # Errors
            /// `IdError::Code` where the shape is wrong.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                let allowed = is_code(&text) || ($empty && text.is_empty());
                if allowed { Ok(Self(text)) } else { Err(IdError::Code) }
            }

            /// The code.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

code! {
    /// Code of a registered publisher.
    PublisherCode false;
    /// Code of a processing activity; empty for facts that belong to the office itself.
    ActivityCode true;
    /// Code of an outside party (publisher or recipient); empty: no outside party.
    PartyCode true;
}

impl Default for ActivityCode {
    /// No activity: the office's own.
    fn default() -> Self {
        Self(String::new())
    }
}

impl Default for PartyCode {
    /// No outside party.
    fn default() -> Self {
        Self(String::new())
    }
}

/// A random reference to a member of staff. The name behind it is sealed elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StaffReference(String);

impl StaffReference {
    /// Takes 32 lower-case hex digits or a lower-case UUID.
    ///
    /// # Errors
    /// `IdError::StaffReference` for anything else: a login name would be personal data in the clear.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        if is_staff_reference(&text) {
            Ok(Self(text))
        } else {
            Err(IdError::StaffReference)
        }
    }

    /// Makes a reference of 16 bytes, which the caller draws at random.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes.iter().map(|b| format!("{b:02x}")).collect())
    }

    /// The reference.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StaffReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The public name of a ledger: a host and a path, such as `lincoln.gov.uk/counterfoil`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// Takes an origin text.
    ///
    /// # Errors
    /// `IdError::Origin` unless it is lower-case letters, digits, `.`, `-`, `_` in non-empty parts
    /// separated by `/`, at most `ORIGIN_BYTES_MAX` bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        if is_origin(&text) {
            Ok(Self(text))
        } else {
            Err(IdError::Origin)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A test ledger may move its own clock and take names as arguments.
    pub fn is_test(&self) -> bool {
        self.0.starts_with("test.")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// True for the shape of an origin; see [`Origin::new`].
pub fn is_origin(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| {
                b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_')
            })
    };
    text.len() <= ORIGIN_BYTES_MAX && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_utc_months() {
        let check = |ms, month| assert_eq!(Month::of(UnixMillis(ms)), Month(month));
        check(0, 197_001);
        check(-1, 196_912);
        check(1_795_000_000_000, 202_611);
        check(951_782_400_000, 200_002);
        check(crate::limits::TIME_MS_MIN, 190_001);
    }

    #[test]
    fn shapes_refuse_what_could_be_a_name() {
        assert!(PublisherCode::new("crm.westmere").is_ok());
        for bad in ["", "Alex Example", "-x", "x y", "é", &"a".repeat(65)] {
            assert!(PublisherCode::new(bad).is_err());
            assert!(StaffReference::new(bad).is_err());
        }
        assert!(PartyCode::new("").is_ok());
        assert!(StaffReference::new("jane.smith").is_err());
        assert!(Origin::new("test.westmere.example/counterfoil").is_ok_and(|o| o.is_test()));
        assert!(Origin::new("https://westmere.example").is_err());
    }
}
