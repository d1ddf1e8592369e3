//! Keys as types: 32 secret bytes, what a stream's secret derives, and one AES-256-GCM box.
//!
//! Not here: where keys are kept (rows, shelves, root) and what they seal (`seal`, `section`, `part`).
//! Always: a key is wiped when dropped and never printed; every nonce is 96 fresh random bits.

use std::fmt;
use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use ground::Random;
use proto::ids::StreamId;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{NotOpened, VaultError};

/// Seals allowed under one key: with random 96-bit nonces the chance of a repeat stays below 2^-41.
pub const SEALS_PER_KEY_MAX: u64 = 1 << 28;
/// Bytes of a nonce in front of each box.
pub const NONCE_BYTES: usize = NONCE_LEN;
/// Bytes of the tag at the end of each box.
pub const TAG_BYTES: usize = 16;

/// A context's own key is the same for every secret: it is derived once.
static CONTEXT_DATA: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context("counterfoil 2026 data v1"));
static CONTEXT_FENCE: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context("counterfoil 2026 fence v1"));

/// A 32-byte key. Wiped when dropped; no Debug output shows it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Key32([u8; 32]);

impl Key32 {
    /// Takes these bytes as a key.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Key32 {
        Key32(bytes)
    }

    /// A fresh random key.
    pub fn random(random: &dyn Random) -> Key32 {
        Key32(ground::array(random))
    }

    /// The bytes, for a cipher or a sealed row.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals `plain` as nonce ‖ ciphertext ‖ tag.
    pub(crate) fn seal(&self, random: &dyn Random, plain: &[u8], data: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = ground::array(random);
        let mut sealed = Vec::with_capacity(NONCE_BYTES + plain.len() + TAG_BYTES);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        self.seal_tail(nonce, &mut sealed, data);
        sealed
    }

    /// Encrypts in place what follows the nonce in `sealed` and appends the tag.
    pub(crate) fn seal_tail(&self, nonce: [u8; NONCE_BYTES], sealed: &mut Vec<u8>, data: &[u8]) {
        let body = sealed
            .get_mut(NONCE_BYTES..)
            .expect("the caller put the nonce in front");
        let tag = self.cipher().seal_apart(nonce, data, body);
        sealed.extend_from_slice(&tag);
    }

    /// Opens nonce ‖ ciphertext ‖ tag.
    pub(crate) fn open(
        &self,
        sealed: &[u8],
        data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.cipher().open(sealed, data)
    }

    /// The key made ready for several boxes.
    pub(crate) fn cipher(&self) -> Cipher {
        let key = UnboundKey::new(&AES_256_GCM, &self.0).expect("32 bytes are an AES-256 key");
        Cipher(LessSafeKey::new(key))
    }
}

/// A key with its schedule.
pub(crate) struct Cipher(LessSafeKey);

impl Cipher {
    /// Encrypts in place; the tag is returned. The nonce is fresh.
    pub(crate) fn seal_apart(
        &self,
        nonce: [u8; NONCE_BYTES],
        data: &[u8],
        plain: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(data), plain)
            .expect("AES-GCM seals anything below 64 GiB");
        *tag.as_ref().first_chunk().expect("a tag has 16 bytes")
    }

    /// Opens nonce ‖ ciphertext ‖ tag.
    pub(crate) fn open(
        &self,
        sealed: &[u8],
        data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let layout = VaultError::NotOpened(NotOpened::Layout);
        let parts = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .and_then(|(nonce, body)| Some((nonce, body.split_last_chunk::<TAG_BYTES>()?)));
        let Some((nonce, (body, tag))) = parts else {
            return Err(layout);
        };
        self.open_apart(*nonce, tag, data, body)
    }

    /// Opens a ciphertext whose nonce and tag lie elsewhere.
    pub(crate) fn open_apart(
        &self,
        nonce: [u8; NONCE_BYTES],
        tag: &[u8; TAG_BYTES],
        data: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let mut plain = Zeroizing::new(vec![0; sealed.len()]);
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .open_separate_gather(nonce, Aad::from(data), sealed, tag, &mut plain)
            .map_err(|_| VaultError::NotOpened(NotOpened::Authentication))?;
        Ok(plain)
    }
}

impl fmt::Debug for Key32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key32(..)")
    }
}

/// The random secret of one stream or one mention; everything else of it is derived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamSecret(Key32);

impl StreamSecret {
    /// Takes these bytes as a secret.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> StreamSecret {
        StreamSecret(Key32(bytes))
    }

    /// A fresh random secret.
    pub fn random(random: &dyn Random) -> StreamSecret {
        StreamSecret(Key32::random(random))
    }

    /// The bytes, for a sealed row.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The key that seals the slots.
    #[must_use]
    pub fn data_key(&self) -> DataKey {
        DataKey(Key32(self.derive(&CONTEXT_DATA)))
    }

    /// What a fence names instead of the stream.
    #[must_use]
    pub fn fence_tag(&self) -> FenceTag {
        FenceTag(self.derive(&CONTEXT_FENCE))
    }

    fn derive(&self, context: &ContextKey) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_from_context_key(context);
        hasher.update(self.expose());
        *hasher.finalize().as_bytes()
    }
}

/// Seals slots of one stream, or one mention.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataKey(pub(crate) Key32);

/// Seals records of one (chain, class, month).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordKey(pub Key32);

/// A public name of a stream that nobody can link to it without the secret. Safe in records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FenceTag(pub [u8; 32]);

/// A stream and its secret, as `VaultReader` hands it out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamKeys {
    /// The stream's public id.
    pub stream: StreamId,
    /// Its secret.
    pub secret: StreamSecret,
}

impl StreamKeys {
    /// The key that seals the stream's own slots.
    #[must_use]
    pub fn data_key(&self) -> DataKey {
        self.secret.data_key()
    }

    /// What a fence names instead of the stream.
    #[must_use]
    pub fn fence_tag(&self) -> FenceTag {
        self.secret.fence_tag()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ground::SeededRandom;

    /// vectors.json, stream_secret.
    #[test]
    fn a_stream_secret_derives_the_published_keys() {
        let secret = StreamSecret::new([9; 32]);
        assert_eq!(
            hex(secret.data_key().0.expose()),
            "b0975c44f66d5535fb99c1294b3094f296157d46d4f1b5fa42a7b4695a4573e1"
        );
        assert_eq!(
            hex(&secret.fence_tag().0),
            "5953f51defac33a4d869bd604ecee899a4433e40b303532bebc4fb4f63d5db5d"
        );
    }

    #[test]
    fn a_box_opens_only_with_its_key_and_its_place() {
        let random = SeededRandom::new(1);
        let (key, other) = (Key32::random(&random), Key32::random(&random));
        let sealed = key.seal(&random, b"rows", b"place");
        assert_eq!(
            key.open(&sealed, b"place").expect("opens").as_slice(),
            b"rows"
        );
        assert!(key.open(&sealed, b"elsewhere").is_err());
        assert!(other.open(&sealed, b"place").is_err());
        for length in 0..sealed.len() {
            assert!(key.open(&sealed[..length], b"place").is_err());
        }
    }

    #[test]
    fn no_key_is_printed() {
        let keys = StreamKeys {
            stream: StreamId([1; 16]),
            secret: StreamSecret::new([0xab; 32]),
        };
        let text = format!("{keys:?} {:?}", keys.data_key());
        assert!(!text.contains("171") && !text.contains("ab"), "{text}");
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
