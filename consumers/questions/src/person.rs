//! `ask person`: one person across systems (WL-11).
//!
//! What it is: the states of the person's streams, joined in memory; when asked for and allowed, the
//! latest values of each stream and the references that say which request a closing closes.
//! What is not here: the person. The answer names activities and parties, never a reference to a
//! person, and no store ever holds two streams of one person together.
//! What always holds: A-1, P-3.

use fold::Event;
use proto::SlotNumber;
use serde::Serialize;
use views::customer::{ConsentState, Entry, ServiceRequest, StreamState};

use crate::access::{AccessKind, Act, ITEMS_MAX, Item, authorise, record_access};
use crate::answer::Answer;
use crate::asof::{StreamAt, When, streams_at};
use crate::error::QuestionError;
use crate::owner::{Actor, Owner, PersonHandle, SearchTerm, TermKind};
use crate::revealed::RevealedSlot;
use crate::roles::Right;
use crate::sheet::{Sheet, Sheets};
use crate::wording;

/// One stream, as the vault's map names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamRow {
    /// Activity; empty for the office's own facts.
    pub activity: String,
    /// Outside party.
    pub party: String,
    /// Events.
    pub events: usize,
    /// Date of the first and of the last.
    pub first: String,
    /// Date of the last.
    pub last: String,
}

/// One service request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestRow {
    /// The service.
    pub service: String,
    /// `open`, `closed`, or `closing` where only a closing is known and not which request it closes.
    pub state: &'static str,
    /// Who published it.
    pub source: String,
    /// Date asked.
    pub asked: String,
    /// Date closed.
    pub closed: String,
    /// How it ended.
    pub outcome: String,
    /// The events, asking and closing.
    pub events: Vec<u64>,
}

/// Where values of one kind came from last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueRow {
    /// Data class.
    pub class: String,
    /// Field of a form.
    pub field: String,
    /// Who published it.
    pub source: String,
    /// Date.
    pub date: String,
    /// The event whose slot holds it.
    pub event: u64,
}

/// One notice given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeRow {
    /// Notice.
    pub notice: String,
    /// Version.
    pub version: String,
    /// How it was delivered.
    pub delivery: String,
    /// Date.
    pub date: String,
    /// The event.
    pub event: u64,
}

/// One consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsentRow {
    /// Purpose.
    pub purpose: String,
    /// Channel; `all` when none was named.
    pub channel: String,
    /// `given` or `withdrawn`, as last recorded.
    pub state: &'static str,
    /// Date given.
    pub given: String,
    /// Date withdrawn.
    pub withdrawn: String,
    /// Date on which it ends by itself.
    pub expires: String,
}

/// One disclosure asked for or made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DisclosureRow {
    /// `requested` or `made`.
    pub step: &'static str,
    /// Recipient or requester.
    pub recipient: String,
    /// Gateway.
    pub gateway: String,
    /// Classes of data.
    pub classes: String,
    /// Date.
    pub date: String,
    /// The event.
    pub event: u64,
}

/// What is kept, under which retention row, counted from when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptRow {
    /// Activity of the stream.
    pub activity: String,
    /// Retention row.
    pub row: String,
    /// Its version.
    pub version: String,
    /// Date of the last event under it.
    pub last: String,
}

/// The answer.
#[derive(Debug, Default, Serialize)]
pub struct PersonAnswer {
    /// Streams.
    pub streams: Vec<StreamRow>,
    /// Service requests.
    pub requests: Vec<RequestRow>,
    /// Where values came from.
    pub values: Vec<ValueRow>,
    /// Notices given.
    pub notices: Vec<NoticeRow>,
    /// Consents.
    pub consents: Vec<ConsentRow>,
    /// Disclosures.
    pub disclosures: Vec<DisclosureRow>,
    /// What is kept.
    pub kept: Vec<KeptRow>,
    /// Opened slots, when values were asked for.
    pub revealed: Vec<RevealedSlot>,
}

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
    let person = one_person(owner, &act, terms)?;
    let act = Act {
        person: Some(&person),
        ..act
    };
    let (as_of, streams) = streams_at(owner, actor, owner.streams_of(&person)?, when)?;
    if streams.is_empty() {
        return Err(QuestionError::NotFound);
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

/// The one person that all terms fit. A search that finds none, or several, is recorded as one.
pub(crate) fn one_person(
    owner: &dyn Owner,
    act: &Act<'_>,
    terms: &[SearchTerm],
) -> Result<PersonHandle, QuestionError> {
    let found = owner.search(terms, 1)?;
    if let [person] = found.as_slice() {
        return Ok(*person);
    }
    let kinds: Vec<TermKind> = terms.iter().map(|term| term.kind).collect();
    record_access(
        owner,
        act,
        AccessKind::PersonSearched {
            kinds: &kinds,
            count: found.len(),
        },
    )?;
    Err(match found.is_empty() {
        true => QuestionError::NotFound,
        false => QuestionError::TooMuch { max: 1 },
    })
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

impl PersonAnswer {
    fn add(&mut self, stream: &StreamAt, state: &StreamState) {
        let activity = stream.of.activity.as_str().to_owned();
        let admitted = |at: Option<&views::customer::Posting>| {
            at.map(|posting| wording::date(posting.admitted))
                .unwrap_or_default()
        };
        self.streams.push(StreamRow {
            activity: activity.clone(),
            party: stream.of.party.as_str().to_owned(),
            events: stream.postings.len(),
            first: admitted(stream.postings.first()),
            last: admitted(stream.postings.last()),
        });
        self.requests.extend(state.requests.iter().map(request_row));
        self.values
            .extend(state.values.iter().map(|value| ValueRow {
                class: value.class.clone(),
                field: value.field.clone(),
                source: value.source.clone(),
                date: wording::date(proto::UnixMillis(value.time)),
                event: value.index.0,
            }));
        self.notices
            .extend(state.notices.iter().map(|entry| NoticeRow {
                notice: entry.said.code.clone(),
                version: entry.said.version.clone(),
                delivery: entry.said.how.clone(),
                date: date_of(entry),
                event: entry.index.0,
            }));
        self.consents.extend(state.consents.iter().map(|consent| {
            ConsentRow {
                purpose: consent.purpose.clone(),
                channel: match consent.channel.as_str() {
                    "" => "all".to_owned(),
                    channel => channel.to_owned(),
                },
                state: match consent.state {
                    ConsentState::Given => "given",
                    ConsentState::Withdrawn => "withdrawn",
                },
                given: consent.given.as_ref().map(date_of).unwrap_or_default(),
                withdrawn: consent.withdrawn.as_ref().map(date_of).unwrap_or_default(),
                expires: consent
                    .given
                    .as_ref()
                    .map(|entry| entry.said.date.clone())
                    .unwrap_or_default(),
            }
        }));
        self.disclosures
            .extend(state.disclosures.iter().map(disclosure_row));
        self.kept
            .extend(state.retention.iter().map(|(row, version, index)| {
                KeptRow {
                    activity: activity.clone(),
                    row: row.clone(),
                    version: version.clone(),
                    last: admitted(
                        stream
                            .postings
                            .iter()
                            .find(|posting| posting.index == *index),
                    ),
                }
            }));
    }
}

fn request_row(request: &ServiceRequest) -> RequestRow {
    let (asked, closed) = (request.requested.as_ref(), request.closed.as_ref());
    let either = asked.or(closed);
    RequestRow {
        service: request.service.clone(),
        state: match (asked, closed) {
            (Some(_), None) => "open",
            (Some(_), Some(_)) => "closed",
            (None, _) => "closing",
        },
        source: either
            .map(|entry| entry.said.publisher.clone())
            .unwrap_or_default(),
        asked: asked.map(date_of).unwrap_or_default(),
        closed: closed
            .map(|entry| entry.said.date.clone())
            .unwrap_or_default(),
        outcome: closed
            .map(|entry| entry.said.how.clone())
            .unwrap_or_default(),
        events: asked
            .into_iter()
            .chain(closed)
            .map(|entry| entry.index.0)
            .collect(),
    }
}

fn disclosure_row(entry: &Entry) -> DisclosureRow {
    let made =
        proto::fact_by_number(entry.said.fact).is_some_and(|fact| fact.name == "disclosure.made");
    DisclosureRow {
        step: if made { "made" } else { "requested" },
        recipient: entry.said.code.clone(),
        gateway: entry.said.version.clone(),
        classes: entry.said.data_classes.join(" "),
        date: date_of(entry),
        event: entry.index.0,
    }
}

fn date_of(entry: &Entry) -> String {
    wording::stated(&entry.said.instant, entry.said.time)
}

impl Sheets for PersonAnswer {
    fn sheets(&self) -> Vec<Sheet> {
        let mut streams = Sheet::new("streams", &["activity", "party", "events", "first", "last"]);
        for row in &self.streams {
            let (first, last) = (row.first.clone(), row.last.clone());
            let (activity, party) = (row.activity.clone(), row.party.clone());
            streams.row([activity, party, row.events.to_string(), first, last]);
        }
        let columns = [
            "service", "state", "asked", "closed", "outcome", "source", "events",
        ];
        let mut requests = Sheet::new("service requests", &columns);
        for row in &self.requests {
            let events: Vec<String> = row.events.iter().map(u64::to_string).collect();
            requests.row([
                row.service.clone(),
                row.state.to_owned(),
                row.asked.clone(),
                row.closed.clone(),
                row.outcome.clone(),
                row.source.clone(),
                events.join(" "),
            ]);
        }
        let mut values = Sheet::new(
            "values held",
            &["class", "field", "source", "date", "event"],
        );
        for row in &self.values {
            let (class, field) = (row.class.clone(), row.field.clone());
            let (source, date) = (row.source.clone(), row.date.clone());
            values.row([class, field, source, date, row.event.to_string()]);
        }
        let mut sheets = vec![streams, requests, values];
        sheets.extend(self.what_was_told_and_agreed());
        if !self.revealed.is_empty() {
            sheets.push(Sheet::of_revealed(&self.revealed));
        }
        sheets
    }
}

impl PersonAnswer {
    fn what_was_told_and_agreed(&self) -> [Sheet; 4] {
        let columns = ["notice", "version", "delivery", "date", "event"];
        let mut notices = Sheet::new("notices given", &columns);
        for row in &self.notices {
            let (notice, version) = (row.notice.clone(), row.version.clone());
            let (delivery, date) = (row.delivery.clone(), row.date.clone());
            notices.row([notice, version, delivery, date, row.event.to_string()]);
        }
        let columns = [
            "purpose",
            "channel",
            "state",
            "given",
            "withdrawn",
            "expires",
        ];
        let mut consents = Sheet::new("consents", &columns);
        for row in &self.consents {
            consents.row([
                row.purpose.clone(),
                row.channel.clone(),
                row.state.to_owned(),
                row.given.clone(),
                row.withdrawn.clone(),
                row.expires.clone(),
            ]);
        }
        let columns = ["step", "recipient", "gateway", "classes", "date", "event"];
        let mut disclosures = Sheet::new("disclosures", &columns);
        for row in &self.disclosures {
            disclosures.row([
                row.step.to_owned(),
                row.recipient.clone(),
                row.gateway.clone(),
                row.classes.clone(),
                row.date.clone(),
                row.event.to_string(),
            ]);
        }
        let mut kept = Sheet::new(
            "kept under",
            &["activity", "retention row", "version", "last"],
        );
        for row in &self.kept {
            let (activity, name) = (row.activity.clone(), row.row.clone());
            kept.row([activity, name, row.version.clone(), row.last.clone()]);
        }
        [notices, consents, disclosures, kept]
    }
}
