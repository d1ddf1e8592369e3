//! Looking things up: alias → person → stream, values → persons, stream → secret. Any thread, many at once.
//!
//! Not here: writing. Always: rows staged before the call are found; the order is pending rows, cache, store; nothing found here is
//! written anywhere; a reader holds no lock while it reads the store.

mod fences;
mod justified;
mod service;
mod values;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use proto::Personal;
use proto::ids::{ActivityCode, PartyCode, StreamId};

use crate::error::VaultError;
use crate::finding;
use crate::keys::{StreamKeys, StreamSecret};
use crate::rows::{FindingHash, Level, MentionPlace, PersonRef, Row, StreamPlace};
use crate::shared::{Names, Shared};
use crate::shelves::Home;

pub use justified::Given;
pub(crate) use justified::{pair, set_pair};

/// A stream of a person, as `streams_of` lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PersonStream {
    /// Id and secret.
    pub keys: StreamKeys,
    /// Its activity.
    pub activity: ActivityCode,
    /// Its outside party; empty: none.
    pub party: PartyCode,
    /// Whether it is a case's, with its secret on a case shelf.
    pub is_case: bool,
}

/// Reads the vault. Cheap to clone.
#[derive(Clone)]
pub struct VaultReader {
    pub(crate) shared: Arc<Shared>,
}

const CASE_SYSTEM: &str = "\u{0}case";

impl VaultReader {
    /// Turns whenever rows become visible or keys go: a negative answer stays right while this stays.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.epoch.load(Ordering::Acquire)
    }

    /// Bytes that opened entries take at most, whatever is asked; the store's own pages are beside that.
    #[must_use]
    pub fn cache_bytes_max(&self) -> usize {
        self.shared.caches.bytes_max()
    }

    /// The hash that an alias is found by.
    #[must_use]
    pub fn alias_hash(&self, system: &str, local_id: &Personal<String>) -> FindingHash {
        finding::alias_hash(&self.shared.finding_key, system, local_id.expose())
    }

    /// The hash that a case of a source is found by; no alias has it.
    #[must_use]
    pub fn case_hash(&self, source: &str, case: &Personal<String>) -> FindingHash {
        let system = format!("{CASE_SYSTEM}{source}");
        finding::alias_hash(&self.shared.finding_key, &system, case.expose())
    }

    /// The person of an alias.
    ///
    /// # Errors
    /// `Store` or `Damaged` where a shelf cannot be read.
    pub fn person_by_alias(&self, hash: &FindingHash) -> Result<Option<PersonRef>, VaultError> {
        Ok(self.alias(hash)?.map(|(person, _)| person))
    }

    /// The person and the stream of a case.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn case_by_hash(
        &self,
        hash: &FindingHash,
    ) -> Result<Option<(PersonRef, StreamKeys)>, VaultError> {
        let Some((person, stream)) = self.alias(hash)? else {
            return Ok(None);
        };
        Ok(self.keys_of_stream(stream)?.map(|keys| (person, keys)))
    }

    fn alias(&self, hash: &FindingHash) -> Result<Option<(PersonRef, StreamId)>, VaultError> {
        let pending = self.shared.overlay().alias(hash).to_vec();
        if let Some(found) = self.first_justified(pending)? {
            return Ok(Some(found));
        }
        let cache = &self.shared.caches.aliases;
        if let Some(found) = cache.get(&hash.0) {
            return Ok(Some(found));
        }
        let version = cache.version();
        let prefix = [&[20][..], &hash.0].concat();
        let rows = self.all(Home::of_hash(&hash.0, self.shared.geometry), &prefix)?;
        let stored = rows.into_iter().filter_map(|row| match row {
            Row::Alias { person, stream, .. } => Some((person, stream)),
            _ => None,
        });
        let found = self.first_justified(stored)?;
        if let Some(found) = found {
            cache.put(version, hash.0, found);
        }
        Ok(found)
    }

    /// The first that a living stream justifies.
    fn first_justified(
        &self,
        rows: impl IntoIterator<Item = (PersonRef, StreamId)>,
    ) -> Result<Option<(PersonRef, StreamId)>, VaultError> {
        for (person, stream) in rows {
            if self.is_justified(&person, stream)? {
                return Ok(Some((person, stream)));
            }
        }
        Ok(None)
    }

    /// The stream of a person in an activity with an outside party; none that one event opened for itself, no case.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn stream(
        &self,
        person: &PersonRef,
        activity: &ActivityCode,
        party: &PartyCode,
    ) -> Result<Option<StreamKeys>, VaultError> {
        let key = self.shared.name_key(person, activity, party);
        let is_it = |(of, _): &(_, _)| *of == key;
        let names = &self.shared.caches.names;
        // Taken before the pending rows are looked at: what is staged after that turns it.
        let version = names.version();
        let pending: Vec<_> = {
            let overlay = self.shared.overlay();
            let rows = overlay.person(person).iter();
            rows.filter_map(|row| self.shared.named(row)).collect()
        };
        if let Some((_, keys)) = pending.iter().find(|named| is_it(named)) {
            return Ok(Some(keys.clone()));
        }
        let cache = &self.shared.caches.named;
        if let Some(keys) = cache.get(&key) {
            return Ok(Some(keys));
        }
        let known = names.get(&person.person);
        if known.is_some_and(|names| !names.may_hold(&key)) {
            return Ok(None);
        }
        let named_version = cache.version();
        let stored = self.rows_of(person, &[2])?;
        let stored: Vec<_> = stored
            .iter()
            .filter_map(|row| self.shared.named(row))
            .collect();
        let mut all = Names::default();
        for (key, _) in stored.iter().chain(&pending) {
            all.add(key);
        }
        names.put(version, person.person, all);
        let found = stored.into_iter().find(is_it).map(|(_, keys)| keys);
        if let Some(keys) = &found {
            cache.put(named_version, key, keys.clone());
        }
        Ok(found)
    }

    /// Every stream of a person, cases included. For use in memory only (design section 2, last rule).
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn streams_of(&self, person: &PersonRef) -> Result<Vec<PersonStream>, VaultError> {
        let mut streams = Vec::new();
        for row in self.person_rows(person, &[2, 3])? {
            match row {
                Row::Stream {
                    stream,
                    activity,
                    party,
                    secret,
                    ..
                } => {
                    let keys = StreamKeys { stream, secret };
                    streams.push(PersonStream {
                        keys,
                        activity,
                        party,
                        is_case: false,
                    });
                }
                Row::CasePointer {
                    stream, case_shelf, ..
                } => {
                    streams.extend(self.case_stream(stream, case_shelf)?);
                }
                _ => {}
            }
        }
        Ok(streams)
    }

    /// The persons that an officer joined with this one.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn links_of(&self, person: &PersonRef) -> Result<Vec<PersonRef>, VaultError> {
        let rows = self.person_rows(person, &[5])?;
        let links = rows.iter().filter_map(|row| match row {
            Row::PersonLink { other, .. } => Some(*other),
            _ => None,
        });
        Ok(links.collect())
    }

    /// Where the person is mentioned, with each slot's secret.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn mentions_of(
        &self,
        person: &PersonRef,
    ) -> Result<Vec<(MentionPlace, StreamSecret)>, VaultError> {
        let rows = self.person_rows(person, &[4])?;
        let mentions = rows.into_iter().filter_map(|row| match row {
            Row::Mention {
                mention, secret, ..
            } => Some((mention, secret)),
            _ => None,
        });
        Ok(mentions.collect())
    }

    /// The keys of a stream by its public id.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn keys_of_stream(&self, stream: StreamId) -> Result<Option<StreamKeys>, VaultError> {
        Ok(self.stream_entry(stream)?.map(|(keys, _)| keys))
    }

    /// Whose stream it is; `None` for a case, for a stream without a person, and for one that is gone.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn person_of_stream(&self, stream: StreamId) -> Result<Option<PersonRef>, VaultError> {
        Ok(self.stream_entry(stream)?.and_then(|(_, person)| person))
    }

    fn stream_entry(
        &self,
        stream: StreamId,
    ) -> Result<Option<(StreamKeys, Option<PersonRef>)>, VaultError> {
        let cache = &self.shared.caches.streams;
        if let Some(found) = cache.get(&stream.0) {
            return Ok(Some(found));
        }
        let version = cache.version();
        let pending = self.shared.overlay().place(stream);
        let place = match pending {
            Some(place) => place,
            None => {
                let prefix = [&[22][..], &stream.0].concat();
                match self.first(self.home_of_stream(stream), &prefix)? {
                    Some(Row::StreamShelf { place, .. }) => place,
                    _ => return Ok(None),
                }
            }
        };
        let found = match place {
            StreamPlace::Person(person) => {
                let rows = self.person_rows(&person, &[2])?;
                rows.into_iter().find_map(|row| match row {
                    Row::Stream {
                        stream: found,
                        secret,
                        ..
                    } if found == stream => Some((StreamKeys { stream, secret }, Some(person))),
                    _ => None,
                })
            }
            StreamPlace::Case(shelf) => self
                .case_stream(stream, shelf)?
                .map(|case| (case.keys, None)),
        };
        if let Some(found) = &found {
            cache.put(version, stream.0, found.clone());
        }
        Ok(found)
    }

    fn case_stream(
        &self,
        stream: StreamId,
        shelf: u32,
    ) -> Result<Option<PersonStream>, VaultError> {
        let pending = self.shared.overlay().case(stream);
        let row = match pending {
            Some(row) => Some(row.as_ref().clone()),
            None => {
                let prefix = [&[10][..], &stream.0].concat();
                self.first(Home::of_id(Level::Case, shelf, &stream.0), &prefix)?
            }
        };
        Ok(row.and_then(|row| match row {
            Row::CaseStream {
                stream,
                activity,
                party,
                secret,
                ..
            } => {
                let keys = StreamKeys { stream, secret };
                Some(PersonStream {
                    keys,
                    activity,
                    party,
                    is_case: true,
                })
            }
            _ => None,
        }))
    }

    /// The secret of a mention slot.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn mention_secret(
        &self,
        mention: &MentionPlace,
    ) -> Result<Option<StreamSecret>, VaultError> {
        let pending = self.shared.overlay().mention(mention);
        let person = match pending {
            Some(person) => person,
            None => {
                let key = Row::MentionShelf {
                    mention: *mention,
                    person: PersonRef {
                        shelf: 0,
                        person: [0; 16],
                    },
                };
                let key = key.encode()?;
                let prefix = crate::rows::key_of(&key).unwrap_or_default();
                match self.first(self.home_of_stream(mention.carrier), prefix)? {
                    Some(Row::MentionShelf { person, .. }) => person,
                    _ => return Ok(None),
                }
            }
        };
        let of = self.mentions_of(&person)?;
        Ok(of
            .into_iter()
            .find(|(place, _)| place == mention)
            .map(|(_, secret)| secret))
    }

    /// Pending and stored rows of these kinds, without repeats.
    fn person_rows(&self, person: &PersonRef, kinds: &[u8]) -> Result<Vec<Row>, VaultError> {
        let pending: Vec<Arc<Row>> = self.shared.overlay().person(person).to_vec();
        let mut rows = self.rows_of(person, kinds)?;
        for row in pending {
            let bytes = row.encode()?;
            if bytes.first().is_some_and(|kind| kinds.contains(kind)) {
                let mut known = rows.iter().map(|row| row.encode());
                if !known.any(|known| known.is_ok_and(|known| *known == *bytes)) {
                    rows.push(row.as_ref().clone());
                }
            }
        }
        Ok(rows)
    }

    /// Stored rows of a person of these kinds.
    fn rows_of(&self, person: &PersonRef, kinds: &[u8]) -> Result<Vec<Row>, VaultError> {
        if person.shelf >= self.shared.geometry.person {
            return Ok(Vec::new());
        }
        let home = Home::of_id(Level::Person, person.shelf, &person.person);
        let Some(part) = self.shared.part_of(&self.shared.view(), home)? else {
            return Ok(Vec::new());
        };
        let mut rows = Vec::new();
        for kind in kinds {
            let prefix = [&[*kind][..], &person.person].concat();
            for row in part.with_prefix(&prefix) {
                rows.push(Row::decode(row)?);
            }
        }
        Ok(rows)
    }

    fn home_of_stream(&self, stream: StreamId) -> Home {
        let hash = finding::stream_hash(&self.shared.finding_key, stream);
        Home::of_hash(&hash.0, self.shared.geometry)
    }

    fn first(&self, home: Home, prefix: &[u8]) -> Result<Option<Row>, VaultError> {
        let part = self.shared.part_of(&self.shared.view(), home)?;
        let row = part
            .as_ref()
            .and_then(|part| part.with_prefix(prefix).next());
        row.map(Row::decode).transpose()
    }

    fn all(&self, home: Home, prefix: &[u8]) -> Result<Vec<Row>, VaultError> {
        let part = self.shared.part_of(&self.shared.view(), home)?;
        let rows = part.iter().flat_map(|part| part.with_prefix(prefix));
        rows.map(Row::decode).collect()
    }

    /// A person to be: a shelf drawn at random, for good, and 16 random bytes.
    #[must_use]
    pub fn draw_person(&self) -> PersonRef {
        let random = &*self.shared.random;
        PersonRef {
            shelf: self.draw_shelf(self.shared.geometry.person),
            person: ground::array(random),
        }
    }

    /// A case shelf drawn at random.
    #[must_use]
    pub fn draw_case_shelf(&self) -> u32 {
        self.draw_shelf(self.shared.geometry.case)
    }

    fn draw_shelf(&self, shelves: u32) -> u32 {
        u32::from_be_bytes(ground::array(&*self.shared.random)) & (shelves - 1)
    }
}
