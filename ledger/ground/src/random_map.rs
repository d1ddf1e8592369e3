//! Maps whose keys are random or keyed hashes already: their first bytes are hash enough.
//!
//! Not here: keys that anyone outside may choose; with those a map like this can be made slow.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// Takes the first 8 bytes of each piece of a key as its hash, instead of mixing all of them.
#[derive(Clone, Copy, Default, Debug)]
pub struct RandomKeyHasher(u64);

impl Hasher for RandomKeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = self.0.rotate_left(1) ^ u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}

/// A map of keys that are random.
pub type RandomMap<K, V> = HashMap<K, V, BuildHasherDefault<RandomKeyHasher>>;
/// A set of keys that are random.
pub type RandomSet<K> = HashSet<K, BuildHasherDefault<RandomKeyHasher>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_again() {
        let random = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        let mut map = RandomMap::default();
        for n in 0..1_000 {
            map.insert((random(n), random(n)), n);
            map.insert((random(n), [7; 8]), n + 1);
        }
        assert_eq!(map.len(), 2_000);
        assert_eq!(map.get(&(random(5), [7; 8])), Some(&6));
        assert_eq!(map.get(&(random(1_000), [7; 8])), None);
    }
}
