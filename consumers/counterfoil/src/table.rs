//! Lists from the ledger as a table, CSV or JSON.
//!
//! Not here: answers to questions, which the ledger renders itself. Always: in CSV a cell that a
//! spreadsheet could run as a formula begins with an apostrophe.

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

    fn csv(&self) -> String {
        let mut text = self.heads.join(",") + "\r\n";
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| csv_cell(cell)).collect();
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
        text
    }
}

fn csv_cell(cell: &str) -> String {
    let formula = cell
        .trim_start()
        .starts_with(['=', '+', '-', '@', '\t', '\r', '|', '%']);
    let guard = if formula { "'" } else { "" };
    if formula || cell.contains([',', '"', '\r', '\n']) {
        format!("\"{guard}{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// A member of a JSON object as a cell: texts as they are, lists joined, nothing as nothing.
pub(crate) fn cell(object: &Value, key: &str) -> String {
    match object.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(is)) => if *is { "yes" } else { "no" }.to_owned(),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect();
            items.join(" ")
        }
        Some(other) => other.to_string(),
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
        assert_eq!(
            table.csv(),
            "code,sources\r\ncrm,urn:a urn:b\r\n\"'=1+1\",\r\n"
        );
    }
}
