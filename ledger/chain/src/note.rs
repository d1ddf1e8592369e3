//! C2SP signed notes: a text and one line per signature.
//!
//! ```text
//! text, ends in newline
//! (empty line)
//! — <key name> base64( key id[4] ‖ signature )        one or more; U+2014 and a space first
//!
//! vkey   = <key name>+<8 hex digits of the key id>+base64( 0x01 ‖ Ed25519 public key[32] )
//! key id = first 4 bytes of SHA-256( key name ‖ 0x0A ‖ 0x01 ‖ public key )
//! ```
//!
//! Always: text is handed out as believed only by [`open`], and only when a given key signed it.
//! Signatures of unknown keys are ignored; one of a given key that does not verify refuses the note.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use proto::Hash;

use crate::digest::sha256_parts;
use crate::{ChainError, text};

/// Longest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Most signature lines on a note that is read.
pub const SIGNATURES_MAX: usize = 64;

const ED25519_TYPE: u8 = 0x01;
const LINE_START: &str = "\u{2014} ";

/// The first four bytes of the hash of a key and its name: not secret, and no proof of anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    fn of(name: &str, public: &[u8; 32]) -> Self {
        let Hash(hash) = sha256_parts(&[name.as_bytes(), b"\n", &[ED25519_TYPE], public]);
        let first = hash.first_chunk::<4>();
        Self(*first.expect("a SHA-256 digest has 32 bytes"))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a key may have this name: not empty, no white space, no plus, no control character.
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

/// A named Ed25519 public key, as a verifier pins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    public: [u8; 32],
}

impl VerifierKey {
    /// Reads the text form. Refuses an id that is not the key's own, and every other key type.
    pub fn parse(vkey: &str) -> Result<Self, ChainError> {
        let wrong = |rule| ChainError::malformed("vkey", rule);
        let (name, rest) = vkey.split_once('+').ok_or(wrong("name+id+key"))?;
        let (id, key) = rest.split_once('+').ok_or(wrong("name+id+key"))?;
        if !is_key_name(name) {
            return Err(wrong("not a key name"));
        }
        let key = text::from_base64(key).ok_or(wrong("the key is not base64"))?;
        let public = match key.split_first() {
            Some((&ED25519_TYPE, public)) => <[u8; 32]>::try_from(public).ok(),
            _ => None,
        };
        let public = public.ok_or(wrong("not an Ed25519 key of type 1"))?;
        let expected = KeyId::of(name, &public);
        if expected.to_string() != id {
            return Err(wrong("the id is not this key's"));
        }
        Ok(Self {
            name: name.to_owned(),
            id: expected,
            public,
        })
    }

    /// The key's name, which is part of what its id commits to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public)
            .verify(text.as_bytes(), signature)
            .is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [[ED25519_TYPE].as_slice(), &self.public].concat();
        write!(f, "{}+{}+{}", self.name, self.id, text::to_base64(&key))
    }
}

/// A named Ed25519 key that signs. It has no text form and no `Debug`.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl SigningKey {
    /// The key made from 32 secret bytes. Refuses what is no key name.
    pub fn new(name: &str, secret: &[u8; 32]) -> Result<Self, ChainError> {
        if !is_key_name(name) {
            return Err(ChainError::malformed("signing key", "not a key name"));
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(secret)
            .map_err(|_| ChainError::malformed("signing key", "not an Ed25519 secret"))?;
        let public = <[u8; 32]>::try_from(pair.public_key().as_ref())
            .expect("an Ed25519 public key has 32 bytes");
        let verifier = VerifierKey {
            name: name.to_owned(),
            id: KeyId::of(name, &public),
            public,
        };
        Ok(Self { pair, verifier })
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a text. Ed25519 is deterministic: the same text gives the same note. Refuses text
    /// that is not a note's: it ends in a newline and has no other control character.
    pub fn sign(&self, text: &str) -> Result<String, ChainError> {
        if !text.ends_with('\n') || !is_note_text(text) {
            return Err(ChainError::malformed(
                "note",
                "text ends in newline and has no other control character",
            ));
        }
        let line = self.line(text);
        Ok(format!("{text}\n{line}"))
    }

    /// Adds this key's signature to a note that others have signed.
    pub fn cosign(&self, note: &str) -> Result<String, ChainError> {
        let parsed = parse(note.as_bytes())?;
        let line = self.line(parsed.text);
        Ok(format!("{note}{line}"))
    }

    fn line(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let bytes = [self.verifier.id.0.as_slice(), signature.as_ref()].concat();
        let name = &self.verifier.name;
        format!("{LINE_START}{name} {}\n", text::to_base64(&bytes))
    }
}

/// One signature line of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// Name of the key that is said to have signed.
    pub name: &'a str,
    /// Its id.
    pub id: KeyId,
    /// The signature without the id.
    pub bytes: Vec<u8>,
}

/// A note taken apart. Its text is only claimed until [`open`] has believed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// The signed text with its last newline.
    pub text: &'a str,
    /// The signature lines in order.
    pub signatures: Vec<Signature<'a>>,
}

/// Takes a note apart without believing it.
pub fn parse(note: &[u8]) -> Result<Note<'_>, ChainError> {
    let wrong = |rule| ChainError::malformed("note", rule);
    if note.len() > NOTE_BYTES_MAX {
        return Err(wrong("longer than 64 KiB"));
    }
    let note = std::str::from_utf8(note).map_err(|_| wrong("not UTF-8"))?;
    if !is_note_text(note) {
        return Err(wrong("a control character"));
    }
    let (above, lines) = note.rsplit_once("\n\n").ok_or(wrong("no empty line"))?;
    let text = note.get(..above.len() + 1).ok_or(wrong("no empty line"))?;
    let lines = lines
        .strip_suffix('\n')
        .ok_or(wrong("the last line has no end"))?;
    let mut signatures = Vec::new();
    for line in lines.split('\n') {
        if signatures.len() == SIGNATURES_MAX {
            return Err(wrong("more than 64 signatures"));
        }
        signatures.push(signature(line).ok_or(wrong("a signature line"))?);
    }
    Ok(Note { text, signatures })
}

fn signature(line: &str) -> Option<Signature<'_>> {
    let (name, base64) = line.strip_prefix(LINE_START)?.split_once(' ')?;
    let bytes = text::from_base64(base64)?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    (is_key_name(name) && !bytes.is_empty()).then(|| Signature {
        name,
        id: KeyId(*id),
        bytes: bytes.to_vec(),
    })
}

fn is_note_text(text: &str) -> bool {
    !text.chars().any(|c| c < ' ' && c != '\n')
}

/// A note whose text at least one given key has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The signed text with its last newline.
    pub text: &'a str,
    /// The given keys that signed it, in the order of their lines, each once.
    pub signed_by: Vec<&'a VerifierKey>,
}

/// Verifies a note against the given keys.
pub fn open<'a>(note: &'a [u8], keys: &'a [VerifierKey]) -> Result<Opened<'a>, ChainError> {
    let Note { text, signatures } = parse(note)?;
    let mut signed_by: Vec<&VerifierKey> = Vec::new();
    for line in &signatures {
        let named = |key: &&VerifierKey| key.name == line.name && key.id == line.id;
        // Four bytes of id do not tell keys apart: any given key of that name and id may verify.
        let mut known = keys.iter().filter(named).peekable();
        if known.peek().is_none() {
            continue;
        }
        let signer = known
            .find(|key| key.verifies(text, &line.bytes))
            .ok_or(ChainError::BadSignature)?;
        if !signed_by.contains(&signer) {
            signed_by.push(signer);
        }
    }
    if signed_by.is_empty() {
        return Err(ChainError::UnknownKey);
    }
    Ok(Opened { text, signed_by })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, secret: u8) -> SigningKey {
        SigningKey::new(name, &[secret; 32]).expect("a name")
    }

    #[test]
    fn several_signatures_and_unknown_keys() {
        let (first, second) = (key("a.example/1", 1), key("b.example/1", 2));
        let note = first.sign("one\n\ntwo\n").expect("a text");
        let note = second.cosign(&note).expect("a note");
        let keys = [first, second].map(|key| key.verifier().clone());
        let opened = open(note.as_bytes(), &keys).expect("both keys");
        assert_eq!(opened.text, "one\n\ntwo\n");
        assert_eq!(opened.signed_by, [&keys[0], &keys[1]]);
        let opened = open(note.as_bytes(), &keys[1..]).expect("the second key");
        assert_eq!(opened.signed_by, [&keys[1]]);
        assert_eq!(open(note.as_bytes(), &[]), Err(ChainError::UnknownKey));
        let other = [key("a.example/1", 3).verifier().clone()];
        assert_eq!(open(note.as_bytes(), &other), Err(ChainError::UnknownKey));
    }

    #[test]
    fn malformed_notes_are_refused() {
        let signer = key("a.example/1", 1);
        let good = signer.sign("text\n").expect("a text");
        assert!(signer.sign("no end").is_err());
        assert!(signer.sign("tab\t\n").is_err());
        assert!(parse(good.as_bytes()).is_ok());
        for bad in [
            String::new(),
            "text\n".into(),
            "text\n\n".into(),
            good.trim_end().into(),
            format!("{good}\n"),
            good.replace('\u{2014}', "-"),
            good.replace("a.example/1", "a+example"),
            good.replace("\n\n", "\n"),
            good.replace("text", "te\rxt"),
            good.replace('=', ""),
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn vkeys_have_one_spelling() {
        let vkey = key("a.example/1", 1).verifier().to_string();
        assert_eq!(
            VerifierKey::parse(&vkey).map(|k| k.to_string()),
            Ok(vkey.clone())
        );
        for at in 0..vkey.len() {
            let mut bytes = vkey.clone().into_bytes();
            bytes[at] ^= 1;
            let flipped = String::from_utf8(bytes).expect("ASCII stays ASCII");
            assert!(VerifierKey::parse(&flipped).is_err(), "flipped at {at}");
        }
        assert!(!is_key_name("a b") && !is_key_name("") && !is_key_name("a\u{a0}b"));
    }
}
