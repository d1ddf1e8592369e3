//! The recovery key: an X25519 pair. The server seals to the public half; whoever keeps the secret half apart opens.
//!
//! ```text
//! cfr-pub-… , cfr-sec-…   = prefix ‖ base64url( key[32] ‖ first 4 bytes of SHA-256( prefix ‖ key ) )
//! id                      = "cfr-" ‖ hex of the first 8 bytes of SHA-256( "cfr-pub-" ‖ public key ): a code, fit for facts and manifests
//! ```
//!
//! One key for each week is the caller's business, and so are two holders: each keeps one of two random halves whose XOR is the secret,
//! which changes neither a file nor this format. Destroying the secret half makes every backup sealed to it worthless.
//! Always: the secret is wiped when dropped and never printed; a text with one wrong character is refused.

use std::fmt;

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ground::Random;
use vault::Key32;
use zeroize::Zeroizing;

use super::error::{BackupError, Part};

/// Bytes of either half.
pub(crate) const KEY_BYTES: usize = 32;
const CHECK_BYTES: usize = 4;
const PUBLIC_PREFIX: &str = "cfr-pub-";
const SECRET_PREFIX: &str = "cfr-sec-";
const INFO: &[u8] = b"counterfoil backup vault key v1";

/// What backups are sealed to. Not a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecoveryPublic([u8; KEY_BYTES]);

/// What opens them. Never on the server.
pub struct RecoverySecret(Key32);

/// Makes a pair.
pub fn recovery_key_pair(random: &dyn Random) -> (RecoveryPublic, RecoverySecret) {
    let secret = RecoverySecret(Key32::random(random));
    let public = RecoveryPublic(secret.public_bytes());
    (public, secret)
}

impl RecoveryPublic {
    /// Reads `cfr-pub-…`.
    ///
    /// # Errors
    /// `BadKey`; a secret half is refused with words of its own, since it must not lie where a public one belongs.
    pub fn parse(text: &str) -> Result<RecoveryPublic, BackupError> {
        if text.starts_with(SECRET_PREFIX) {
            return Err(BackupError::BadKey(
                "this is the secret half; it never belongs on the server",
            ));
        }
        decode(PUBLIC_PREFIX, text).map(|key| RecoveryPublic(*key))
    }

    /// Its name in manifests and facts.
    pub fn id(&self) -> String {
        let digest = super::file::sha256(&[PUBLIC_PREFIX.as_bytes(), &self.0]);
        let (id, _) = digest.split_at(8);
        format!("cfr-{}", super::file::hex(id))
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Display for RecoveryPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(PUBLIC_PREFIX, &self.0))
    }
}

impl RecoverySecret {
    /// Reads `cfr-sec-…`.
    ///
    /// # Errors
    /// `BadKey`.
    pub fn parse(text: &str) -> Result<RecoverySecret, BackupError> {
        decode(SECRET_PREFIX, text).map(|key| RecoverySecret(Key32::new(*key)))
    }

    /// Its text, to be shown once.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(encode(SECRET_PREFIX, self.0.expose()))
    }

    /// The public half.
    pub fn public(&self) -> RecoveryPublic {
        RecoveryPublic(self.public_bytes())
    }

    /// The key of a file that was sealed to this pair with this ephemeral half.
    pub(crate) fn file_key(
        &self,
        ephemeral: &[u8; KEY_BYTES],
        header_hash: &[u8; 32],
    ) -> Result<Key32, BackupError> {
        let public = self.public();
        derive(
            &self.0,
            ephemeral,
            &[ephemeral, public.bytes()],
            header_hash,
        )
        .ok_or(BackupError::Damaged(
            Part::Vault,
            "its ephemeral key is none",
        ))
    }

    fn public_bytes(&self) -> [u8; KEY_BYTES] {
        public_of(&self.0)
    }
}

impl fmt::Debug for RecoverySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoverySecret(..)")
    }
}

/// The sealing side's one-time half.
pub(crate) struct Ephemeral(Key32);

impl Ephemeral {
    pub(crate) fn new(random: &dyn Random) -> Ephemeral {
        Ephemeral(Key32::random(random))
    }

    pub(crate) fn public_bytes(&self) -> [u8; KEY_BYTES] {
        public_of(&self.0)
    }

    /// The key of the one file that this half is for.
    pub(crate) fn file_key(
        self,
        recovery: &RecoveryPublic,
        header_hash: &[u8; 32],
    ) -> Result<Key32, BackupError> {
        let ephemeral = self.public_bytes();
        derive(
            &self.0,
            recovery.bytes(),
            &[&ephemeral, recovery.bytes()],
            header_hash,
        )
        .ok_or(BackupError::BadKey("nothing can be sealed to this point"))
    }
}

/// `None` where the other half is a point that every secret agrees with.
fn derive(
    own: &Key32,
    other: &[u8; KEY_BYTES],
    halves: &[&[u8; KEY_BYTES]; 2],
    header_hash: &[u8; 32],
) -> Option<Key32> {
    let private = private_key(own);
    let other = UnparsedPublicKey::new(&X25519, other.as_slice());
    agree(&private, other, (), |shared| {
        let prk = Salt::new(HKDF_SHA256, header_hash).extract(shared);
        let [ephemeral, recovery] = halves;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        prk.expand(
            &[INFO, ephemeral.as_slice(), recovery.as_slice()],
            HKDF_SHA256,
        )
        .and_then(|okm| okm.fill(key.as_mut_slice()))
        .map_err(|_| ())?;
        Ok(Key32::new(*key))
    })
    .ok()
}

fn private_key(key: &Key32) -> PrivateKey {
    PrivateKey::from_private_key(&X25519, key.expose()).expect("any 32 bytes are an X25519 secret")
}

fn public_of(key: &Key32) -> [u8; KEY_BYTES] {
    let public = private_key(key).compute_public_key();
    let public = public.expect("every X25519 secret has a public half");
    public
        .as_ref()
        .try_into()
        .expect("an X25519 public key has 32 bytes")
}

fn check_of(prefix: &str, key: &[u8; KEY_BYTES]) -> [u8; CHECK_BYTES] {
    let digest = super::file::sha256(&[prefix.as_bytes(), key]);
    let (check, _) = digest
        .split_first_chunk()
        .expect("a digest is longer than the check");
    *check
}

fn encode(prefix: &str, key: &[u8; KEY_BYTES]) -> String {
    let mut bytes = Zeroizing::new(key.to_vec());
    bytes.extend_from_slice(&check_of(prefix, key));
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(&*bytes));
    format!("{prefix}{}", *text)
}

fn decode(prefix: &str, text: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>, BackupError> {
    let text = text.trim();
    let body = text
        .strip_prefix(prefix)
        .ok_or(BackupError::BadKey("another prefix than expected"))?;
    let bytes = URL_SAFE_NO_PAD
        .decode(body)
        .map_err(|_| BackupError::BadKey("not base64url"))?;
    let bytes = Zeroizing::new(bytes);
    let (key, check) = bytes
        .split_first_chunk::<KEY_BYTES>()
        .ok_or(BackupError::BadKey("another length"))?;
    if check.len() != CHECK_BYTES {
        return Err(BackupError::BadKey("another length"));
    }
    if check != check_of(prefix, key) {
        return Err(BackupError::BadKey(
            "the checksum differs, a character is wrong",
        ));
    }
    Ok(Zeroizing::new(*key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ground::SeededRandom;

    #[test]
    fn both_halves_come_back_from_their_text_and_one_wrong_character_is_refused() {
        let (public, secret) = recovery_key_pair(&SeededRandom::new(3));
        assert_eq!(
            RecoveryPublic::parse(&public.to_string()).ok(),
            Some(public)
        );
        let again = RecoverySecret::parse(&secret.expose()).expect("its own text");
        assert_eq!(again.public(), public);
        assert!(RecoveryPublic::parse(&secret.expose()).is_err());
        assert!(RecoverySecret::parse(&public.to_string()).is_err());
        for place in 0..public.to_string().len() {
            let mut text = public.to_string().into_bytes();
            if let Some(byte) = text.get_mut(place) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            let text = String::from_utf8(text).expect("ASCII");
            assert!(RecoveryPublic::parse(&text).is_err(), "character {place}");
        }
        assert!(!format!("{secret:?}").contains(&secret.expose()[8..16]));
    }

    /// RFC 7748, section 6.1: the public half of a known secret, so that the pair is the standard's.
    #[test]
    fn the_public_half_is_the_standards() {
        let secret = [
            0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2,
            0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5,
            0x1d, 0xb9, 0x2c, 0x2a,
        ];
        let public = RecoverySecret(Key32::new(secret)).public();
        let hex = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
        assert_eq!(super::super::file::hex(public.bytes()), hex);
    }

    #[test]
    fn both_sides_derive_one_key_and_another_header_another() {
        let random = SeededRandom::new(4);
        let (public, secret) = recovery_key_pair(&random);
        let ephemeral = Ephemeral::new(&random);
        let sent = ephemeral.public_bytes();
        let sealing = ephemeral.file_key(&public, &[1; 32]).expect("a good point");
        assert!(secret.file_key(&sent, &[1; 32]).expect("a good point") == sealing);
        assert!(secret.file_key(&sent, &[2; 32]).expect("a good point") != sealing);
        assert!(
            secret.file_key(&[0; 32], &[1; 32]).is_err(),
            "the zero point"
        );
    }
}
