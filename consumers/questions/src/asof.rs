//! A person's streams at one position: from the view as it stands, or folded again.
//!
//! What always holds: an answer as at an earlier index never comes from the current view. The
//! streams' events up to that index are read from the ledger and folded anew; the current view only
//! helps to find records behind one whose key was destroyed, and names the events that are parked. Nor
//! is anyone found by what was only said of them later ([`known_then`]).

use std::collections::{BTreeMap, BTreeSet};

use fold::{Event, ReadView, View, ViewReader, replay};
use jiff::civil::Date;
use proto::{Index, NumberInStream, SlotNumber, StreamId};
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
/// own streams, or where someone else's event mentions them. No stream is walked twice, however many of
/// them it mentions.
pub(crate) fn known_then(
    owner: &dyn Owner,
    mut found: Vec<PersonHandle>,
    terms: &[SearchTerm],
    last: Index,
) -> Result<Vec<PersonHandle>, QuestionError> {
    is_there(owner, last)?;
    let nothing = || Said(vec![false; terms.len()]);
    let mut said: Vec<Said> = found.iter().map(|_| nothing()).collect();
    for (person, said) in found.iter().zip(&mut said) {
        said.in_own_streams(owner, person, terms, last)?;
    }
    said_in_mentions(owner, &found, terms, last, &mut said)?;
    let mut said = said.iter();
    found.retain(|_| said.next().is_some_and(Said::is_all));
    Ok(found)
}

/// Whether the ledger has come to this event.
fn is_there(owner: &dyn Owner, last: Index) -> Result<(), QuestionError> {
    let head = owner.head();
    match last >= head {
        true => Err(QuestionError::NotYet {
            last: head.0.checked_sub(1).map(Index),
        }),
        false => Ok(()),
    }
}

/// Which of the terms were said of one person.
struct Said(Vec<bool>);

impl Said {
    fn is_all(&self) -> bool {
        self.0.iter().all(|said| *said)
    }

    fn look(
        &mut self,
        owner: &dyn Owner,
        (index, slot): (Index, SlotNumber),
        terms: &[SearchTerm],
    ) -> Result<(), QuestionError> {
        for (said, says) in self.0.iter_mut().zip(owner.says(index, slot, terms)?) {
            *said |= says;
        }
        Ok(())
    }

    fn in_own_streams(
        &mut self,
        owner: &dyn Owner,
        person: &PersonHandle,
        terms: &[SearchTerm],
        last: Index,
    ) -> Result<(), QuestionError> {
        let own = owner.streams_of(person)?;
        let own: Vec<StreamId> = own.iter().map(|one| one.stream).collect();
        let (known, _) = current(owner, &own)?;
        for (stream, known) in own.iter().zip(&known) {
            // The oldest first: most of what a person is known by is said when they become known.
            for event in events_up_to(owner, stream, last, known)?.iter().rev() {
                if self.is_all() {
                    return Ok(());
                }
                self.look(owner, (event.index, SlotNumber(0)), terms)?;
            }
        }
        Ok(())
    }
}

/// Mentions in one stream: the place of the person among those found, and the slot.
type Mentions = BTreeMap<NumberInStream, Vec<(usize, SlotNumber)>>;

fn said_in_mentions(
    owner: &dyn Owner,
    found: &[PersonHandle],
    terms: &[SearchTerm],
    last: Index,
    said: &mut [Said],
) -> Result<(), QuestionError> {
    let mut carriers: BTreeMap<StreamId, Mentions> = BTreeMap::new();
    for (place, person) in found.iter().enumerate() {
        if said.get(place).is_some_and(Said::is_all) {
            continue;
        }
        for mention in owner.mentions_of(person)? {
            let of_stream = carriers.entry(mention.stream).or_default();
            let here = of_stream.entry(mention.number).or_default();
            here.push((place, mention.slot));
        }
    }
    let streams: Vec<StreamId> = carriers.keys().copied().collect();
    let (known, _) = current(owner, &streams)?;
    for ((stream, mut mentions), known) in carriers.into_iter().zip(&known) {
        walk_back(owner, &stream, known, |event| {
            let number = event.record.as_ref().map(|one| one.header.number);
            let here = number.and_then(|number| mentions.remove(&number));
            for (place, slot) in here.into_iter().flatten() {
                if let Some(said) = said.get_mut(place)
                    && event.index <= last
                    && !said.is_all()
                {
                    said.look(owner, (event.index, slot), terms)?;
                }
            }
            // Behind the first event that mentions any of them nothing is looked for.
            Ok(!mentions.is_empty())
        })?;
    }
    Ok(())
}

fn folded_again(
    owner: &dyn Owner,
    streams: Vec<StreamOf>,
    last: Index,
) -> Result<(AsOf, Vec<StreamAt>), QuestionError> {
    is_there(owner, last)?;
    let head = owner.head();
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

/// The stream's events up to `last`, the latest first.
fn events_up_to(
    owner: &dyn Owner,
    stream: &StreamId,
    last: Index,
    known: &[Posting],
) -> Result<Vec<Event>, QuestionError> {
    let mut events = Vec::new();
    walk_back(owner, stream, known, |event| {
        if event.index <= last {
            events.push(event);
        }
        Ok(true)
    })?;
    Ok(events)
}

/// Hands out the stream's events from its last one back, by way of each record's previous one; behind a
/// record that is gone with its key, by way of the view. Until there is none, or `goes_on` says so.
fn walk_back(
    owner: &dyn Owner,
    stream: &StreamId,
    known: &[Posting],
    mut goes_on: impl FnMut(Event) -> Result<bool, QuestionError>,
) -> Result<(), QuestionError> {
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
        if !goes_on(event)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Events still to be folded that are looked through for those of a person.
const LOOKED_THROUGH_MAX: u64 = 4096;

/// Whether the view has come to every event of these streams. While it is far behind, nobody looks and it
/// has not.
pub(crate) fn is_folded(
    owner: &dyn Owner,
    streams: &[StreamOf],
    as_of: &AsOf,
) -> Result<bool, QuestionError> {
    if as_of.later_events == 0 || as_of.later_events > LOOKED_THROUGH_MAX {
        return Ok(as_of.later_events == 0);
    }
    for one in streams {
        let last = owner.last_of(&one.stream)?;
        if last.is_some_and(|last| as_of.index.is_none_or(|folded| folded < last.0)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Why nothing of a person is there to be shown: nothing that may be seen was recorded, or the view has not
/// come to it. Whoever has nothing but events under embargo is not found, whatever of others is still to be
/// folded: like someone whom nobody knows.
pub(crate) fn nothing_of(
    owner: &dyn Owner,
    streams: &[StreamOf],
    as_of: &AsOf,
    when: When,
) -> Result<QuestionError, QuestionError> {
    Ok(match when {
        When::Now if !is_folded(owner, streams, as_of)? => QuestionError::NotFolded {
            later: as_of.later_events,
        },
        _ => QuestionError::NotFound,
    })
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
