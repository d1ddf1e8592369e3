//! A cursor over a slice that names the byte at which something is wrong.

use super::Wrong;

/// Takes fields from the front of a piece.
pub(super) struct Take<'a> {
    rest: &'a [u8],
    at: u64,
}

impl<'a> Take<'a> {
    pub(super) fn new(bytes: &'a [u8], at: u64) -> Self {
        Self { rest: bytes, at }
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Wrong> {
        let short = || Wrong::new("length", self.at, length, self.rest.len());
        let (field, rest) = self.rest.split_at_checked(length).ok_or_else(short)?;
        self.rest = rest;
        self.at += length as u64;
        Ok(field)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Wrong> {
        let at = self.at;
        let field = self.bytes(N)?;
        field
            .try_into()
            .map_err(|_| Wrong::new("length", at, N, field.len()))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Wrong> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Wrong> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Wrong> {
        self.array().map(u64::from_be_bytes)
    }

    /// A field that can have one value only.
    pub(super) fn constant(&mut self, rule: &'static str, expected: &[u8]) -> Result<(), Wrong> {
        let at = self.at;
        let field = self.bytes(expected.len())?;
        if field == expected {
            return Ok(());
        }
        let hex = crate::report::hex;
        Err(Wrong::new(rule, at, hex(expected), hex(field)))
    }

    pub(super) fn zeros(&mut self, length: usize) -> Result<(), Wrong> {
        let at = self.at;
        match self.bytes(length)?.iter().position(|byte| *byte != 0) {
            None => Ok(()),
            Some(place) => Err(Wrong::new("zeros", at + place as u64, 0, "another byte")),
        }
    }

    /// The CRC-32 of everything in `covered`, which lies before it.
    pub(super) fn crc(&mut self, covered: &[u8]) -> Result<(), Wrong> {
        let at = self.at;
        let (actual, expected) = (self.u32()?, crc32fast::hash(covered));
        if actual == expected {
            return Ok(());
        }
        let hex = |crc: u32| format!("{crc:08x}");
        Err(Wrong::new("checksum", at, hex(expected), hex(actual)))
    }

    /// Minimal unsigned LEB128 of at most `limit`.
    pub(super) fn varint(&mut self, limit: u64) -> Result<u64, Wrong> {
        let at = self.at;
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array::<1>()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(Wrong::new(
                        "varint",
                        at,
                        "its shortest form",
                        "a longer one",
                    ));
                }
                if value > limit {
                    return Err(Wrong::new("length", at, format!("at most {limit}"), value));
                }
                return Ok(value);
            }
        }
        Err(Wrong::new("varint", at, "at most five bytes", "more"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_is_drawn() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
        let bytes: Vec<u8> = (0..100).map(|n: u8| n.wrapping_mul(37)).collect();
        for length in 0..bytes.len() {
            let mut crc = !0_u32;
            for byte in &bytes[..length] {
                crc ^= u32::from(*byte);
                for _ in 0..8 {
                    crc = if crc & 1 == 1 {
                        (crc >> 1) ^ 0xedb8_8320
                    } else {
                        crc >> 1
                    };
                }
            }
            assert_eq!(crc32fast::hash(&bytes[..length]), !crc, "{length}");
        }
    }

    #[test]
    fn varints_are_minimal_and_limited() {
        let read = |bytes: &[u8]| Take::new(bytes, 0).varint(1_048_576);
        assert_eq!(read(&[0]), Ok(0));
        assert_eq!(read(&[0x80, 0x01]), Ok(128));
        assert!(read(&[0x80, 0x00]).is_err());
        assert!(read(&[0xff, 0xff, 0xff, 0x7f]).is_err());
        assert!(read(&[0x80; 6]).is_err());
        assert!(read(&[0x80]).is_err());
    }
}
