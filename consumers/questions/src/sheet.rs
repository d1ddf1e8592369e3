//! An answer as tables, and tables as text of at most 100 columns.
//!
//! What always holds: no line is longer than [`WIDTH_COLUMNS`]; long cells wrap within their column;
//! control characters in a cell are shown as spaces, so that no value can move a terminal's cursor.

use std::fmt::Write;

use crate::revealed::RevealedSlot;

/// Columns of a terminal.
pub const WIDTH_COLUMNS: usize = 100;
const GAP: usize = 2;
const CELL_COLUMNS_MIN: usize = 8;

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// What it lists.
    pub title: &'static str,
    /// Column heads.
    pub columns: Vec<&'static str>,
    /// Rows, as wide as the heads.
    pub rows: Vec<Vec<String>>,
}

/// An answer that can be shown as tables.
pub trait Sheets {
    /// The tables, empty ones included.
    fn sheets(&self) -> Vec<Sheet>;

    /// A picture that people see in place of the first table; empty: none.
    fn picture(&self) -> String {
        String::new()
    }
}

impl Sheet {
    /// A table without rows yet.
    pub fn new(title: &'static str, columns: &[&'static str]) -> Self {
        Self {
            title,
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.columns.len(), "a row is as wide as its heads");
        self.rows.push(cells.to_vec());
    }

    /// Opened slots, a field a row.
    pub(crate) fn of_revealed(slots: &[RevealedSlot]) -> Self {
        let mut sheet = Self::new("values opened", &["event", "slot", "field", "value"]);
        for slot in slots {
            let (event, number) = (slot.index.to_string(), slot.slot.to_string());
            if slot.state != "open" {
                let state = format!("({})", slot.state);
                sheet.row([event, number, String::new(), state]);
                continue;
            }
            for field in &slot.fields {
                let value = field.value.show().to_owned();
                sheet.row([event.clone(), number.clone(), field.path.clone(), value]);
            }
            for path in &slot.quarantined {
                let path = format!("field {path}");
                sheet.row([
                    event.clone(),
                    number.clone(),
                    path,
                    "(quarantined: dpo only)".into(),
                ]);
            }
        }
        sheet
    }

    /// The table as text.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        if self.rows.is_empty() {
            text.push_str("  none\n");
            return text;
        }
        let widths = self.widths();
        let heads: Vec<String> = self.columns.iter().map(|&head| head.to_owned()).collect();
        put_row(&mut text, &heads, &widths);
        let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        put_row(&mut text, &rules, &widths);
        for row in &self.rows {
            put_row(&mut text, row, &widths);
        }
        text
    }

    /// As wide as the cells want to be, the widest narrowed until all fit.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .map(|head| head.chars().count())
            .collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let gaps = GAP * widths.len();
        while widths.iter().sum::<usize>() + gaps > WIDTH_COLUMNS {
            let Some(widest) = widths.iter_mut().max_by_key(|width| **width) else {
                break;
            };
            if *widest <= CELL_COLUMNS_MIN {
                break;
            }
            *widest -= 1;
        }
        widths
    }
}

fn put_row(text: &mut String, cells: &[String], widths: &[usize]) {
    let wrapped: Vec<Vec<String>> = cells
        .iter()
        .zip(widths)
        .map(|(cell, &width)| wrap(cell, width))
        .collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..height {
        let mut row = String::new();
        for (cell, &width) in wrapped.iter().zip(widths) {
            let part = cell.get(line).map_or("", String::as_str);
            write!(row, "{:GAP$}{part:width$}", "").expect("a string takes all");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
}

/// Breaks a cell at spaces, or anywhere where a word is too long.
fn wrap(cell: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in cell.split([' ', '\n', '\t', '\r']) {
        let word: String = word
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        let length = word.chars().count();
        if used > 0 && used + 1 + length <= width {
            push(&mut lines, " ");
            push(&mut lines, &word);
            used += 1 + length;
            continue;
        }
        if used > 0 {
            lines.push(String::new());
            used = 0;
        }
        for letter in word.chars() {
            if used == width {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, letter.encode_utf8(&mut [0; 4]));
            used += 1;
        }
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    lines
        .last_mut()
        .expect("a cell has at least one line")
        .push_str(text);
}
