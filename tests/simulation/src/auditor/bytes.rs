//! Taking numbers and pieces off a slice, and the checksum of the journal.
//!
//! Not a parser of anything in particular. Always: taking too much is `None`, never a panic.

/// What is left of a slice.
#[derive(Clone)]
pub struct Rest<'a>(pub &'a [u8]);

impl<'a> Rest<'a> {
    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (piece, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(piece)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// The next number of 2 bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next number of 4 bytes.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next number of 8 bytes.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next number of 7 bits a byte, lowest first, in its shortest form.
    pub fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for place in 0..9 {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return (place == 0 || byte != 0).then_some(value);
            }
        }
        None
    }
}

/// CRC-32 as zlib has it, one bit at a time: slow and plain.
pub fn crc32(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|n| {
        (0..8).fold(n as u32, |c, _| {
            if c & 1 == 1 {
                0xedb8_8320 ^ (c >> 1)
            } else {
                c >> 1
            }
        })
    });
    !bytes.iter().fold(!0_u32, |c, byte| {
        table
            .get(((c ^ u32::from(*byte)) & 0xff) as usize)
            .copied()
            .unwrap_or(0)
            ^ (c >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_zlibs() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn numbers_come_off_in_order_and_only_in_short_form() {
        let mut rest = Rest(&[0x00, 0x01, 0x96, 0x01, 0x80, 0x00]);
        assert_eq!(
            (rest.u16(), rest.varint(), rest.varint(), rest.u64()),
            (Some(1), Some(150), None, None)
        );
    }
}
