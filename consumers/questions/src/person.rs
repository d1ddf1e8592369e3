//! `ask person`: one person across systems (WL-11).
//!
//! What it is: the states of the person's streams, joined in memory; when asked for and allowed, the
//! latest values of each stream and the references that say which request a closing closes.
//! What is not here: the person. The answer names activities and parties, never a reference to a
//! person, and no store ever holds two streams of one person together.
//! What always holds: A-1, P-3.

mod rows;

pub use rows::{
    ConsentRow, DisclosureRow, KeptRow, NoticeRow, PersonAnswer, RequestRow, StreamRow, ValueRow,
};

use fold::Event;
use proto::SlotNumber;
use views::customer::{Entry, ServiceRequest, StreamState};

use crate::access::{AccessGranted, AccessKind, Act, ITEMS_MAX, Item, authorise, record_access};
use crate::answer::Answer;
use crate::asof::{When, known_then, nothing_of, streams_at, view_of};
use crate::error::QuestionError;
use crate::owner::{Actor, Owner, PersonHandle, SearchTerm, TermKind};
use crate::revealed::RevealedSlot;
use crate::roles::Right;

/// Asks for one person.
///
/// # Errors
/// As [`QuestionError`] says; nothing was shown then. More than one person found is
/// [`QuestionError::TooMuch`]: find first.
pub fn ask(
    owner: &dyn Owner,
    actor: &Actor,
    terms: &[SearchTerm],
    when: When,
    reveal: bool,
) -> Result<Answer<PersonAnswer>, QuestionError> {
    let act = Act {
        actor,
        right: Right::AskPerson,
        question: "person",
        person: None,
    };
    authorise(owner, &act)?;
    view_of(owner)?;
    let person = one_person(owner, &act, terms, when)?;
    let own = owner.streams_of(&person)?;
    let (as_of, streams) = streams_at(owner, actor, own.clone(), when)?;
    if streams.is_empty() {
        // As where nobody is found: what is recorded tells as little as the answer.
        record_search(owner, &act, terms, 0)?;
        return Err(nothing_of(owner, &own, &as_of, when)?);
    }
    let mut states: Vec<StreamState> = streams
        .iter()
        .map(|stream| StreamState::of(&stream.entries))
        .collect();
    let items = if reveal {
        items_of(&states)
    } else {
        Vec::new()
    };
    let kind = match items.is_empty() {
        true => AccessKind::RecordViewed {
            count: streams.iter().map(|one| one.postings.len()).sum(),
        },
        false => AccessKind::ValuesRevealed { items: &items },
    };
    let act = Act {
        person: Some(&person),
        ..act
    };
    let granted = record_access(owner, &act, kind)?;
    let mut revealed = Vec::new();
    for &item in &items {
        if let Some(Event {
            record: Some(record),
            ..
        }) = owner.event(item.index)?
        {
            revealed.push(granted.open(owner, &record, item)?);
        }
    }
    let mut answer = PersonAnswer::default();
    for (stream, state) in streams.iter().zip(&mut states) {
        pair_by_reference(&mut state.requests, &revealed);
        answer.add(stream, state);
    }
    answer.revealed = revealed;
    Ok(Answer {
        question: "person",
        as_of,
        access_event: Some(granted.recorded().0),
        answer,
    })
}

/// Persons whom the vault finds today and who are looked at as they were at an earlier event.
const FOUND_MAX: usize = 50;

/// The one person that all terms fit, as at the moment of the answer. A search that finds none, or several,
/// is recorded as one.
pub(crate) fn one_person(
    owner: &dyn Owner,
    act: &Act<'_>,
    terms: &[SearchTerm],
    when: When,
) -> Result<PersonHandle, QuestionError> {
    let found = match when {
        When::Now => owner.search(terms, 1)?,
        When::At(last) => {
            let found = owner.search(terms, FOUND_MAX)?;
            match found.len() > FOUND_MAX {
                true => found,
                false => known_then(owner, found, terms, last)?,
            }
        }
    };
    if let [person] = found.as_slice() {
        return Ok(*person);
    }
    record_search(owner, act, terms, found.len())?;
    Err(match found.is_empty() {
        true => QuestionError::NotFound,
        false => QuestionError::TooMuch { max: 1 },
    })
}

/// Records a search that shows no person, by what and never with which words, in the office's access stream.
pub(crate) fn record_search(
    owner: &dyn Owner,
    act: &Act<'_>,
    terms: &[SearchTerm],
    count: usize,
) -> Result<AccessGranted, QuestionError> {
    let kinds: Vec<TermKind> = terms.iter().map(|term| term.kind).collect();
    let searched = AccessKind::PersonSearched {
        kinds: &kinds,
        count,
    };
    record_access(owner, act, searched)
}

/// The slots to open: where values came from last, then what pairs requests with closings.
fn items_of(states: &[StreamState]) -> Vec<Item> {
    let values = states
        .iter()
        .flat_map(|state| state.values.iter().map(|value| value.index));
    let unpaired = states
        .iter()
        .flat_map(|state| &state.requests)
        .filter_map(|request| match (&request.requested, &request.closed) {
            (Some(entry), None) | (None, Some(entry)) => Some(entry.index),
            _ => None,
        });
    let mut items: Vec<Item> = Vec::new();
    for index in values.chain(unpaired) {
        let item = Item {
            index,
            slot: SlotNumber(0),
        };
        if !items.contains(&item) && items.len() < ITEMS_MAX {
            items.push(item);
        }
    }
    items
}

/// Joins a closing to the open request with the same sealed reference, where both were opened.
fn pair_by_reference(requests: &mut Vec<ServiceRequest>, revealed: &[RevealedSlot]) {
    let reference = |entry: &Entry| {
        let slot = revealed.iter().find(|slot| slot.index == entry.index.0)?;
        slot.field("serviceReference").map(|value| value.show())
    };
    let mut place = 0;
    while let Some(request) = requests.get(place) {
        let closing = match (&request.requested, &request.closed) {
            (None, Some(closed)) => Some(closed.clone()),
            _ => None,
        };
        place += 1;
        let Some(closed) = closing else { continue };
        let Some(wanted) = reference(&closed) else {
            continue;
        };
        let opened = requests.iter_mut().find(|other| {
            other.closed.is_none() && other.requested.as_ref().and_then(reference) == Some(wanted)
        });
        if let Some(opened) = opened {
            opened.closed = Some(closed);
            place -= 1;
            requests.remove(place);
        }
    }
}
