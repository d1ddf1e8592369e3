//! The verifier's core: links go in, in order, and the first one that cannot be right comes out.
//!
//! It recomputes C-1 (each link names the one before it, and is where its place says) and C-5 (the
//! tree over all links has the root that was signed), one link at a time and without allocating.
//! It keeps the right edge of the tree and one hash. Always: what it has accepted is a whole chain
//! from its start, and after a [`Broken`] it accepts nothing more.

use std::fmt;

use proto::Hash;
use proto::ids::{ChainNumber, Index, Origin};

use crate::checkpoint::Checkpoint;
use crate::digest::sha256;
use crate::link::{
    Link, LinkBytes, genesis_prev, leaf_hash, leaf_hashes, link_hash, link_hashes,
    record_commitment,
};
use crate::tree::{Frontier, Node};

/// Links of which the hashes are computed before the first of them is judged.
const LINKS_AT_ONCE: usize = 256;

/// Which rule a link or what belongs to it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The bytes are no link of version 1.
    Version,
    /// The link names another chain.
    Chain,
    /// The link names another index than its place.
    Index,
    /// The link does not name the hash of the link before it: one of the two was changed.
    Previous,
    /// The record is not the one the link commits to.
    Commitment,
    /// A slot's ciphertext is not the one its record names.
    SlotDigest,
    /// The tree over the links so far does not have the signed root.
    Root,
    /// A checkpoint covers more links than there are.
    Missing,
    /// The checkpoint is another chain's.
    Origin,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "link version",
            Self::Chain => "chain number",
            Self::Index => "index",
            Self::Previous => "hash of the previous link",
            Self::Commitment => "record commitment",
            Self::SlotDigest => "slot digest",
            Self::Root => "tree root",
            Self::Missing => "links below the checkpoint",
            Self::Origin => "origin line",
        })
    }
}

/// A value that was expected or found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A version, chain, index or size.
    Number(u64),
    /// A hash.
    Hash(Hash),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Hash(hash) => hash.0.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// The first thing that cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Index at which it shows. For [`Rule::Previous`] the damage is in this link or the one before
    /// it; for [`Rule::Root`] in any link below.
    pub index: Index,
    /// The rule that is broken.
    pub rule: Rule,
    /// What had to be there.
    pub expected: Value,
    /// What is there.
    pub actual: Value,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            index,
            rule,
            expected,
            actual,
        } = self;
        write!(
            f,
            "index {}: {rule} is {actual}, expected {expected}",
            index.0
        )
    }
}

impl std::error::Error for Broken {}

/// Verifies one chain from its first link, or from a place that was verified before.
#[derive(Clone, Debug)]
pub struct ChainVerifier {
    /// The last chain; links of chains that were closed before it come first.
    chain: ChainNumber,
    /// The chain of the last link.
    at: ChainNumber,
    origin: String,
    prev: Hash,
    frontier: Frontier,
    last_commitment: Option<Hash>,
    broken: Option<Broken>,
}

impl ChainVerifier {
    /// Before the first link of `chain` in the ledger named `origin`.
    pub fn new(origin: &Origin, chain: ChainNumber) -> Self {
        Self::resume(origin, chain, Frontier::new(), genesis_prev(origin))
    }

    /// After the links that `frontier` covers; `prev` is the hash of the last of them.
    pub fn resume(origin: &Origin, chain: ChainNumber, frontier: Frontier, prev: Hash) -> Self {
        Self {
            chain,
            at: ChainNumber(0),
            origin: origin.as_str().to_owned(),
            prev,
            frontier,
            last_commitment: None,
            broken: None,
        }
    }

    /// Number of links accepted.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Hash of the last accepted link, or what the genesis link must carry.
    pub fn head(&self) -> Hash {
        self.prev
    }

    /// Root over the accepted links.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Takes the next link.
    pub fn link(&mut self, bytes: &LinkBytes) -> Result<Link, Broken> {
        self.link_with(bytes, |_| ())
    }

    /// Takes the next link and hands out every tree hash that it completes.
    pub fn link_with(
        &mut self,
        bytes: &LinkBytes,
        completed: impl FnMut(Node),
    ) -> Result<Link, Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let link = self.judge(self.size(), bytes);
        let link = link.inspect_err(|broken| self.broken = Some(*broken))?;
        self.prev = link_hash(bytes);
        self.last_commitment = Some(link.commitment);
        self.at = link.chain;
        self.frontier.push(leaf_hash(bytes), completed);
        Ok(link)
    }

    /// Takes the next links, many at once: the same verdict as taking each. Those before the first
    /// broken one are accepted.
    pub fn links(&mut self, links: &[LinkBytes]) -> Result<(), Broken> {
        links
            .chunks(LINKS_AT_ONCE)
            .try_for_each(|links| self.batch(links))
    }

    fn batch(&mut self, links: &[LinkBytes]) -> Result<(), Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let mut hashes = [Hash([0; 32]); LINKS_AT_ONCE];
        link_hashes(links, &mut hashes);
        let mut accepted = 0;
        for (bytes, hash) in links.iter().zip(&hashes) {
            match self.judge(self.size() + accepted as u64, bytes) {
                Ok(link) => {
                    self.last_commitment = Some(link.commitment);
                    self.at = link.chain;
                    self.prev = *hash;
                    accepted += 1;
                }
                Err(broken) => {
                    self.broken = Some(broken);
                    break;
                }
            }
        }
        let (links, _) = links.split_at(accepted);
        let (leaves, _) = hashes.split_at_mut(accepted);
        leaf_hashes(links, leaves);
        self.frontier.extend(leaves);
        self.broken.map_or(Ok(()), Err)
    }

    fn judge(&self, place: u64, bytes: &LinkBytes) -> Result<Link, Broken> {
        let broken = |rule, expected, actual| Broken {
            index: Index(place),
            rule,
            expected,
            actual,
        };
        let number =
            |rule, expected, actual| broken(rule, Value::Number(expected), Value::Number(actual));
        let version = bytes.first().map_or(0, |version| u64::from(*version));
        let link = Link::decode(bytes).map_err(|_| number(Rule::Version, 1, version))?;
        // A restore that lost links closes a chain and opens one with a higher number: numbers never fall.
        if link.chain.0 > self.chain.0 || link.chain.0 < self.at.0 {
            let (expected, actual) = (u64::from(self.chain.0), u64::from(link.chain.0));
            return Err(number(Rule::Chain, expected, actual));
        }
        if link.index.0 != place {
            return Err(number(Rule::Index, place, link.index.0));
        }
        if link.prev != self.prev {
            let (expected, actual) = (Value::Hash(self.prev), Value::Hash(link.prev));
            return Err(broken(Rule::Previous, expected, actual));
        }
        Ok(link)
    }

    /// Checks the opened record of the link taken last.
    pub fn record(&mut self, salt: &[u8; 32], record: &[u8]) -> Result<(), Broken> {
        let expected = self.last_commitment.unwrap_or(Hash([0; 32]));
        self.same(Rule::Commitment, expected, || {
            record_commitment(salt, record)
        })
    }

    /// Checks one slot's ciphertext, nonce included, against the digest that the last link's record
    /// names for it.
    pub fn slot(&mut self, digest: Hash, stored: &[u8]) -> Result<(), Broken> {
        self.same(Rule::SlotDigest, digest, || sha256(stored))
    }

    fn same(
        &mut self,
        rule: Rule,
        expected: Hash,
        actual: impl FnOnce() -> Hash,
    ) -> Result<(), Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let actual = actual();
        if actual == expected {
            return Ok(());
        }
        self.fail(rule, Value::Hash(expected), Value::Hash(actual))
    }

    fn fail(&mut self, rule: Rule, expected: Value, actual: Value) -> Result<(), Broken> {
        let broken = Broken {
            index: Index(self.size().saturating_sub(1)),
            rule,
            expected,
            actual,
        };
        self.broken = Some(broken);
        Err(broken)
    }

    /// Whether a checkpoint of the links so far may have this line: the chain of the last of them, or a later one.
    fn may_sign(&self, line: &str) -> bool {
        let number = line.rsplit_once('/').filter(|(origin, number)| {
            *origin == self.origin && (*number == "0" || !number.starts_with(['0', '+']))
        });
        let number = number.and_then(|(_, number)| number.parse::<u32>().ok());
        number.is_some_and(|number| (self.at.0..=self.chain.0).contains(&number))
    }

    /// Checks a checkpoint of exactly the links taken so far (C-4, C-5). The caller has verified
    /// its signature, or says that it has not.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        if !self.may_sign(&checkpoint.origin_line) {
            let hash = |line: &str| Value::Hash(sha256(line.as_bytes()));
            let own = format!("{}/{}", self.origin, self.chain.0);
            let (expected, actual) = (hash(&own), hash(&checkpoint.origin_line));
            return self.fail(Rule::Origin, expected, actual);
        }
        if checkpoint.size != self.size() {
            let (expected, actual) = (checkpoint.size, self.size());
            let (expected, actual) = (Value::Number(expected), Value::Number(actual));
            return self.fail(Rule::Missing, expected, actual);
        }
        let root = self.root();
        self.same(Rule::Root, checkpoint.root, || root)
    }
}
