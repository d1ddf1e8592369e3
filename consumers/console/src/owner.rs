//! What the questions ask of this process: the vault's map, the records, the view, and an access event before anything is shown.
//!
//! Runs on blocking threads. Not here: who may ask (questions). Always: only durable events; a slot opens only against a recorded access.

use fold::{Event, Feed, ViewReader};
use intake::IntakeError;
use intake::own::ACCESS;
use intake::read::Records;
use intake::resolve::{OFFICE_SYSTEM, Target};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use proto::clear::{Envelope, QueryKind, Surface as SurfaceCode};
use proto::ledger_facts::{self, Access};
use proto::{Index, OpenedItem, SlotNumber, StreamId, SubjectReference};
use questions::{
    AccessGranted, AccessKind, AccessNote, CheckpointAt, MentionedAt, Owner, OwnerError,
    PersonHandle, SearchTerm, SlotContents, StreamOf, Surface, TermKind,
};
use tokio::runtime::Handle;
use vault::{IndexKind, PersonRef, VaultReader};

use crate::facts::Facts;
use crate::feed::{LedgerFeed, event_of};
use crate::host::Shared;

/// The running ledger as the questions see it. Used from a blocking thread of the runtime.
pub(crate) struct HostOwner<'a> {
    shared: &'a Shared,
    runtime: Handle,
    /// The day that the asker assumes.
    assumed: Option<Date>,
}

impl<'a> HostOwner<'a> {
    /// Answers for this ledger, waiting on that runtime.
    pub(crate) fn new(shared: &'a Shared, runtime: Handle, assumed: Option<Date>) -> HostOwner<'a> {
        HostOwner {
            shared,
            runtime,
            assumed,
        }
    }

    fn records(&self) -> &Records {
        &self.shared.records
    }

    fn facts(&self) -> &Facts {
        &self.shared.facts
    }

    /// The newest event of a stream behind the view's cursor, by looking at the few events that the view has not folded yet.
    fn last_unfolded(&self, stream: &StreamId, from: Index) -> Result<Option<Index>, OwnerError> {
        let mut feed = LedgerFeed::new(self.records().clone());
        let (mut next, mut last) = (from, None);
        loop {
            let events = feed
                .next(next, 1_024)
                .map_err(|cause| failed("read the journal", cause))?;
            let Some(end) = events.last().map(|event| event.index) else {
                return Ok(last);
            };
            let of_stream = |event: &&Event| {
                let record = event.record.as_ref();
                record.is_some_and(|record| record.header.stream == *stream)
            };
            last = events
                .iter()
                .rev()
                .find(of_stream)
                .map(|event| event.index)
                .or(last);
            next = Index(end.0 + 1);
        }
    }
}

fn failed(what: &str, cause: impl std::error::Error + Send + Sync + 'static) -> OwnerError {
    OwnerError {
        message: format!("cannot {what}"),
        cause: Some(Box::new(cause)),
    }
}

fn person_of(handle: &PersonHandle) -> PersonRef {
    let (shelf, person) = handle
        .0
        .split_first_chunk::<4>()
        .expect("20 bytes begin with 4");
    PersonRef {
        shelf: u32::from_be_bytes(*shelf),
        person: person.try_into().expect("16 of 20 bytes are left"),
    }
}

fn handle_of(person: &PersonRef) -> PersonHandle {
    let mut bytes = [0; 20];
    let (shelf, id) = bytes.split_at_mut(4);
    shelf.copy_from_slice(&person.shelf.to_be_bytes());
    id.copy_from_slice(&person.person);
    PersonHandle(bytes)
}

/// Whether a system names persons by its aliases: the ledger's own names the office, whose streams hold who has which role, and what is no
/// code at all may be the vault's name of a case.
fn names_persons(system: &str) -> bool {
    proto::ids::is_code(system) && system != OFFICE_SYSTEM
}

fn index_kind(kind: TermKind) -> Option<IndexKind> {
    Some(match kind {
        TermKind::Alias => return None,
        TermKind::Name => IndexKind::Name,
        TermKind::DateOfBirth => IndexKind::DateOfBirth,
        TermKind::Postcode => IndexKind::Postcode,
        TermKind::Email => IndexKind::Email,
        TermKind::Telephone => IndexKind::Telephone,
    })
}

/// Whether a person is called this there, in the normal form by which the vault finds.
fn says(vault: &VaultReader, said: &SubjectReference, term: &SearchTerm) -> bool {
    let values = match term.kind {
        TermKind::Alias => {
            let wanted = vault.alias_hash(&term.system, &term.text);
            let mut aliases = said.aliases.iter();
            return aliases.any(|one| vault.alias_hash(&one.system, &one.local_id) == wanted);
        }
        TermKind::Name => &said.names,
        TermKind::DateOfBirth => &said.dates_of_birth,
        TermKind::Postcode => &said.postcodes,
        TermKind::Email => &said.emails,
        TermKind::Telephone => &said.telephones,
    };
    let Some(kind) = index_kind(term.kind) else {
        return false;
    };
    let wanted = vault.index_hash(kind, &term.text);
    let mut hashes = values.iter().map(|value| vault.index_hash(kind, value));
    wanted.is_some() && hashes.any(|hash| hash == wanted)
}

fn query_kind(kind: TermKind) -> QueryKind {
    match kind {
        TermKind::Alias => QueryKind::Alias,
        TermKind::Name => QueryKind::Name,
        TermKind::DateOfBirth => QueryKind::DateOfBirth,
        TermKind::Postcode => QueryKind::Postcode,
        TermKind::Email => QueryKind::Email,
        TermKind::Telephone => QueryKind::Telephone,
    }
}

pub(crate) fn surface_code(surface: Surface) -> SurfaceCode {
    match surface {
        Surface::Console => SurfaceCode::Console,
        Surface::Api => SurfaceCode::Api,
        Surface::Cli => SurfaceCode::Cli,
    }
}

impl Owner for HostOwner<'_> {
    fn damage(&self) -> Option<String> {
        self.shared.damage()
    }

    fn search(&self, terms: &[SearchTerm], max: usize) -> Result<Vec<PersonHandle>, OwnerError> {
        let vault = self.records().vault();
        let unreadable = |cause| failed("search the vault", cause);
        let mut found: Option<Vec<PersonRef>> = None;
        let mut values = Vec::new();
        for term in terms {
            match index_kind(term.kind) {
                Some(kind) => match vault.index_hash(kind, &term.text) {
                    Some(hash) => values.push((kind, hash)),
                    None => return Ok(Vec::new()),
                },
                None => {
                    let person = match names_persons(&term.system) {
                        true => {
                            let hash = vault.alias_hash(&term.system, &term.text);
                            vault.person_by_alias(&hash).map_err(unreadable)?
                        }
                        false => None,
                    };
                    let kept = match found {
                        None => person.into_iter().collect(),
                        Some(before) => before.into_iter().filter(|p| Some(*p) == person).collect(),
                    };
                    found = Some(kept);
                }
            }
        }
        if !values.is_empty() {
            let by_value = vault.find(&values).map_err(unreadable)?;
            found = Some(match found {
                None => by_value,
                Some(before) => before
                    .into_iter()
                    .filter(|p| by_value.contains(p))
                    .collect(),
            });
        }
        let found = found.unwrap_or_default();
        Ok(found
            .iter()
            .take(max.saturating_add(1))
            .map(handle_of)
            .collect())
    }

    fn streams_of(&self, person: &PersonHandle) -> Result<Vec<StreamOf>, OwnerError> {
        let vault = self.records().vault();
        let streams = vault.streams_of(&person_of(person));
        let streams = streams.map_err(|cause| failed("read the vault", cause))?;
        let living = streams
            .into_iter()
            .filter(|one| !vault.is_fenced(&one.keys.fence_tag()));
        Ok(living
            .filter(|one| one.activity.as_str() != ACCESS)
            .map(|one| StreamOf {
                stream: one.keys.stream,
                activity: one.activity,
                party: one.party,
            })
            .collect())
    }

    fn mentions_of(&self, person: &PersonHandle) -> Result<Vec<MentionedAt>, OwnerError> {
        let mentions = self.records().vault().mentions_of(&person_of(person));
        let mentions = mentions.map_err(|cause| failed("read the vault", cause))?;
        let at = |place: vault::MentionPlace| MentionedAt {
            stream: place.carrier,
            number: place.number,
            slot: place.slot,
        };
        Ok(mentions.into_iter().map(|(place, _)| at(place)).collect())
    }

    fn says(
        &self,
        index: Index,
        slot: SlotNumber,
        terms: &[SearchTerm],
    ) -> Result<Vec<bool>, OwnerError> {
        let unreadable = |cause| failed("open the slot", cause);
        let stored = self.records().at(index).map_err(unreadable)?;
        let opened = self.records().slot(&stored, slot).map_err(unreadable)?;
        let Some(opened) = opened else {
            return Ok(vec![false; terms.len()]);
        };
        let said = proto::reference_in(slot, opened.values.expose());
        Ok(terms
            .iter()
            .map(|term| says(self.records().vault(), &said, term))
            .collect())
    }

    fn last_of(&self, stream: &StreamId) -> Result<Option<Index>, OwnerError> {
        let (cursor, folded) = {
            let off = || OwnerError::new("the customer view is not folded");
            let customer = self.customer().ok_or_else(off)?;
            let view = customer.read();
            let cursor = view
                .cursor()
                .map_err(|cause| failed("read the view", cause))?;
            let postings = views::customer::postings(&view, stream)
                .map_err(|cause| failed("read the view", cause))?;
            (cursor.next, postings.last().map(|posting| posting.index))
        };
        Ok(self.last_unfolded(stream, cursor)?.or(folded))
    }

    fn event(&self, index: Index) -> Result<Option<Event>, OwnerError> {
        match self.records().at(index) {
            Ok(stored) => Ok(Some(event_of(stored))),
            Err(IntakeError::Journal(journal::JournalError::Beyond(_))) => Ok(None),
            Err(cause) => Err(failed("read the journal", cause)),
        }
    }

    fn open_slot(
        &self,
        _granted: &AccessGranted,
        index: Index,
        slot: SlotNumber,
    ) -> Result<SlotContents, OwnerError> {
        let unreadable = |cause| failed("open the slot", cause);
        let stored = self.records().at(index).map_err(unreadable)?;
        let withheld = stored.record.as_ref().is_some_and(|record| {
            let seal = record.header.slots.get(slot.0 as usize);
            seal.is_some_and(|seal| seal.withheld)
        });
        if withheld {
            return Ok(SlotContents::Withheld);
        }
        match self.records().slot(&stored, slot).map_err(unreadable)? {
            Some(opened) => Ok(SlotContents::Open(opened.values)),
            None => Ok(SlotContents::Gone),
        }
    }

    fn append_access(&self, note: AccessNote<'_>) -> Result<Index, OwnerError> {
        let actor = note.actor;
        let envelope = Envelope {
            activity: ACCESS.to_owned(),
            role: note
                .role
                .map_or_else(String::new, |role| role.code().to_owned()),
            ..ledger_facts::by_staff(&actor.reference, "", &actor.purpose)
        };
        let surface = surface_code(actor.surface);
        let count_of = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let access = |count: usize, items| Access {
            question: note.question,
            surface,
            count: count_of(count),
            items,
            reason: actor.reason.as_ref(),
        };
        let fact = match note.kind {
            AccessKind::RecordViewed { count } => {
                ledger_facts::record_viewed(envelope, &access(count, &[]))
            }
            AccessKind::PersonSearched { kinds, count } => {
                let kinds: Vec<QueryKind> = kinds.iter().map(|kind| query_kind(*kind)).collect();
                let reason = actor.reason.as_ref();
                ledger_facts::person_searched(envelope, &kinds, surface, count_of(count), reason)
            }
            AccessKind::ValuesRevealed { items } => {
                let chain = self.records().name().chain;
                let items: Vec<OpenedItem> = items
                    .iter()
                    .map(|item| OpenedItem {
                        chain,
                        index: item.index,
                        slot: item.slot,
                        field_path: String::new(),
                    })
                    .collect();
                ledger_facts::values_revealed(envelope, &access(items.len(), &items))
            }
            AccessKind::Refused { reason } => {
                ledger_facts::access_refused(envelope, note.question, reason.code(), surface)
            }
        };
        let target = match note.person {
            Some(person) => Target::Person(person_of(person)),
            None => Target::Office,
        };
        self.runtime
            .block_on(self.facts().append(fact, target, Vec::new()))
            .map_err(|cause| failed("record the access", cause))
    }

    fn head(&self) -> Index {
        self.records().journal().watermark().next
    }

    fn checkpoint(&self) -> Option<CheckpointAt> {
        let signed = self.shared.published.newest()?;
        Some(CheckpointAt {
            origin: chain::origin_line(&self.records().name().origin, self.records().name().chain),
            size: signed.checkpoint.size,
            root: signed.root_base64(),
        })
    }

    fn today(&self) -> Date {
        let now = jiff::Timestamp::from_millisecond(self.shared.clock.now());
        // A clock that no calendar has lifts no embargo.
        let day = now.map_or(Date::MIN, |now| now.to_zoned(TimeZone::UTC).date());
        self.assumed.map_or(day, |assumed| assumed.min(day))
    }

    fn customer(&self) -> Option<ViewReader> {
        let folded = self.shared.customer.as_ref();
        folded.map(|view| view.reader.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_office_nor_a_case_is_found_as_a_person() {
        assert!(names_persons("crm"));
        for system in ["counterfoil", "\0case//crm.westmere.example", "", "CRM"] {
            assert!(!names_persons(system), "{system:?}");
        }
    }
}
