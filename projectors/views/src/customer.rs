//! The customer view: for each stream, where its events are and what they say in codes (WL-11).
//!
//! ```text
//! table 1  events  stream [16] ‖ number u64   where each event of a stream is, and what it says
//! ```
//!
//! What it is: service requests, classes of values with source and date, notices, consents,
//! disclosures and retention rows of one stream; a person is their streams, joined by the asker.
//! What it is not: current values (those are sealed; opening one is an `access` event), nor a state
//! that later events overwrite: a row is what one event says, so that it can go with its record key.
//! [`StreamState`] makes the state when it is asked for.
//! What always holds: an event makes exactly one row and touches no other.

mod read;
mod rows;
mod said;
mod state;

pub use read::{ViewError, entries, entries_at, postings};
pub use rows::{Entry, Posting, RowError, Said};
pub use state::{Consent, ConsentState, ServiceRequest, StreamState, ValueSource};

use fold::{Changes, Event, Forgotten, Poison, RecordKey, Rows, Table, View};
use proto::{NumberInStream, StreamId, fact_by_number};

/// What each event of a stream says.
pub const EVENTS: Table = Table(1);

/// The view.
#[derive(Clone, Copy, Debug, Default)]
pub struct Customer;

impl View for Customer {
    fn name(&self) -> &'static str {
        "customer"
    }

    fn version(&self) -> u32 {
        2
    }

    fn apply(&self, event: &Event, rows: &dyn Rows) -> Result<Changes, Poison> {
        let mut changes = Changes::none();
        let Some(record) = &event.record else {
            return Ok(changes);
        };
        let header = &record.header;
        let key = event_key(header.stream, header.number);
        if rows.get(EVENTS, &key).is_some() {
            let rule = "the stream already has an event with this number";
            return Err(Poison::new(rule));
        }
        let posting = Posting {
            number: header.number,
            index: event.index,
            fact: record.fact.number,
            admitted: header.admitted,
        };
        let said = said::said_by(record)?;
        changes.put(EVENTS, key, rows::encode(&posting, said));
        Ok(changes)
    }

    fn forget(
        &self,
        table: Table,
        _key: &[u8],
        value: &[u8],
        gone: &RecordKey,
    ) -> Result<Forgotten, Poison> {
        if table != EVENTS {
            return Err(Poison::new(format!("the view has no table {}", table.0)));
        }
        let (posting, _) = Posting::decode(NumberInStream(0), value)
            .map_err(|error| Poison::new(error.to_string()))?;
        let class = fact_by_number(posting.fact).map(|fact| fact.class);
        let went = class == Some(gone.class) && proto::Month::of(posting.admitted) == gone.month;
        Ok(match went {
            true => Forgotten::Delete,
            false => Forgotten::Unchanged,
        })
    }
}

/// The key of the row of one event.
fn event_key(stream: StreamId, number: NumberInStream) -> Vec<u8> {
    let mut key = Vec::with_capacity(24);
    key.extend_from_slice(&stream.0);
    key.extend_from_slice(&number.0.to_be_bytes());
    key
}
