//! The customer view: for each stream, where its events are and what they say in codes (WL-11).
//!
//! ```text
//! table 1  postings  stream [16] ‖ chunk u32   64 numbers a chunk: where each event of the stream is
//! table 2  entries   stream [16] ‖ chunk u32   16 numbers a chunk: what the customer's facts say
//! ```
//!
//! What it is: service requests, classes of values with source and date, notices, consents,
//! disclosures and retention rows of one stream; a person is their streams, joined by the asker.
//! What it is not: current values (those are sealed; opening one is an `access` event), nor a state
//! that later events overwrite: a row is the sum of what single events say, so that an event can
//! leave it again with its record key. [`StreamState`] makes the state when it is asked for.
//! What always holds: an event touches at most two rows, and a chunk is found by the event's number
//! in its stream alone, so that gaps move nothing.

mod read;
mod rows;
mod said;
mod state;

pub use read::{ViewError, entries, entries_at, postings};
pub use rows::{Entry, Posting, RowError, Said};
pub use state::{Consent, ConsentState, ServiceRequest, StreamState, ValueSource};

use fold::{Changes, Event, Forgotten, Poison, RecordKey, Rows, Table, View};
use proto::{NumberInStream, StreamId, fact_by_number};

use rows::{Chunk, RowKind, appended};

/// Where each event of a stream is.
pub const POSTINGS: Table = Table(1);
/// What the customer's facts of a stream say.
pub const ENTRIES: Table = Table(2);

/// The view.
#[derive(Clone, Copy, Debug, Default)]
pub struct Customer;

impl View for Customer {
    fn name(&self) -> &'static str {
        "customer"
    }

    fn version(&self) -> u32 {
        1
    }

    fn apply(&self, event: &Event, rows: &dyn Rows) -> Result<Changes, Poison> {
        let mut changes = Changes::none();
        let Some(record) = &event.record else {
            return Ok(changes);
        };
        let header = &record.header;
        let posting = Posting {
            number: header.number,
            index: event.index,
            fact: record.fact.number,
            admitted: header.admitted,
        };
        append(&mut changes, rows, POSTINGS, header.stream, posting)?;
        if let Some(entry) = said::entry_of(event.index, record)? {
            append(&mut changes, rows, ENTRIES, header.stream, entry)?;
        }
        Ok(changes)
    }

    fn forget(
        &self,
        table: Table,
        _key: &[u8],
        value: &[u8],
        gone: &RecordKey,
    ) -> Result<Forgotten, Poison> {
        match table {
            POSTINGS => without::<Posting>(value, gone),
            ENTRIES => without::<Entry>(value, gone),
            Table(other) => Err(Poison::new(format!("the view has no table {other}"))),
        }
    }
}

/// The key of the chunk that holds a number of a stream.
fn chunk_key<K: RowKind>(stream: StreamId, number: NumberInStream) -> Result<Vec<u8>, Poison> {
    let chunk = u32::try_from(number.0 / K::CHUNK_NUMBERS)
        .map_err(|_| Poison::new("a stream is longer than this view can hold"))?;
    let mut key = Vec::with_capacity(20);
    key.extend_from_slice(&stream.0);
    key.extend_from_slice(&chunk.to_be_bytes());
    Ok(key)
}

fn append<K: RowKind>(
    changes: &mut Changes,
    rows: &dyn Rows,
    table: Table,
    stream: StreamId,
    item: K,
) -> Result<(), Poison> {
    let key = chunk_key::<K>(stream, item.number())?;
    let row = appended(rows.get(table, &key), &item).map_err(poison)?;
    changes.put(table, key, row);
    Ok(())
}

fn without<K: RowKind>(value: &[u8], gone: &RecordKey) -> Result<Forgotten, Poison> {
    let mut chunk = Chunk::<K>::decode(value).map_err(poison)?;
    let before = chunk.items.len();
    chunk.items.retain(|item| {
        let class = fact_by_number(item.fact()).map(|fact| fact.class);
        class != Some(gone.class) || proto::Month::of(item.admitted()) != gone.month
    });
    Ok(match chunk.items.len() {
        0 => Forgotten::Delete,
        length if length == before => Forgotten::Unchanged,
        _ => Forgotten::Put(chunk.encode()),
    })
}

fn poison(error: RowError) -> Poison {
    Poison::new(error.to_string())
}
