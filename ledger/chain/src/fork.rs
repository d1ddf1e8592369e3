//! Proof of a fork: two signed statements that give one (chain, index) two links.
//!
//! Whoever holds both can show the pair to anyone; no trust in the holder is needed. Always: both
//! statements verify on their own, under the same given keys, for the same ledger.

use proto::Hash;
use proto::ids::{ChainNumber, Index};

use crate::ChainError;
use crate::foil::Foil;
use crate::link::{Link, link_hash, origin_line};
use crate::note::VerifierKey;
use crate::tlog_proof::TlogProof;

/// Something a ledger signed that fixes one link at one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// A publisher's foil.
    Foil(Foil),
    /// A proof under a checkpoint.
    Proof(TlogProof),
}

/// Two links where there can be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// `<origin>/<chain>` that both statements name.
    pub origin_line: String,
    /// The chain.
    pub chain: ChainNumber,
    /// The index that has two links.
    pub index: Index,
    /// Hash of the link in the first statement, and in the second.
    pub link_hashes: [Hash; 2],
}

/// Verifies both statements and returns the fork they prove; `None` when they agree or speak of
/// different places.
pub fn prove_fork(
    first: &Statement,
    second: &Statement,
    keys: &[VerifierKey],
) -> Result<Option<Fork>, ChainError> {
    let (line, link, hash) = stated(first, keys)?;
    let (other_line, other_link, other_hash) = stated(second, keys)?;
    let same_place =
        line == other_line && link.chain == other_link.chain && link.index == other_link.index;
    Ok((same_place && hash != other_hash).then_some(Fork {
        origin_line: line,
        chain: link.chain,
        index: link.index,
        link_hashes: [hash, other_hash],
    }))
}

fn stated(statement: &Statement, keys: &[VerifierKey]) -> Result<(String, Link, Hash), ChainError> {
    match statement {
        Statement::Foil(foil) => {
            let verdict = foil.verify(keys)?;
            let line = origin_line(&foil.origin, foil.chain);
            Ok((line, verdict.link, verdict.link_hash))
        }
        Statement::Proof(proof) => {
            let verdict = proof.verify(keys)?;
            let hash = link_hash(&proof.link);
            Ok((verdict.checkpoint.origin_line, verdict.link, hash))
        }
    }
}
