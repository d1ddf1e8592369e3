//! Every limit of the wire and of the record, each with its unit in its name.
//!
//! Not here: limits of a store or a queue, which lie with the code that enforces them.

/// Largest data of one event, JSON or binary, in bytes.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;
/// Most events in one request.
pub const BATCH_EVENTS_MAX: usize = 1_000;
/// Largest request body, in bytes.
pub const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest journal group, in bytes.
pub const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Deepest nesting of JSON around and in an event; the data itself can never nest deeper than its type.
pub const JSON_DEPTH_MAX: usize = 32;
/// Furthest an event's `time` may lie ahead of the ledger's clock, in milliseconds.
pub const TIME_AHEAD_MS_MAX: i64 = 600_000;
/// Earliest `time` of an event: 1900-01-01T00:00:00Z, in unix milliseconds.
pub const TIME_MS_MIN: i64 = -2_208_988_800_000;
/// Longest free text in one field, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Longest registered code, in bytes.
pub const CODE_BYTES_MAX: usize = 64;
/// Longest citation of an enactment or section, in bytes.
pub const CITATION_BYTES_MAX: usize = 96;
/// Longest field path, in bytes.
pub const FIELD_PATH_BYTES_MAX: usize = 256;
/// Longest CloudEvents id, in bytes (publishers registered with `map-ids`).
pub const EVENT_ID_BYTES_MAX: usize = 256;
/// Longest CloudEvents source, in bytes.
pub const SOURCE_BYTES_MAX: usize = 256;
/// Longest ledger origin, in bytes.
pub const ORIGIN_BYTES_MAX: usize = 128;
/// Most elements of one repeated field.
pub const ELEMENTS_MAX: usize = 256;
/// Most mention slots of one event; slot 0 comes on top.
pub const MENTIONS_MAX: usize = 32;
/// Largest record, in bytes: a clear body is never larger than the data it was split from.
pub const RECORD_BYTES_MAX: usize = EVENT_BYTES_MAX + 8 * 1024;
