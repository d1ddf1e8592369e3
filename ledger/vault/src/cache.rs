//! A bounded map of what was opened lately, in shards, so that resolves do not wait for each other.
//!
//! Not here: what is true (the store and the rows not yet absorbed are). Always: at most about `entries_max` entries: each shard keeps two
//! generations and forgets the older one when the younger is full; after `clear` nothing from before it comes back.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

const SHARDS: usize = 16;

/// A key that is random or hashed already: its first 8 bytes are hash enough.
#[derive(Default)]
pub(crate) struct Taken(u64);

impl Hasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}

type Map<V> = HashMap<[u8; 16], V, BuildHasherDefault<Taken>>;

struct Shard<V> {
    young: Map<V>,
    old: Map<V>,
}

/// The cache. Keys must be random or keyed hashes.
pub(crate) struct Cache<V> {
    shards: Vec<Mutex<Shard<V>>>,
    young_max: usize,
    version: AtomicU64,
}

impl<V: Clone> Cache<V> {
    pub(crate) fn new(entries_max: usize) -> Cache<V> {
        let shard = || {
            Mutex::new(Shard {
                young: Map::default(),
                old: Map::default(),
            })
        };
        Cache {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            young_max: (entries_max / SHARDS / 2).max(1),
            version: AtomicU64::new(0),
        }
    }

    /// To be taken before the store is read; `put` refuses what was read before a `clear`.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn get(&self, key: &[u8; 16]) -> Option<V> {
        let mut shard = self.shard(key);
        if let Some(value) = shard.young.get(key) {
            return Some(value.clone());
        }
        let value = shard.old.remove(key)?;
        self.insert(&mut shard, *key, value.clone());
        Some(value)
    }

    pub(crate) fn put(&self, version: u64, key: [u8; 16], value: V) {
        let mut shard = self.shard(&key);
        if self.version() == version {
            self.insert(&mut shard, key, value);
        }
    }

    /// Forgets everything. To be called after the commit that made entries untrue.
    pub(crate) fn clear(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young = Map::default();
            shard.old = Map::default();
        }
    }

    fn insert(&self, shard: &mut Shard<V>, key: [u8; 16], value: V) {
        if shard.young.len() >= self.young_max {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(key, value);
    }

    fn shard(&self, key: &[u8; 16]) -> std::sync::MutexGuard<'_, Shard<V>> {
        let last = key.last().copied().unwrap_or_default();
        let at = usize::from(last) % SHARDS;
        let shard = self
            .shards
            .get(at)
            .expect("the remainder is below the number of shards");
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_bounded_and_keeps_what_is_used() {
        let cache = Cache::new(320);
        let version = cache.version();
        let key = |n: u32| {
            let mut key = [0; 16];
            key[..4].copy_from_slice(&n.to_le_bytes());
            key
        };
        for n in 0..10_000 {
            cache.put(version, key(n), n);
            assert_eq!(cache.get(&key(0)), Some(0), "used all the time");
        }
        let kept = (0..10_000)
            .filter(|n| cache.get(&key(*n)).is_some())
            .count();
        assert!((1..=320).contains(&kept), "{kept}");
        cache.clear();
        cache.put(version, key(1), 1);
        assert_eq!((cache.get(&key(1)), cache.get(&key(0))), (None, None));
    }
}
