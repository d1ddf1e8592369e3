//! The link: 77 bytes that say nothing about anyone and are never forgotten.
//!
//! ```text
//! offset  0        1          5           13          45              77
//!         version  chain      index       prev        commitment
//!         u8 = 1   u32        u64         [32]        [32]              big-endian
//!
//! prev       = BLAKE3 derive-key "counterfoil 2026 link v1" of the previous 77 bytes
//! prev of 0  = BLAKE3 derive-key "counterfoil 2026 origin v1" of the origin text
//! commitment = SHA-256( 0x20 ‖ salt[32] ‖ record )
//! leaf       = SHA-256( 0x00 ‖ link )
//! ```
//!
//! Always: `decode(encode(link)) == link`, and `decode` refuses any other version or length.

use proto::Hash;
use proto::ids::{ChainNumber, Index, Origin};

use crate::ChainError;
use crate::digest::{DeriveKey, Padded, sha256, sha256_parts};
use crate::lanes::{LANES, hash_links};

/// Length of an encoded link, in bytes.
pub const LINK_BYTES: usize = 77;
/// An encoded link.
pub type LinkBytes = [u8; LINK_BYTES];

const VERSION: u8 = 1;
const RECORD_PREFIX: u8 = 0x20;
/// A leaf before its link is written behind the prefix of RFC 6962.
const LEAF: Padded<2> = Padded::of_length(0x00, 1 + LINK_BYTES);
/// Leaves that are laid out before the first of them is hashed, for the reason that nodes are.
const LEAVES_AT_ONCE: usize = 8;
/// From so many links on, sixteen lanes with some of them idle are faster than one link after another.
const LANES_WORTH: usize = 10;

static LINK_CONTEXT: DeriveKey = DeriveKey::new("counterfoil 2026 link v1");
static ORIGIN_CONTEXT: DeriveKey = DeriveKey::new("counterfoil 2026 origin v1");

/// One link of one chain, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The chain this link belongs to.
    pub chain: ChainNumber,
    /// Its place in that chain, from 0.
    pub index: Index,
    /// Hash of the link before it, or of the origin for index 0.
    pub prev: Hash,
    /// Commitment to the record that this link stands for.
    pub commitment: Hash,
}

impl Link {
    /// The first link of `chain` in the ledger named `origin`.
    pub fn genesis(origin: &Origin, chain: ChainNumber, commitment: Hash) -> Self {
        Self {
            chain,
            index: Index(0),
            prev: genesis_prev(origin),
            commitment,
        }
    }

    /// The link that follows the encoded link `before`. Refused when `before` is not a link, or
    /// when its index is the last one that 64 bits hold.
    pub fn after(before: &LinkBytes, commitment: Hash) -> Result<Self, ChainError> {
        let last = Self::decode(before)?;
        let next = last.index.0.checked_add(1);
        Ok(Self {
            chain: last.chain,
            index: Index(next.ok_or(ChainError::refused("link", "the chain is full"))?),
            prev: link_hash(before),
            commitment,
        })
    }

    /// The 77 bytes of this link.
    pub fn encode(&self) -> LinkBytes {
        let mut bytes = [0; LINK_BYTES];
        let mut rest = bytes.as_mut_slice();
        for part in [
            [VERSION].as_slice(),
            &self.chain.0.to_be_bytes(),
            &self.index.0.to_be_bytes(),
            &self.prev.0,
            &self.commitment.0,
        ] {
            let (field, tail) = rest.split_at_mut(part.len());
            field.copy_from_slice(part);
            rest = tail;
        }
        bytes
    }

    /// Reads 77 bytes. Refuses another length and another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, ChainError> {
        let bytes: &LinkBytes = bytes
            .try_into()
            .map_err(|_| ChainError::malformed("link", "a link has 77 bytes"))?;
        let (version, rest) = take::<1>(bytes)?;
        if version != [VERSION] {
            return Err(ChainError::malformed("link", "the version is 1"));
        }
        let (chain, rest) = take::<4>(rest)?;
        let (index, rest) = take::<8>(rest)?;
        let (prev, rest) = take::<32>(rest)?;
        let (commitment, _) = take::<32>(rest)?;
        Ok(Self {
            chain: ChainNumber(u32::from_be_bytes(chain)),
            index: Index(u64::from_be_bytes(index)),
            prev: Hash(prev),
            commitment: Hash(commitment),
        })
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), ChainError> {
    bytes
        .split_first_chunk::<N>()
        .map(|(field, rest)| (*field, rest))
        .ok_or(ChainError::malformed("link", "a link has 77 bytes"))
}

/// What the link with index 0 carries as `prev`.
pub fn genesis_prev(origin: &Origin) -> Hash {
    ORIGIN_CONTEXT.hash(origin.as_str().as_bytes())
}

/// What the next link carries as `prev` (C-1).
pub fn link_hash(link: &LinkBytes) -> Hash {
    LINK_CONTEXT.hash(link)
}

/// The commitment of a link to its record; `salt` is sealed with the record.
pub fn record_commitment(salt: &[u8; 32], record: &[u8]) -> Hash {
    sha256_parts(&[&[RECORD_PREFIX], salt, record])
}

/// The hashes of many links, as [`link_hash`] gives each, into as many places.
pub(crate) fn link_hashes(links: &[LinkBytes], into: &mut [Hash]) {
    for (links, into) in links.chunks(LANES).zip(into.chunks_mut(LANES)) {
        if links.len() < LANES_WORTH {
            for (link, hash) in links.iter().zip(into) {
                *hash = link_hash(link);
            }
            continue;
        }
        let mut lanes = [[0; LINK_BYTES]; LANES];
        for (lane, link) in lanes.iter_mut().zip(links) {
            *lane = *link;
        }
        for (hash, bytes) in into.iter_mut().zip(hash_links(LINK_CONTEXT.key(), &lanes)) {
            *hash = Hash(bytes);
        }
    }
}

/// The RFC 6962 leaf of a link.
pub fn leaf_hash(link: &LinkBytes) -> Hash {
    let mut leaf = LEAF;
    lay_leaf(&mut leaf, link);
    leaf.hash()
}

/// The leaves of many links, as [`leaf_hash`] gives each, into as many places.
pub(crate) fn leaf_hashes(links: &[LinkBytes], into: &mut [Hash]) {
    let mut leaves = [LEAF; LEAVES_AT_ONCE];
    let places = into.chunks_mut(LEAVES_AT_ONCE);
    for (links, into) in links.chunks(LEAVES_AT_ONCE).zip(places) {
        for (leaf, link) in leaves.iter_mut().zip(links) {
            lay_leaf(leaf, link);
        }
        for (hash, leaf) in into.iter_mut().zip(&leaves) {
            *hash = leaf.hash();
        }
    }
}

#[inline]
fn lay_leaf(leaf: &mut Padded<2>, link: &LinkBytes) {
    let (_, body) = leaf.bytes().split_at_mut(1);
    let (room, _) = body.split_at_mut(LINK_BYTES);
    room.copy_from_slice(link);
}

/// SHA-256 of the origin text, as associated data names a ledger.
pub fn origin_hash(origin: &Origin) -> [u8; 32] {
    sha256(origin.as_str().as_bytes()).0
}

/// `<origin>/<chain>`: the first line of a checkpoint and the name of the key that signs it.
pub fn origin_line(origin: &Origin, chain: ChainNumber) -> String {
    format!("{}/{}", origin.as_str(), chain.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Link {
        Link {
            chain: ChainNumber(7),
            index: Index(u64::MAX - 1),
            prev: Hash([3; 32]),
            commitment: Hash([4; 32]),
        }
    }

    #[test]
    fn round_trip_and_refusals() {
        let bytes = example().encode();
        assert_eq!(Link::decode(&bytes), Ok(example()));
        assert!(Link::decode(&bytes[..76]).is_err());
        assert!(Link::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        let mut other_version = bytes;
        other_version[0] = 2;
        assert!(Link::decode(&other_version).is_err());
    }

    #[test]
    fn many_at_once_are_hashed_as_one_by_one() {
        let links: Vec<LinkBytes> = (0..50_u8)
            .map(|seed| {
                std::array::from_fn(|at| seed.wrapping_mul(31) ^ (at as u8).wrapping_mul(7))
            })
            .collect();
        let one_by_one: Vec<Hash> = links.iter().map(link_hash).collect();
        let leaves: Vec<Hash> = links.iter().map(leaf_hash).collect();
        for count in 0..=links.len() {
            let mut hashes = vec![Hash([0; 32]); count];
            link_hashes(&links[..count], &mut hashes);
            assert_eq!(hashes, one_by_one[..count]);
            leaf_hashes(&links[..count], &mut hashes);
            assert_eq!(hashes, leaves[..count]);
        }
    }

    #[test]
    fn a_full_chain_takes_no_more() {
        let last = Link::after(&example().encode(), Hash([5; 32])).expect("room for one more");
        assert_eq!(last.index, Index(u64::MAX));
        assert!(Link::after(&last.encode(), Hash([5; 32])).is_err());
    }
}
