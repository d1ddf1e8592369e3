//! Lists and single answers as a table, CSV or JSON.
//!
//! Not here: answers to questions, which the ledger renders itself. Always: in CSV a cell that a
//! spreadsheet could run as a formula begins with an apostrophe, by the rule that those answers follow.

use questions::csv_cell;
use serde_json::Value;

use crate::arguments::Format;
use crate::failure::Failure;
use crate::output;

const GAP: &str = "  ";

/// A list with heads and rows of cells.
pub(crate) struct Table {
    /// Column heads.
    pub(crate) heads: Vec<&'static str>,
    /// Rows, as wide as the heads.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// Prints the list in the form that was asked for; JSON is the ledger's own.
    ///
    /// # Errors
    /// Where standard output cannot be written.
    pub(crate) fn print(&self, format: Format, json: &Value) -> Result<(), Failure> {
        match format {
            Format::Table => output::answer(&self.text()),
            Format::Csv => output::answer(&self.csv()),
            Format::Json => output::answer(&format!("{json:#}")),
        }
    }

    fn text(&self) -> String {
        if self.rows.is_empty() {
            return "none\n".to_owned();
        }
        let heads: Vec<String> = self.heads.iter().map(|&head| head.to_owned()).collect();
        let mut widths: Vec<usize> = heads.iter().map(String::len).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        let mut text = String::new();
        for row in [&heads, &rules].into_iter().chain(&self.rows) {
            let cells = row.iter().zip(&widths);
            let cells: Vec<String> = cells
                .map(|(cell, &width)| format!("{:width$}", output::plain(cell)))
                .collect();
            text.push_str(cells.join(GAP).trim_end());
            text.push('\n');
        }
        text
    }

    /// The list as RFC 4180 has it.
    pub(crate) fn csv(&self) -> String {
        let mut text = self.heads.join(",") + "\r\n";
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| csv_cell(cell)).collect();
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
        text
    }
}

/// Prints one answer in the form that was asked for: words for people, the JSON of it for programs, its
/// members a row each for spreadsheets.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn print_answer(format: Format, text: &str, json: &Value) -> Result<(), Failure> {
    match format {
        Format::Table => output::answer(text),
        Format::Json => output::answer(&format!("{json:#}")),
        Format::Csv => output::answer(&members(json).csv()),
    }
}

/// The members of an answer, a row each; those of a member within it under `outer.inner`.
fn members(json: &Value) -> Table {
    let mut rows = Vec::new();
    add_members("", json, &mut rows);
    Table {
        heads: vec!["name", "value"],
        rows,
    }
}

fn add_members(name: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
    let below = |key: &str| match name {
        "" => key.to_owned(),
        name => format!("{name}.{key}"),
    };
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                add_members(&below(key), value, rows);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                add_members(&below(&place.to_string()), item, rows);
            }
        }
        single => rows.push(vec![name.to_owned(), word(single)]),
    }
}

/// A member of a JSON object as a cell: texts as they are, lists joined, nothing as nothing.
pub(crate) fn cell(object: &Value, key: &str) -> String {
    object.get(key).map_or_else(String::new, word)
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(is) => if *is { "yes" } else { "no" }.to_owned(),
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_is_aligned_and_csv_is_safe() {
        let rows = json!([{"code": "crm", "sources": ["urn:a", "urn:b"]}, {"code": "=1+1"}]);
        let rows = rows.as_array().expect("a list").iter();
        let table = Table {
            heads: vec!["code", "sources"],
            rows: rows
                .map(|row| vec![cell(row, "code"), cell(row, "sources")])
                .collect(),
        };
        let text = "code  sources\n----  -----------\ncrm   urn:a urn:b\n=1+1\n";
        assert_eq!(table.text(), text);
        assert_eq!(table.csv(), "code,sources\r\ncrm,urn:a urn:b\r\n'=1+1,\r\n");
    }

    #[test]
    fn an_answer_is_a_row_for_each_member() {
        let answer = json!({"good": true, "wrong": ["=a", "b,c"], "in": {"n": 7, "no": null}});
        let csv = members(&answer).csv();
        let rows =
            "name,value\r\ngood,yes\r\nin.n,7\r\nin.no,\r\nwrong.0,'=a\r\nwrong.1,\"b,c\"\r\n";
        assert_eq!(csv, rows);
    }
}
