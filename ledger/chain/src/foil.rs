//! The foil: what a publisher keeps, so that both halves of the ticket can be matched later.
//!
//! ```text
//! note text    <origin>/<chain>/foil        also the name of the key that signs
//!              counterfoil foil v1
//!              <first index of the group>
//!              <number of links of the group>
//!              <root>                       base64, RFC 6962 over the group's links alone
//!              <unix milliseconds>
//! bytes        deterministic proto3 of counterfoil.v1.Foil:
//!              1 origin  2 chain u32  3 link[77]  4 record  5 salt[32]  6 path[32] repeated  7 note
//! ```
//!
//! Always: a foil holds clear facts only, never a value or a value's salt. It proves that the
//! council had these facts on record at that index and time; of personal values, that some were
//! committed to.

use proto::ids::{ChainNumber, Index, Origin, UnixMillis};
use proto::{Hash, foil as message};

use crate::link::{Link, LinkBytes, leaf_hash, link_hash, origin_line, record_commitment};
use crate::note::{self, SigningKey, VerifierKey};
use crate::tree::{self, Place};
use crate::{ChainError, text};

/// Largest foil that is read, in bytes: a record of at most 1 MiB and what proves it.
pub const FOIL_BYTES_MAX: usize = 2 * 1024 * 1024;

const SECOND_LINE: &str = "counterfoil foil v1";
const KEY_SUFFIX: &str = "/foil";

/// The name of the key that signs a chain's foils.
pub fn foil_key_name(origin: &Origin, chain: ChainNumber) -> String {
    origin_line(origin, chain) + KEY_SUFFIX
}

/// What one signed note says about one group of links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoilNote {
    /// `<origin>/<chain>/foil`.
    pub key_name: String,
    /// Index of the group's first link.
    pub first: Index,
    /// Number of links in the group, at least 1.
    pub count: u64,
    /// RFC 6962 root over the group's links.
    pub root: Hash,
    /// When the group was made durable; not before 1970.
    pub time: UnixMillis,
}

impl FoilNote {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!(
            "{}\n{SECOND_LINE}\n{}\n{}\n{}\n{}\n",
            self.key_name,
            self.first.0,
            self.count,
            text::to_base64(&self.root.0),
            self.time.0
        )
    }

    /// Signs the text. Refuses a key of another name, and a statement that [`FoilNote::parse_text`]
    /// would not read.
    pub fn sign(&self, key: &SigningKey) -> Result<String, ChainError> {
        if key.verifier().name() != self.key_name {
            return Err(ChainError::refused("foil note", "the key has another name"));
        }
        let text = self.text();
        Self::parse_text(&text)?;
        key.sign(&text)
    }

    /// Reads a text. Refuses every other spelling, an empty group, and one past the last index.
    pub fn parse_text(text: &str) -> Result<Self, ChainError> {
        let wrong = |rule| ChainError::malformed("foil note", rule);
        let body = text.strip_suffix('\n').ok_or(wrong("no last newline"))?;
        let lines: Vec<&str> = body.split('\n').collect();
        let &[key_name, SECOND_LINE, first, count, root, time] = lines.as_slice() else {
            return Err(wrong("not the six lines of a foil note"));
        };
        if !note::is_key_name(key_name) || !key_name.ends_with(KEY_SUFFIX) {
            return Err(wrong("the first line does not name a foil key"));
        }
        let number = |line| text::decimal(line).ok_or(wrong("a number is no decimal"));
        let (first, count) = (number(first)?, number(count)?);
        if count == 0 || first.checked_add(count).is_none() {
            return Err(wrong("no such group"));
        }
        let time = i64::try_from(number(time)?).map_err(|_| wrong("no such time"))?;
        Ok(Self {
            key_name: key_name.to_owned(),
            first: Index(first),
            count,
            root: text::hash(root).ok_or(wrong("the root is not 32 bytes of base64"))?,
            time: UnixMillis(time),
        })
    }
}

/// A foil, as a file or an answer holds it. Nothing in it is believed before [`Foil::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foil {
    /// The ledger's origin.
    pub origin: Origin,
    /// The chain.
    pub chain: ChainNumber,
    /// The event's link.
    pub link: LinkBytes,
    /// The record: the clear facts.
    pub record: Vec<u8>,
    /// Salt of the record's commitment.
    pub salt: [u8; 32],
    /// Path from the link to the root of its group.
    pub path: Vec<Hash>,
    /// The group's signed note.
    pub note: String,
}

/// What a foil states, once its parts agree with one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoilVerdict {
    /// The event's link.
    pub link: Link,
    /// Hash of that link, which the next link must carry.
    pub link_hash: Hash,
    /// The note of its group.
    pub note: FoilNote,
    /// The given keys that signed the note; empty when only consistency was checked.
    pub signed_by: Vec<VerifierKey>,
}

impl Foil {
    /// Checks that link, record, path and note agree with one another. Proves nothing about who
    /// made them: an inventor can make a consistent foil.
    pub fn check(&self) -> Result<FoilVerdict, ChainError> {
        let note = note::parse(self.note.as_bytes())?;
        self.agree_with(note.text)
    }

    /// Checks everything, and that one of `keys` with the foil key's name signed the note.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<FoilVerdict, ChainError> {
        let opened = note::open(self.note.as_bytes(), keys)?;
        let mut verdict = self.agree_with(opened.text)?;
        verdict.signed_by = opened.signed_by.into_iter().cloned().collect();
        let own = |key: &VerifierKey| key.name() == verdict.note.key_name;
        if !verdict.signed_by.iter().any(own) {
            return Err(ChainError::UnknownKey);
        }
        Ok(verdict)
    }

    fn agree_with(&self, note_text: &str) -> Result<FoilVerdict, ChainError> {
        let refused = |rule| ChainError::refused("foil", rule);
        let note = FoilNote::parse_text(note_text)?;
        let key_name = foil_key_name(&self.origin, self.chain);
        if note.key_name != key_name {
            return Err(refused("the note is another chain's"));
        }
        let link = Link::decode(&self.link)?;
        if link.chain != self.chain {
            return Err(refused("the link is another chain's"));
        }
        if record_commitment(&self.salt, &self.record) != link.commitment {
            return Err(refused("the link does not commit to this record"));
        }
        let within = link.index.0.checked_sub(note.first.0);
        let place = Place {
            index: within
                .filter(|index| *index < note.count)
                .ok_or(refused("the note's group has no such index"))?,
            size: note.count,
        };
        tree::verify_inclusion(&leaf_hash(&self.link), place, &self.path, &note.root)?;
        Ok(FoilVerdict {
            link,
            link_hash: link_hash(&self.link),
            note,
            signed_by: Vec::new(),
        })
    }

    /// The bytes of a `.foil` file.
    pub fn encode(&self) -> Vec<u8> {
        message::encode(&self.to_message())
    }

    /// Reads a `.foil` file. Refuses every spelling but the one [`Foil::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ChainError> {
        let wrong = |rule| ChainError::malformed("foil", rule);
        if bytes.len() > FOIL_BYTES_MAX {
            return Err(wrong("longer than 2 MiB"));
        }
        let message = message::decode(bytes)
            .map_err(|_| wrong("not proto3 in its one deterministic form"))?;
        Self::from_message(message)
    }

    /// The foil as proto3 JSON, bytes in base64.
    pub fn to_json(&self) -> String {
        message::to_json(&self.to_message()).to_string()
    }

    /// Reads proto3 JSON. Refuses unknown and repeated names.
    pub fn from_json(json: &[u8]) -> Result<Self, ChainError> {
        let wrong = |rule| ChainError::malformed("foil", rule);
        if json.len() > 2 * FOIL_BYTES_MAX {
            return Err(wrong("longer than 4 MiB"));
        }
        let message = message::from_json(json).map_err(|_| wrong("not the JSON of a foil"))?;
        Self::from_message(message)
    }

    /// The message that travels.
    pub fn to_message(&self) -> message::Foil {
        message::Foil {
            origin: self.origin.as_str().to_owned(),
            chain: self.chain.0,
            link: self.link.to_vec(),
            record: self.record.clone(),
            salt: self.salt.to_vec(),
            path: self.path.iter().map(|hash| hash.0.to_vec()).collect(),
            note: self.note.clone(),
        }
    }

    /// A foil from the message that travelled. Refuses fields that cannot be a foil's.
    pub fn from_message(message: message::Foil) -> Result<Self, ChainError> {
        let wrong = |rule| ChainError::malformed("foil", rule);
        let hash = |bytes: Vec<u8>| bytes.try_into().map(Hash).ok();
        let path: Option<Vec<Hash>> = message.path.into_iter().map(hash).collect();
        Ok(Self {
            origin: Origin::new(message.origin).map_err(|_| wrong("no origin"))?,
            chain: ChainNumber(message.chain),
            link: message
                .link
                .try_into()
                .map_err(|_| wrong("a link has 77 bytes"))?,
            record: message.record,
            salt: message
                .salt
                .try_into()
                .map_err(|_| wrong("a salt has 32 bytes"))?,
            path: path.ok_or(wrong("a hash has 32 bytes"))?,
            note: message.note,
        })
    }
}
