//! Reading and writing integers in slices without ever indexing past an end.
//!
//! Not a serialization library: big-endian integers, fixed arrays, minimal LEB128 varints, CRC-32 (IEEE, as zlib's `crc32`).
//! Always: a read past the end is `What::Short` at the place where it began.

use super::{Broken, What};

/// A cursor that takes bytes from the front of a slice.
#[derive(Clone, Copy)]
pub(crate) struct Take<'a> {
    rest: &'a [u8],
    taken: u64,
}

impl<'a> Take<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Take<'a> {
        Take {
            rest: bytes,
            taken: 0,
        }
    }

    /// Bytes taken so far.
    pub(crate) fn at(&self) -> u64 {
        self.taken
    }

    /// The bytes not taken yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Broken> {
        let (front, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(Broken::new(What::Short, self.taken))?;
        self.rest = rest;
        self.taken += count as u64;
        Ok(front)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let (front, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Broken::new(What::Short, self.taken))?;
        self.rest = rest;
        self.taken += N as u64;
        Ok(*front)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Broken> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Broken> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Broken> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Broken> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// A length of at most `max` as a minimal LEB128 varint: seven bits a byte, lowest first, the high bit set on all but the last.
    pub(crate) fn varint(&mut self, max: u64) -> Result<u64, Broken> {
        let start = self.taken;
        let mut value = 0u64;
        for shift in (0..u64::from(VARINT_BYTES_MAX) * 7).step_by(7) {
            let [byte] = self.array::<1>()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(Broken::new(What::Varint, start));
                }
                if value > max {
                    return Err(Broken::new(What::Length, start));
                }
                return Ok(value);
            }
        }
        Err(Broken::new(What::Varint, start))
    }

    /// Zeros to the end of the slice.
    pub(crate) fn zeros(&mut self) -> Result<(), Broken> {
        match first_non_zero(self.rest) {
            Some(place) => Err(Broken::new(What::NotZero, self.taken + place as u64)),
            None => Ok(()),
        }
    }
}

/// Five bytes hold 35 bits, more than any length here.
const VARINT_BYTES_MAX: u8 = 5;

/// The place of the first byte that is not zero.
pub(crate) fn first_non_zero(bytes: &[u8]) -> Option<usize> {
    let (chunks, rest) = bytes.as_chunks::<64>();
    let whole = chunks.iter().take_while(|chunk| **chunk == [0; 64]).count();
    let tail = chunks.get(whole).map_or(rest, |chunk| chunk.as_slice());
    tail.iter()
        .position(|byte| *byte != 0)
        .map(|place| whole * 64 + place)
}

/// CRC-32 with the IEEE polynomial 0x04C11DB7, reflected, initial value and final xor all ones: what zlib, gzip and PNG call crc32.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Writing what `Take` reads.
pub(crate) mod put {
    pub(crate) fn u16(out: &mut Vec<u8>, value: u16) {
        out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u32(out: &mut Vec<u8>, value: u32) {
        out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u64(out: &mut Vec<u8>, value: u64) {
        out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn i64(out: &mut Vec<u8>, value: i64) {
        out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    /// Appends the CRC of everything from `start` on.
    pub(crate) fn crc_from(out: &mut Vec<u8>, start: usize) {
        let sum = super::crc(out.get(start..).unwrap_or_default());
        u32(out, sum);
    }

    /// Zeros up to a length.
    pub(crate) fn zeros_to(out: &mut Vec<u8>, length: usize) {
        debug_assert!(out.len() <= length, "padding never cuts");
        out.resize(length, 0);
    }
}

/// Bytes of a varint.
pub(crate) fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}
