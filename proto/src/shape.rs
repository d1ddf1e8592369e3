//! The shapes of texts, each with the rule code of its breach. Pure and total.

use crate::RuleCode;
use crate::ids::{is_code, is_origin, is_staff_reference};
use crate::limits::{CITATION_BYTES_MAX, FIELD_PATH_BYTES_MAX, SOURCE_BYTES_MAX, TEXT_BYTES_MAX};
use crate::table::Shape;

const VERIFIER_KEY_BYTES_MAX: usize = 256;
const EVENT_TYPE_BYTES_MAX: usize = 128;
const YEAR_MIN: u32 = 1900;

/// Which rule a non-empty text breaks, if any.
pub(crate) fn breach(shape: Shape, text: &str) -> Option<RuleCode> {
    let bytes = text.as_bytes();
    let (holds, rule) = match shape {
        Shape::Text if bytes.contains(&0) => (false, RuleCode::NulInText),
        Shape::Text => (bytes.len() <= TEXT_BYTES_MAX, RuleCode::TooLong),
        Shape::Code => (is_code(text), RuleCode::BadCode),
        Shape::Date => (is_date(bytes), RuleCode::BadDate),
        Shape::Instant => (is_instant(bytes), RuleCode::BadInstant),
        Shape::Sha256 => (
            bytes.len() == 64 && bytes.iter().all(is_hex),
            RuleCode::BadShape,
        ),
        Shape::StaffReference => (is_staff_reference(text), RuleCode::BadShape),
        Shape::Citation => (is_citation(bytes), RuleCode::BadShape),
        Shape::FieldPath => (is_field_path(bytes), RuleCode::BadShape),
        Shape::Source => (is_source(text), RuleCode::BadShape),
        Shape::Origin => (is_origin(text), RuleCode::BadShape),
        Shape::VerifierKey => (is_verifier_key(bytes), RuleCode::BadShape),
        Shape::EventType => (is_event_type(text), RuleCode::BadShape),
    };
    // No other shape lets a zero byte pass; the sender hears of it first all the same.
    (!holds).then(|| {
        if bytes.contains(&0) {
            RuleCode::NulInText
        } else {
            rule
        }
    })
}

/// The shape as a regular expression, for schemas; none for free text and what is not regular.
pub(crate) fn pattern(shape: Shape) -> Option<&'static str> {
    Some(match shape {
        Shape::Text => return None,
        Shape::Code => "^[a-z0-9][a-z0-9._-]{0,63}$",
        Shape::Date => "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        Shape::Instant => {
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z$"
        }
        Shape::Sha256 => "^[0-9a-f]{64}$",
        Shape::StaffReference => {
            "^([0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$"
        }
        Shape::Citation => "^[A-Za-z0-9][A-Za-z0-9./()_-]{0,95}$",
        Shape::FieldPath => "^[A-Za-z0-9_.\\[\\]]{1,256}$",
        Shape::Source => "^[!-~]{1,256}$",
        Shape::Origin => "^[a-z0-9._-]+(/[a-z0-9._-]+)*$",
        Shape::VerifierKey => "^[!-~]+[+][!-~]+[+][!-~]+$",
        Shape::EventType => "^uk[.]counterfoil[.][a-z0-9._-]+$",
    })
}

fn is_hex(byte: &u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)
}

/// Reads `length` decimal digits at `at`.
fn digits(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    bytes.get(at..at + length)?.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + u32::from(byte - b'0'))
    })
}

fn is_date(bytes: &[u8]) -> bool {
    let read = || {
        let dashes =
            bytes.len() == 10 && bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
        let year = digits(bytes, 0, 4)?;
        let month = digits(bytes, 5, 2)?;
        let day = digits(bytes, 8, 2)?;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        Some(dashes && year >= YEAR_MIN && (1..=last).contains(&day))
    };
    read().unwrap_or(false)
}

fn is_instant(bytes: &[u8]) -> bool {
    let read = || {
        let (date, time) = bytes.split_at_checked(10)?;
        let marks = time.first() == Some(&b'T')
            && time.get(3) == Some(&b':')
            && time.get(6) == Some(&b':')
            && time.last() == Some(&b'Z');
        let fraction = time.get(9..time.len().checked_sub(1)?)?;
        let fine = match fraction.split_first() {
            None => true,
            Some((b'.', more)) => {
                (1..=9).contains(&more.len()) && more.iter().all(u8::is_ascii_digit)
            }
            Some(_) => false,
        };
        let (hour, minute, second) = (
            digits(time, 1, 2)?,
            digits(time, 4, 2)?,
            digits(time, 7, 2)?,
        );
        Some(is_date(date) && marks && fine && hour < 24 && minute < 60 && second < 60)
    };
    read().unwrap_or(false)
}

fn is_citation(bytes: &[u8]) -> bool {
    let allowed =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'(' | b')' | b'_' | b'-');
    bytes.len() <= CITATION_BYTES_MAX
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(allowed)
}

fn is_field_path(bytes: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'[' | b']');
    bytes.len() <= FIELD_PATH_BYTES_MAX && bytes.iter().all(allowed)
}

/// True for a CloudEvents source: printable ASCII without spaces, 1 to `SOURCE_BYTES_MAX` bytes.
pub fn is_source(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=SOURCE_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

fn is_verifier_key(bytes: &[u8]) -> bool {
    bytes.len() <= VERIFIER_KEY_BYTES_MAX
        && bytes.iter().all(u8::is_ascii_graphic)
        && bytes.iter().filter(|b| **b == b'+').count() >= 2
}

fn is_event_type(text: &str) -> bool {
    let name = text.strip_prefix("uk.counterfoil.").unwrap_or_default();
    text.len() <= EVENT_TYPE_BYTES_MAX
        && !name.is_empty()
        && name.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: Shape, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(breach(shape, text).is_none(), "{text}");
        }
        for text in bad {
            assert!(breach(shape, text).is_some(), "{text}");
        }
    }

    #[test]
    fn dates_and_instants_are_real() {
        check(
            Shape::Date,
            &["2026-11-02", "2000-02-29", "1900-01-01"],
            &[
                "1900-02-29",
                "2026-13-01",
                "2026-1-1",
                "1899-12-31",
                "2026-11-31",
                "2026/11/02",
                "x",
            ],
        );
        check(
            Shape::Instant,
            &["2026-11-02T09:30:00Z", "2026-11-02T23:59:59.123Z"],
            &[
                "2026-11-02",
                "2026-11-02T09:30:00",
                "2026-11-02T24:00:00Z",
                "2026-11-02T09:30:00.Z",
                "2026-11-02T09:30:00+01:00",
                "2026-11-02T09:30Z",
            ],
        );
    }

    #[test]
    fn nothing_with_a_space_passes_as_a_code() {
        for shape in [
            Shape::Code,
            Shape::Citation,
            Shape::FieldPath,
            Shape::Source,
            Shape::Origin,
            Shape::StaffReference,
            Shape::VerifierKey,
            Shape::EventType,
            Shape::Sha256,
        ] {
            check(shape, &[], &["Alex Example", "a\0b", "é", " "]);
        }
        check(Shape::Citation, &["ukpga/2018/12", "s.115(8)"], &["-x"]);
        check(
            Shape::EventType,
            &["uk.counterfoil.a.b-c.v1"],
            &["uk.counterfoil.", "x"],
        );
    }
}
