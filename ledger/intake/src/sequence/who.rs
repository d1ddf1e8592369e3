//! Who an event is about and which stream it goes to; minted where nobody knows them yet, refused where a fence or a contradiction forbids it.
//!
//! Always: only an alias names a person, and only `subject-linked` joins two; a fenced stream takes nothing (S-3).

use proto::{NumberInStream, SlotNumber};
use vault::{PersonRef, StreamKeys, StreamSecret, VaultError};

use super::Sequencer;
use crate::admit::{Admitted, Refusal, RefusalCode};
use crate::mint::Minted;
use crate::recent::StreamName;
use crate::resolve::{Party, Resolved, outside_party};

impl Sequencer {
    /// The person of whom the vault must be asked: it named nobody, an alias learnt since names somebody it knew before, and whether they
    /// have the stream is more than recent memory can say. Without this a second stream of (person, activity, party) would be minted.
    pub(super) fn asks_about(&self, event: &Admitted, resolved: &Resolved) -> Option<PersonRef> {
        let subject = &resolved.subject;
        if subject.person.is_some() || resolved.case.is_some() || event.opens_stream() {
            return None;
        }
        let mut learnt = subject.unknown.iter();
        let person = learnt.find_map(|alias| self.recent.person_of(alias))?;
        let is_known = self.recent.has_all_streams_of(&person)
            || self
                .recent
                .stream_of(&stream_name(person, event, resolved))
                .is_some();
        (!is_known).then_some(person)
    }

    pub(super) fn stream(
        &mut self,
        event: &Admitted,
        resolved: &Resolved,
        minted: &mut Minted,
    ) -> Result<Result<StreamKeys, Refusal>, VaultError> {
        let case = resolved.case.as_ref();
        if let Some((hash, found)) = case
            && let Some((person, keys)) = found.clone().or_else(|| self.recent.case_of(hash))
        {
            let keys = match self.unfenced(keys) {
                Ok(keys) => keys,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let subject = &resolved.subject;
            let named = subject.person.or_else(|| {
                let mut recent = subject
                    .unknown
                    .iter()
                    .map(|alias| self.recent.person_of(alias));
                recent.find_map(|found| found)
            });
            if !subject.aliases.is_empty() && (named != Some(person) || subject.several) {
                return Ok(Err(disagree("the case is another person's")));
            }
            minted.justify(&resolved.missing, person, keys.stream, &self.recent);
            return Ok(Ok(keys));
        }
        let person = match self.person(&resolved.subject, minted) {
            Ok(person) => person,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let name = stream_name(person, event, resolved);
        let known = match case {
            None if !event.opens_stream() => {
                let resolved = resolved.keys.clone();
                resolved.or_else(|| self.recent.stream_of(&name))
            }
            _ => None,
        };
        let (keys, missing) = match known {
            Some(keys) => match self.unfenced(keys) {
                Ok(keys) => (keys, &resolved.missing),
                Err(refusal) => return Ok(Err(refusal)),
            },
            None => {
                let marked = !minted.is_new_person(&person)
                    && self.vault.reader().is_marked(&person, &name.activity)?;
                if marked {
                    return Ok(Err(erased()));
                }
                let keys = match case {
                    Some((hash, _)) => minted.case(*hash, person, &event.split.clear),
                    None => minted.stream(name, event.opens_stream(), &resolved.given),
                };
                (keys, &resolved.given)
            }
        };
        minted.justify(missing, person, keys.stream, &self.recent);
        Ok(Ok(keys))
    }

    /// The person these aliases name; minted where they name nobody.
    pub(super) fn person(&self, party: &Party, minted: &mut Minted) -> Result<PersonRef, Refusal> {
        let mut person = party.person;
        let mut several = party.several;
        for alias in &party.unknown {
            if let Some(found) = self.recent.person_of(alias).or(minted.person_of(alias)) {
                several |= person.is_some_and(|known| known != found);
                person = Some(found);
            }
        }
        if several {
            return Err(disagree(
                "the aliases name different persons, and only subject-linked joins persons",
            ));
        }
        Ok(person.unwrap_or_else(|| minted.person(&party.aliases)))
    }

    pub(super) fn mentions(
        &mut self,
        parties: &[Party],
        stream: &StreamKeys,
        number: NumberInStream,
        minted: &mut Minted,
    ) -> Result<Result<Vec<Option<StreamSecret>>, Refusal>, VaultError> {
        let mut secrets = Vec::with_capacity(parties.len());
        for (party, slot) in parties.iter().zip(1_u32..) {
            let person = match self.person(party, minted) {
                Ok(person) => person,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let known = !minted.is_new_person(&person);
            if known && self.vault.reader().is_fenced_entirely(&person)? {
                secrets.push(None);
                continue;
            }
            let place = vault::MentionPlace {
                carrier: stream.stream,
                number,
                slot: SlotNumber(slot),
            };
            secrets.push(Some(minted.mention(place, person, party, &self.recent)));
        }
        Ok(Ok(secrets))
    }

    pub(super) fn unfenced(&self, keys: StreamKeys) -> Result<StreamKeys, Refusal> {
        if self.vault.reader().is_stream_fenced(&keys) {
            Err(erased())
        } else {
            Ok(keys)
        }
    }
}

fn stream_name(person: PersonRef, event: &Admitted, resolved: &Resolved) -> StreamName {
    StreamName {
        person,
        activity: event.split.clear.activity.clone(),
        party: outside_party(event, resolved.target),
    }
}

fn disagree(rule: &'static str) -> Refusal {
    Refusal::new(RefusalCode::AliasesDisagree, "subject.aliases", rule)
}

fn erased() -> Refusal {
    Refusal::new(
        RefusalCode::ErasedScope,
        "subject",
        "the stream is fenced: its erasure was requested",
    )
}
