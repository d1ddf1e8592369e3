//! The small values of a map: paths into the data, templates of columns, zones.
//!
//! Not here: which field means what. Always: parsed once; applying one never fails on its form.

use serde_json::{Map, Value};

use super::map::{MapError, TimeColumn, Write};

/// Most elements a path may number in one array.
const ELEMENTS_MAX: usize = 64;

/// A path into the data, `subject.aliases[0].localId`.
pub(super) struct Path {
    pub(super) text: String,
    steps: Vec<Step>,
}

enum Step {
    Key(String),
    Element(usize),
}

impl Path {
    pub(super) fn parse(text: &str) -> Result<Self, MapError> {
        let wrong = || MapError(format!("path {text:?}"));
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (key, element) = match part.split_once('[') {
                Some((key, rest)) => (key, Some(rest.strip_suffix(']').ok_or_else(wrong)?)),
                None => (part, None),
            };
            if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(wrong());
            }
            steps.push(Step::Key(key.to_owned()));
            if let Some(element) = element {
                let element = element.parse().map_err(|_| wrong())?;
                if element >= ELEMENTS_MAX {
                    return Err(wrong());
                }
                steps.push(Step::Element(element));
            }
        }
        Ok(Self {
            text: text.to_owned(),
            steps,
        })
    }

    /// Puts a value at this path, making objects and arrays on the way.
    pub(super) fn put(&self, data: &mut Value, value: Value) {
        let mut at = data;
        for step in &self.steps {
            at = match step {
                Step::Key(key) => {
                    if !at.is_object() {
                        *at = Value::Object(Map::new());
                    }
                    match at {
                        Value::Object(map) => map.entry(key.as_str()).or_insert(Value::Null),
                        _ => return,
                    }
                }
                Step::Element(element) => {
                    if !at.is_array() {
                        *at = Value::Array(Vec::new());
                    }
                    let Value::Array(items) = at else { return };
                    while items.len() <= *element {
                        items.push(Value::Null);
                    }
                    let Some(item) = items.get_mut(*element) else {
                        return;
                    };
                    item
                }
            };
        }
        *at = value;
    }
}

/// Drops elements that no field of the row filled.
pub(super) fn without_gaps(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(without_gaps);
        }
        Value::Object(map) => map.values_mut().for_each(without_gaps),
        _ => {}
    }
}

/// Text with columns in braces, `{case}/{task}`.
pub(super) struct Template(Vec<Part>);

enum Part {
    Text(String),
    Column(String),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, MapError> {
        let wrong = || MapError(format!("template {text:?}"));
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (plain, after) = match rest.split_once('{') {
                Some((plain, after)) => (plain, Some(after)),
                None => (rest, None),
            };
            if plain.contains('}') {
                return Err(wrong());
            }
            if !plain.is_empty() {
                parts.push(Part::Text(plain.to_owned()));
            }
            let Some(after) = after else { break };
            let (column, after) = after.split_once('}').ok_or_else(wrong)?;
            if column.is_empty() {
                return Err(wrong());
            }
            parts.push(Part::Column(column.to_owned()));
            rest = after;
        }
        Ok(Self(parts))
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Column(column) => Some(column.as_str()),
            Part::Text(_) => None,
        })
    }

    pub(super) fn has_columns(&self) -> bool {
        self.columns().next().is_some()
    }

    /// The text with every column filled in; `None` when one of them is empty.
    pub(super) fn fill<'a>(&self, value: impl Fn(&str) -> &'a str) -> Option<String> {
        let mut text = String::new();
        for part in &self.0 {
            let piece = match part {
                Part::Text(plain) => plain.as_str(),
                Part::Column(column) => value(column),
            };
            if piece.is_empty() {
                return None;
            }
            text.push_str(piece);
        }
        Some(text)
    }
}

/// A zone for times without an offset.
pub(super) struct Zone(jiff::tz::TimeZone);

impl Zone {
    /// `UTC`, an offset as `+01:00`, or `Europe/London` by the rule in force since 1996: the few
    /// that a council's exports use, so that no time zone database has to be at hand.
    pub(super) fn parse(text: &str) -> Result<Self, MapError> {
        let wrong = || MapError(format!("zone {text:?}: UTC, an offset or Europe/London"));
        if text == "UTC" {
            return Ok(Self(jiff::tz::TimeZone::UTC));
        }
        if text == "Europe/London" {
            let zone = jiff::tz::TimeZone::posix("GMT0BST,M3.5.0/1,M10.5.0");
            return zone.map(Self).map_err(|_| wrong());
        }
        let [sign, h1, h2, b':', m1, m2] = text.as_bytes() else {
            return Err(wrong());
        };
        let digit = |byte: &u8| char::from(*byte).to_digit(10).ok_or_else(wrong);
        let minutes = (digit(h1)? * 10 + digit(h2)?) * 60 + digit(m1)? * 10 + digit(m2)?;
        let seconds = i32::try_from(minutes * 60).map_err(|_| wrong())?;
        let seconds = match sign {
            b'+' => seconds,
            b'-' => -seconds,
            _ => return Err(wrong()),
        };
        let offset = jiff::tz::Offset::from_seconds(seconds).map_err(|_| wrong())?;
        Ok(Self(offset.to_time_zone()))
    }
}

impl TimeColumn {
    /// Reads a value of this column; `None` when it has another form. A local time that happens
    /// twice is the first of the two.
    pub(super) fn read(&self, value: &str) -> Option<jiff::Zoned> {
        let parsed = jiff::fmt::strtime::parse(&self.format, value).ok()?;
        match &self.zone {
            Some(Zone(zone)) => parsed.to_datetime().ok()?.to_zoned(zone.clone()).ok(),
            None => {
                let offset = parsed.offset()?;
                Some(parsed.to_timestamp().ok()?.to_zoned(offset.to_time_zone()))
            }
        }
    }
}

impl Write {
    pub(super) fn text(self, time: &jiff::Zoned) -> String {
        match self {
            Write::Date => time.strftime("%Y-%m-%d").to_string(),
            Write::Instant => instant(time, 0),
        }
    }
}

/// `YYYY-MM-DDThh:mm:ss[.fff]Z`.
pub(super) fn instant(time: &jiff::Zoned, digits: u8) -> String {
    let utc = time.timestamp().to_zoned(jiff::tz::TimeZone::UTC);
    let format = if digits == 0 {
        "%Y-%m-%dT%H:%M:%SZ"
    } else {
        "%Y-%m-%dT%H:%M:%S.%3fZ"
    };
    utc.strftime(format).to_string()
}
