//! Many short messages at once in BLAKE3: sixteen links of 77 bytes, or the salts of eight fields, side by side.
//!
//! The library's own parallelism is within one long input; a link is two blocks and a field's path one,
//! so hashing them one by one leaves most of the machine idle. All links of a group are known before
//! any of them is judged, and all fields of a slot before any is committed to, so their hashes need not
//! wait for each other. Plain arithmetic over arrays, which the compiler turns into vector instructions.
//! Not here: any other length or mode; what is left over of sixteen links goes through the library.
//! Always: the same hash as the library's; tests compare them.

use multiversion::multiversion;

use crate::link::{LINK_BYTES, LinkBytes};

/// Links that are hashed side by side.
pub(crate) const LANES: usize = 16;
/// Fields whose salts are made side by side.
pub(crate) const SALTS: usize = 8;
/// Bytes of a block of BLAKE3; a link is one and a part of another.
pub(crate) const BLOCK_BYTES: usize = 64;
const TAIL_BYTES: usize = LINK_BYTES - BLOCK_BYTES;
const ROUNDS: usize = 7;
/// Domain flags of the BLAKE3 paper, table 3.
const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 1 << 1;
const ROOT: u32 = 1 << 3;
const KEYED_HASH: u32 = 1 << 4;
const DERIVE_KEY_MATERIAL: u32 = 1 << 6;
/// The first half of the initial state's second part: the same words as SHA-256's beginning.
const BEGIN: [u32; 4] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a];
const PERMUTATION: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const SCHEDULE: [[usize; 16]; ROUNDS] = schedule();
/// The state words that each of a round's eight mixings works on: columns, then diagonals.
const MIXED: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

/// One word of every message or state.
type Lane<const N: usize> = [u32; N];
type Words<const N: usize> = [Lane<N>; 16];

/// Which message words each mixing of each round takes.
const fn schedule() -> [[usize; 16]; ROUNDS] {
    let mut rounds = [[0; 16]; ROUNDS];
    let mut word = 0;
    while word < 16 {
        rounds[0][word] = word;
        word += 1;
    }
    let mut round = 1;
    while round < ROUNDS {
        word = 0;
        while word < 16 {
            rounds[round][word] = rounds[round - 1][PERMUTATION[word]];
            word += 1;
        }
        round += 1;
    }
    rounds
}

/// The derive-key hashes of sixteen links under a context's key.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(crate) fn hash_links(key: &[u8; 32], links: &[LinkBytes; LANES]) -> [[u8; 32]; LANES] {
    let mut chaining = words_of(key);
    let mut first = [[0; LANES]; 16];
    let mut second = [[0; LANES]; 16];
    for (place, link) in links.iter().enumerate() {
        let (block, tail) = link.split_at(BLOCK_BYTES);
        lay(block, place, &mut first);
        let mut padded = [0; TAIL_BYTES.next_multiple_of(4)];
        for (to, from) in padded.iter_mut().zip(tail) {
            *to = *from;
        }
        lay(&padded, place, &mut second);
    }
    let lengths = [BLOCK_BYTES as u32; LANES];
    let flags = CHUNK_START | DERIVE_KEY_MATERIAL;
    compress(&mut chaining, &first, lengths, flags);
    let flags = CHUNK_END | ROOT | DERIVE_KEY_MATERIAL;
    compress(&mut chaining, &second, [TAIL_BYTES as u32; LANES], flags);
    hashes_of(&chaining)
}

/// The keyed hashes of eight messages of one block or less each. What lies behind a message in its block is zeros.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(crate) fn keyed_hashes(
    key: &[u8; 32],
    messages: &[[u8; BLOCK_BYTES]; SALTS],
    lengths: [u32; SALTS],
) -> [[u8; 32]; SALTS] {
    let mut chaining = words_of(key);
    let mut block = [[0; SALTS]; 16];
    for (place, message) in messages.iter().enumerate() {
        lay(message, place, &mut block);
    }
    let flags = CHUNK_START | CHUNK_END | ROOT | KEYED_HASH;
    compress(&mut chaining, &block, lengths, flags);
    hashes_of(&chaining)
}

/// A key as the state that every lane begins with.
#[inline(always)]
fn words_of<const N: usize>(key: &[u8; 32]) -> [Lane<N>; 8] {
    let mut chaining = [[0; N]; 8];
    for (lane, word) in chaining.iter_mut().zip(key.as_chunks().0) {
        *lane = [u32::from_le_bytes(*word); N];
    }
    chaining
}

#[inline(always)]
fn hashes_of<const N: usize>(chaining: &[Lane<N>; 8]) -> [[u8; 32]; N] {
    let mut hashes = [[0; 32]; N];
    for (word, lane) in chaining.iter().enumerate() {
        for (hash, value) in hashes.iter_mut().zip(lane) {
            if let Some(bytes) = hash.as_chunks_mut().0.get_mut(word) {
                *bytes = value.to_le_bytes();
            }
        }
    }
    hashes
}

/// Lays the words of one message into its lane.
#[inline(always)]
fn lay<const N: usize>(bytes: &[u8], place: usize, words: &mut Words<N>) {
    for (lane, word) in words.iter_mut().zip(bytes.as_chunks().0) {
        if let Some(room) = lane.get_mut(place) {
            *room = u32::from_le_bytes(*word);
        }
    }
}

/// One block of every message. The counter is 0: none reaches a second chunk.
#[inline(always)]
fn compress<const N: usize>(
    chaining: &mut [Lane<N>; 8],
    block: &Words<N>,
    lengths: Lane<N>,
    flags: u32,
) {
    let [a, b, c, d, e, f, g, h] = *chaining;
    let [i, j, k, l] = BEGIN.map(|word| [word; N]);
    let (zero, flags) = ([0; N], [flags; N]);
    let mut state = [
        a, b, c, d, e, f, g, h, i, j, k, l, zero, zero, lengths, flags,
    ];
    for round in &SCHEDULE {
        let words = round.as_chunks().0;
        for (mixed, [x, y]) in MIXED.iter().zip(words) {
            if let (Some(x), Some(y)) = (block.get(*x), block.get(*y)) {
                mix(&mut state, *mixed, x, y);
            }
        }
    }
    let (low, high) = state.split_at(chaining.len());
    for ((lane, low), high) in chaining.iter_mut().zip(low).zip(high) {
        for ((word, low), high) in lane.iter_mut().zip(low).zip(high) {
            *word = low ^ high;
        }
    }
}

/// The quarter round (BLAKE3 paper, 2.2), on every lane.
#[inline(always)]
fn mix<const N: usize>(state: &mut Words<N>, mixed: [usize; 4], x: &Lane<N>, y: &Lane<N>) {
    let Ok([a, b, c, d]) = state.get_disjoint_mut(mixed) else {
        return;
    };
    *a = add(add(*a, b), x);
    *d = turned(*d, a, 16);
    *c = add(*c, d);
    *b = turned(*b, c, 12);
    *a = add(add(*a, b), y);
    *d = turned(*d, a, 8);
    *c = add(*c, d);
    *b = turned(*b, c, 7);
}

/// One instruction where the machine's words hold a lane.
#[inline(always)]
fn add<const N: usize>(mut to: Lane<N>, by: &Lane<N>) -> Lane<N> {
    for (to, by) in to.iter_mut().zip(by) {
        *to = to.wrapping_add(*by);
    }
    to
}

/// The exclusive or of two lanes, rotated right.
#[inline(always)]
fn turned<const N: usize>(mut to: Lane<N>, by: &Lane<N>, bits: u32) -> Lane<N> {
    for (to, by) in to.iter_mut().zip(by) {
        *to = (*to ^ *by).rotate_right(bits);
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_side_by_side_are_hashed_as_one_by_one() {
        let key = std::array::from_fn(|at| at as u8 * 3);
        for first in 0..=BLOCK_BYTES - SALTS {
            let mut messages = [[0; BLOCK_BYTES]; SALTS];
            let lengths = std::array::from_fn(|place| (first + place) as u32);
            let mut expected = [[0; 32]; SALTS];
            for (place, message) in messages.iter_mut().enumerate() {
                let message = &mut message[..first + place];
                message.fill(7 + place as u8);
                expected[place] = *blake3::keyed_hash(&key, message).as_bytes();
            }
            assert_eq!(keyed_hashes(&key, &messages, lengths), expected, "{first}");
        }
    }
}
