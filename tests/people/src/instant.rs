//! Instants as text, from seconds since 1970. Just enough calendar to write a CloudEvent's time.

/// `2026-11-22T05:43:14Z`.
pub(crate) fn instant(unix_seconds: u64) -> String {
    let (hour, minute, second) = (
        unix_seconds / 3_600 % 24,
        unix_seconds / 60 % 60,
        unix_seconds % 60,
    );
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date(unix_seconds))
}

/// `2026-11-22`. Days are counted in years that begin in March, so that a leap day comes last.
pub(crate) fn date(unix_seconds: u64) -> String {
    let days = unix_seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[test]
fn instants_are_written_as_the_calendar_has_them() {
    assert_eq!(instant(0), "1970-01-01T00:00:00Z");
    assert_eq!(instant(951_827_696), "2000-02-29T12:34:56Z");
    assert_eq!(instant(1_795_325_000), "2026-11-22T05:23:20Z");
    assert_eq!(date(4_107_542_400), "2100-03-01");
}
