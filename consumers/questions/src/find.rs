//! `find`: which persons fit what a caller says, by alias or by name, date of birth, postcode, e-mail
//! or telephone.
//!
//! What it is: a search by keyed hashes in the vault, and for each person found, what the latest
//! collection says they are known by, so that the asker can tell them apart.
//! What it is not: a reference to a person. A candidate is asked for again by its alias.
//! What always holds: A-1. The search is recorded in the office's access stream, without the words;
//! each candidate that is shown is recorded in that person's own.

use fold::Event;
use proto::SlotNumber;
use serde::Serialize;

use crate::access::{AccessKind, Act, Item, authorise, record_access};
use crate::answer::Answer;
use crate::asof::{StreamAt, When, is_folded, streams_at, view_of};
use crate::error::QuestionError;
use crate::owner::{Actor, Owner, PersonHandle, SearchTerm, TermKind};
use crate::revealed::{RevealedField, RevealedSlot};
use crate::roles::Right;
use crate::sheet::{Sheet, Sheets};

/// Candidates in one answer; more is no answer but a reason to say more.
pub const CANDIDATES_MAX: usize = 10;

/// Streams of a candidate whose latest collection is opened: aliases of each system.
const STREAMS_OPENED_MAX: usize = 8;

/// What stands for a person of whom the view has nothing yet.
const NOT_FOLDED: &str = "(not folded yet: ask again)";

/// One person who fits.
#[derive(Debug, Serialize)]
pub struct Candidate {
    /// Activities in which they are known.
    pub activities: Vec<String>,
    /// Events of all their streams.
    pub events: usize,
    /// True where the view shows nothing of them and has events of theirs still to fold: who they are is not said
    /// yet, not unknown.
    pub not_folded: bool,
    /// What the latest collection of each stream says they are known by.
    pub known_by: Vec<RevealedSlot>,
    /// The access event in this person's stream.
    pub access_event: u64,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct FindAnswer {
    /// Persons who fit, at most [`CANDIDATES_MAX`].
    pub candidates: Vec<Candidate>,
}

/// Searches.
///
/// # Errors
/// As [`QuestionError`] says; [`QuestionError::TooMuch`] when more fit than one answer holds.
pub fn ask(
    owner: &dyn Owner,
    actor: &Actor,
    terms: &[SearchTerm],
) -> Result<Answer<FindAnswer>, QuestionError> {
    let act = Act {
        actor,
        right: Right::Find,
        question: "find",
        person: None,
    };
    authorise(owner, &act)?;
    view_of(owner)?;
    let found = owner.search(terms, CANDIDATES_MAX)?;
    let kinds: Vec<TermKind> = terms.iter().map(|term| term.kind).collect();
    let searched = AccessKind::PersonSearched {
        kinds: &kinds,
        count: found.len(),
    };
    let granted = record_access(owner, &act, searched)?;
    if found.len() > CANDIDATES_MAX {
        return Err(QuestionError::TooMuch {
            max: CANDIDATES_MAX,
        });
    }
    let sees_embargoed = actor.role_for(Right::SeeEmbargoed).is_some();
    let mut candidates = Vec::new();
    // One position for all: that of the first look, or of the last where there is no candidate.
    let (mut as_of, _) = streams_at(owner, actor, Vec::new(), When::Now)?;
    for person in &found {
        let own = owner.streams_of(person)?;
        let (at, streams) = streams_at(owner, actor, own.clone(), When::Now)?;
        as_of = at;
        let not_folded = streams.is_empty() && !is_folded(owner, &own, &as_of)?;
        // What nobody may see is not there: neither the answer nor an access event tells of it.
        if streams.is_empty() && !not_folded && !sees_embargoed {
            continue;
        }
        let mut candidate = candidate(owner, &act, person, &streams)?;
        candidate.not_folded = not_folded;
        candidates.push(candidate);
    }
    let answer = FindAnswer { candidates };
    Ok(Answer {
        question: "find",
        as_of,
        access_event: Some(granted.recorded().0),
        answer,
    })
}

fn candidate(
    owner: &dyn Owner,
    act: &Act<'_>,
    person: &PersonHandle,
    streams: &[StreamAt],
) -> Result<Candidate, QuestionError> {
    let collected = proto::fact_by_name("collection.collected").map_or(0, |fact| fact.number);
    let latest = |stream: &StreamAt| {
        let posting = stream
            .postings
            .iter()
            .rev()
            .find(|posting| posting.fact == collected)?;
        Some(Item {
            index: posting.index,
            slot: SlotNumber(0),
        })
    };
    let items: Vec<Item> = streams
        .iter()
        .filter_map(latest)
        .take(STREAMS_OPENED_MAX)
        .collect();
    let act = Act {
        person: Some(person),
        ..*act
    };
    let events = streams.iter().map(|stream| stream.postings.len()).sum();
    // Known without a collection, by a notice or as someone mentioned: there is nothing to open, and the record is looked at all the same.
    let kind = match items.is_empty() {
        true => AccessKind::RecordViewed { count: events },
        false => AccessKind::ValuesRevealed { items: &items },
    };
    let granted = record_access(owner, &act, kind)?;
    let mut known_by = Vec::new();
    for &item in &items {
        if let Some(Event {
            record: Some(record),
            ..
        }) = owner.event(item.index)?
        {
            let mut slot = granted.open(owner, &record, item)?;
            slot.fields.retain(tells_apart);
            known_by.push(slot);
        }
    }
    let mut activities: Vec<String> = streams
        .iter()
        .map(|stream| stream.of.activity.as_str().to_owned())
        .collect();
    activities.sort();
    activities.dedup();
    Ok(Candidate {
        activities,
        events,
        not_folded: false,
        known_by,
        access_event: granted.recorded().0,
    })
}

/// The fields by which people are told apart; the rest of the slot is not shown.
fn tells_apart(field: &RevealedField) -> bool {
    let told = [
        "subject.aliases",
        "subject.name",
        "subject.dateOfBirth",
        "subject.postcode",
    ];
    told.iter().any(|prefix| field.path.starts_with(prefix))
}

impl Candidate {
    fn told(&self, path: &str) -> String {
        let shown = self.known_by.iter().filter_map(|slot| slot.field(path));
        let mut texts: Vec<String> = shown.map(|value| value.show().to_owned()).collect();
        texts.dedup();
        texts.join(" / ")
    }

    /// `system:id` of each alias. The two are fields of one element and come in no promised order.
    fn aliases(&self) -> String {
        if self.not_folded {
            return NOT_FOLDED.to_owned();
        }
        let mut texts = Vec::new();
        for slot in &self.known_by {
            for system in slot.fields_under("subject.aliases[") {
                if let Some(element) = system.path.strip_suffix(".system")
                    && let Some(id) = slot.field(&format!("{element}.localId"))
                {
                    texts.push(format!("{}:{}", system.value.show(), id.show()));
                }
            }
        }
        texts.sort();
        texts.dedup();
        texts.join(" ")
    }
}

impl Sheets for FindAnswer {
    fn sheets(&self) -> Vec<Sheet> {
        let columns = [
            "known as",
            "name",
            "born",
            "postcode",
            "events",
            "activities",
        ];
        let mut sheet = Sheet::new("persons found", &columns);
        for one in &self.candidates {
            sheet.row([
                one.aliases(),
                one.told("subject.name"),
                one.told("subject.dateOfBirth"),
                one.told("subject.postcode"),
                one.events.to_string(),
                one.activities.join(" "),
            ]);
        }
        vec![sheet]
    }
}
