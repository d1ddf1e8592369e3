//! The hash of many links at once: BLAKE3 over sixteen messages of 77 bytes side by side.
//!
//! The library's own parallelism is within one long input; a link is two blocks, so hashing links one
//! by one leaves most of the machine idle. All links of a group are known before any of them is judged,
//! so their hashes need not wait for each other. Plain arithmetic over arrays, which the compiler turns
//! into vector instructions. Not here: any other length or mode; what is left over of sixteen goes
//! through the library. Always: the same hash as the library's; a test compares them.

use multiversion::multiversion;

use crate::link::{LINK_BYTES, LinkBytes};

/// Links that are hashed side by side.
pub(crate) const LANES: usize = 16;
/// Bytes of a block of BLAKE3; a link is one and a part of another.
const BLOCK_BYTES: usize = 64;
const TAIL_BYTES: usize = LINK_BYTES - BLOCK_BYTES;
const ROUNDS: usize = 7;
/// Domain flags of the BLAKE3 paper, table 3.
const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 1 << 1;
const ROOT: u32 = 1 << 3;
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
type Lane = [u32; LANES];
type Words = [Lane; 16];

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
    let mut chaining = [[0; LANES]; 8];
    for (lane, word) in chaining.iter_mut().zip(key.as_chunks().0) {
        *lane = [u32::from_le_bytes(*word); LANES];
    }
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
    let length = BLOCK_BYTES as u32;
    compress(
        &mut chaining,
        &first,
        length,
        CHUNK_START | DERIVE_KEY_MATERIAL,
    );
    let flags = CHUNK_END | ROOT | DERIVE_KEY_MATERIAL;
    compress(&mut chaining, &second, TAIL_BYTES as u32, flags);
    let mut hashes = [[0; 32]; LANES];
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
fn lay(bytes: &[u8], place: usize, words: &mut Words) {
    for (lane, word) in words.iter_mut().zip(bytes.as_chunks().0) {
        if let Some(room) = lane.get_mut(place) {
            *room = u32::from_le_bytes(*word);
        }
    }
}

/// One block of every message. The counter is 0: no link reaches a second chunk.
#[inline(always)]
fn compress(chaining: &mut [Lane; 8], block: &Words, length: u32, flags: u32) {
    let [a, b, c, d, e, f, g, h] = *chaining;
    let [i, j, k, l] = BEGIN.map(|word| [word; LANES]);
    let (zero, length, flags) = ([0; LANES], [length; LANES], [flags; LANES]);
    let mut state = [
        a, b, c, d, e, f, g, h, i, j, k, l, zero, zero, length, flags,
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
fn mix(state: &mut Words, mixed: [usize; 4], x: &Lane, y: &Lane) {
    let Ok([a, b, c, d]) = state.get_disjoint_mut(mixed) else {
        return;
    };
    let words = a.iter_mut().zip(b).zip(c).zip(d).zip(x).zip(y);
    for (((((a, b), c), d), x), y) in words {
        *a = a.wrapping_add(*b).wrapping_add(*x);
        *d = (*d ^ *a).rotate_right(16);
        *c = c.wrapping_add(*d);
        *b = (*b ^ *c).rotate_right(12);
        *a = a.wrapping_add(*b).wrapping_add(*y);
        *d = (*d ^ *a).rotate_right(8);
        *c = c.wrapping_add(*d);
        *b = (*b ^ *c).rotate_right(7);
    }
}
