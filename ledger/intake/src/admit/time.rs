//! Times of events: RFC 3339 in, UTC milliseconds out, and the two bounds of design 3.
//!
//! It reads no clock: `now` is handed in. Always: digits below a millisecond are cut, not
//! rounded, so that the same text is always the same time.

use proto::UnixMillis;

use super::refusal::{Refusal, RefusalCode};

/// Nothing earlier is an event's time.
pub const EARLIEST: UnixMillis = UnixMillis(proto::limits::TIME_MS_MIN);

/// Reads an RFC 3339 date and time with its offset; `None` when it is none.
pub fn parse_rfc3339(text: &str) -> Option<UnixMillis> {
    // jiff also reads other ISO forms and zone names, so the form is checked before.
    let bytes = text.as_bytes();
    if !(20..=40).contains(&bytes.len()) {
        return None;
    }
    let (date_time, rest) = bytes.split_at_checked(19)?;
    let shaped = date_time.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        10 => matches!(byte, b'T' | b't'),
        13 | 16 => *byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let offset = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            if !(1..=9).contains(&digits) {
                return None;
            }
            fraction.get(digits..)?
        }
        None => rest,
    };
    if !shaped || !is_offset(offset) {
        return None;
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(instant) => {
            let millis = instant.as_nanosecond().div_euclid(1_000_000);
            // A leap second ends a day in UTC and is written as its last second; elsewhere there is no second 60.
            let ends_day = millis.div_euclid(1_000).rem_euclid(86_400) == 86_399;
            if text.get(17..19) == Some("60") && !ends_day {
                return None;
            }
            Some(UnixMillis(i64::try_from(millis).ok()?))
        }
        // A real date at the far ends of what can be written: later or earlier than any bound.
        Err(_) => {
            let civil: jiff::civil::DateTime = text.get(..19)?.parse().ok()?;
            Some(UnixMillis(if civil.year() > 1900 {
                i64::MAX
            } else {
                i64::MIN
            }))
        }
    }
}

fn is_offset(offset: &[u8]) -> bool {
    match offset {
        b"Z" | b"z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let digits = [h1, h2, m1, m2].into_iter().all(u8::is_ascii_digit);
            digits && (*h1 < b'2' || (*h1 == b'2' && *h2 < b'4')) && *m1 < b'6'
        }
        _ => false,
    }
}

/// Checks an event's time against now.
///
/// # Errors
/// `TIME_AHEAD` more than ten minutes after `now`, `TIME_TOO_EARLY` before 1900.
pub fn check_time(time: UnixMillis, now: UnixMillis) -> Result<(), Refusal> {
    if time.0 > now.0.saturating_add(proto::limits::TIME_AHEAD_MS_MAX) {
        let rule = "time lies at most ten minutes ahead of the ledger's clock";
        return Err(Refusal::new(RefusalCode::TimeAhead, "time", rule));
    }
    if time < EARLIEST {
        let rule = "time is not before 1900";
        return Err(Refusal::new(RefusalCode::TimeTooEarly, "time", rule));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, millis: Option<i64>) {
        assert_eq!(parse_rfc3339(text).map(|time| time.0), millis, "{text}");
    }

    #[test]
    fn reads_rfc_3339_and_nothing_else() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("1970-01-01t00:00:00.001999z", Some(1));
        check("1969-12-31T23:59:59.9999Z", Some(-1));
        check("1970-01-01T01:00:00+01:00", Some(0));
        check("1970-01-01T23:59:60Z", Some(86_399_000));
        check("1970-01-02T00:59:60+01:00", Some(86_399_000));
        check("1900-01-01T00:00:00Z", Some(EARLIEST.0));
        check("9999-12-31T23:59:59Z", Some(i64::MAX));
        check(
            "0000-01-01T00:00:00Z",
            parse_rfc3339("0000-01-01T00:00:00Z").map(|time| time.0),
        );
        for bad in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00.Z",
            "1970-02-30T00:00:00Z",
            "1970-01-01T25:00:00Z",
            "1970-01-01T09:30:60Z",
            "1970-01-01T23:59:60+01:00",
            "1970-01-01T23:59:61Z",
            "1970-01-01T00:00:00,5Z",
            "1970-01-01T00:00:00Z[Europe/London]",
            "+001970-01-01T00:00:00Z",
            "1970-01-01T00:00:00.0000000001Z",
            "１９70-01-01T00:00Z",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn bounds_are_ten_minutes_and_1900() {
        let now = UnixMillis(1_000_000_000_000);
        let code = |time| {
            check_time(UnixMillis(time), now)
                .err()
                .map(|refusal| refusal.code)
        };
        assert_eq!(code(now.0 + 600_000), None);
        assert_eq!(code(now.0 + 600_001), Some(RefusalCode::TimeAhead));
        assert_eq!(code(EARLIEST.0), None);
        assert_eq!(code(EARLIEST.0 - 1), Some(RefusalCode::TimeTooEarly));
        assert_eq!(code(i64::MIN), Some(RefusalCode::TimeTooEarly));
    }
}
