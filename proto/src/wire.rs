//! Protobuf bytes: varints, tags, lengths. Reading is total: bytes that end early give `None`.

/// Wire type of numbers, flags and words of a vocabulary.
pub(crate) const VARINT: u8 = 0;
/// Wire type of texts, messages and packed numbers.
pub(crate) const LENGTH: u8 = 2;

/// Most bytes of a varint.
const VARINT_BYTES_MAX: usize = 10;

/// Appends a minimal varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a tag.
pub(crate) fn put_tag(out: &mut Vec<u8>, number: u32, wire: u8) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire));
}

/// Appends a number with its tag, unless it is the default.
pub(crate) fn put_number(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        put_tag(out, number, VARINT);
        put_varint(out, value);
    }
}

/// Appends bytes with tag and length, also when empty.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    out.reserve(value.len() + 2 * VARINT_BYTES_MAX);
    put_tag(out, number, LENGTH);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends what `write` writes behind a minimal length.
pub(crate) fn put_nested<E>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.push(0);
    write(out)?;
    close_nested(out, start);
    Ok(())
}

/// Puts the length of everything after `start` into the one byte kept there, making room if needed.
pub(crate) fn close_nested(out: &mut Vec<u8>, start: usize) {
    let length = out.len() - start - 1;
    if let (Ok(short @ ..0x80), Some(room)) = (u8::try_from(length), out.get_mut(start)) {
        *room = short;
        return;
    }
    let more = (usize::BITS - length.leading_zeros()).div_ceil(7) as usize - 1;
    out.resize(out.len() + more, 0);
    out.copy_within(start + 1..start + 1 + length, start + 1 + more);
    let mut left = length;
    for (place, room) in out.iter_mut().skip(start).take(more + 1).enumerate() {
        *room = (left & 0x7f) as u8 | if place < more { 0x80 } else { 0 };
        left >>= 7;
    }
}

/// Reads protobuf bytes from the front.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

/// One tag with its value.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) number: u32,
    /// The number, or nothing for a length-delimited value.
    pub(crate) value: Value<'a>,
}

/// The value behind a tag.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// A varint of at most 10 bytes, minimal or not.
    #[inline]
    pub(crate) fn varint(&mut self) -> Option<u64> {
        match self.rest.split_first() {
            Some((byte @ ..0x80, rest)) => {
                self.rest = rest;
                Some(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for (place, byte) in self.rest.iter().take(VARINT_BYTES_MAX).enumerate() {
            if place == 9 && *byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(place + 1..)?;
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let length = usize::try_from(length).ok()?;
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next tag and value; fixed-width values and groups are not used and refused.
    pub(crate) fn element(&mut self) -> Option<Element<'a>> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
        let value = match (tag & 7) as u8 {
            VARINT => Value::Varint(self.varint()?),
            LENGTH => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            _ => return None,
        };
        Some(Element { number, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_minimal_whatever_their_size() {
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, 70_000] {
            let mut out = vec![7];
            let body = vec![9_u8; length];
            let done: Result<(), ()> = put_nested(&mut out, |out| {
                out.extend_from_slice(&body);
                Ok(())
            });
            assert!(done.is_ok());
            let mut expected = vec![7];
            put_varint(&mut expected, length as u64);
            expected.extend_from_slice(&body);
            assert!(out == expected);
        }
    }

    #[test]
    fn reading_never_runs_past_the_end() {
        for bytes in [
            &[0x80_u8][..],
            &[0x0a, 0x05, 1],
            &[0xff; 11],
            &[0x0d, 0, 0, 0, 0],
            &[0, 0],
        ] {
            assert!(Reader::new(bytes).element().is_none());
        }
    }
}
