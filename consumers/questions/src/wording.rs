//! Dates and words as people read them.

use proto::UnixMillis;

/// `2026-11-02`, UTC; a dash for an instant that no calendar has.
pub(crate) fn date(instant: UnixMillis) -> String {
    format(instant, "%Y-%m-%d")
}

/// `2026-11-02 09:30`, UTC.
pub(crate) fn minute(instant: UnixMillis) -> String {
    format(instant, "%Y-%m-%d %H:%M")
}

/// `09:30`, UTC.
pub(crate) fn clock(instant: UnixMillis) -> String {
    format(instant, "%H:%M")
}

/// A date that a fact states, else the event's own.
pub(crate) fn stated(instant: &str, time: i64) -> String {
    match instant.split_once('T') {
        Some((date, _)) => date.to_owned(),
        None => date(UnixMillis(time)),
    }
}

/// Words that are there, joined by spaces.
pub(crate) fn joined(words: &[&str]) -> String {
    words
        .iter()
        .filter(|word| !word.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
}

fn format(instant: UnixMillis, pattern: &str) -> String {
    match jiff::Timestamp::from_millisecond(instant.0) {
        Ok(timestamp) => timestamp.strftime(pattern).to_string(),
        Err(_) => "-".to_owned(),
    }
}
