//! Events one at a time, with the line each begins on.
//!
//! Not here: what makes an event good; the door judges that. What cannot travel in a batch without
//! spoiling it (no JSON, too large) is refused here, under the door's own codes.

use std::io::{BufReader, Read};

use intake::admit::csv_map::{CsvMap, RowError, Rows};
use proto::Personal;

use super::split::{Piece, Splitter};
use crate::failure::Failure;

/// An event as it will be sent.
pub(super) struct Event {
    /// Line of the file on which it begins, from 1.
    pub(super) line: u64,
    /// A CloudEvent in structured JSON.
    pub(super) bytes: Personal<Vec<u8>>,
}

/// Why an event of the file is not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// Line of the file on which it begins, from 1.
    pub(super) line: u64,
    /// The column of a CSV file, or empty.
    pub(super) column: String,
    /// The field, or empty.
    pub(super) field: String,
    /// The code.
    pub(super) code: String,
    /// The rule.
    pub(super) rule: String,
}

impl Refused {
    /// A refusal of a whole event.
    pub(super) fn whole(line: u64, code: &str, rule: &str) -> Self {
        Self {
            line,
            column: String::new(),
            field: String::new(),
            code: code.to_owned(),
            rule: rule.to_owned(),
        }
    }
}

impl From<RowError> for Refused {
    fn from(error: RowError) -> Self {
        Self {
            line: error.line,
            column: error.column,
            field: error.field,
            code: "MAP".to_owned(),
            rule: error.rule,
        }
    }
}

/// What comes next.
pub(super) enum Next {
    /// An event to send.
    Event(Event),
    /// Something that is no event.
    Refused(Refused),
    /// Nothing more.
    End,
}

/// A file of events.
pub(super) enum Source<'m, R> {
    /// CloudEvents as JSON.
    Json(Splitter<BufReader<R>>),
    /// Rows through a map.
    Csv(Rows<'m, R>),
}

impl<'m, R: Read> Source<'m, R> {
    /// JSON, one event after the other or an array.
    pub(super) fn json(file: BufReader<R>) -> Self {
        Self::Json(Splitter::new(file))
    }

    /// CSV.
    ///
    /// # Errors
    /// Where the header does not fit the map.
    pub(super) fn csv(map: &'m CsvMap, file: R) -> Result<Self, Failure> {
        let rows = map.rows(file);
        rows.map(Self::Csv)
            .map_err(|error| Failure::Usage(error.to_string()))
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Next {
        match self {
            Self::Csv(rows) => match rows.next() {
                None => Next::End,
                Some(Ok(row)) => Next::Event(Event {
                    line: row.line,
                    bytes: row.event,
                }),
                Some(Err(error)) => Next::Refused(error.into()),
            },
            Self::Json(splitter) => match splitter.next() {
                None => Next::End,
                Some(Piece {
                    line,
                    content: Ok(bytes),
                }) => judged(line, bytes),
                Some(Piece {
                    line,
                    content: Err(fault),
                }) => Next::Refused(Refused::whole(line, fault.code(), fault.rule())),
            },
        }
    }
}

/// A piece that is not JSON would make the whole batch unreadable, so it stays here.
fn judged(line: u64, bytes: Personal<Vec<u8>>) -> Next {
    let whole = |code, rule| Next::Refused(Refused::whole(line, code, rule));
    if std::str::from_utf8(bytes.expose()).is_err() {
        return whole("INVALID_UTF8", "JSON is UTF-8");
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(bytes.expose()).is_err() {
        return whole("MALFORMED_JSON", "an event is one whole JSON object");
    }
    Next::Event(Event { line, bytes })
}
