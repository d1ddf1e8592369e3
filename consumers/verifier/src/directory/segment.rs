//! Reading one segment file: ranges, the zeros behind its groups, whole headers further on.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::error::VerifierError;
use crate::journal::{GROUP_HEADER_BYTES, GroupHeader, SECTOR_BYTES};

/// Bytes behind a broken group in which a later whole one is looked for.
const TAIL_SCAN_BYTES: u64 = 8 << 20;

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
        const STEP: u64 = 1 << 20;
        while offset < self.bytes {
            let length = usize::try_from(STEP.min(self.bytes - offset)).unwrap_or(0);
            let bytes = self.read(offset, length)?;
            if let Some(at) = bytes.iter().position(|byte| *byte != 0) {
                return Ok(Some(offset + at as u64));
            }
            offset += STEP;
        }
        Ok(None)
    }

    /// Whether a whole header of a group stands at its own place behind `offset`.
    pub(super) fn later_group(&self, offset: u64) -> Result<bool, VerifierError> {
        let end = self.bytes.min(offset + TAIL_SCAN_BYTES);
        let mut at = offset + SECTOR_BYTES;
        while at + SECTOR_BYTES <= end {
            let bytes = self.read(at, GROUP_HEADER_BYTES)?;
            let header = bytes.first_chunk().map(GroupHeader::decode);
            if let Some(Ok(header)) = header
                && u64::from(header.offset) == at
                && header.segment == self.number
            {
                return Ok(true);
            }
            at += SECTOR_BYTES;
        }
        Ok(false)
    }
}
