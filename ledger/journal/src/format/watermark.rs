//! The watermark file: one sector that tells other processes how far the journal is durable.
//!
//! Not proof of anything, and never read by recovery: it is written in place after each group's sync and not synced itself.
//! Always: what it names was durable when it was written.

use super::{Broken, Place, SECTOR_BYTES, Take, What, crc, put};
use crate::words::Index;

const MAGIC: [u8; 8] = *b"CFOILWMK";

/// The content of the watermark file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WatermarkRecord {
    /// The boot during which it was written.
    pub boot: [u8; 16],
    /// The number of the last durable group; 0 where there is none.
    pub group: u64,
    /// Where that group ends, padding included.
    pub end: Place,
    /// The index of the next entry.
    pub next: Index,
}

impl WatermarkRecord {
    /// The 512 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SECTOR_BYTES as usize);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.boot);
        put::u64(&mut out, self.group);
        put::u32(&mut out, self.end.segment);
        put::u32(&mut out, self.end.offset);
        put::u64(&mut out, self.next.0);
        put::crc_from(&mut out, 0);
        put::zeros_to(&mut out, SECTOR_BYTES as usize);
        out
    }

    /// Reads the whole file.
    ///
    /// # Errors
    /// Anything that `encode` did not write.
    pub fn decode(bytes: &[u8]) -> Result<WatermarkRecord, Broken> {
        let mut take = Take::new(bytes);
        if take.array()? != MAGIC {
            return Err(Broken::new(What::Magic, 0));
        }
        let record = WatermarkRecord {
            boot: take.array()?,
            group: take.u64()?,
            end: Place {
                segment: take.u32()?,
                offset: take.u32()?,
            },
            next: Index(take.u64()?),
        };
        let body = Take::new(bytes).bytes(take.at() as usize)?;
        if take.u32()? != crc(body) {
            return Err(Broken::new(What::Checksum, body.len() as u64));
        }
        take.zeros()?;
        if bytes.len() as u64 != SECTOR_BYTES {
            return Err(Broken::new(What::Length, 0));
        }
        Ok(record)
    }
}
