//! Rows into events, one at a time.
//!
//! It keeps nothing between rows. Always: after a bad row the next one is read; only a row beyond
//! the limit or a failing file ends the walk, as its last item.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use proto::Personal;
use serde_json::{Value as Json, json};

use super::ROW_BYTES_MAX;
use super::map::{CsvMap, EventMap, FieldMap, MapError, Value};
use super::values::{instant, without_gaps};

/// One event made of one row.
pub struct MappedRow {
    /// Line of the file on which the row begins, from 1.
    pub line: u64,
    /// The CloudEvent as structured JSON.
    pub event: Personal<Vec<u8>>,
}

/// Why a row gave no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Line of the file on which the row begins, from 1.
    pub line: u64,
    /// The column, as the map names it; empty when the row as a whole is meant.
    pub column: String,
    /// The field of the event, as the map names it; empty when no single field is meant.
    pub field: String,
    /// The rule, in one sentence.
    pub rule: String,
}

impl std::fmt::Display for RowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.column.is_empty() {
            write!(f, ", column {}", self.column)?;
        }
        if !self.field.is_empty() {
            write!(f, ", field {}", self.field)?;
        }
        write!(f, ": {}", self.rule)
    }
}

impl std::error::Error for RowError {}

/// The walk over a file.
pub struct Rows<'m, R> {
    map: &'m CsvMap,
    reader: csv::Reader<Bounded<R>>,
    budget: Rc<Cell<usize>>,
    header: Vec<String>,
    record: csv::ByteRecord,
    ended: bool,
}

impl CsvMap {
    /// Begins to read a file, header first.
    ///
    /// # Errors
    /// [`MapError`] when the header cannot be read or does not fit the map.
    pub fn rows<R: Read>(&self, file: R) -> Result<Rows<'_, R>, MapError> {
        let budget = Rc::new(Cell::new(ROW_BYTES_MAX));
        let bounded = Bounded {
            file,
            budget: Rc::clone(&budget),
        };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(bounded);
        let unreadable = || MapError("the header of the file cannot be read".to_owned());
        let header = reader.headers().map_err(|_| unreadable())?;
        let header: Vec<String> = header
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').to_owned())
            .collect();
        self.check_header(&header)?;
        Ok(Rows {
            map: self,
            reader,
            budget,
            header,
            record: csv::ByteRecord::new(),
            ended: false,
        })
    }
}

impl<R: Read> Iterator for Rows<'_, R> {
    type Item = Result<MappedRow, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.budget.set(ROW_BYTES_MAX);
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => {
                self.ended = true;
                None
            }
            Ok(true) => {
                let line = self.record.position().map_or(0, csv::Position::line);
                Some(
                    Row {
                        map: self.map,
                        header: &self.header,
                        record: &self.record,
                        line,
                    }
                    .event(),
                )
            }
            Err(_) => {
                self.ended = true;
                let rule = if self.budget.get() == 0 {
                    format!("a row has at most {ROW_BYTES_MAX} bytes; is a quote left open?")
                } else {
                    "the file cannot be read on".to_owned()
                };
                let line = self.reader.position().line();
                Some(Err(RowError {
                    line,
                    column: String::new(),
                    field: String::new(),
                    rule,
                }))
            }
        }
    }
}

/// One row with what is needed to map it.
struct Row<'a> {
    map: &'a CsvMap,
    header: &'a [String],
    record: &'a csv::ByteRecord,
    line: u64,
}

impl Row<'_> {
    fn event(&self) -> Result<MappedRow, RowError> {
        if self.record.len() != self.header.len() {
            return Err(self.error("", "", "a row has as many columns as the header"));
        }
        for (name, value) in self.header.iter().zip(self.record) {
            if std::str::from_utf8(value).is_err() || value.contains(&0) {
                return Err(self.error(name, "", "the file is UTF-8 without NUL characters"));
            }
        }
        let id = self.map.id.fill(|column| self.value(column));
        let id = id.ok_or_else(|| self.error("", "id", "every column of the id is filled"))?;
        let time_column = &self.map.time;
        let time = time_column
            .read(self.value(&time_column.column))
            .ok_or_else(|| {
                self.error(
                    &time_column.column,
                    "time",
                    "the time has the form that the map states",
                )
            })?;
        let event = self
            .map
            .events
            .iter()
            .find(|event| self.is_meant(event))
            .ok_or_else(|| self.error("", "type", "the map has an event for rows of this kind"))?;
        let mut data = Json::Object(serde_json::Map::new());
        for field in &event.fields {
            match self.field(field)? {
                Some(value) => field.path.put(&mut data, value),
                None if field.required => {
                    let column = field.column().unwrap_or_default();
                    return Err(self.error(column, &field.path.text, "this field is filled"));
                }
                None => {}
            }
        }
        without_gaps(&mut data);
        let event = json!({
            "specversion": "1.0",
            "id": id,
            "source": self.map.source,
            "type": event.type_name,
            "time": instant(&time, 3),
            "datacontenttype": "application/json",
            "data": data,
        });
        let event = serde_json::to_vec(&event)
            .map_err(|_| self.error("", "", "the row can be written as JSON"))?;
        Ok(MappedRow {
            line: self.line,
            event: Personal::new(event),
        })
    }

    fn is_meant(&self, event: &EventMap) -> bool {
        event.when.as_ref().is_none_or(|when| {
            let value = self.value(&when.column);
            when.any_of.iter().any(|one| one == value)
        })
    }

    /// The value of one field; `None` when its column is empty.
    fn field(&self, field: &FieldMap) -> Result<Option<Json>, RowError> {
        let wrong = |column: &str, rule: &str| self.error(column, &field.path.text, rule);
        match &field.value {
            Value::Constant(value) => Ok(Some(value.clone())),
            Value::Template(template) => {
                Ok(template.fill(|column| self.value(column)).map(Json::String))
            }
            Value::Time { time, write } => match self.value(&time.column) {
                "" => Ok(None),
                value => match time.read(value) {
                    Some(time) => Ok(Some(Json::String(write.text(&time)))),
                    None => Err(wrong(
                        &time.column,
                        "the time has the form that the map states",
                    )),
                },
            },
            Value::Column {
                column,
                words,
                refuse,
            } => match self.value(column) {
                "" => Ok(None),
                value => {
                    if let Some(reason) = refuse.get(value) {
                        return Err(wrong(column, reason));
                    }
                    if words.is_empty() {
                        return Ok(Some(Json::String(value.to_owned())));
                    }
                    match words.get(value) {
                        Some(word) => Ok(Some(Json::String(word.clone()))),
                        None => Err(wrong(column, "the map has a word for every value")),
                    }
                }
            },
        }
    }

    /// The value of a column, without blanks around it; empty when there is none.
    fn value(&self, column: &str) -> &str {
        let place = self.header.iter().position(|name| name == column);
        let bytes = place
            .and_then(|place| self.record.get(place))
            .unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default().trim()
    }

    fn error(&self, column: &str, field: &str, rule: &str) -> RowError {
        RowError {
            line: self.line,
            column: column.to_owned(),
            field: field.to_owned(),
            rule: rule.to_owned(),
        }
    }
}

impl FieldMap {
    fn column(&self) -> Option<&str> {
        match &self.value {
            Value::Column { column, .. } => Some(column),
            Value::Time { time, .. } => Some(&time.column),
            Value::Constant(_) | Value::Template(_) => None,
        }
    }
}

/// A file that gives no more than a row's budget between two rows.
struct Bounded<R> {
    file: R,
    budget: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.budget.get().min(buffer.len());
        if room == 0 {
            return Err(io::Error::other("row beyond its limit"));
        }
        let read = self.file.read(buffer.get_mut(..room).unwrap_or_default())?;
        self.budget.set(self.budget.get() - read);
        Ok(read)
    }
}
