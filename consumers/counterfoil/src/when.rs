//! `--as-of` and `--today`: an index, an instant or a date.
//!
//! Always: a date means the end of that day in UTC for `--as-of`, so that what happened on the day is in.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

/// As of what a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AsOf {
    /// An event's index.
    Index(u64),
    /// Unix milliseconds.
    Instant(i64),
}

impl AsOf {
    /// As the ledger's socket takes it.
    pub(crate) fn to_json(self) -> Value {
        match self {
            Self::Index(index) => json!({ "index": index }),
            Self::Instant(ms) => json!({ "instant_ms": ms }),
        }
    }
}

/// Reads the value of `--as-of`.
pub(crate) fn as_of(text: &str) -> Result<AsOf, String> {
    if let Ok(index) = text.trim_start_matches('#').parse() {
        return Ok(AsOf::Index(index));
    }
    if let Ok(day) = text.parse::<Date>()
        && text.len() == "2026-11-02".len()
    {
        let end = day
            .tomorrow()
            .and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC));
        let end = end.map_err(|_| "that date is beyond what dates can be".to_owned())?;
        return Ok(AsOf::Instant(end.timestamp().as_millisecond() - 1));
    }
    instant(text).map(AsOf::Instant).map_err(|_| {
        "an index (1042), a date (2026-11-02: the end of that day) or an instant \
         (2026-11-02T09:30:00Z)"
            .to_owned()
    })
}

/// Reads an instant in UTC, as unix milliseconds.
pub(crate) fn instant(text: &str) -> Result<i64, String> {
    let instant = text.parse::<Timestamp>();
    let instant = instant.map_err(|_| "an instant, such as 2026-11-02T09:30:00Z".to_owned())?;
    Ok(instant.as_millisecond())
}

/// Reads a date.
pub(crate) fn date(text: &str) -> Result<String, String> {
    let date = text.parse::<Date>();
    let date = date.map_err(|_| "a date, such as 2026-11-02".to_owned())?;
    Ok(date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_a_date_or_an_instant() {
        assert_eq!(as_of("1042"), Ok(AsOf::Index(1_042)));
        assert_eq!(as_of("#7"), Ok(AsOf::Index(7)));
        assert_eq!(as_of("1970-01-01"), Ok(AsOf::Instant(86_399_999)));
        assert_eq!(as_of("1970-01-01T00:00:01Z"), Ok(AsOf::Instant(1_000)));
        assert!(as_of("yesterday").is_err());
        assert_eq!(date("2026-11-02"), Ok("2026-11-02".to_owned()));
        assert!(date("2026-13-02").is_err());
    }
}
