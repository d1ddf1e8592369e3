//! A bounded map of what was opened lately, in shards, so that resolves do not wait for each other.
//!
//! Not here: what is true (the store and the rows not yet absorbed are). Always: at most `entries_max` entries: each shard keeps two
//! generations and forgets the older one when the younger is full; after `clear` nothing from before it comes back. A table has its full
//! size from its first entry and none is ever taken out of it, so that no copy of a key is left where no one wipes it.

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
            young_max: full_table(entries_max / SHARDS / 2),
            version: AtomicU64::new(0),
        }
    }

    /// Bytes that all tables take when they are full.
    pub(crate) fn bytes_max(&self) -> usize {
        let buckets = (self.young_max * 8).div_ceil(7).next_power_of_two();
        SHARDS * 2 * buckets * (size_of::<([u8; 16], V)>() + 1)
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
        let value = shard.old.get(key)?.clone();
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
        if shard.young.capacity() == 0 {
            shard.young = Map::with_capacity_and_hasher(self.young_max, Default::default());
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

/// The most entries, at most so many but at least one, with which a table of a power of two of buckets is full: seven of eight.
fn full_table(entries: usize) -> usize {
    let buckets = 1usize << (entries * 8 / 7).max(1).ilog2();
    match buckets {
        0..8 => buckets.saturating_sub(1).max(1),
        _ => buckets / 8 * 7,
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
        for shard in &cache.shards {
            let shard = shard.lock().expect("not poisoned");
            assert!(
                shard.young.capacity() <= 8,
                "grown to {}",
                shard.young.capacity()
            );
        }
        cache.clear();
        cache.put(version, key(1), 1);
        assert_eq!((cache.get(&key(1)), cache.get(&key(0))), (None, None));
    }
}
