//! CloudEvents 1.0 over HTTP: structured, batch and binary mode, read into one [`Event`].
//!
//! It does not look into `data` and authorises nothing. Always: one bad item of a batch loses
//! none of the others; attributes that could carry personal data (`subject`, extensions) are
//! refused, since no attribute but the id is sealed; nothing recurses before its depth is known.

mod headers;

use std::borrow::Cow;

use base64::Engine as _;
use proto::UnixMillis;
use proto::limits::SOURCE_BYTES_MAX;

use super::json::{self, Member, Rules};
use super::refusal::{Refusal, RefusalCode};
use super::time;

/// Longest `type`, in bytes.
pub const TYPE_BYTES_MAX: usize = 128;
/// Longest `tracestate`, in bytes.
pub const TRACESTATE_BYTES_MAX: usize = 512;

/// Largest event in the JSON format, in bytes: its data in base64, and its attributes.
pub const WHOLE_BYTES_MAX: usize = proto::limits::EVENT_BYTES_MAX / 3 * 4 + 8 * 1024;

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/protobuf";

/// A request as it came, its body already bounded by the door.
pub struct Request<'a> {
    /// The `content-type` header.
    pub content_type: Option<&'a str>,
    /// The `ce-` headers in order, names in lower case without the prefix.
    pub attributes: &'a [(String, String)],
    /// The whole body.
    pub body: &'a [u8],
}

/// One event as the publisher sent it, before its data is decoded. Neither printable nor
/// comparable: the id and the data are personal.
pub struct Event<'a> {
    /// `id`.
    pub id: Cow<'a, str>,
    /// `source`.
    pub source: Cow<'a, str>,
    /// `type`.
    pub type_name: Cow<'a, str>,
    /// `time`, as milliseconds.
    pub time: UnixMillis,
    /// `traceparent`, when the event carries one.
    pub traceparent: Option<Cow<'a, str>>,
    /// `data`.
    pub data: Data<'a>,
    /// The whole event, where nobody has read its data yet.
    unread: Option<&'a [u8]>,
}

impl Event<'_> {
    /// What the first reader would have found wrong with an event whose data it left to the second.
    ///
    /// The data are read once, by `proto`, which refuses whatever the scanner refuses. Only what it
    /// answers would differ: so that grammar goes before types, depth before names, and every path is
    /// the scanner's, a refused event is scanned after all.
    pub fn fault(&self) -> Option<Refusal> {
        json::object(self.unread?, rules()).err()
    }

    /// The text of an attribute, where a structured event has it: of those too that are read and dropped.
    fn says(&self, name: &str) -> Option<Cow<'_, str>> {
        let members = json::object_but(self.unread?, rules(), "data").ok()?;
        let member = members.into_iter().find(|member| member.key == name)?;
        json::text(member.value)
    }
}

/// The data of an event, in either encoding.
pub enum Data<'a> {
    /// proto3 JSON.
    Json(Cow<'a, [u8]>),
    /// Protobuf, not necessarily canonical.
    Binary(Cow<'a, [u8]>),
}

impl Data<'_> {
    /// Bytes of the data as sent.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Data::Json(bytes) | Data::Binary(bytes) => bytes,
        }
    }
}

/// The events of a request: one, or the items of a batch in order.
pub enum Events<'a> {
    /// Structured or binary mode.
    One(Box<Result<Event<'a>, Refusal>>),
    /// Batch mode, the items not yet parsed.
    Batch(Vec<&'a [u8]>),
}

/// Reads a request's mode and splits it into events.
///
/// # Errors
/// Only what concerns the whole request: an unknown content type, a batch whose outer array is
/// not whole, too many events or none.
pub fn read<'a>(request: &Request<'a>) -> Result<Events<'a>, Refusal> {
    let (kind, is_utf8) = media_type(request.content_type.unwrap_or_default());
    if !is_utf8 {
        return Err(unsupported());
    }
    if kind.eq_ignore_ascii_case(BATCH) {
        headers::none(request.attributes)?;
        let items = json::array_items(request.body, proto::limits::BATCH_EVENTS_MAX)?;
        if items.is_empty() {
            let rule = "a batch has at least one event";
            return Err(Refusal::new(RefusalCode::BatchEmpty, "", rule));
        }
        return Ok(Events::Batch(items));
    }
    if kind.eq_ignore_ascii_case(STRUCTURED) {
        let event = structured(request.body);
        let event = event.and_then(|event| headers::repeat(request.attributes, event));
        return Ok(Events::One(Box::new(event)));
    }
    if request.attributes.is_empty() {
        return Err(unsupported());
    }
    let format = data_format(kind).ok_or_else(unsupported)?;
    Ok(Events::One(Box::new(binary(request, format))))
}

/// One event in the JSON format: a structured body or an item of a batch. Its data are left unread.
///
/// # Errors
/// The first thing that is wrong, with the path of the attribute; of the data, see [`Event::fault`].
pub fn structured(bytes: &[u8]) -> Result<Event<'_>, Refusal> {
    too_large(bytes.len(), WHOLE_BYTES_MAX)?;
    // A fault of the JSON goes before one of the attributes, wherever it stands.
    attributes(bytes).map_err(|fault| json::object(bytes, rules()).err().unwrap_or(fault))
}

/// The event of a JSON object whose data are left unread.
fn attributes(bytes: &[u8]) -> Result<Event<'_>, Refusal> {
    let mut found = Attributes::default();
    let members = json::object_but(bytes, rules(), "data")?;
    for (place, member) in members.into_iter().enumerate() {
        found.put_member(member, place)?;
    }
    let mut event = found.event()?;
    event.unread = Some(bytes);
    Ok(event)
}

/// One event in binary mode: attributes as headers, the body as data.
fn binary<'a>(request: &Request<'a>, format: Format) -> Result<Event<'a>, Refusal> {
    too_large(request.body.len(), proto::limits::EVENT_BYTES_MAX)?;
    let mut found = Attributes::default();
    for (place, (name, value)) in request.attributes.iter().enumerate() {
        if name == "datacontenttype" {
            let rule = "in binary mode the content-type header says what the data are";
            return Err(invalid("datacontenttype", rule));
        }
        found.put(
            name,
            Cow::Owned(headers::decoded(name, value, place)?),
            place,
        )?;
    }
    found.format = Some(format);
    found.data = Some(Found::Bytes(Cow::Borrowed(request.body)));
    if matches!(format, Format::Json) {
        json::check(request.body, rules()).map_err(|fault| in_data(&fault))?;
    }
    found.event()
}

/// What the scanner of an event's JSON allows.
pub(super) fn rules() -> Rules {
    Rules {
        depth_max: proto::limits::JSON_DEPTH_MAX,
        nameable: |key| ATTRIBUTES.contains(&key) || proto::is_field_name(key),
    }
}

/// Attribute names that an answer may echo.
const ATTRIBUTES: &[&str] = &[
    "specversion",
    "id",
    "source",
    "type",
    "time",
    "datacontenttype",
    "dataschema",
    "subject",
    "data",
    "data_base64",
    "traceparent",
    "tracestate",
];

#[derive(Clone, Copy)]
enum Format {
    Json,
    Protobuf,
}

enum Found<'a> {
    /// A JSON value as it stands in the event.
    Json(&'a [u8]),
    /// Bytes given as `data_base64` or as a body.
    Bytes(Cow<'a, [u8]>),
}

/// What was seen so far of one event.
#[derive(Default)]
struct Attributes<'a> {
    specversion: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    type_name: Option<Cow<'a, str>>,
    time: Option<Cow<'a, str>>,
    traceparent: Option<Cow<'a, str>>,
    format: Option<Format>,
    data: Option<Found<'a>>,
}

impl<'a> Attributes<'a> {
    fn put_member(&mut self, member: Member<'a>, place: usize) -> Result<(), Refusal> {
        match &*member.key {
            "data" => self.put_data(Found::Json(member.value)),
            "data_base64" if member.value == b"null" => Ok(()),
            "data_base64" => {
                let text = json::text(member.value)
                    .ok_or_else(|| invalid("data_base64", "this attribute is a text"))?;
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(text.as_bytes())
                    .map_err(|_| invalid("data_base64", "this attribute is base64 with padding"))?;
                self.put_data(Found::Bytes(Cow::Owned(bytes)))
            }
            key => {
                // An attribute that is null is an absent one (CloudEvents JSON format, 2.2).
                if member.value == b"null" && ATTRIBUTES.contains(&key) {
                    return Ok(());
                }
                let plain = member.plain.map(Cow::Borrowed);
                let Some(text) = plain.or_else(|| json::text(member.value)) else {
                    return if ATTRIBUTES.contains(&key) {
                        Err(invalid(
                            attribute_name(key, place),
                            "this attribute is a text",
                        ))
                    } else {
                        Err(unknown(key, place))
                    };
                };
                self.put(key, text, place)
            }
        }
    }

    fn put_data(&mut self, data: Found<'a>) -> Result<(), Refusal> {
        if self.data.replace(data).is_some() {
            let rule = "an event has either data or data_base64";
            return Err(Refusal::new(RefusalCode::DataMissing, "data", rule));
        }
        Ok(())
    }

    /// Takes one attribute by name.
    fn put(&mut self, name: &str, value: Cow<'a, str>, place: usize) -> Result<(), Refusal> {
        let slot = match name {
            "specversion" => &mut self.specversion,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.type_name,
            "time" => &mut self.time,
            "traceparent" => &mut self.traceparent,
            "tracestate" if value.len() <= TRACESTATE_BYTES_MAX => return Ok(()),
            "tracestate" => return Err(invalid("tracestate", "tracestate has at most 512 bytes")),
            // Read and dropped: the catalogue is the only schema.
            "dataschema" => return Ok(()),
            "datacontenttype" => {
                let (kind, is_utf8) = media_type(&value);
                let rule = "data is application/json, in UTF-8, or application/protobuf";
                let format = data_format(kind).filter(|_| is_utf8);
                self.format = Some(format.ok_or_else(|| invalid("datacontenttype", rule))?);
                return Ok(());
            }
            _ => return Err(unknown(name, place)),
        };
        if slot.replace(value).is_some() {
            let rule = "an event has each attribute once";
            return Err(Refusal::new(
                RefusalCode::DuplicateField,
                attribute_name(name, place),
                rule,
            ));
        }
        Ok(())
    }

    fn event(self) -> Result<Event<'a>, Refusal> {
        match self.specversion.as_deref() {
            Some("1.0") => {}
            Some(_) => {
                let rule = "specversion is 1.0";
                return Err(Refusal::new(RefusalCode::SpecVersion, "specversion", rule));
            }
            None => return Err(missing("specversion")),
        }
        let id = required(self.id, "id")?;
        let source = bounded(required(self.source, "source")?, "source", SOURCE_BYTES_MAX)?;
        let type_name = bounded(required(self.type_name, "type")?, "type", TYPE_BYTES_MAX)?;
        let time = time::parse_rfc3339(&required(self.time, "time")?)
            .ok_or_else(|| invalid("time", "time is an RFC 3339 date and time with an offset"))?;
        if self
            .traceparent
            .as_deref()
            .is_some_and(|trace| !is_traceparent(trace))
        {
            return Err(invalid(
                "traceparent",
                "traceparent has the form of W3C trace context",
            ));
        }
        let data = match (self.data, self.format.unwrap_or(Format::Json)) {
            (Some(Found::Json(value)), Format::Json) => Data::Json(Cow::Borrowed(value)),
            (Some(Found::Bytes(bytes)), Format::Protobuf) => Data::Binary(bytes),
            (Some(Found::Bytes(bytes)), Format::Json) => {
                json::check(&bytes, rules()).map_err(|fault| in_data(&fault))?;
                Data::Json(bytes)
            }
            (Some(Found::Json(_)), Format::Protobuf) => {
                let rule = "protobuf data is given as data_base64";
                return Err(Refusal::new(RefusalCode::DataMissing, "data", rule));
            }
            (None, _) => {
                let rule = "an event has data";
                return Err(Refusal::new(RefusalCode::DataMissing, "data", rule));
            }
        };
        Ok(Event {
            id,
            source,
            type_name,
            time,
            traceparent: self.traceparent,
            data,
            unread: None,
        })
    }
}

/// Whether a text is a W3C traceparent of version 00.
pub fn is_traceparent(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 55
        && text.starts_with("00-")
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            2 | 35 | 52 => *byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

fn required<'a>(value: Option<Cow<'a, str>>, name: &'static str) -> Result<Cow<'a, str>, Refusal> {
    match value {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(missing(name)),
    }
}

fn bounded<'a>(
    value: Cow<'a, str>,
    name: &'static str,
    bytes_max: usize,
) -> Result<Cow<'a, str>, Refusal> {
    if value.len() > bytes_max || value.bytes().any(|byte| byte.is_ascii_control()) {
        let rule = format!("{name} has at most {bytes_max} bytes and no control characters");
        return Err(Refusal::new(RefusalCode::AttributeInvalid, name, rule));
    }
    Ok(value)
}

fn too_large(bytes: usize, max: usize) -> Result<(), Refusal> {
    if bytes > max {
        let rule = format!("an event has at most {max} bytes");
        return Err(Refusal::new(RefusalCode::TooLarge, "", rule));
    }
    Ok(())
}

fn missing(name: &'static str) -> Refusal {
    Refusal::new(
        RefusalCode::AttributeMissing,
        name,
        "this attribute is required",
    )
}

fn invalid(name: impl Into<Cow<'static, str>>, rule: &'static str) -> Refusal {
    Refusal::new(RefusalCode::AttributeInvalid, name, rule)
}

fn unknown(name: &str, place: usize) -> Refusal {
    Refusal::new(
        RefusalCode::AttributeUnknown,
        attribute_name(name, place),
        "attributes other than those required, datacontenttype, dataschema, traceparent and \
         tracestate are refused, since they could carry personal data outside a slot",
    )
}

/// The name of an attribute as an answer may show it.
fn attribute_name(name: &str, place: usize) -> Cow<'static, str> {
    match ATTRIBUTES.iter().find(|known| **known == name) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(format!("(attribute {})", place + 1)),
    }
}

/// Puts `data` in front of a fault's path.
fn in_data(fault: &Refusal) -> Refusal {
    Refusal::new(
        fault.code,
        json::join("data", &fault.field),
        fault.rule.clone(),
    )
}

fn unsupported() -> Refusal {
    Refusal::new(
        RefusalCode::ContentTypeUnsupported,
        "content-type",
        "events come as application/cloudevents+json, application/cloudevents-batch+json, or with \
         ce- headers and a body of application/json or application/protobuf, in UTF-8",
    )
}

/// A media type without its parameters, and whether every charset that these name is UTF-8.
fn media_type(value: &str) -> (&str, bool) {
    let mut parts = value.split(';');
    let kind = parts.next().unwrap_or_default().trim();
    let is_utf8 = parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    (kind, is_utf8)
}

fn data_format(kind: &str) -> Option<Format> {
    if kind.eq_ignore_ascii_case(JSON) {
        Some(Format::Json)
    } else if kind.eq_ignore_ascii_case(PROTOBUF) {
        Some(Format::Protobuf)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
