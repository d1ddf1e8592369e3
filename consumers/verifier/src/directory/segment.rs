//! Reading one segment file: ranges, the zeros behind its groups, whole headers further on.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::error::VerifierError;
use crate::journal::{GROUP_HEADER_BYTES, GroupHeader, SECTOR_BYTES};

/// Bytes behind a broken group in which a later whole one is looked for.
const TAIL_SCAN_BYTES: u64 = 8 << 20;
/// Bytes that a scan reads at a time.
const SCAN_STEP_BYTES: u64 = 1 << 20;

/// A segment file with what is known of it.
pub(super) struct Segment {
    pub(super) number: u32,
    pub(super) last: bool,
    pub(super) file: File,
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl Segment {
    pub(super) fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, VerifierError> {
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, offset)
            .map_err(VerifierError::unreadable(&self.name))?;
        Ok(bytes)
    }

    /// Reads a range into a buffer that is kept from group to group.
    pub(super) fn read_into(
        &self,
        offset: u64,
        length: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<(), VerifierError> {
        buffer.resize(length, 0);
        self.file
            .read_exact_at(buffer, offset)
            .map_err(VerifierError::unreadable(&self.name))
    }

    /// First byte from `offset` on that is not zero.
    pub(super) fn first_nonzero(&self, mut offset: u64) -> Result<Option<u64>, VerifierError> {
        let mut bytes = Vec::new();
        while offset < self.bytes {
            let length = SCAN_STEP_BYTES.min(self.bytes - offset);
            self.read_into(offset, length as usize, &mut bytes)?;
            // Whole words first: a segment's end is mostly zeros, and there is a lot of it.
            let (words, _) = bytes.as_chunks::<16>();
            let zeros = words.iter().take_while(|word| **word == [0; 16]).count() * 16;
            let rest = bytes.get(zeros..).unwrap_or(&[]);
            if let Some(at) = rest.iter().position(|byte| *byte != 0) {
                return Ok(Some(offset + (zeros + at) as u64));
            }
            offset += length;
        }
        Ok(None)
    }

    /// Whether a whole header of a group stands at its own place behind `offset`.
    pub(super) fn later_group(&self, offset: u64) -> Result<bool, VerifierError> {
        let end = self.bytes.min(offset + TAIL_SCAN_BYTES);
        let mut bytes = Vec::new();
        let mut from = offset + SECTOR_BYTES;
        while from + SECTOR_BYTES <= end {
            let length = SCAN_STEP_BYTES.min(end - from);
            self.read_into(from, length as usize, &mut bytes)?;
            let (sectors, _) = bytes.as_chunks::<{ SECTOR_BYTES as usize }>();
            for (sector, at) in sectors.iter().zip((from..).step_by(SECTOR_BYTES as usize)) {
                let header = sector.first_chunk::<GROUP_HEADER_BYTES>();
                if let Some(header) = header.filter(|header| GroupHeader::may_begin(*header))
                    && let Ok(header) = GroupHeader::decode(header)
                    && u64::from(header.offset) == at
                    && header.segment == self.number
                {
                    return Ok(true);
                }
            }
            from += length;
        }
        Ok(false)
    }
}
