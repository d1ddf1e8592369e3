//! Looking ahead for the facts that park an event which a view cannot apply.
//!
//! What it is: once a view is stopped, the events after that place are read for
//! `ledger.event-parked` facts about this view; they lie behind the event they park.
//! What always holds: only such a recorded fact lets a view leave an event out (P-2), and a rebuild
//! finds the same facts and leaves out the same events (P-1). A fact is about one version of the view:
//! the next one has to apply the event, or stop at it and be parked in its turn.

use std::collections::BTreeMap;

use proto::Index;

use crate::feed::{Feed, FeedError};
use crate::signals::Signal;

/// Events read ahead in one step.
const LOOKAHEAD_EVENTS_MAX: usize = 4096;
const PAGE_EVENTS: usize = 512;

/// What is known of parked events of one view.
#[derive(Default)]
pub(crate) struct Parks {
    /// The parked event, and the fact that says so.
    known: BTreeMap<Index, Index>,
    /// All facts below this index were looked at, from the first stop on.
    looked_to: u64,
}

/// What looking ahead found.
pub(crate) enum Found {
    /// The event is parked by the fact at this index.
    Parked(Index),
    /// Nobody has parked it, up to the head.
    NotParked,
    /// There is more to look at in the next step.
    Looking,
}

impl Parks {
    /// Whether `stopped_at` is parked for this version of this view.
    pub(crate) fn look(
        &mut self,
        (view, version): (&str, u32),
        stopped_at: Index,
        feed: &mut dyn Feed,
    ) -> Result<Found, FeedError> {
        let mut budget = LOOKAHEAD_EVENTS_MAX;
        self.looked_to = self.looked_to.max(stopped_at.0 + 1);
        loop {
            if let Some(&by) = self.known.get(&stopped_at) {
                return Ok(Found::Parked(by));
            }
            if budget == 0 {
                return Ok(Found::Looking);
            }
            let events = feed.next(Index(self.looked_to), PAGE_EVENTS.min(budget))?;
            if events.is_empty() {
                return Ok(Found::NotParked);
            }
            budget = budget.saturating_sub(events.len());
            for event in events {
                self.looked_to = event.index.0 + 1;
                if let Some(Signal::Parked {
                    index,
                    view: named,
                    version: meant,
                }) = event.record.as_ref().and_then(Signal::of)
                    && (named.as_str(), meant) == (view, version)
                {
                    self.known.entry(index).or_insert(event.index);
                }
            }
        }
    }
}
