//! The words of the ledger: the catalogue of facts, ids, limits, and the code made from them.
//!
//! What comes in is an event's data as JSON or protobuf; what goes out is a clear body for the record
//! and sealed values slot by slot. Which field goes where is decided by `proto/counterfoil/v1/*.proto`
//! and nothing else. Not here: keys, hashes, clocks, files.
//! Always: no personal value leaves this crate outside [`Personal`], not even in an error (S-1).

mod assemble;
mod canonical;
mod catalogue;
pub mod clear;
mod digits;
mod envelope;
mod error;
mod event;
mod example;
pub mod foil;
pub mod fuzz;
pub mod ids;
#[cfg(test)]
mod invent;
mod json_in;
mod json_out;
pub mod ledger_facts;
pub mod limits;
#[cfg(test)]
mod oracle;
mod personal;
mod record;
mod schema;
mod shape;
mod split;
mod stored;
mod table;
mod texts;
mod wire;

/// Every fact, message, field and word of the catalogue, a line each, as the compatibility test keeps
/// it: `ledger.opened` states its SHA-256, which is `sha256sum proto/catalogue.txt`.
pub const CATALOGUE: &str = include_str!("../catalogue.txt");

pub use assemble::{OpenedItem, PersonValues, SealedValues};
pub use catalogue::{
    Appender, Fact, RecordClass, fact_by_name, fact_by_number, fact_by_type, facts,
};
pub use digits::decimal_digit;
pub use envelope::EnvelopeClear;
pub use error::{DecodeError, RecordError, RuleCode, SlotError};
pub use event::{EventId, FactData, decode_binary, decode_json};
pub use example::{example, example_data};
pub use ids::{
    ActivityCode, ChainNumber, Hash, IdError, IdTag, Index, Month, NumberInStream, Origin,
    PartyCode, PublisherCode, SlotNumber, StaffReference, StreamId, UnixMillis,
};
pub use personal::Personal;
pub use record::{Record, RecordHeader, SlotSeal, decode_record, encode_record};
pub use schema::schema;
pub use shape::is_source;
pub use split::{
    Alias, Leaf, SlotValues, Split, SubjectReference, leaves, reference_in, slot_to_json, split,
};
pub use texts::{SealedText, is_field_name, mention_path, sealed_text_fields, visit_texts};
