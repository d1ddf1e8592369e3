//! A person's streams at one position: from the view as it stands, or folded again.
//!
//! What always holds: an answer as at an earlier index never comes from the current view. The
//! streams' events up to that index are read from the ledger and folded anew; the current view only
//! helps to find records behind one whose key was destroyed, and names the events that are parked. Nor
//! is anyone found by what was only said of them later ([`known_then`]).

use std::collections::BTreeSet;

use fold::{Event, ReadView, View, ViewReader, replay};
use jiff::civil::Date;
use proto::{Index, SlotNumber, StreamId};
use views::Customer;
use views::customer::{Entry, Posting, entries, postings};

use crate::answer::{AsOf, ViewAt};
use crate::error::{OwnerError, QuestionError};
use crate::owner::{Actor, Owner, PersonHandle, SearchTerm, StreamOf};
use crate::roles::Right;

/// As at which event a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// As the view stands.
    Now,
    /// As if the ledger ended with this event.
    At(Index),
}

/// One stream at the position of the answer.
pub(crate) struct StreamAt {
    pub(crate) of: StreamOf,
    pub(crate) postings: Vec<Posting>,
    pub(crate) entries: Vec<Entry>,
}

impl StreamAt {
    /// Leaves out events under embargo, so that no count, date or row of the answer knows them.
    fn leave_out_embargoed(&mut self, today: Date) {
        let hidden: BTreeSet<Index> = self
            .entries
            .iter()
            .filter(|one| under_embargo(one.said.embargoed, &one.said.date, today))
            .map(|one| one.index)
            .collect();
        self.entries.retain(|entry| !hidden.contains(&entry.index));
        self.postings
            .retain(|posting| !hidden.contains(&posting.index));
    }
}

/// The customer view. A question that needs it asks first, before a search or a count says anything.
pub(crate) fn view_of(owner: &dyn Owner) -> Result<ViewReader, QuestionError> {
    owner
        .customer()
        .ok_or(QuestionError::ViewOff { key: VIEWS_KEY })
}

/// The configuration's key that names the views.
const VIEWS_KEY: &str = "views";

/// Whether an embargo still holds: until the day of its review; without such a day, for good.
pub(crate) fn under_embargo(embargoed: bool, review_on: &str, today: Date) -> bool {
    let reviewed = review_on
        .parse::<Date>()
        .is_ok_and(|review| review <= today);
    embargoed && !reviewed
}

/// The streams at that position as the actor may see them, those without an event left out.
pub(crate) fn streams_at(
    owner: &dyn Owner,
    actor: &Actor,
    streams: Vec<StreamOf>,
    when: When,
) -> Result<(AsOf, Vec<StreamAt>), QuestionError> {
    let (as_of, mut found) = match when {
        When::Now => as_it_stands(owner, streams)?,
        When::At(last) => folded_again(owner, streams, last)?,
    };
    if actor.role_for(Right::SeeEmbargoed).is_none() {
        let today = owner.today();
        for stream in &mut found {
            stream.leave_out_embargoed(today);
        }
    }
    found.retain(|stream| !stream.postings.is_empty());
    Ok((as_of, found))
}

fn as_it_stands(
    owner: &dyn Owner,
    streams: Vec<StreamOf>,
) -> Result<(AsOf, Vec<StreamAt>), QuestionError> {
    let reader = view_of(owner)?;
    let view = reader.read();
    let cursor = view.cursor()?;
    let found = read(&view, streams)?;
    let at = ViewAt {
        name: Customer.name(),
        version: view.version(),
        digest: Some(cursor.digest.to_string()),
    };
    drop(view);
    let index = cursor.next.0.checked_sub(1);
    Ok((
        AsOf::new(index, owner.head().0, owner.checkpoint(), Some(at)),
        found,
    ))
}

/// Of persons whom the vault finds today, those of whom events up to `last` had said all of it: in their
/// own streams, or where someone else's event mentions them.
pub(crate) fn known_then(
    owner: &dyn Owner,
    mut found: Vec<PersonHandle>,
    terms: &[SearchTerm],
    last: Index,
) -> Result<Vec<PersonHandle>, QuestionError> {
    let mut known = Vec::new();
    for person in &found {
        known.push(was_known(owner, person, terms, last)?);
    }
    let mut known = known.into_iter();
    found.retain(|_| known.next().unwrap_or_default());
    Ok(found)
}

fn was_known(
    owner: &dyn Owner,
    person: &PersonHandle,
    terms: &[SearchTerm],
    last: Index,
) -> Result<bool, QuestionError> {
    let mut said = vec![false; terms.len()];
    let mut look = |index, slot| -> Result<bool, QuestionError> {
        for (said, says) in said.iter_mut().zip(owner.says(index, slot, terms)?) {
            *said |= says;
        }
        Ok(said.iter().all(|said| *said))
    };
    let own: Vec<StreamId> = owner
        .streams_of(person)?
        .iter()
        .map(|one| one.stream)
        .collect();
    let (known, _) = current(owner, &own)?;
    for (stream, known) in own.iter().zip(&known) {
        // The oldest first: most of what a person is known by is said when they become known.
        for event in events_up_to(owner, stream, last, known)?.iter().rev() {
            if look(event.index, SlotNumber(0))? {
                return Ok(true);
            }
        }
    }
    for place in owner.mentions_of(person)? {
        let (known, _) = current(owner, &[place.stream])?;
        for event in events_up_to(
            owner,
            &place.stream,
            last,
            known.first().map_or(&[], |one| one),
        )? {
            let number = event.record.as_ref().map(|one| one.header.number);
            if number == Some(place.number) && look(event.index, place.slot)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn folded_again(
    owner: &dyn Owner,
    streams: Vec<StreamOf>,
    last: Index,
) -> Result<(AsOf, Vec<StreamAt>), QuestionError> {
    let head = owner.head();
    if last >= head {
        return Err(QuestionError::NotYet {
            last: head.0.checked_sub(1).map(Index),
        });
    }
    let own: Vec<StreamId> = streams.iter().map(|one| one.stream).collect();
    let (known, parked) = current(owner, &own)?;
    let mut events = Vec::new();
    for (stream, known) in own.iter().zip(&known) {
        events.append(&mut events_up_to(owner, stream, last, known)?);
    }
    events.sort_by_key(|event| event.index);
    let reader = replay(&Customer, &events, &parked)?;
    let view = reader.read();
    let found = read(&view, streams)?;
    let at = ViewAt {
        name: Customer.name(),
        version: view.version(),
        digest: None,
    };
    Ok((
        AsOf::new(Some(last.0), head.0, owner.checkpoint(), Some(at)),
        found,
    ))
}

/// Where the current view knows events, and which events are parked.
type Current = (Vec<Vec<Posting>>, BTreeSet<Index>);

fn current(owner: &dyn Owner, streams: &[StreamId]) -> Result<Current, QuestionError> {
    let reader = view_of(owner)?;
    let view = reader.read();
    let known = streams
        .iter()
        .map(|stream| postings(&view, stream))
        .collect::<Result<Vec<_>, _>>()?;
    let parked = view.parked()?.into_iter().map(|(index, _)| index).collect();
    Ok((known, parked))
}

/// The stream's events up to `last`, by way of each record's previous one; behind a record that is
/// gone with its key, by way of the view.
fn events_up_to(
    owner: &dyn Owner,
    stream: &StreamId,
    last: Index,
    known: &[Posting],
) -> Result<Vec<Event>, QuestionError> {
    let mut events = Vec::new();
    let mut next = owner.last_of(stream)?;
    while let Some(index) = next {
        let missing = || OwnerError::new("a stream leads to an event that is not there");
        let event = owner.event(index)?.ok_or_else(missing)?;
        next = match &event.record {
            Some(record) if record.header.stream != *stream => {
                let message = "a stream leads to an event of another stream";
                return Err(OwnerError::new(message).into());
            }
            Some(record) => record.header.previous,
            None => known
                .iter()
                .rev()
                .map(|posting| posting.index)
                .find(|known| *known < index),
        };
        if next.is_some_and(|next| next >= index) {
            return Err(OwnerError::new("a stream leads forward").into());
        }
        if index <= last {
            events.push(event);
        }
    }
    Ok(events)
}

/// Why nothing of a person is there to be shown: nothing was recorded, or the view has not come to it.
/// The same whoever's the later events are, so that it says nothing of anyone.
pub(crate) fn nothing_of(as_of: &AsOf, when: When) -> QuestionError {
    match (when, as_of.later_events) {
        (When::At(_), _) | (When::Now, 0) => QuestionError::NotFound,
        (When::Now, later) => QuestionError::NotFolded { later },
    }
}

fn read(view: &ReadView, streams: Vec<StreamOf>) -> Result<Vec<StreamAt>, QuestionError> {
    streams
        .into_iter()
        .map(|of| {
            Ok(StreamAt {
                postings: postings(view, &of.stream)?,
                entries: entries(view, &of.stream)?,
                of,
            })
        })
        .collect()
}
