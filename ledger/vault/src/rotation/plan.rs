//! What a rotation will do, found out before anything is written: which shelves, which rows, which tags.
//!
//! Always: a mention dies with the stream that carries it; a person's row, marks and links die with the last stream, pointer and mention
//! of the person; finding rows that name a destroyed stream stay unreadable behind missing keys until the nightly re-key drops them.

use std::collections::{BTreeMap, BTreeSet};

use proto::ids::{Index, StreamId};

use super::Destroy;
use crate::error::VaultError;
use crate::finding;
use crate::keys::FenceTag;
use crate::part::PartRows;
use crate::rows::{Level, MentionPlace, PersonRef, Row, StreamPlace};
use crate::service::Service;
use crate::shared::View;
use crate::shelves::Home;
use crate::vault::Vault;

/// Streams and mentions that are gone.
#[derive(Default)]
pub(crate) struct Gone {
    streams: BTreeSet<StreamId>,
    mentions: BTreeSet<MentionPlace>,
    /// Persons and the living streams that no longer mention them.
    loosened: BTreeSet<(PersonRef, StreamId)>,
}

impl Gone {
    /// What the cohort queue knows to be destroyed.
    pub(crate) fn of_cohort(service: &Service) -> Gone {
        Gone {
            streams: service.cohort_streams.keys().copied().collect(),
            mentions: service.cohort_mentions.keys().copied().collect(),
            loosened: service.cohort_persons.keys().copied().collect(),
        }
    }

    /// Leaves alone whoever was mentioned again by the same stream since.
    pub(crate) fn keep_mentioned(
        &mut self,
        is_mentioned: impl Fn(&PersonRef, StreamId) -> Result<bool, VaultError>,
    ) -> Result<(), VaultError> {
        let mut again = Vec::new();
        for (person, carrier) in &self.loosened {
            if is_mentioned(person, *carrier)? {
                again.push((*person, *carrier));
            }
        }
        for pair in again {
            self.loosened.remove(&pair);
        }
        Ok(())
    }

    /// Whether a row is justified by something that is gone. A row that nobody can read might be: it is an error, never a row that stays.
    pub(crate) fn names(&self, row: &[u8]) -> Result<bool, VaultError> {
        Ok(self.justifies(&Row::decode(row)?))
    }

    fn justifies(&self, row: &Row) -> bool {
        match row {
            Row::Stream { stream, .. }
            | Row::CasePointer { stream, .. }
            | Row::CaseStream { stream, .. }
            | Row::PersonLink { stream, .. }
            | Row::StreamShelf { stream, .. } => self.streams.contains(stream),
            Row::Alias { person, stream, .. } | Row::Index { person, stream, .. } => {
                self.streams.contains(stream) || self.loosened.contains(&(*person, *stream))
            }
            Row::Mention { mention, .. } | Row::MentionShelf { mention, .. } => {
                self.streams.contains(&mention.carrier) || self.mentions.contains(mention)
            }
            _ => false,
        }
    }
}

/// The plan of one rotation.
pub(crate) struct Plan {
    /// Person and case shelves that get new keys.
    pub(crate) shelves: BTreeSet<(Level, u32)>,
    gone: Gone,
    last: BTreeMap<StreamId, Index>,
    /// Persons of whom nothing is left.
    persons: BTreeSet<PersonRef>,
    /// Fence tags of what goes, sorted.
    pub(crate) tags: Vec<FenceTag>,
}

impl Plan {
    /// Whether this row goes.
    pub(crate) fn destroys(
        &self,
        row: &[u8],
        destroy: &Destroy,
        intake_id: &[u8; 16],
    ) -> Result<bool, VaultError> {
        let row = Row::decode(row)?;
        Ok(match &row {
            Row::IntakeKey { id, .. } => id != intake_id,
            Row::RecordKey { class, month, .. } | Row::RecordKeyUse { class, month, .. } => destroy
                .record_keys
                .iter()
                .any(|name| (name.class, name.month) == (*class, *month)),
            Row::DedupKey { source, year, .. } => {
                let mut named = destroy.dedup_keys.iter();
                named.any(|(of, in_year)| (of, in_year) == (source, year))
            }
            Row::Secret { kind, name, .. } => destroy.secrets.contains(&(*kind, *name)),
            Row::Person { person, .. } | Row::FenceMark { person, .. } => {
                self.persons.contains(person)
            }
            Row::PersonLink { person, .. } => {
                self.persons.contains(person) || self.gone.justifies(&row)
            }
            _ => self.gone.justifies(&row),
        })
    }

    /// Destroyed tags and the cohort's queue, for the service shelf.
    pub(crate) fn service_rows(&self, generation: u64) -> Vec<Row> {
        let tags = self.tags.iter().map(|tag| Row::DestroyedTag {
            tag: *tag,
            generation,
        });
        let streams = self.last.iter().map(|(stream, last)| Row::CohortStream {
            stream: *stream,
            last: *last,
            generation,
        });
        let mentions = self.gone.mentions.iter().map(|mention| Row::CohortMention {
            mention: *mention,
            generation,
        });
        let persons = self.gone.loosened.iter();
        let persons = persons.map(|(person, carrier)| Row::CohortPerson {
            person: *person,
            carrier: *carrier,
            generation,
        });
        tags.chain(streams).chain(mentions).chain(persons).collect()
    }
}

impl Vault {
    /// Finds what goes. Everything that names it must be absorbed: the fence and step R2 see to that.
    pub(crate) fn plan(&self, destroy: &Destroy) -> Result<Plan, VaultError> {
        let view = self.shared.view();
        let mut gone = Gone::default();
        gone.streams
            .extend(destroy.streams.iter().map(|entry| entry.stream));
        gone.mentions
            .extend(destroy.mentions.iter().map(|(_, mention)| *mention));
        let mut homes = BTreeSet::new();
        let mut persons = BTreeSet::new();
        for (person, _) in &destroy.mentions {
            persons.insert(*person);
        }
        for entry in &destroy.streams {
            persons.extend(entry.person);
            self.places_of(&view, entry.stream, &mut homes, &mut persons)?;
        }
        homes.extend(persons.iter().map(Vault::home_of_person));
        let mut tags = BTreeSet::new();
        for home in &homes {
            let part = self.shared.part_of(&view, *home)?;
            for row in part.iter().flat_map(PartRows::iter) {
                let row = Row::decode(row)?;
                if !gone.justifies(&row) {
                    continue;
                }
                if let Row::Stream { secret, .. }
                | Row::CaseStream { secret, .. }
                | Row::Mention { secret, .. } = row
                {
                    tags.insert(secret.fence_tag());
                }
            }
        }
        for (person, mention) in &destroy.mentions {
            if self.is_loosened(&view, person, mention.carrier, &gone)? {
                gone.loosened.insert((*person, mention.carrier));
            }
        }
        let mut empty = BTreeSet::new();
        for person in persons {
            if !self.remains(&view, &person, &gone)? {
                empty.insert(person);
            }
        }
        Ok(Plan {
            shelves: homes.iter().map(|home| (home.level, home.shelf)).collect(),
            last: destroy
                .streams
                .iter()
                .map(|entry| (entry.stream, entry.last))
                .collect(),
            gone,
            persons: empty,
            tags: tags.into_iter().collect(),
        })
    }

    /// Where a stream's secret lies, and whom its events mention.
    fn places_of(
        &self,
        view: &View,
        stream: StreamId,
        homes: &mut BTreeSet<Home>,
        persons: &mut BTreeSet<PersonRef>,
    ) -> Result<(), VaultError> {
        let hash = finding::stream_hash(&self.shared.finding_key, stream);
        let part = self
            .shared
            .part_of(view, Home::of_hash(&hash.0, self.shared.geometry))?;
        let Some(part) = part else {
            return Ok(());
        };
        for kind in [22, 23] {
            let prefix = [&[kind][..], &stream.0].concat();
            for row in part.with_prefix(&prefix) {
                match Row::decode(row)? {
                    Row::StreamShelf {
                        place: StreamPlace::Person(person),
                        ..
                    }
                    | Row::MentionShelf { person, .. } => _ = persons.insert(person),
                    Row::StreamShelf {
                        place: StreamPlace::Case(shelf),
                        ..
                    } => {
                        homes.insert(Home::of_id(Level::Case, shelf, &stream.0));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Whether nothing of the carrier names the person any more, though it lives.
    fn is_loosened(
        &self,
        view: &View,
        person: &PersonRef,
        carrier: StreamId,
        gone: &Gone,
    ) -> Result<bool, VaultError> {
        if gone.streams.contains(&carrier) {
            return Ok(false);
        }
        let part = self.shared.part_of(view, Vault::home_of_person(person))?;
        let mut stays = false;
        for row in part.iter().flat_map(PartRows::iter) {
            let names = match Row::decode(row)? {
                Row::Stream {
                    person: of, stream, ..
                }
                | Row::CasePointer {
                    person: of, stream, ..
                } => (of, stream),
                Row::Mention {
                    person: of,
                    mention,
                    ..
                } => (of, mention.carrier),
                _ => continue,
            };
            stays |= names == (*person, carrier) && !gone.names(row)?;
        }
        Ok(!stays)
    }

    /// Whether a stream, pointer or mention of the person stays.
    fn remains(&self, view: &View, person: &PersonRef, gone: &Gone) -> Result<bool, VaultError> {
        let part = self.shared.part_of(view, Vault::home_of_person(person))?;
        let Some(part) = part else {
            return Ok(false);
        };
        for kind in [2, 3, 4] {
            let prefix = [&[kind][..], &person.person].concat();
            for row in part.with_prefix(&prefix) {
                if !gone.names(row)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{FindingHash, IndexKind, encoded};

    #[test]
    fn a_row_that_nobody_can_read_stops_a_rotation_and_does_not_stay() {
        let stream = StreamId([3; 16]);
        let row = Row::Index {
            kind: IndexKind::Name,
            hash: FindingHash([1; 16]),
            person: PersonRef {
                shelf: 1,
                person: [2; 16],
            },
            stream,
        };
        let mut row = encoded(&row).expect("encodes").to_vec();
        let mut gone = Gone::default();
        assert!(!gone.names(&row).expect("it is read"));
        gone.streams.insert(stream);
        assert!(gone.names(&row).expect("it is read"));
        // Row kind, hash, then a kind of index that is no more.
        row[17] = 2;
        assert!(gone.names(&row).is_err());
        let plan = Plan {
            shelves: BTreeSet::new(),
            gone,
            last: BTreeMap::new(),
            persons: BTreeSet::new(),
            tags: Vec::new(),
        };
        let destroy = Destroy::default();
        assert!(plan.destroys(&row, &destroy, &[0; 16]).is_err());
    }
}
