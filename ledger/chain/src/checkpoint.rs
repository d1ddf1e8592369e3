//! Checkpoints: the signed root of a chain's tree at one size (C2SP tlog-checkpoint).
//!
//! ```text
//! <origin>/<chain>      also the name of the key that signs
//! <size>                decimal
//! <root>                base64, RFC 6962
//! ```
//!
//! Always: three lines and no extension lines; a checkpoint is believed only when the key of its
//! own name signed it, whoever else did.

use proto::Hash;
use proto::ids::{ChainNumber, Origin};

use crate::note::{self, SigningKey, VerifierKey};
use crate::{ChainError, origin_line, text, tree};

/// What a checkpoint states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// `<origin>/<chain>`.
    pub origin_line: String,
    /// Number of links that the root covers.
    pub size: u64,
    /// RFC 6962 root of their leaves.
    pub root: Hash,
}

/// A checkpoint that was believed, and by which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The given keys that signed, as vkeys' names and ids.
    pub signed_by: Vec<VerifierKey>,
}

impl Checkpoint {
    /// The checkpoint of a chain at `size`.
    pub fn new(origin: &Origin, chain: ChainNumber, size: u64, root: Hash) -> Self {
        Self {
            origin_line: origin_line(origin, chain),
            size,
            root,
        }
    }

    /// The three lines that are signed.
    pub fn body(&self) -> String {
        let root = text::to_base64(&self.root.0);
        format!("{}\n{}\n{root}\n", self.origin_line, self.size)
    }

    /// Signs the body. Refuses a key of another name.
    pub fn sign(&self, key: &SigningKey) -> Result<String, ChainError> {
        if key.verifier().name() != self.origin_line {
            return Err(ChainError::refused(
                "checkpoint",
                "the key has another name",
            ));
        }
        key.sign(&self.body())
    }

    /// Reads a body. Refuses another number of lines and every other spelling.
    pub fn parse_body(body: &str) -> Result<Self, ChainError> {
        let wrong = |rule| ChainError::malformed("checkpoint", rule);
        let body = body.strip_suffix('\n').ok_or(wrong("no last newline"))?;
        let mut lines = body.split('\n');
        let (Some(origin_line), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(wrong("not three lines"));
        };
        if !note::is_key_name(origin_line) {
            return Err(wrong("the origin line is no key name"));
        }
        let size = text::decimal(size).ok_or(wrong("the size is no decimal"))?;
        let root = text::hash(root).ok_or(wrong("the root is not 32 bytes of base64"))?;
        if size == 0 && root != tree::empty_root() {
            return Err(wrong("no leaves have another root"));
        }
        Ok(Self {
            origin_line: origin_line.to_owned(),
            size,
            root,
        })
    }

    /// What a signed checkpoint claims, before any signature is checked.
    pub fn parse(note: &[u8]) -> Result<Self, ChainError> {
        Self::parse_body(note::parse(note)?.text)
    }

    /// Verifies a signed checkpoint. One of `keys` must bear the checkpoint's own name; signatures
    /// by further given keys (witnesses) are reported.
    pub fn verify(note: &[u8], keys: &[VerifierKey]) -> Result<VerifiedCheckpoint, ChainError> {
        let opened = note::open(note, keys)?;
        let checkpoint = Self::parse_body(opened.text)?;
        let signed_by: Vec<VerifierKey> = opened.signed_by.into_iter().cloned().collect();
        if !signed_by
            .iter()
            .any(|key| key.name() == checkpoint.origin_line)
        {
            return Err(ChainError::UnknownKey);
        }
        Ok(VerifiedCheckpoint {
            checkpoint,
            signed_by,
        })
    }

    /// Whether two believed checkpoints of one log cannot both be true (C-4): one size, two roots.
    /// Different sizes need a consistency proof.
    pub fn contradicts(&self, other: &Self) -> bool {
        self.origin_line == other.origin_line && self.size == other.size && self.root != other.root
    }
}
