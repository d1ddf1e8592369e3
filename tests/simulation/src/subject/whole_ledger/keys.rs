//! The whole ledger's keys: rotations and nights step by step, as the console drives them.
//!
//! Not the threads. Always: a rotation's new intake key travels in the group of its own `key-rotated` event.

use std::collections::{BTreeMap, BTreeSet};

use intake::desk::Directed;
use intake::engine::Outcome;
use intake::own::own_event;
use intake::resolve::Target;
use proto::clear::{Envelope, KeyKind, Surface};
use proto::ledger_facts::{Access, KeyRotation, by_staff, key_rotated, record_viewed};
use proto::{Index, Personal, Record, SlotNumber, StaffReference, StreamId, UnixMillis};
use vault::{Destroy, DestroyStream, FindingKeys, MentionPlace, PersonRef, Position, RotationStep};

use super::WholeLedger;
use crate::auditor::bytes::Rest;
use crate::subject::{Keys, Night, Shred, Stop, Turn};

/// Bytes of finding shelves sealed in one transaction: few, so that a night takes several.
const RESEAL_BYTES: usize = 1;

impl Keys for WholeLedger {
    fn generation(&self) -> u64 {
        self.opened.vault.generation()
    }

    fn night(&self) -> Night {
        self.night
    }

    fn secrets_of(&self, links: &[[u8; 77]]) -> Result<Vec<[u8; 32]>, Stop> {
        let reader = self.opened.vault.reader();
        let mut secrets = BTreeSet::new();
        for link in links {
            let Some((_, record)) = self.record(link)? else {
                continue;
            };
            let header = record.header;
            let keys = reader.keys_of_stream(header.stream).map_err(failed)?;
            secrets.extend(keys.map(|keys| *keys.secret.expose()));
            for slot in 1..header.slots.len() {
                let place = MentionPlace {
                    carrier: header.stream,
                    number: header.number,
                    slot: SlotNumber(u32::try_from(slot).unwrap_or(u32::MAX)),
                };
                let secret = reader.mention_secret(&place).map_err(failed)?;
                secrets.extend(secret.map(|secret| *secret.expose()));
            }
        }
        Ok(secrets.into_iter().collect())
    }

    fn begin(&mut self, shred: &Shred) -> Result<(), Stop> {
        let destroy = match shred {
            Shred::NightBegins => of_finding(FindingKeys::Begin),
            Shred::NightEnds => of_finding(FindingKeys::Finish),
            Shred::Person(person, links) => Destroy {
                streams: self.streams_of(*person, links)?,
                ..Destroy::default()
            },
        };
        self.night_after = match shred {
            Shred::NightBegins => Night::Sealing,
            Shred::NightEnds => Night::Day,
            Shred::Person(..) => self.night,
        };
        let row = self.opened.vault.rotation_begin(destroy).map_err(failed)?;
        let rotation = KeyRotation {
            kind: KeyKind::Intake,
            chain: self.opened.records.name().chain,
            old_key: String::new(),
            new_key: String::new(),
            generation: self.generation() + 1,
            reason: "simulated".to_owned(),
        };
        let envelope = Envelope {
            activity: intake::found::GOVERNANCE.to_owned(),
            ..Envelope::default()
        };
        let fact = key_rotated(envelope, rotation).map_err(failed)?;
        self.append(fact, Target::Office, vec![row])
    }

    fn turn(&mut self) -> Result<Turn, Stop> {
        let mark = self.opened.records.journal().watermark();
        let through = Position {
            group: mark.group,
            index: mark.next,
        };
        let vault = &self.opened.vault;
        Ok(match vault.rotate_step(through).map_err(failed)? {
            RotationStep::AwaitsIntakeKey => {
                return Err(Stop::Failed("the intake key did not arrive".to_owned()));
            }
            RotationStep::AwaitsBacklog(_) => Turn::Absorb,
            RotationStep::RootWritten | RotationStep::TableWritten | RotationStep::Committed => {
                Turn::Again
            }
            RotationStep::Done(_) => {
                self.night = self.night_after;
                Turn::Done
            }
        })
    }

    fn reseal(&mut self) -> Result<(), Stop> {
        let vault = &self.opened.vault;
        if vault.nightly_step(RESEAL_BYTES).map_err(failed)? {
            self.night = Night::Sealed;
        }
        Ok(())
    }

    fn access(&mut self, person: u64) -> Result<(), Stop> {
        let Some(person) = self.person(person)? else {
            return Ok(());
        };
        let staff = StaffReference::from_random([2; 16]);
        let mut envelope = by_staff(&staff, "officer", "simulated");
        envelope.activity = intake::own::ACCESS.to_owned();
        let access = Access {
            question: "person",
            surface: Surface::Console,
            count: 1,
            items: &[],
            reason: None,
        };
        let fact = record_viewed(envelope, &access).map_err(failed)?;
        self.append(fact, Target::Person(person), Vec::new())
    }
}

impl WholeLedger {
    /// Appends one of the ledger's own facts.
    fn append(
        &mut self,
        fact: proto::FactData,
        target: Target,
        rows: Vec<vault::Row>,
    ) -> Result<(), Stop> {
        let now = UnixMillis(self.ground.clock.now());
        let name = self.opened.records.name();
        let event = own_event(name, fact, now, &*self.ground.random);
        let directed = Directed {
            event,
            target,
            rows,
            learnt: None,
        };
        let outcomes = self.opened.stepped.record(vec![directed]);
        match outcomes.map_err(failed)?.as_slice() {
            [Outcome::Recorded(_)] => Ok(()),
            _ => Err(Stop::Failed("the ledger refuses its own fact".to_owned())),
        }
    }

    /// Index and record of a link, unless its key is gone.
    fn record(&self, link: &[u8; 77]) -> Result<Option<(Index, Record)>, Stop> {
        let mut place = Rest(link);
        let index = place.take(5).and_then(|_| place.u64()).unwrap_or_default();
        let stored = self.opened.records.at(Index(index)).map_err(failed)?;
        Ok(stored.record.map(|record| (Index(index), record)))
    }

    fn streams_of(&self, person: u64, links: &[[u8; 77]]) -> Result<Vec<DestroyStream>, Stop> {
        let reader = self.opened.vault.reader();
        let person = self.person(person)?;
        let mut last: BTreeMap<StreamId, Index> = BTreeMap::new();
        for link in links {
            if let Some((index, record)) = self.record(link)? {
                let known = last.entry(record.header.stream).or_insert(index);
                *known = (*known).max(index);
            }
        }
        let mut streams = Vec::new();
        for (stream, last) in last {
            if reader.keys_of_stream(stream).map_err(failed)?.is_some() {
                streams.push(DestroyStream {
                    stream,
                    last,
                    person,
                });
            }
        }
        Ok(streams)
    }

    /// The person behind a customer number.
    fn person(&self, number: u64) -> Result<Option<PersonRef>, Stop> {
        let reader = self.opened.vault.reader();
        let id = Personal::new(format!("C-{:07}", 1_000_000 + number));
        reader
            .person_by_alias(&reader.alias_hash("crm", &id))
            .map_err(failed)
    }
}

fn of_finding(finding: FindingKeys) -> Destroy {
    Destroy {
        finding,
        ..Destroy::default()
    }
}

fn failed(error: impl std::error::Error) -> Stop {
    Stop::failed(&error)
}
