//! The two hash functions, in the shapes this crate uses them. Nothing else calls the libraries.
//!
//! BLAKE3 in derive-key mode makes the chain; SHA-256 makes what outsiders recompute with stock
//! tools. The derive-key contexts are hashed once per process.
//!
//! Nearly all SHA-256 messages here are tree nodes, leaves and field commitments of 33 to 119 bytes,
//! one or two blocks each. There a library's set-up and finish cost more than the hashing, so those
//! are padded in place and given to the bare compression function; longer ones go to aws-lc. Always:
//! both give SHA-256, for every length; a test compares them across the border.

use std::sync::OnceLock;

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use proto::Hash;
use sha2::block_api::compress256;

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;
/// Bytes of padding that every message needs: the end mark and its length in bits.
const PADDING_MIN: usize = 9;
/// Longest message, in bytes, that fits two blocks with its padding.
pub(crate) const SHORT_BYTES_MAX: usize = 2 * BLOCK - PADDING_MIN;
/// The state that SHA-256 begins with (FIPS 180-4, 5.3.3).
const BEGIN: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A short message with its padding already behind it, so that hashing it is compression alone.
#[derive(Clone, Copy)]
pub(crate) struct Padded<const BLOCKS: usize>([[u8; BLOCK]; BLOCKS]);

impl<const BLOCKS: usize> Padded<BLOCKS> {
    /// A message of `length` bytes, all zero but the first. Made in constants alone, where a length
    /// that does not fit stops the build.
    pub(crate) const fn of_length(prefix: u8, length: usize) -> Self {
        assert!(length > 0 && length + PADDING_MIN <= BLOCKS * BLOCK);
        assert!(length + PADDING_MIN > (BLOCKS - 1) * BLOCK);
        let mut blocks = [[0; BLOCK]; BLOCKS];
        blocks[0][0] = prefix;
        blocks[length / BLOCK][length % BLOCK] = 0x80;
        let bits = (length as u16 * 8).to_be_bytes();
        blocks[BLOCKS - 1][BLOCK - 2] = bits[0];
        blocks[BLOCKS - 1][BLOCK - 1] = bits[1];
        Self(blocks)
    }

    /// The message and its padding, to write the message's bytes into.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        self.0.as_flattened_mut()
    }

    pub(crate) fn hash(&self) -> Hash {
        compressed(&self.0)
    }
}

/// A short message of a length that only the run knows.
pub(crate) struct Short {
    blocks: [[u8; BLOCK]; 2],
    length: usize,
}

impl Short {
    /// No bytes yet, and not padded.
    pub(crate) const EMPTY: Self = Self {
        blocks: [[0; BLOCK]; 2],
        length: 0,
    };

    /// Room for the message, all zero at first; what is written at its front is padded by `close`.
    #[inline]
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        self.blocks.as_flattened_mut()
    }

    /// Appends; `None` when the message is no longer short, and it is of no use then.
    #[inline]
    fn push(&mut self, part: &[u8]) -> Option<()> {
        let end = self.length + part.len();
        if end > SHORT_BYTES_MAX {
            return None;
        }
        let (from, bytes) = (self.length, self.bytes());
        bytes.get_mut(from..end)?.copy_from_slice(part);
        self.length = end;
        Some(())
    }

    /// Ends the message after `length` bytes, at most [`SHORT_BYTES_MAX`].
    #[inline]
    pub(crate) fn close(&mut self, length: usize) {
        assert!(
            length <= SHORT_BYTES_MAX,
            "the caller has measured its parts"
        );
        self.length = length;
        let bits = (length as u64 * 8).to_be_bytes();
        let end = BLOCK * if self.is_two() { 2 } else { 1 };
        let bytes = self.bytes();
        if let Some(mark) = bytes.get_mut(length) {
            *mark = 0x80;
        }
        if let Some(room) = bytes.get_mut(end - bits.len()..end) {
            room.copy_from_slice(&bits);
        }
    }

    /// The hash of a closed message.
    #[inline]
    pub(crate) fn hash(&self) -> Hash {
        let [first, _] = &self.blocks;
        if self.is_two() {
            compressed(&self.blocks)
        } else {
            compressed(std::slice::from_ref(first))
        }
    }

    fn is_two(&self) -> bool {
        self.length + PADDING_MIN > BLOCK
    }
}

#[inline]
fn compressed(blocks: &[[u8; BLOCK]]) -> Hash {
    let mut state = BEGIN;
    compress256(&mut state, blocks);
    let mut hash = [0; 32];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    Hash(hash)
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    short_of(&[bytes]).unwrap_or_else(|| finish(&digest(&SHA256, bytes)))
}

/// The hash of the concatenation of `parts` where it is short.
#[inline]
fn short_of(parts: &[&[u8]]) -> Option<Hash> {
    let mut short = Short::EMPTY;
    for part in parts {
        short.push(part)?;
    }
    short.close(short.length);
    Some(short.hash())
}

/// The two digests of a journal's group, in plain BLAKE3: what both cover lies in front and is hashed
/// once. The first is of `shared ‖ rest`, the second of `shared ‖ more ‖ rest ‖ the first as stored`.
pub fn blake3_pair(shared: &[u8], more: &[u8], rest: &[u8], first_stored: &Hash) -> (Hash, Hash) {
    let mut second = blake3::Hasher::new();
    second.update(shared);
    let mut first = second.clone();
    first.update(rest);
    second.update(more).update(rest).update(&first_stored.0);
    let hash = |hasher: &blake3::Hasher| Hash(*hasher.finalize().as_bytes());
    (hash(&first), hash(&second))
}

/// BLAKE3 in plain hash mode of the concatenation of `parts`: the digests of a journal's groups.
pub fn blake3_parts(parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    Hash(*hasher.finalize().as_bytes())
}

/// SHA-256 of the concatenation of `parts`, without building it.
pub(crate) fn sha256_parts(parts: &[&[u8]]) -> Hash {
    if let Some(hash) = short_of(parts) {
        return hash;
    }
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    finish(&context.finish())
}

fn finish(digest: &Digest) -> Hash {
    let bytes = digest.as_ref().first_chunk::<32>();
    Hash(*bytes.expect("a SHA-256 digest has 32 bytes"))
}

/// A BLAKE3 derive-key context whose key is computed at first use.
pub(crate) struct DeriveKey {
    context: &'static str,
    key: OnceLock<ContextKey>,
}

impl DeriveKey {
    pub(crate) const fn new(context: &'static str) -> Self {
        Self {
            context,
            key: OnceLock::new(),
        }
    }

    /// The key that the context stands for.
    pub(crate) fn key(&self) -> &ContextKey {
        self.key
            .get_or_init(|| hash_derive_key_context(self.context))
    }

    pub(crate) fn hash(&self, bytes: &[u8]) -> Hash {
        let mut hasher = blake3::Hasher::new_from_context_key(self.key());
        hasher.update(bytes);
        Hash(*hasher.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_messages_have_the_same_function() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in 0..=bytes.len() {
            let (message, _) = bytes.split_at(length);
            let whole = finish(&digest(&SHA256, message));
            assert_eq!(sha256(message), whole, "{length}");
            for at in [0, length / 3, length] {
                let (left, right) = message.split_at(at);
                assert_eq!(sha256_parts(&[left, &[], right]), whole, "{length} at {at}");
            }
        }
    }

    #[test]
    fn what_is_padded_beforehand_is_hashed_alike() {
        const ONE: Padded<1> = Padded::of_length(9, 55);
        const TWO: Padded<2> = Padded::of_length(9, 56);
        const MOST: Padded<2> = Padded::of_length(9, SHORT_BYTES_MAX);
        let mut message = [0; SHORT_BYTES_MAX];
        message[0] = 9;
        assert_eq!(ONE.hash(), finish(&digest(&SHA256, &message[..55])));
        assert_eq!(TWO.hash(), finish(&digest(&SHA256, &message[..56])));
        assert_eq!(MOST.hash(), finish(&digest(&SHA256, &message)));
    }
}
