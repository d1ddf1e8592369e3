//! `.tlog-proof` files (C2SP tlog-proof): one link, its path in the chain's tree, the checkpoint.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64 of: link[77], or link[77] ‖ salt[32] ‖ record>
//! index <decimal>
//! <base64 hash>              the RFC 6962 path, from the leaf's sibling upwards
//!
//! <signed checkpoint>
//! ```
//!
//! The extra data is what the leaf is made from; with salt and record it shows the clear facts too.
//! It is believed only because its hash leads to the signed root. Always: no value, no value's salt.

use proto::Hash;

use crate::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::link::{LINK_BYTES, Link, LinkBytes, leaf_hash, record_commitment};
use crate::note::VerifierKey;
use crate::tree::{self, Place};
use crate::{ChainError, text};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// Largest proof that is read, in bytes.
pub const PROOF_BYTES_MAX: usize = 3 * 1024 * 1024;

/// A record with the salt of its commitment, as a proof shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRecord {
    /// Salt of the commitment.
    pub salt: [u8; 32],
    /// The clear facts.
    pub record: Vec<u8>,
}

/// A proof, as a file holds it. Nothing in it is believed before [`TlogProof::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// The link whose leaf is proved.
    pub link: LinkBytes,
    /// The record behind it, where it is shown.
    pub shown: Option<ShownRecord>,
    /// Index of the leaf in the tree.
    pub index: u64,
    /// RFC 6962 path of the leaf.
    pub path: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

/// What a proof states, once its parts agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofVerdict {
    /// The link that the tree contains.
    pub link: Link,
    /// The checkpoint that contains it.
    pub checkpoint: Checkpoint,
    /// The given keys that signed it; empty when only consistency was checked.
    pub signed_by: Vec<VerifierKey>,
}

impl TlogProof {
    /// The text of the file.
    pub fn encode(&self) -> String {
        let mut extra = self.link.to_vec();
        if let Some(shown) = &self.shown {
            extra.extend_from_slice(&shown.salt);
            extra.extend_from_slice(&shown.record);
        }
        let extra = text::to_base64(&extra);
        let mut out = format!("{FIRST_LINE}\nextra {extra}\nindex {}\n", self.index);
        for hash in &self.path {
            out.push_str(&text::to_base64(&hash.0));
            out.push('\n');
        }
        out.push('\n');
        out.push_str(&self.checkpoint);
        out
    }

    /// Reads a file. Refuses one whose extra data does not begin with a link: this ledger's leaves
    /// cannot be recomputed without.
    pub fn parse(bytes: &[u8]) -> Result<Self, ChainError> {
        let wrong = |rule| ChainError::malformed("tlog-proof", rule);
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(wrong("longer than 3 MiB"));
        }
        let file = std::str::from_utf8(bytes).map_err(|_| wrong("not UTF-8"))?;
        let (head, checkpoint) = file.split_once("\n\n").ok_or(wrong("no empty line"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(wrong("the first line is not that of version 1"));
        }
        let extra = lines
            .next()
            .and_then(|line| line.strip_prefix("extra "))
            .and_then(text::from_base64)
            .ok_or(wrong("the second line is not the extra data"))?;
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(text::decimal)
            .ok_or(wrong("the third line is not the index"))?;
        let path: Option<Vec<Hash>> = lines.map(text::hash).collect();
        let path = path.ok_or(wrong("a hash is not 32 bytes of base64"))?;
        if path.len() > tree::PROOF_HASHES_MAX {
            return Err(wrong("more than 64 hashes"));
        }
        Checkpoint::parse(checkpoint.as_bytes())?;
        let (link, rest) = extra
            .split_first_chunk::<LINK_BYTES>()
            .ok_or(wrong("the extra data does not begin with a link"))?;
        Ok(Self {
            link: *link,
            shown: shown_record(rest).map_err(wrong)?,
            index,
            path,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Checks that link, record, path and checkpoint agree, and nothing about who signed.
    pub fn check(&self) -> Result<ProofVerdict, ChainError> {
        let checkpoint = Checkpoint::parse(self.checkpoint.as_bytes())?;
        self.agree_with(checkpoint, Vec::new())
    }

    /// Checks everything, and that one of `keys` with the checkpoint's name signed it.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<ProofVerdict, ChainError> {
        let VerifiedCheckpoint {
            checkpoint,
            signed_by,
        } = Checkpoint::verify(self.checkpoint.as_bytes(), keys)?;
        self.agree_with(checkpoint, signed_by)
    }

    fn agree_with(
        &self,
        checkpoint: Checkpoint,
        signed_by: Vec<VerifierKey>,
    ) -> Result<ProofVerdict, ChainError> {
        let refused = |rule| ChainError::refused("tlog-proof", rule);
        let link = Link::decode(&self.link)?;
        // The tree of a chain that a restore opened begins with the links of the closed one.
        let chain = checkpoint.origin_line.rsplit_once('/');
        let chain = chain.and_then(|(_, number)| number.parse::<u32>().ok());
        if chain.is_none_or(|chain| link.chain.0 > chain) {
            return Err(refused("the link is another chain's"));
        }
        if link.index.0 != self.index {
            return Err(refused("the link has another index"));
        }
        if let Some(shown) = &self.shown
            && record_commitment(&shown.salt, &shown.record) != link.commitment
        {
            return Err(refused("the link does not commit to this record"));
        }
        let place = Place {
            index: self.index,
            size: checkpoint.size,
        };
        tree::verify_inclusion(&leaf_hash(&self.link), place, &self.path, &checkpoint.root)?;
        Ok(ProofVerdict {
            link,
            checkpoint,
            signed_by,
        })
    }
}

fn shown_record(rest: &[u8]) -> Result<Option<ShownRecord>, &'static str> {
    if rest.is_empty() {
        return Ok(None);
    }
    let (salt, record) = rest
        .split_first_chunk::<32>()
        .ok_or("the extra data ends within the salt")?;
    Ok(Some(ShownRecord {
        salt: *salt,
        record: record.to_vec(),
    }))
}
