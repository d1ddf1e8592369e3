//! A bounded table of what was opened lately, in shards, so that resolves do not wait for each other.
//!
//! A shard is one buffer of sets of 32 entries of a fixed width; a key's set follows from the key, and one byte of it a set's tags, so that a
//! look-up touches two or three cache lines. A full set forgets what was not asked for since it was last full.
//!
//! Not here: what is true (the store and the rows not yet absorbed are). Always: at most `entries_max` entries, rounded up to whole sets of
//! as many shards as they fill, and no more memory than these take; after `clear` nothing from before it comes back; every copy of a key lies in a buffer that is
//! wiped: entries are replaced in place, and what a growing or cleared shard leaves is wiped before it is freed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

/// Shards of a table that fills them; a smaller one has fewer.
const SHARDS_MAX: usize = 16;
/// Entries of a set.
const WAYS: usize = 32;
/// Sets of a shard that has its first entry.
const SETS_MIN: usize = 2;
/// A shard grows once it is so full, in sixteenths, until it has its most sets.
const FULL_SIXTEENTHS: usize = 10;
const KEY_BYTES: usize = 16;

/// What an entry holds, in a fixed number of bytes.
pub(crate) trait Entry: Sized {
    /// How many.
    const BYTES: usize;
    /// Writes all of them.
    fn write(&self, out: &mut [u8]);
    /// Reads what `write` wrote.
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl Entry for () {
    const BYTES: usize = 0;

    fn write(&self, _: &mut [u8]) {}

    fn read(_: &[u8]) -> Option<()> {
        Some(())
    }
}

/// What is known of one set: a byte of each entry's key, 0 where there is none, and which were asked for since it was last full.
#[derive(Clone, Copy, Default)]
struct Set {
    tags: [u8; WAYS],
    asked: u32,
}

#[derive(Default)]
struct Shard {
    sets: Vec<Set>,
    /// Key ‖ value of every place of every set.
    entries: Zeroizing<Vec<u8>>,
    count: usize,
}

/// The cache. Keys must be random or keyed hashes.
pub(crate) struct Cache<V> {
    shards: Vec<Mutex<Shard>>,
    sets_max: usize,
    version: AtomicU64,
    holds: std::marker::PhantomData<fn(V) -> V>,
}

impl<V: Entry> Cache<V> {
    const WIDTH: usize = KEY_BYTES + V::BYTES;

    pub(crate) fn new(entries_max: usize) -> Cache<V> {
        let shards = entries_max.div_ceil(WAYS).clamp(1, SHARDS_MAX);
        Cache {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            sets_max: entries_max.div_ceil(shards * WAYS).max(1),
            version: AtomicU64::new(0),
            holds: std::marker::PhantomData,
        }
    }

    /// Bytes that all tables take when they are full.
    pub(crate) fn bytes_max(&self) -> usize {
        self.shards.len() * self.sets_max * (size_of::<Set>() + WAYS * Self::WIDTH)
    }

    /// To be taken before the store is read; `put` refuses what was read before a `clear` or a `turn`.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn get(&self, key: &[u8; KEY_BYTES]) -> Option<V> {
        let mut shard = self.shard(key);
        let (set, way) = find(&shard, Self::WIDTH, key)?;
        if let Some(set) = shard.sets.get_mut(set) {
            set.asked |= 1 << way;
        }
        V::read(shard.entries.get(value_at(Self::WIDTH, set, way))?)
    }

    pub(crate) fn put(&self, version: u64, key: [u8; KEY_BYTES], value: V) {
        let mut shard = self.shard(&key);
        if self.version() == version {
            self.insert(&mut shard, &key, &value);
        }
    }

    /// Changes an entry that is there, before the next look-up sees it.
    pub(crate) fn change(&self, key: &[u8; KEY_BYTES], change: impl FnOnce(&mut V)) {
        let mut shard = self.shard(key);
        let Some((set, way)) = find(&shard, Self::WIDTH, key) else {
            return;
        };
        let bytes = shard.entries.get_mut(value_at(Self::WIDTH, set, way));
        if let Some((bytes, mut value)) = bytes.and_then(|bytes| V::read(bytes).map(|v| (bytes, v)))
        {
            change(&mut value);
            value.write(bytes);
        }
    }

    /// From now on `put` refuses what was read before. What is there stays.
    pub(crate) fn turn(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets everything. To be called after the commit that made entries untrue.
    pub(crate) fn clear(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
        for shard in &self.shards {
            *shard.lock().unwrap_or_else(PoisonError::into_inner) = Shard::default();
        }
    }

    fn insert(&self, shard: &mut Shard, key: &[u8; KEY_BYTES], value: &V) {
        let full = shard.count * 16 >= shard.sets.len() * WAYS * FULL_SIXTEENTHS;
        if full && shard.sets.len() < self.sets_max {
            let sets = (shard.sets.len() * 2).clamp(SETS_MIN, usize::MAX);
            *shard = grown(shard, Self::WIDTH, sets.min(self.sets_max));
        }
        let (set, way) = match find(shard, Self::WIDTH, key) {
            Some(known) => known,
            None => make_room(shard, key),
        };
        let at = entry_at(Self::WIDTH, set, way);
        if let Some(entry) = shard.entries.get_mut(at) {
            let (to_key, to_value) = entry.split_at_mut(KEY_BYTES);
            to_key.copy_from_slice(key);
            value.write(to_value);
        }
    }

    fn shard(&self, key: &[u8; KEY_BYTES]) -> MutexGuard<'_, Shard> {
        let at = usize::from(tail(key)) % self.shards.len();
        let shard = self
            .shards
            .get(at)
            .expect("the remainder is below the number of shards");
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last byte of a key: the shard follows from it.
fn tail(key: &[u8; KEY_BYTES]) -> u8 {
    let [.., last] = key;
    *last
}

/// One byte of a key that neither shard nor set follow from; never 0.
fn tag_of(key: &[u8; KEY_BYTES]) -> u8 {
    let [.., before, _] = key;
    (*before).max(1)
}

/// The set of a key among so many.
fn set_of(key: &[u8; KEY_BYTES], sets: usize) -> usize {
    let first = key.first_chunk().expect("16 bytes begin with 8");
    let wide = u128::from(u64::from_le_bytes(*first)) * sets as u128;
    usize::try_from(wide >> 64).expect("below the number of sets")
}

fn entry_at(width: usize, set: usize, way: usize) -> std::ops::Range<usize> {
    let start = (set * WAYS + way) * width;
    start..start + width
}

fn value_at(width: usize, set: usize, way: usize) -> std::ops::Range<usize> {
    let entry = entry_at(width, set, way);
    entry.start + KEY_BYTES..entry.end
}

/// Set and place of a key that is there.
fn find(shard: &Shard, width: usize, key: &[u8; KEY_BYTES]) -> Option<(usize, usize)> {
    let set = set_of(key, shard.sets.len());
    let tag = tag_of(key);
    let tags = shard.sets.get(set)?.tags;
    let is_here = |way: &usize| {
        let entry = shard.entries.get(entry_at(width, set, *way));
        entry.is_some_and(|entry| entry.starts_with(key))
    };
    let alike = tags.iter().enumerate().filter(|(_, of)| **of == tag);
    let way = alike.map(|(way, _)| way).find(is_here)?;
    Some((set, way))
}

/// A place for a key that is not there: a free one, or that of the first entry, from a place that follows from the key, which was not asked
/// for since the set was last full.
fn make_room(shard: &mut Shard, key: &[u8; KEY_BYTES]) -> (usize, usize) {
    let at = set_of(key, shard.sets.len());
    let set = shard
        .sets
        .get_mut(at)
        .expect("a shard has sets before its first entry");
    let way = match set.tags.iter().position(|tag| *tag == 0) {
        Some(free) => {
            shard.count += 1;
            free
        }
        None => {
            if set.asked == u32::MAX {
                set.asked = 0;
            }
            let from = u32::from(tail(key) >> 4);
            let behind = set.asked.rotate_right(from).trailing_ones() + from;
            behind as usize % WAYS
        }
    };
    if let Some(tag) = set.tags.get_mut(way) {
        *tag = tag_of(key);
    }
    set.asked &= !(1 << way);
    (at, way)
}

/// The same entries in more sets; the few that find no place there are forgotten.
fn grown(shard: &Shard, width: usize, sets: usize) -> Shard {
    let mut into = Shard {
        sets: vec![Set::default(); sets],
        entries: Zeroizing::new(vec![0; sets * WAYS * width]),
        count: 0,
    };
    for (at, set) in shard.sets.iter().enumerate() {
        for (way, _) in set.tags.iter().enumerate().filter(|(_, tag)| **tag != 0) {
            let Some(entry) = shard.entries.get(entry_at(width, at, way)) else {
                continue;
            };
            let Some(key) = entry.first_chunk() else {
                continue;
            };
            let (to, place) = make_room(&mut into, key);
            if let Some(to) = into.entries.get_mut(entry_at(width, to, place)) {
                to.copy_from_slice(entry);
            }
        }
    }
    into
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Entry for u32 {
        const BYTES: usize = 4;

        fn write(&self, out: &mut [u8]) {
            out.copy_from_slice(&self.to_le_bytes());
        }

        fn read(bytes: &[u8]) -> Option<u32> {
            Some(u32::from_le_bytes(*bytes.first_chunk()?))
        }
    }

    fn key(n: u32) -> [u8; 16] {
        let hash = blake3::hash(&n.to_le_bytes());
        *hash.as_bytes().first_chunk().expect("32 bytes")
    }

    fn kept(cache: &Cache<u32>, of: std::ops::Range<u32>) -> usize {
        let right = |n: &u32| match cache.get(&key(*n)) {
            Some(found) => {
                assert_eq!(found, *n);
                true
            }
            None => false,
        };
        of.filter(right).count()
    }

    #[test]
    fn it_stays_bounded_and_keeps_what_is_used() {
        let cache = Cache::new(320);
        let version = cache.version();
        for n in 0..10_000 {
            cache.put(version, key(n), n);
            assert_eq!(cache.get(&key(0)), Some(0), "used all the time");
        }
        let kept = kept(&cache, 0..10_000);
        assert!((300..=512).contains(&kept), "{kept}");
        let bytes: usize = cache
            .shards
            .iter()
            .map(|shard| shard.lock().expect("not poisoned").entries.len())
            .sum();
        assert!(bytes <= cache.bytes_max(), "grown to {bytes}");
        cache.change(&key(0), |value| *value += 7);
        cache.change(&key(99_999), |value| *value += 7);
        cache.turn();
        cache.put(version, key(0), 1);
        assert_eq!(
            (cache.get(&key(0)), cache.get(&key(99_999))),
            (Some(7), None)
        );
        let version = cache.version();
        cache.clear();
        cache.put(version, key(1), 1);
        assert_eq!((cache.get(&key(1)), cache.get(&key(0))), (None, None));
    }

    #[test]
    fn a_table_for_a_few_forgets_all_but_a_few() {
        for (entries, most) in [
            (0, 32),
            (10, 32),
            (64, 64),
            (100, 128),
            (480, 480),
            (512, 512),
        ] {
            let cache = Cache::new(entries);
            let version = cache.version();
            (0..5_000).for_each(|n| cache.put(version, key(n), n));
            let kept = kept(&cache, 0..5_000);
            assert!(kept <= most && 2 * kept > most, "{kept} of {entries}");
            assert_eq!(
                cache.bytes_max(),
                most * 20 + most / WAYS * size_of::<Set>()
            );
        }
    }

    #[test]
    fn nearly_all_fit_that_it_has_room_for_and_the_last_value_stays() {
        let cache = Cache::new(60_000);
        let version = cache.version();
        for n in 0..50_000 {
            cache.put(version, key(n), n + 1);
            cache.put(version, key(n), n);
        }
        let kept = kept(&cache, 0..50_000);
        assert!(kept > 49_000, "{kept}");
    }

    #[test]
    fn a_small_one_takes_little_memory() {
        let cache = Cache::new(1_000_000);
        let version = cache.version();
        (0..1_000).for_each(|n| cache.put(version, key(n), n));
        assert!(kept(&cache, 0..1_000) > 990);
        for shard in &cache.shards {
            let shard = shard.lock().expect("not poisoned");
            assert!(shard.entries.len() <= 8 * WAYS * 20);
        }
    }
}
