//! The header of a segment file: which ledger, which segment, and what came before it.
//!
//! Not here: the file itself, its zero-filling, its syncs (`write`).
//! Always: the header is written and synced before the segment's first group, and never again after it.

use super::{Broken, SEGMENT_HEADER_BYTES, Take, What, crc, put};
use crate::words::{ChainNumber, Hash, Index};

const MAGIC: [u8; 8] = *b"CFOILSEG";
const VERSION: u16 = 1;
/// Where the CRC lies: the last four bytes.
const CRC_AT: usize = SEGMENT_HEADER_BYTES as usize - 4;

/// What a segment says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentHeader {
    /// The genesis link's `prev`: the ledger this belongs to.
    pub genesis: Hash,
    /// The chain.
    pub chain: ChainNumber,
    /// This segment's number, from 0.
    pub number: u32,
    /// The first index in it.
    pub first_index: Index,
    /// The number of its first group.
    pub first_group: u64,
    /// The length of the file in bytes.
    pub segment_bytes: u64,
    /// The outer digest of the previous segment's last group; for segment 0 the genesis hash.
    pub previous_outer: Hash,
}

impl SegmentHeader {
    /// The 4,096 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_BYTES as usize);
        out.extend_from_slice(&MAGIC);
        put::u16(&mut out, VERSION);
        put::u16(&mut out, 0);
        put::u32(&mut out, self.chain.0);
        put::u32(&mut out, self.number);
        put::u32(&mut out, 0);
        put::u64(&mut out, self.first_index.0);
        put::u64(&mut out, self.first_group);
        put::u64(&mut out, self.segment_bytes);
        out.extend_from_slice(&self.genesis.0);
        out.extend_from_slice(&self.previous_outer.0);
        put::zeros_to(&mut out, CRC_AT);
        put::crc_from(&mut out, 0);
        out
    }

    /// Whether it says what is wanted of it, for the wanted chain or one that was closed before.
    #[must_use]
    pub fn agrees(&self, wanted: &SegmentHeader) -> bool {
        let chain = wanted.chain;
        self.chain.0 <= chain.0 && SegmentHeader { chain, ..*self } == *wanted
    }

    /// Reads the first 4,096 bytes of a segment.
    ///
    /// # Errors
    /// Anything that `encode` did not write.
    pub fn decode(bytes: &[u8]) -> Result<SegmentHeader, Broken> {
        let whole = Take::new(bytes).bytes(SEGMENT_HEADER_BYTES as usize)?;
        let mut take = Take::new(whole);
        if take.array()? != MAGIC {
            return Err(Broken::new(What::Magic, 0));
        }
        let body = Take::new(whole).bytes(CRC_AT)?;
        let mut tail = Take::new(whole);
        tail.bytes(CRC_AT)?;
        if tail.u32()? != crc(body) {
            return Err(Broken::new(What::Checksum, CRC_AT as u64));
        }
        if take.u16()? != VERSION {
            return Err(Broken::new(What::Version, 8));
        }
        let reserved = take.u16()?;
        let chain = ChainNumber(take.u32()?);
        let number = take.u32()?;
        if reserved != 0 || take.u32()? != 0 {
            return Err(Broken::new(What::NotZero, 10));
        }
        let header = SegmentHeader {
            chain,
            number,
            first_index: Index(take.u64()?),
            first_group: take.u64()?,
            segment_bytes: take.u64()?,
            genesis: Hash(take.array()?),
            previous_outer: Hash(take.array()?),
        };
        let used = take.at();
        let (padding, _) = take
            .rest()
            .split_at_checked(CRC_AT - used as usize)
            .unwrap_or_default();
        Take::new(padding)
            .zeros()
            .map_err(|broken| broken.moved(used))?;
        Ok(header)
    }
}
