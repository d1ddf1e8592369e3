//! An answer, and what it is true for (P-3).

use serde::Serialize;

/// The last published checkpoint, as its body says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointAt {
    /// Origin line: ledger and chain.
    pub origin: String,
    /// Tree size: events below this index are under it.
    pub size: u64,
    /// Root hash, base64 as in the checkpoint.
    pub root: String,
}

/// The rows that were read, where an answer came from a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewAt {
    /// The view.
    pub name: &'static str,
    /// The version that wrote the rows.
    pub version: u32,
    /// Its digest at that position; `None` where the rows were folded again for the answer.
    pub digest: Option<String>,
}

/// What an answer is true for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AsOf {
    /// The last event that counts; `None` when there is none yet.
    pub index: Option<u64>,
    /// Durable events after it that the answer does not know.
    pub later_events: u64,
    /// The checkpoint that was published when the answer was made.
    pub checkpoint: Option<CheckpointAt>,
    /// True when that checkpoint covers the index; false for the last second's events.
    pub under_checkpoint: bool,
    /// The view that was read, if one was.
    pub view: Option<ViewAt>,
    /// The day that the asker assumed, where one was; it changes nothing but the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub today: Option<String>,
}

impl AsOf {
    pub(crate) fn new(
        index: Option<u64>,
        head: u64,
        checkpoint: Option<CheckpointAt>,
        view: Option<ViewAt>,
    ) -> Self {
        let events = index.map_or(0, |last| last + 1);
        let under_checkpoint = checkpoint.as_ref().is_some_and(|one| one.size >= events);
        let later_events = head.saturating_sub(events);
        Self {
            index,
            later_events,
            checkpoint,
            under_checkpoint,
            view,
            today: None,
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let index = match self.index {
            Some(index) => format!("as of event {index}"),
            None => "as of an empty ledger".to_owned(),
        };
        let later = match self.later_events {
            0 => String::new(),
            more => format!(" ({more} later, not in this answer)"),
        };
        let checkpoint = match &self.checkpoint {
            Some(one) if self.under_checkpoint => {
                format!("under checkpoint {} {}", one.size, one.root)
            }
            Some(one) => format!(
                "not yet under a checkpoint; the last is {} {}",
                one.size, one.root
            ),
            None => "no checkpoint yet".to_owned(),
        };
        let today = match &self.today {
            Some(day) => format!(", on {day} as the asker assumed"),
            None => String::new(),
        };
        format!("{index}{later}, {checkpoint}{today}")
    }
}

/// An answer to a question.
#[derive(Debug, Serialize)]
pub struct Answer<T> {
    /// The question's code.
    pub question: &'static str,
    /// What it is true for.
    pub as_of: AsOf,
    /// Index of the access event that was recorded before; `None` for questions about no one.
    pub access_event: Option<u64>,
    /// The answer.
    pub answer: T,
}
