//! Reading the customer view's rows, at one position.
//!
//! What it is not: a question; whoever reads also names the position (P-3).

use std::error::Error;
use std::fmt;

use fold::{ReadView, StoreError};
use proto::{NumberInStream, StreamId};

use super::EVENTS;
use super::rows::{Entry, Posting, RowError};

/// Rows read from the store at once.
const PAGE_ROWS: usize = 256;

/// Why rows cannot be read.
#[derive(Debug)]
pub enum ViewError {
    /// The store is broken or being set aside: ask again after the next step.
    Store(StoreError),
    /// A row does not hold together: the view must be rebuilt.
    Row(RowError),
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the customer view cannot be read")
    }
}

impl Error for ViewError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(cause) => Some(cause),
            Self::Row(cause) => Some(cause),
        }
    }
}

impl From<StoreError> for ViewError {
    fn from(cause: StoreError) -> Self {
        Self::Store(cause)
    }
}

impl From<RowError> for ViewError {
    fn from(cause: RowError) -> Self {
        Self::Row(cause)
    }
}

/// Where the events of a stream are, ascending: a person's trail without reading a record.
///
/// # Errors
/// As [`ViewError`] says.
pub fn postings(view: &ReadView, stream: &StreamId) -> Result<Vec<Posting>, ViewError> {
    all(view, stream, |posting, _| Ok(Some(posting)))
}

/// What the customer's facts of a stream say, ascending.
///
/// # Errors
/// As [`ViewError`] says.
pub fn entries(view: &ReadView, stream: &StreamId) -> Result<Vec<Entry>, ViewError> {
    all(view, stream, |posting, said| Entry::decode(&posting, said))
}

/// What one event of a stream says; `None` when it is not the customer's or is gone.
///
/// # Errors
/// As [`ViewError`] says.
pub fn entries_at(
    view: &ReadView,
    stream: &StreamId,
    number: NumberInStream,
) -> Result<Option<Entry>, ViewError> {
    let Some(value) = view.get(EVENTS, &super::event_key(*stream, number))? else {
        return Ok(None);
    };
    let (posting, said) = Posting::decode(number, &value)?;
    Ok(Entry::decode(&posting, said)?)
}

fn all<T>(
    view: &ReadView,
    stream: &StreamId,
    take: impl Fn(Posting, &[u8]) -> Result<Option<T>, RowError>,
) -> Result<Vec<T>, ViewError> {
    let mut items = Vec::new();
    let mut from = stream.0.to_vec();
    loop {
        let rows = view.scan(EVENTS, &stream.0, &from, PAGE_ROWS)?;
        for (key, value) in &rows {
            let number = key.get(16..).and_then(|number| number.try_into().ok());
            let number = NumberInStream(u64::from_be_bytes(number.ok_or(RowError::Malformed)?));
            let (posting, said) = Posting::decode(number, value)?;
            items.extend(take(posting, said)?);
        }
        match rows.last() {
            Some((last, _)) if rows.len() == PAGE_ROWS => {
                from = last.clone();
                from.push(0);
            }
            _ => return Ok(items),
        }
    }
}
