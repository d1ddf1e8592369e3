//! The two hash functions, in the shapes this crate uses them. Nothing else calls the libraries.
//!
//! BLAKE3 in derive-key mode makes the chain; SHA-256 makes what outsiders recompute with stock
//! tools. The derive-key contexts are hashed once per process.

use std::sync::OnceLock;

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use proto::Hash;

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    finish(&digest(&SHA256, bytes))
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

    pub(crate) fn hash(&self, bytes: &[u8]) -> Hash {
        let key = self
            .key
            .get_or_init(|| hash_derive_key_context(self.context));
        let mut hasher = blake3::Hasher::new_from_context_key(key);
        hasher.update(bytes);
        Hash(*hasher.finalize().as_bytes())
    }
}
