//! The map file: what it may say, read and checked once.
//!
//! It reads no rows. Always: unknown keys are refused; a path, template, zone or word that could
//! only fail at the first row fails here instead.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::values::{Path, Template, Zone};
use super::{COLUMNS_MAX, MAP_BYTES_MAX};

/// A map, checked.
pub struct CsvMap {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) id: Template,
    pub(super) time: TimeColumn,
    pub(super) events: Vec<EventMap>,
    pub(super) dropped: Vec<Dropped>,
}

/// Why a map cannot be used. Maps are written by the council and hold no personal data, so the text
/// names the part of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapError(pub String);

impl std::fmt::Display for MapError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "map: {}", self.0)
    }
}

impl std::error::Error for MapError {}

/// One kind of event and the rows that become it.
pub(super) struct EventMap {
    pub(super) type_name: String,
    pub(super) when: Option<When>,
    pub(super) fields: Vec<FieldMap>,
}

/// One field of an event's data.
pub(super) struct FieldMap {
    pub(super) path: Path,
    pub(super) value: Value,
    pub(super) required: bool,
}

/// Where a field's value comes from.
pub(super) enum Value {
    Constant(serde_json::Value),
    Template(Template),
    Column {
        column: String,
        words: BTreeMap<String, String>,
        refuse: BTreeMap<String, String>,
    },
    Time {
        time: TimeColumn,
        write: Write,
    },
}

/// How a time is written into the data.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(super) enum Write {
    /// `YYYY-MM-DD`, in the zone of the column.
    Date,
    /// `YYYY-MM-DDThh:mm:ssZ`.
    Instant,
}

/// A column that holds a time.
pub(super) struct TimeColumn {
    pub(super) column: String,
    pub(super) format: String,
    pub(super) zone: Option<Zone>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(rename = "about", default)]
    _about: String,
    source: String,
    id: IdFile,
    time: TimeFile,
    event: Vec<EventFile>,
    #[serde(default)]
    dropped: Vec<Dropped>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdFile {
    template: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeFile {
    column: Spanned<String>,
    format: String,
    zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventFile {
    #[serde(rename = "type")]
    type_name: Spanned<String>,
    when: Option<When>,
    field: Vec<FieldFile>,
}

/// Rows that an event is made of: those whose column has one of these values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    pub(super) column: String,
    pub(super) any_of: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldFile {
    path: Spanned<String>,
    constant: Option<toml::Value>,
    template: Option<String>,
    column: Option<String>,
    #[serde(default)]
    words: BTreeMap<String, String>,
    #[serde(default)]
    refuse: BTreeMap<String, String>,
    format: Option<String>,
    zone: Option<String>,
    write: Option<Write>,
    #[serde(default)]
    required: bool,
}

/// A column that is not taken, and why.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// The column's name.
    pub column: String,
    /// Why its values are not taken.
    pub reason: String,
}

impl CsvMap {
    /// Reads a map file.
    ///
    /// # Errors
    /// [`MapError`] for anything the map says that no row could satisfy.
    pub fn parse(text: &str) -> Result<Self, MapError> {
        if text.len() > MAP_BYTES_MAX {
            return Err(MapError(format!("more than {MAP_BYTES_MAX} bytes")));
        }
        let file: File = toml::from_str(text).map_err(|error| match error.span() {
            Some(span) => at(text, span.start, error.message()),
            None => MapError(error.message().to_owned()),
        })?;
        if file.event.is_empty() {
            return Err(MapError("no event".to_owned()));
        }
        let in_id = |error| on_line(text, file.id.template.span().start, error);
        let id = Template::parse(file.id.template.get_ref()).map_err(in_id)?;
        if !id.has_columns() {
            return Err(in_id(MapError("id.template names no column".to_owned())));
        }
        let time_line = file.time.column.span().start;
        let time = TimeColumn::new(
            file.time.column.into_inner(),
            file.time.format,
            file.time.zone,
        );
        let events = file.event.into_iter();
        let events = events.map(|event| EventMap::new(text, event));
        Ok(Self {
            name: file.name,
            source: file.source,
            id,
            time: time.map_err(|error| on_line(text, time_line, error))?,
            events: events.collect::<Result<_, _>>()?,
            dropped: file.dropped,
        })
    }

    /// The map's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The CloudEvents source of every event it makes.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The columns that are not taken, each with its reason.
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    /// The column from which a field of the data is filled, by its path; where kinds of events fill it
    /// from different columns, the first kind's.
    pub fn column_of(&self, field: &str) -> Option<&str> {
        let fields = self.events.iter().flat_map(|event| &event.fields);
        fields
            .filter(|candidate| candidate.path.text == field)
            .find_map(|candidate| match &candidate.value {
                Value::Constant(_) => None,
                Value::Template(template) => template.columns().next(),
                Value::Column { column, .. } => Some(column.as_str()),
                Value::Time { time, .. } => Some(time.column.as_str()),
            })
    }

    /// Every column the map reads.
    fn columns(&self) -> impl Iterator<Item = &str> {
        let fields = self.events.iter().flat_map(|event| &event.fields);
        let of_fields = fields.flat_map(|field| match &field.value {
            Value::Constant(_) => Vec::new(),
            Value::Template(template) => template.columns().collect(),
            Value::Column { column, .. } => vec![column.as_str()],
            Value::Time { time, .. } => vec![time.column.as_str()],
        });
        let of_whens = self.events.iter().filter_map(|event| event.when.as_ref());
        self.id
            .columns()
            .chain([self.time.column.as_str()])
            .chain(of_whens.map(|when| when.column.as_str()))
            .chain(of_fields)
    }

    /// Checks the header of a file against the map: every column the map reads is there once, and
    /// every other one is dropped on purpose.
    pub(super) fn check_header(&self, header: &[String]) -> Result<(), MapError> {
        if header.len() > COLUMNS_MAX {
            return Err(MapError(format!(
                "the file has more than {COLUMNS_MAX} columns"
            )));
        }
        for column in self.columns() {
            match header.iter().filter(|name| *name == column).count() {
                1 => {}
                0 => return Err(MapError(format!("the file has no column {column:?}"))),
                _ => return Err(MapError(format!("the file has column {column:?} twice"))),
            }
        }
        for (place, name) in header.iter().enumerate() {
            let used = self.columns().any(|column| column == name);
            if !used && !self.dropped.iter().any(|dropped| dropped.column == *name) {
                let place = place + 1;
                return Err(MapError(format!(
                    "column {place} of the file is neither used nor listed as dropped"
                )));
            }
        }
        Ok(())
    }
}

impl EventMap {
    fn new(text: &str, file: EventFile) -> Result<Self, MapError> {
        let type_at = file.type_name.span().start;
        let type_name = file.type_name.into_inner();
        if proto::fact_by_type(&type_name).is_none() {
            let what = format!("type {type_name:?} is not in the catalogue");
            return Err(at(text, type_at, &what));
        }
        let fields = file.field.into_iter().map(|field| {
            let place = field.path.span().start;
            FieldMap::new(field).map_err(|error| on_line(text, place, error))
        });
        Ok(Self {
            type_name,
            when: file.when,
            fields: fields.collect::<Result<_, _>>()?,
        })
    }
}

impl FieldMap {
    fn new(file: FieldFile) -> Result<Self, MapError> {
        let name = file.path.into_inner();
        let wrong = |what: &str| MapError(format!("field {name:?}: {what}"));
        let path = Path::parse(&name)?;
        let plain = file.words.is_empty() && file.refuse.is_empty();
        let value = match (file.constant, file.template, file.column, file.format) {
            (Some(constant), None, None, None) if plain => {
                let value = serde_json::to_value(constant)
                    .map_err(|_| wrong("the constant is no JSON value"))?;
                Value::Constant(value)
            }
            (None, Some(template), None, None) if plain => {
                Value::Template(Template::parse(&template)?)
            }
            (None, None, Some(column), Some(format)) if plain => Value::Time {
                time: TimeColumn::new(column, format, file.zone)?,
                write: file
                    .write
                    .ok_or_else(|| wrong("a time says write = date or instant"))?,
            },
            (None, None, Some(column), None) if file.write.is_none() && file.zone.is_none() => {
                Value::Column {
                    column,
                    words: file.words,
                    refuse: file.refuse,
                }
            }
            _ => {
                return Err(wrong(
                    "one of constant, template or column, with what belongs to it",
                ));
            }
        };
        Ok(Self {
            path,
            value,
            required: file.required,
        })
    }
}

/// An error with the line of the map on which it is.
fn at(text: &str, offset: usize, what: &str) -> MapError {
    let before = text.bytes().take(offset);
    let line = 1 + before.filter(|&byte| byte == b'\n').count();
    MapError(format!("line {line}: {what}"))
}

fn on_line(text: &str, offset: usize, error: MapError) -> MapError {
    at(text, offset, &error.0)
}

impl TimeColumn {
    fn new(column: String, format: String, zone: Option<String>) -> Result<Self, MapError> {
        let zone = zone.as_deref().map(Zone::parse).transpose()?;
        let states_offset = format.contains("%z") || format.contains("%:z");
        if states_offset == zone.is_some() {
            return Err(MapError(format!(
                "time of column {column:?}: a format with %z or %:z, or else a zone"
            )));
        }
        Ok(Self {
            column,
            format,
            zone,
        })
    }
}
