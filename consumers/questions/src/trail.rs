//! `ask trail`: everything that is recorded about one person, in order.
//!
//! What it is: the postings of the person's streams, merged, with each record's codes; opened values
//! only when asked for and allowed.
//! What always holds: A-1, P-3. Events under embargo are left out for whoever may not see them, and
//! the answer does not say how many.

use fold::Event;
use proto::{Index, Record, SlotNumber};
use serde::Serialize;
use views::customer::Entry;

use crate::access::{AccessKind, Act, Item, authorise, record_access};
use crate::answer::Answer;
use crate::asof::{StreamAt, When, nothing_of, streams_at, view_of};
use crate::error::QuestionError;
use crate::owner::{Actor, Owner, SearchTerm, StreamOf};
use crate::person::{one_person, record_search};
use crate::revealed::RevealedSlot;
use crate::roles::Right;
use crate::sheet::{Sheet, Sheets};
use crate::{timeline, wording};

/// Events in one answer; the latest are shown.
pub const TRAIL_EVENTS_MAX: usize = 2000;

/// One event of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrailRow {
    /// Place in the chain.
    pub index: u64,
    /// The publisher's time, Unix milliseconds.
    pub time: i64,
    /// The fact.
    pub fact: &'static str,
    /// Activity of its stream.
    pub activity: String,
    /// Outside party of its stream.
    pub party: String,
    /// Who published it.
    pub publisher: String,
    /// What it says, in codes.
    pub said: String,
    /// Slots that it sealed.
    pub slots: usize,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct TrailAnswer {
    /// Events, ascending.
    pub events: Vec<TrailRow>,
    /// Earlier events that one answer does not hold.
    pub earlier: usize,
    /// Opened slots, when values were asked for.
    pub revealed: Vec<RevealedSlot>,
}

/// Asks for a person's trail.
///
/// # Errors
/// As [`QuestionError`] says; nothing was shown then.
pub fn ask(
    owner: &dyn Owner,
    actor: &Actor,
    terms: &[SearchTerm],
    when: When,
    reveal: bool,
) -> Result<Answer<TrailAnswer>, QuestionError> {
    let act = Act {
        actor,
        right: Right::AskTrail,
        question: "trail",
        person: None,
    };
    authorise(owner, &act)?;
    view_of(owner)?;
    let person = one_person(owner, &act, terms, when)?;
    let own = owner.streams_of(&person)?;
    let (as_of, streams) = streams_at(owner, actor, own.clone(), when)?;
    let mut rows = rows_of(&streams);
    if rows.is_empty() {
        // As where nobody is found: what is recorded tells as little as the answer.
        record_search(owner, &act, terms, 0)?;
        return Err(nothing_of(owner, &own, &as_of, when)?);
    }
    let earlier = rows.len().saturating_sub(TRAIL_EVENTS_MAX);
    let rows = rows.split_off(earlier);
    let shown: Vec<Index> = rows.iter().map(|(index, ..)| *index).collect();
    let items: Vec<Item> = shown.iter().map(|&index| own_slot(index)).collect();
    let kind = match reveal {
        true => AccessKind::ValuesRevealed { items: &items },
        false => AccessKind::RecordViewed { count: shown.len() },
    };
    let act = Act {
        person: Some(&person),
        ..act
    };
    let granted = record_access(owner, &act, kind)?;
    let mut answer = TrailAnswer {
        events: Vec::new(),
        earlier,
        revealed: Vec::new(),
    };
    for (index, entry, of) in rows {
        // A record that went with its key since is no longer there to be shown.
        let Some(Event {
            record: Some(record),
            ..
        }) = owner.event(index)?
        else {
            continue;
        };
        answer.events.push(row_of(index, &record, entry, of));
        let item = own_slot(index);
        if granted.items().contains(&item) {
            answer.revealed.push(granted.open(owner, &record, item)?);
        }
    }
    Ok(Answer {
        question: "trail",
        as_of,
        access_event: Some(granted.recorded().0),
        answer,
    })
}

/// The slot of the person whose stream it is.
fn own_slot(index: Index) -> Item {
    Item {
        index,
        slot: SlotNumber(0),
    }
}

/// Every event of the streams, in the order of the chain.
fn rows_of(streams: &[StreamAt]) -> Vec<(Index, Option<&Entry>, &StreamOf)> {
    let mut rows = Vec::new();
    for stream in streams {
        for posting in &stream.postings {
            let mut entries = stream.entries.iter();
            let entry = entries.find(|entry| entry.number == posting.number);
            rows.push((posting.index, entry, &stream.of));
        }
    }
    rows.sort_by_key(|(index, ..)| *index);
    rows
}

fn row_of(index: Index, record: &Record, entry: Option<&Entry>, of: &StreamOf) -> TrailRow {
    TrailRow {
        index: index.0,
        time: record.header.time.0,
        fact: record.fact.name,
        activity: of.activity.as_str().to_owned(),
        party: of.party.as_str().to_owned(),
        publisher: record.header.publisher.as_str().to_owned(),
        said: entry.map(said).unwrap_or_default(),
        slots: record.header.slots.len(),
    }
}

/// The codes of an entry in one line.
fn said(entry: &Entry) -> String {
    let said = &entry.said;
    let lists = [&said.purposes, &said.channels].map(|list| list.join(" "));
    // Classes are what a collection or a disclosure is about; elsewhere they only repeat.
    let classes = match said.fact {
        64 | 128 | 132 => said.data_classes.join(" "),
        _ => String::new(),
    };
    wording::joined(&[
        &said.code,
        &said.version,
        &said.how,
        &lists[0],
        &lists[1],
        &classes,
    ])
}

impl Sheets for TrailAnswer {
    fn picture(&self) -> String {
        let mut text = timeline::picture(&self.events);
        if self.earlier > 0 {
            text.insert_str(
                0,
                &format!("{} earlier events are not shown\n", self.earlier),
            );
        }
        text.push('\n');
        text
    }

    fn sheets(&self) -> Vec<Sheet> {
        let columns = ["event", "time (UTC)", "fact", "activity", "party", "said"];
        let mut sheet = Sheet::new("trail", &columns);
        for row in &self.events {
            sheet.row([
                row.index.to_string(),
                wording::minute(proto::UnixMillis(row.time)),
                row.fact.to_owned(),
                row.activity.clone(),
                row.party.clone(),
                row.said.clone(),
            ]);
        }
        let mut sheets = vec![sheet];
        if !self.revealed.is_empty() {
            sheets.push(Sheet::of_revealed(&self.revealed));
        }
        sheets
    }
}
