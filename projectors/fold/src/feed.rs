//! Where a projector's events come from: durable, opened records in the order of the chain.
//!
//! What it is: the one shape of input for every view, whichever engine feeds it. The owner of journal
//! and vault implements it; a slice of prepared events does in tests.
//! What it is not: it hands out no slot, no personal value and no key.
//! What always holds: indices are contiguous, start where they were asked for, and lie below `head`.

use std::error::Error;
use std::fmt;

use proto::{Hash, Index, Record};

/// One event as a view sees it: its place in the chain and its clear facts.
#[derive(Clone, Debug)]
pub struct Event {
    /// Place in the chain.
    pub index: Index,
    /// BLAKE3 of the event's link: what the next link names, and what a cursor remembers.
    pub link_hash: Hash,
    /// The clear facts; `None` when the record key was destroyed at the end of its period.
    pub record: Option<Record>,
}

/// A source of durable events.
pub trait Feed: Send {
    /// At most `max` events from `from` on, contiguous and durable; empty when there is none yet.
    ///
    /// # Errors
    /// When the journal or the record keys cannot be read; the caller stops and may ask again.
    fn next(&mut self, from: Index, max: usize) -> Result<Vec<Event>, FeedError>;

    /// The index that follows the last durable event: their number.
    fn head(&self) -> Index;
}

/// The feed could not deliver; asking again later is safe.
#[derive(Debug)]
pub struct FeedError {
    /// What could not be read, without personal data.
    pub message: String,
    /// The cause, where there is one.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl FeedError {
    /// An error without a cause.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: None,
        }
    }
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for FeedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause
            .as_ref()
            .map(|cause| &**cause as &(dyn Error + 'static))
    }
}
