//! A blocked bloom filter over keys that are random already: one cache line a question.
//!
//! Not stored: built while a run is written or checked.
//! Always: a key that was added is never denied. About one in 200 others is not denied either.

use super::file::Key;

/// Bits a key.
const KEY_BITS: u64 = 12;
/// Bits in a block: one cache line.
const BLOCK_BITS: u64 = 512;
const BLOCK_WORDS: usize = 8;
/// Bits set a key; each takes 9 of the key's last 64 bits.
const PROBES: u32 = 7;

/// The filter of one run.
pub(crate) struct Bloom {
    blocks: Vec<[u64; BLOCK_WORDS]>,
}

impl Bloom {
    /// An empty filter with room for this many keys.
    pub(crate) fn new(keys: u64) -> Bloom {
        let blocks = (keys * KEY_BITS).div_ceil(BLOCK_BITS).max(1);
        Bloom {
            blocks: vec![[0; BLOCK_WORDS]; blocks as usize],
        }
    }

    pub(crate) fn insert(&mut self, key: &Key) {
        let block = self.block_of(key);
        if let Some(words) = self.blocks.get_mut(block) {
            for (word, mask) in bits(key) {
                if let Some(word) = words.get_mut(word) {
                    *word |= mask;
                }
            }
        }
    }

    pub(crate) fn may_hold(&self, key: &Key) -> bool {
        let words = self.blocks.get(self.block_of(key));
        words.is_some_and(|words| {
            bits(key).all(|(word, mask)| words.get(word).is_some_and(|word| word & mask != 0))
        })
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks.len() * BLOCK_WORDS * 8
    }

    fn block_of(&self, key: &Key) -> usize {
        let (first, _) = halves(key);
        ((u128::from(first) * self.blocks.len() as u128) >> 64) as usize
    }
}

/// The words and masks of a key inside its block.
fn bits(key: &Key) -> impl Iterator<Item = (usize, u64)> {
    let (_, last) = halves(key);
    (0..PROBES).map(move |probe| {
        let bit = (last >> (probe * 9)) % BLOCK_BITS;
        ((bit / 64) as usize, 1 << (bit % 64))
    })
}

/// The first and the last eight bytes of a key as numbers.
pub(crate) fn halves(key: &Key) -> (u64, u64) {
    let whole = u128::from_be_bytes(*key);
    ((whole >> 64) as u64, whole as u64)
}
