//! An answer as text, JSON or CSV.
//!
//! What always holds: what comes out may hold revealed values, so it is `Personal`; whoever prints
//! it decides where. Every form carries the line that says what the answer is true for (P-3).

use std::fmt::Write;

use proto::Personal;
use serde::Serialize;

use crate::answer::Answer;
use crate::csv;
use crate::sheet::{Sheets, WIDTH_COLUMNS};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
}

/// The answer in that form.
pub fn render<T: Serialize + Sheets>(answer: &Answer<T>, format: Format) -> Personal<String> {
    Personal::new(match format {
        Format::Table => table(answer),
        Format::Json => serde_json::to_string_pretty(answer)
            .expect("answers have string keys and finite numbers"),
        Format::Csv => csv::text(&answer.as_of.line(), &answer.answer.sheets()),
    })
}

fn table<T: Sheets>(answer: &Answer<T>) -> String {
    let mut text = answer.answer.picture();
    let pictured = usize::from(!text.is_empty());
    for sheet in answer.answer.sheets().iter().skip(pictured) {
        text.push_str(&sheet.text());
        text.push('\n');
    }
    for line in folded(&answer.as_of.line()) {
        writeln!(text, "{line}").expect("a string takes all");
    }
    if let Some(index) = answer.access_event {
        writeln!(text, "this access is event {index}").expect("a string takes all");
    }
    text
}

/// A long line at its commas.
fn folded(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in line.split_inclusive(", ") {
        let last = lines.last_mut().expect("there is one from the start");
        if !last.is_empty() && last.len() + part.len() > WIDTH_COLUMNS {
            lines.push(part.to_owned());
        } else {
            last.push_str(part);
        }
    }
    lines
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}
