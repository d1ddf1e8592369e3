//! The fields that rows are made of, put at the end of a buffer and taken off the front of a slice.
//!
//! Not here: which row has which fields (`put`, `take`). Always: a field that is not whole, or not in its one spelling, is refused.

use proto::ids::{
    ActivityCode, NumberInStream, PartyCode, SlotNumber, StaffReference, StreamId, UnixMillis,
};

use super::RowBytes;
use crate::error::VaultError;
use crate::keys::{Key32, StreamSecret};
use crate::rows::{MentionPlace, PersonRef, StreamPlace};

/// Puts fields at the end of a buffer.
pub(super) trait Put {
    fn raw(&mut self, bytes: &[u8]) -> &mut Self;

    fn kind(&mut self, kind: u8) -> &mut Self {
        self.raw(&[kind])
    }

    fn person(&mut self, person: &PersonRef) -> &mut Self {
        self.raw(&person.person).raw(&person.shelf.to_be_bytes())
    }

    fn stream(&mut self, stream: &StreamId) -> &mut Self {
        self.raw(&stream.0)
    }

    fn code(&mut self, code: &str) -> Result<&mut Self, VaultError> {
        let length = u8::try_from(code.len()).map_err(|_| VaultError::Limit("bytes of a code"))?;
        Ok(self.raw(&[length]).raw(code.as_bytes()))
    }

    fn mention(&mut self, mention: &MentionPlace) -> &mut Self {
        self.stream(&mention.carrier)
            .raw(&mention.number.0.to_be_bytes())
            .raw(&mention.slot.0.to_be_bytes())
    }

    fn place(&mut self, place: &StreamPlace) -> &mut Self {
        match place {
            StreamPlace::Person(person) => self.raw(&[1]).person(person),
            StreamPlace::Case(shelf) => self.raw(&[2]).raw(&shelf.to_be_bytes()),
        }
    }

    fn text(&mut self, text: &str) -> Result<&mut Self, VaultError> {
        let length = u16::try_from(text.len()).map_err(|_| VaultError::Limit("bytes of a text"))?;
        Ok(self.raw(&length.to_be_bytes()).raw(text.as_bytes()))
    }

    fn texts(&mut self, texts: &[String]) -> Result<&mut Self, VaultError> {
        let count = u8::try_from(texts.len()).map_err(|_| VaultError::Limit("texts of a list"))?;
        self.raw(&[count]);
        for text in texts {
            self.text(text)?;
        }
        Ok(self)
    }
}

impl Put for RowBytes {
    fn raw(&mut self, bytes: &[u8]) -> &mut RowBytes {
        self.extend_from_slice(bytes);
        self
    }
}

/// Takes fields off the front of a slice; `None` where they are not there.
pub(super) trait Take<'a> {
    fn plain(&mut self) -> &mut Cut<'a>;

    fn person(&mut self) -> Option<PersonRef> {
        Some(PersonRef {
            person: self.array()?,
            shelf: self.u32()?,
        })
    }

    fn stream(&mut self) -> Option<StreamId> {
        self.array().map(StreamId)
    }

    fn code(&mut self) -> Option<&'a str> {
        let length = usize::from(self.byte()?);
        std::str::from_utf8(self.plain().slice(length)?).ok()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.plain().array()
    }

    fn byte(&mut self) -> Option<u8> {
        self.plain().byte()
    }

    fn u16(&mut self) -> Option<u16> {
        self.plain().u16()
    }

    fn u32(&mut self) -> Option<u32> {
        self.plain().u32()
    }

    fn u64(&mut self) -> Option<u64> {
        self.plain().u64()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn millis(&mut self) -> Option<UnixMillis> {
        self.array()
            .map(|bytes| UnixMillis(i64::from_be_bytes(bytes)))
    }

    fn key(&mut self) -> Option<Key32> {
        self.array().map(Key32::new)
    }

    fn secret(&mut self) -> Option<StreamSecret> {
        self.array().map(StreamSecret::new)
    }

    fn mention(&mut self) -> Option<MentionPlace> {
        Some(MentionPlace {
            carrier: self.stream()?,
            number: NumberInStream(self.u64()?),
            slot: SlotNumber(self.u32()?),
        })
    }

    fn place(&mut self) -> Option<StreamPlace> {
        Some(match self.byte()? {
            1 => StreamPlace::Person(self.person()?),
            2 => StreamPlace::Case(self.u32()?),
            _ => return None,
        })
    }

    fn activity(&mut self) -> Option<ActivityCode> {
        ActivityCode::new(self.code()?).ok()
    }

    fn party(&mut self) -> Option<PartyCode> {
        PartyCode::new(self.code()?).ok()
    }

    fn actor(&mut self) -> Option<StaffReference> {
        StaffReference::new(self.code()?).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::from(self.u16()?);
        let text = self.plain().slice(length)?;
        Some(std::str::from_utf8(text).ok()?.to_owned())
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        let count = self.byte()?;
        (0..count).map(|_| self.text()).collect()
    }
}

impl<'a> Take<'a> for Cut<'a> {
    fn plain(&mut self) -> &mut Cut<'a> {
        self
    }
}

/// A slice that fields are taken off from the front.
pub(crate) struct Cut<'a>(pub(crate) &'a [u8]);

impl<'a> Cut<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    pub(crate) fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

/// A number below 2^21 as LEB128.
pub(crate) fn put_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).expect("below 0x80"));
}

/// Such a number in its shortest spelling.
pub(crate) fn take_length(cut: &mut Cut<'_>) -> Option<usize> {
    let mut length = 0usize;
    for shift in [0, 7, 14] {
        let byte = cut.byte()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (shift == 0 || byte != 0).then_some(length);
        }
    }
    None
}
