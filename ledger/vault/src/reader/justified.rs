//! Which stream justifies which alias and value of a person: what an event must stage beside itself.
//!
//! An alias or index row lies once per stream that gave it, and dies with that stream (design section 4). So whoever appends an event asks
//! here what the event's stream does not justify yet. Not here: who the person is (`person_by_alias`).
//! Always: what is answered to be there is on a shelf or staged; the other way round an answer may be stale, which is harmless, since equal
//! rows replace each other.

use proto::ids::StreamId;

use super::VaultReader;
use crate::error::VaultError;
use crate::rows::{FindingHash, IndexKind, PersonRef, Row};
use crate::shelves::Home;

/// The aliases and values that an event gives of one person, as hashes without repeats.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Given {
    /// Keyed hashes of aliases.
    pub aliases: Vec<FindingHash>,
    /// Keyed hashes of values by kind.
    pub index: Vec<(IndexKind, FindingHash)>,
}

impl Given {
    /// Nothing given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.aliases.is_empty() && self.index.is_empty()
    }

    /// One number for the whole set, whatever the order; of use only beside a stream's secret. Equal sets have equal numbers; different
    /// ones but once in 2^64, since hashes are keyed.
    #[must_use]
    pub fn tag(&self) -> u64 {
        let values = self.index.iter().map(|(_, hash)| hash);
        self.aliases.iter().chain(values).fold(0, |tag, hash| {
            let first = hash.0.first_chunk().expect("16 bytes begin with 8");
            u64::from_le_bytes(*first).wrapping_add(tag)
        })
    }
}

/// The key under which one justified hash, or a whole set by its tag, is remembered. Hashes and stream ids are random to whoever chooses
/// values, so that no two pairs meet.
pub(crate) fn pair(hash: &FindingHash, stream: StreamId) -> [u8; 16] {
    (u128::from_le_bytes(hash.0) ^ u128::from_le_bytes(stream.0)).to_le_bytes()
}

pub(crate) fn set_pair(tag: u64, stream: StreamId) -> [u8; 16] {
    (u128::from(tag) ^ u128::from_le_bytes(stream.0)).to_le_bytes()
}

impl VaultReader {
    /// What of `given` the stream does not justify yet.
    ///
    /// # Errors
    /// `Store` or `Damaged` where a shelf cannot be read.
    pub fn missing(
        &self,
        given: &Given,
        person: &PersonRef,
        stream: StreamId,
    ) -> Result<Given, VaultError> {
        let whole = set_pair(given.tag(), stream);
        // Of one hash alone the pair is remembered.
        let is_set = given.aliases.len() + given.index.len() > 1;
        if given.is_empty() || (is_set && self.remembers(&whole)) {
            return Ok(Given::default());
        }
        let cache = &self.shared.caches.justified;
        let version = cache.version();
        let unsure = |hash: &FindingHash| !self.remembers(&pair(hash, stream));
        let mut missing = given.clone();
        missing.aliases.retain(&unsure);
        missing.index.retain(|(_, hash)| unsure(hash));
        if !missing.is_empty() && self.minted_with(person, stream)? == Some(given.tag()) {
            missing = Given::default();
            if !is_set {
                for hash in &given.aliases {
                    cache.put(version, pair(hash, stream), ());
                }
            }
        }
        let mut lacks = Given::default();
        for hash in missing.aliases {
            if !self.justifies_alias(&hash, stream)? {
                lacks.aliases.push(hash);
            }
        }
        for (kind, hash) in missing.index {
            if !self.justifies_value(kind, &hash, stream)? {
                lacks.index.push((kind, hash));
            }
        }
        if lacks.is_empty() && is_set {
            cache.put(version, whole, ());
        }
        Ok(lacks)
    }

    /// Whether this stream justifies the alias.
    ///
    /// # Errors
    /// As [`VaultReader::missing`].
    pub fn justifies_alias(
        &self,
        hash: &FindingHash,
        stream: StreamId,
    ) -> Result<bool, VaultError> {
        self.justifies(&[&[20][..], &hash.0].concat(), hash, stream)
    }

    /// Whether this stream justifies that its person is found by the value.
    ///
    /// # Errors
    /// As [`VaultReader::missing`].
    pub fn justifies_value(
        &self,
        kind: IndexKind,
        hash: &FindingHash,
        stream: StreamId,
    ) -> Result<bool, VaultError> {
        self.justifies(&[&[21][..], &hash.0, &[kind as u8]].concat(), hash, stream)
    }

    fn justifies(
        &self,
        prefix: &[u8],
        hash: &FindingHash,
        stream: StreamId,
    ) -> Result<bool, VaultError> {
        let key = pair(hash, stream);
        if self.remembers(&key) {
            return Ok(true);
        }
        let version = self.shared.caches.justified.version();
        let home = Home::of_hash(&hash.0, self.shared.geometry);
        for row in self.all(home, prefix)? {
            if let Row::Alias {
                person, stream: of, ..
            }
            | Row::Index {
                person, stream: of, ..
            } = row
                && of == stream
            {
                let lives = self.is_justified(&person, stream)?;
                if lives {
                    self.shared.caches.justified.put(version, key, ());
                }
                return Ok(lives);
            }
        }
        Ok(false)
    }

    fn remembers(&self, key: &[u8; 16]) -> bool {
        self.shared.caches.justified.get(key).is_some() || self.shared.overlay().justifies(key)
    }

    /// The tag of what a stream of the person was minted with.
    fn minted_with(&self, person: &PersonRef, of: StreamId) -> Result<Option<u64>, VaultError> {
        let rows = self.rows_of(person, &[2])?;
        Ok(rows.into_iter().find_map(|row| match row {
            Row::Stream { stream, given, .. } if stream == of => Some(given),
            _ => None,
        }))
    }

    /// Whether rows of `person` that name `stream` still stand: the stream was not destroyed, and where it only mentioned the person, not
    /// the last of those mentions.
    pub(crate) fn is_justified(
        &self,
        person: &PersonRef,
        stream: StreamId,
    ) -> Result<bool, VaultError> {
        let loosened = {
            let service = self.shared.service();
            if service.cohort_streams.contains_key(&stream) {
                return Ok(false);
            }
            service.cohort_persons.contains_key(&(*person, stream))
        };
        // Mentioned again by the same stream since: then its rows stand again.
        Ok(!loosened || self.is_mentioned_by(person, stream)?)
    }

    pub(crate) fn is_mentioned_by(
        &self,
        person: &PersonRef,
        carrier: StreamId,
    ) -> Result<bool, VaultError> {
        let mentions = self.mentions_of(person)?;
        Ok(mentions.iter().any(|(place, _)| place.carrier == carrier))
    }
}
