//! A trail as a line of days with the events hanging from it.
//!
//! ```text
//! 2026-11-02  ┬ 09:30  collection.collected  identity address           crm  #0
//!             └ 09:31  notice.given          crm-notice 2020-12-23      crm  #1
//! 2026-11-05  ─ 08:12  ...
//! ```

use proto::UnixMillis;

use crate::sheet::WIDTH_COLUMNS;
use crate::trail::TrailRow;
use crate::wording;

/// The picture; ascending by index as the rows are.
pub(crate) fn picture(rows: &[TrailRow]) -> String {
    let day = |row: &TrailRow| wording::date(UnixMillis(row.time));
    let mut text = String::new();
    for (place, row) in rows.iter().enumerate() {
        let first = place == 0 || day(&rows[place - 1]) != day(row);
        let last = rows.get(place + 1).is_none_or(|next| day(next) != day(row));
        let joint = match (first, last) {
            (true, true) => '─',
            (true, false) => '┬',
            (false, false) => '├',
            (false, true) => '└',
        };
        let date = if first { day(row) } else { String::new() };
        let clock = wording::clock(UnixMillis(row.time));
        let head = format!("{date:10}  {joint} {clock}  {:30}", row.fact);
        let tail = format!("  {}  #{}", row.publisher, row.index);
        let room = WIDTH_COLUMNS.saturating_sub(head.chars().count() + tail.chars().count());
        let said: String = match row.said.chars().count() > room {
            true => row
                .said
                .chars()
                .take(room.saturating_sub(1))
                .chain(['…'])
                .collect(),
            false => row.said.clone(),
        };
        text.push_str(&format!("{head}{said}{tail}\n"));
    }
    text
}
