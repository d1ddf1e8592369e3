//! Tables as CSV (RFC 4180), safe to open in a spreadsheet.
//!
//! What always holds: a cell that a spreadsheet could run as a formula begins with an apostrophe;
//! a value that looks like one after leading spaces is treated alike.

use crate::sheet::Sheet;

/// First characters that make a spreadsheet read a cell as a formula.
const FORMULA_STARTS: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '|', '%'];

/// The tables, one after the other, each under a line with its title.
pub(crate) fn text(as_of: &str, sheets: &[Sheet]) -> String {
    let mut text = line([as_of]);
    for sheet in sheets {
        text.push_str("\r\n");
        text.push_str(&line([sheet.title]));
        text.push_str(&line(sheet.columns.iter().copied()));
        for row in &sheet.rows {
            text.push_str(&line(row.iter().map(String::as_str)));
        }
    }
    text
}

fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

/// One cell as it stands in a line: disarmed, and quoted where it has to be.
pub fn cell(value: &str) -> String {
    let first = value.trim_start_matches(' ').chars().next();
    // Full-width forms are read as their ASCII twins by some spreadsheets.
    let folded = first.map(|letter| match letter {
        '\u{ff1d}' => '=',
        '\u{ff0b}' => '+',
        '\u{ff0d}' => '-',
        '\u{ff20}' => '@',
        other => other,
    });
    let guarded = match folded {
        Some(letter) if FORMULA_STARTS.contains(&letter) || letter == '\n' => format!("'{value}"),
        _ => value.to_owned(),
    };
    if guarded.contains(['"', ',', '\n', '\r', ';', '\t']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formula_cells_are_disarmed() {
        for (value, written) in [
            ("plain", "plain"),
            ("", ""),
            ("=1+1", "'=1+1"),
            ("+44 1632 960001", "'+44 1632 960001"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1", "'  =1"),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            (
                "=HYPERLINK(\"x\",\"y\")",
                "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"",
            ),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("a=b", "a=b"),
            ("one, two", "\"one, two\""),
            ("say \"so\"", "\"say \"\"so\"\"\""),
        ] {
            assert_eq!(cell(value), written, "{value:?}");
        }
    }
}
