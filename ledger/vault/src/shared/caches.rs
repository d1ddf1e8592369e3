//! What is kept opened in memory, by what it is asked by, and what rows that are being staged put there.
//!
//! Not here: the table itself (`cache`), what is true (the store and the pending rows). Always: what is here may be forgotten at any time;
//! a rotation's commit clears it; a name that `Names` denies is on no shelf and not staged.

use std::sync::Arc;

use proto::ids::{ActivityCode, PartyCode, StreamId};

use super::Shared;
use crate::cache::{Cache, Entry};
use crate::keys::{StreamKeys, StreamSecret};
use crate::reader::pair;
use crate::rows::{PersonRef, Row};

/// Opened lately.
pub(crate) struct Caches {
    /// Alias hash → person and justifying stream.
    pub(crate) aliases: Cache<(PersonRef, StreamId)>,
    /// Keyed hash of (person, activity, party) → stream.
    pub(crate) named: Cache<StreamKeys>,
    /// Stream id → its keys and whose it is.
    pub(crate) streams: Cache<(StreamKeys, Option<PersonRef>)>,
    /// Hash and stream, or set of hashes and stream: the stream justifies it.
    pub(crate) justified: Cache<()>,
    /// Persons known to have no fence mark.
    pub(crate) unmarked: Cache<()>,
    /// Persons whose streams are known by name, all of them, staged ones too: what an event that opens one more asks.
    pub(crate) names: Cache<Names>,
}

/// Which names none of a person's streams has, told from two bits each: of ten streams' names one in fifty others passes for known, and is
/// then looked for on the shelf.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Names(u128);

impl Names {
    /// A name by its key in `Caches::named`.
    pub(crate) fn add(&mut self, key: &[u8; 16]) {
        self.0 |= Names::bits(key);
    }

    pub(crate) fn may_hold(self, key: &[u8; 16]) -> bool {
        self.0 & Names::bits(key) == Names::bits(key)
    }

    fn bits(key: &[u8; 16]) -> u128 {
        let [.., one, other, _, _] = *key;
        1 << (one & 127) | 1 << (other & 127)
    }
}

impl Entry for Names {
    const BYTES: usize = 16;

    fn write(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Names> {
        Some(Names(u128::from_le_bytes(*bytes.first_chunk()?)))
    }
}

impl Caches {
    /// For so many streams that get events again: each by its name and with what it justifies; what is asked once a person, or only where
    /// values are opened, has an eighth or a sixteenth of their number.
    pub(crate) fn new(streams_max: usize) -> Caches {
        Caches {
            aliases: Cache::new(streams_max / 6),
            named: Cache::new(streams_max),
            streams: Cache::new(streams_max / 16),
            justified: Cache::new(streams_max + streams_max / 8),
            unmarked: Cache::new(streams_max / 6),
            names: Cache::new(streams_max / 6),
        }
    }

    pub(crate) fn bytes_max(&self) -> usize {
        self.aliases.bytes_max()
            + self.named.bytes_max()
            + self.streams.bytes_max()
            + self.justified.bytes_max()
            + self.unmarked.bytes_max()
            + self.names.bytes_max()
    }

    pub(crate) fn clear(&self) {
        self.aliases.clear();
        self.named.clear();
        self.streams.clear();
        self.justified.clear();
        self.unmarked.clear();
        self.names.clear();
    }
}

impl Entry for StreamKeys {
    const BYTES: usize = 16 + 32;

    fn write(&self, out: &mut [u8]) {
        let (stream, secret) = out.split_at_mut(16);
        stream.copy_from_slice(&self.stream.0);
        secret.copy_from_slice(self.secret.expose());
    }

    fn read(bytes: &[u8]) -> Option<StreamKeys> {
        let (stream, secret) = bytes.split_first_chunk()?;
        Some(StreamKeys {
            stream: StreamId(*stream),
            secret: StreamSecret::new(*secret.first_chunk()?),
        })
    }
}

impl Entry for PersonRef {
    const BYTES: usize = 16 + 4;

    fn write(&self, out: &mut [u8]) {
        let (person, shelf) = out.split_at_mut(16);
        person.copy_from_slice(&self.person);
        shelf.copy_from_slice(&self.shelf.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<PersonRef> {
        let (person, shelf) = bytes.split_first_chunk()?;
        Some(PersonRef {
            shelf: u32::from_be_bytes(*shelf.first_chunk()?),
            person: *person,
        })
    }
}

/// A person and the stream that justifies the alias.
impl Entry for (PersonRef, StreamId) {
    const BYTES: usize = PersonRef::BYTES + 16;

    fn write(&self, out: &mut [u8]) {
        let (person, stream) = out.split_at_mut(PersonRef::BYTES);
        self.0.write(person);
        stream.copy_from_slice(&self.1.0);
    }

    fn read(bytes: &[u8]) -> Option<(PersonRef, StreamId)> {
        let (_, stream) = bytes.split_at_checked(PersonRef::BYTES)?;
        Some((PersonRef::read(bytes)?, StreamId(*stream.first_chunk()?)))
    }
}

/// A stream and whose it is, if anyone's.
impl Entry for (StreamKeys, Option<PersonRef>) {
    const BYTES: usize = StreamKeys::BYTES + 1 + PersonRef::BYTES;

    fn write(&self, out: &mut [u8]) {
        let (keys, person) = out.split_at_mut(StreamKeys::BYTES);
        self.0.write(keys);
        person.fill(0);
        if let (Some(of), Some((known, person))) = (self.1, person.split_first_mut()) {
            *known = 1;
            of.write(person);
        }
    }

    fn read(bytes: &[u8]) -> Option<(StreamKeys, Option<PersonRef>)> {
        let (_, person) = bytes.split_at_checked(StreamKeys::BYTES)?;
        let (known, person) = person.split_first()?;
        let person = match known {
            0 => None,
            _ => Some(PersonRef::read(person)?),
        };
        Some((StreamKeys::read(bytes)?, person))
    }
}

impl Shared {
    /// The key of a stream's name in the caches, of no use outside this process.
    pub(crate) fn name_key(
        &self,
        person: &PersonRef,
        activity: &ActivityCode,
        party: &PartyCode,
    ) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(self.cache_key.expose());
        hasher.update(&person.person);
        for field in [activity.as_str(), party.as_str()] {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field.as_bytes());
        }
        *hasher
            .finalize()
            .as_bytes()
            .first_chunk()
            .expect("32 bytes begin with 16")
    }

    /// Remembers rows that are being staged: what they say is asked next by the events behind them. Called before they lie in the overlay
    /// and with it locked, so that whoever found no pending row of a person is told here that what was read since is not all.
    /// In any order, for a replayed section is shuffled: new persons are known first, then what they have.
    pub(crate) fn remember(&self, rows: &[Arc<Row>]) {
        let caches = &self.caches;
        caches.names.turn();
        for row in rows {
            if let Row::Person { person, .. } = row.as_ref() {
                let unmarked = &caches.unmarked;
                unmarked.put(unmarked.version(), person.person, ());
                let names = &caches.names;
                names.put(names.version(), person.person, Names::default());
            }
        }
        rows.iter()
            .for_each(|row| self.remember_what_they_have(row));
    }

    /// A stream that is found by its name: the name's key, and the stream's.
    pub(crate) fn named(&self, row: &Row) -> Option<([u8; 16], StreamKeys)> {
        match row {
            Row::Stream {
                person,
                stream,
                activity,
                party,
                secret,
                alone: false,
                ..
            } => {
                let keys = StreamKeys {
                    stream: *stream,
                    secret: secret.clone(),
                };
                Some((self.name_key(person, activity, party), keys))
            }
            _ => None,
        }
    }

    fn remember_what_they_have(&self, row: &Row) {
        let caches = &self.caches;
        match row {
            Row::Stream { person, .. } => {
                if let Some((key, keys)) = self.named(row) {
                    caches.names.change(&person.person, |names| names.add(&key));
                    caches.named.put(caches.named.version(), key, keys);
                }
            }
            Row::Alias {
                hash,
                person,
                stream,
            } => {
                let aliases = &caches.aliases;
                if aliases.get(&hash.0).is_none() {
                    aliases.put(aliases.version(), hash.0, (*person, *stream));
                }
                let justified = &caches.justified;
                justified.put(justified.version(), pair(hash, *stream), ());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `Options::streams_cached_max` says.
    #[test]
    fn a_cached_stream_takes_the_memory_that_is_said() {
        for entries in [100_000, 1_000_000, 3_000_000] {
            let caches = Caches::new(entries);
            let bytes = caches.bytes_max();
            assert!(bytes <= entries * 110, "{} bytes a stream", bytes / entries);
        }
        let empty = Caches::new(1_000_000);
        empty.clear();
        assert!(empty.justified.get(&[1; 16]).is_none());
    }

    #[test]
    fn what_is_kept_comes_back() {
        let caches = Caches::new(1_000);
        let person = PersonRef {
            shelf: 0x0102_0304,
            person: [5; 16],
        };
        let keys = StreamKeys {
            stream: StreamId([6; 16]),
            secret: StreamSecret::new([7; 32]),
        };
        caches.aliases.put(0, [1; 16], (person, keys.stream));
        caches.named.put(0, [1; 16], keys.clone());
        caches.streams.put(0, [1; 16], (keys.clone(), Some(person)));
        caches.streams.put(0, [2; 16], (keys.clone(), None));
        assert_eq!(caches.aliases.get(&[1; 16]), Some((person, keys.stream)));
        assert_eq!(caches.named.get(&[1; 16]), Some(keys.clone()));
        let streams = [caches.streams.get(&[1; 16]), caches.streams.get(&[2; 16])];
        assert_eq!(
            streams,
            [Some((keys.clone(), Some(person))), Some((keys, None))]
        );
    }
}
