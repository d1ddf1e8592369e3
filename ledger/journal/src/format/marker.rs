//! The completion marker `ledger`: written last by `init`, so that a journal without it was never finished.
//!
//! Not a configuration: the lengths in it are those that the segments were made with, and stay.
//! Always: written once, never changed.

use super::{
    Broken, GROUP_BYTES_MAX, SECTOR_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, Take, What, crc,
    put,
};
use crate::words::{ChainNumber, Hash};

const MAGIC: [u8; 8] = *b"CFOILJNL";
const VERSION: u16 = 1;

/// The longest origin text, in bytes.
const ORIGIN_BYTES_MAX: usize = 256;

/// What `init` fixed for good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marker {
    /// The ledger's origin text.
    pub origin: String,
    /// The genesis link's `prev`.
    pub genesis: Hash,
    /// The chain.
    pub chain: ChainNumber,
    /// The length of every segment, in bytes.
    pub segment_bytes: u64,
    /// The longest group, in bytes without padding.
    pub group_bytes_max: u64,
}

impl Marker {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        put::u16(&mut out, VERSION);
        put::u32(&mut out, self.chain.0);
        put::u64(&mut out, self.segment_bytes);
        put::u64(&mut out, self.group_bytes_max);
        out.extend_from_slice(&self.genesis.0);
        put::u16(
            &mut out,
            u16::try_from(self.origin.len()).unwrap_or(u16::MAX),
        );
        out.extend_from_slice(self.origin.as_bytes());
        put::crc_from(&mut out, 0);
        out
    }

    /// Reads the whole file.
    ///
    /// # Errors
    /// Anything that `encode` did not write.
    pub fn decode(bytes: &[u8]) -> Result<Marker, Broken> {
        let mut take = Take::new(bytes);
        if take.array()? != MAGIC {
            return Err(Broken::new(What::Magic, 0));
        }
        if take.u16()? != VERSION {
            return Err(Broken::new(What::Version, 8));
        }
        let chain = ChainNumber(take.u32()?);
        let segment_bytes = take.u64()?;
        let group_bytes_max = take.u64()?;
        let genesis = Hash(take.array()?);
        let length = usize::from(take.u16()?);
        if length > ORIGIN_BYTES_MAX {
            return Err(Broken::new(What::Length, 62));
        }
        let origin = take.bytes(length)?;
        let body = Take::new(bytes).bytes(take.at() as usize)?;
        if take.u32()? != crc(body) {
            return Err(Broken::new(What::Checksum, body.len() as u64));
        }
        if !take.rest().is_empty() {
            return Err(Broken::new(What::Length, take.at()));
        }
        if !lengths_allowed(segment_bytes, group_bytes_max) {
            return Err(Broken::new(What::Length, 14));
        }
        let origin = std::str::from_utf8(origin).map_err(|_| Broken::new(What::Text, 64))?;
        Ok(Marker {
            origin: origin.to_owned(),
            genesis,
            chain,
            segment_bytes,
            group_bytes_max,
        })
    }
}

/// Whether a ledger may be made with these lengths: on the grid, inside the limits, and a longest group fits a segment.
pub(crate) fn lengths_allowed(segment_bytes: u64, group_bytes_max: u64) -> bool {
    (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&segment_bytes)
        && segment_bytes.is_multiple_of(SECTOR_BYTES)
        && group_bytes_max <= GROUP_BYTES_MAX
        && group_bytes_max.next_multiple_of(SECTOR_BYTES) + super::SEGMENT_HEADER_BYTES
            <= segment_bytes
}
