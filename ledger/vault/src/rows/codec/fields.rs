//! The fields that rows are made of, put at the end of a buffer and taken off the front of a slice.
//!
//! Not here: which row has which fields (`codec`). Always: a field that is not whole, or not in its one spelling, is refused.

use proto::ids::{
    ActivityCode, NumberInStream, PartyCode, SlotNumber, StaffReference, StreamId, UnixMillis,
};

use super::RowBytes;
use crate::error::VaultError;
use crate::keys::{Key32, StreamSecret};
use crate::rows::{MentionPlace, PersonRef, StreamPlace};

/// Puts fields at the end of a row.
pub(super) struct Out(pub(super) RowBytes);

impl Out {
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Out {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn kind(&mut self, kind: u8) -> &mut Out {
        self.raw(&[kind])
    }

    pub(super) fn person(&mut self, person: &PersonRef) -> &mut Out {
        self.raw(&person.person).raw(&person.shelf.to_be_bytes())
    }

    pub(super) fn mention(&mut self, mention: &MentionPlace) -> &mut Out {
        self.raw(&mention.carrier.0)
            .raw(&mention.number.0.to_be_bytes())
            .raw(&mention.slot.0.to_be_bytes())
    }

    pub(super) fn place(&mut self, place: &StreamPlace) -> &mut Out {
        match place {
            StreamPlace::Person(person) => self.raw(&[1]).person(person),
            StreamPlace::Case(shelf) => self.raw(&[2]).raw(&shelf.to_be_bytes()),
        }
    }

    pub(super) fn code(&mut self, code: &str) -> Result<&mut Out, VaultError> {
        let length = u8::try_from(code.len()).map_err(|_| VaultError::Limit("bytes of a code"))?;
        Ok(self.raw(&[length]).raw(code.as_bytes()))
    }

    pub(super) fn text(&mut self, text: &str) -> Result<&mut Out, VaultError> {
        let length = u16::try_from(text.len()).map_err(|_| VaultError::Limit("bytes of a text"))?;
        Ok(self.raw(&length.to_be_bytes()).raw(text.as_bytes()))
    }

    pub(super) fn texts(&mut self, texts: &[String]) -> Result<&mut Out, VaultError> {
        let count = u8::try_from(texts.len()).map_err(|_| VaultError::Limit("texts of a list"))?;
        self.raw(&[count]);
        for text in texts {
            self.text(text)?;
        }
        Ok(self)
    }
}

/// Takes fields off the front of a slice; `None` where they are not there.
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

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn millis(&mut self) -> Option<UnixMillis> {
        self.array()
            .map(|bytes| UnixMillis(i64::from_be_bytes(bytes)))
    }

    pub(super) fn key(&mut self) -> Option<Key32> {
        self.array().map(Key32::new)
    }

    pub(super) fn secret(&mut self) -> Option<StreamSecret> {
        self.array().map(StreamSecret::new)
    }

    pub(super) fn stream(&mut self) -> Option<StreamId> {
        self.array().map(StreamId)
    }

    pub(super) fn person(&mut self) -> Option<PersonRef> {
        Some(PersonRef {
            person: self.array()?,
            shelf: self.u32()?,
        })
    }

    pub(super) fn mention(&mut self) -> Option<MentionPlace> {
        Some(MentionPlace {
            carrier: self.stream()?,
            number: NumberInStream(self.u64()?),
            slot: SlotNumber(self.u32()?),
        })
    }

    pub(super) fn place(&mut self) -> Option<StreamPlace> {
        Some(match self.byte()? {
            1 => StreamPlace::Person(self.person()?),
            2 => StreamPlace::Case(self.u32()?),
            _ => return None,
        })
    }

    pub(super) fn code(&mut self) -> Option<&'a str> {
        let length = usize::from(self.byte()?);
        std::str::from_utf8(self.slice(length)?).ok()
    }

    pub(super) fn activity(&mut self) -> Option<ActivityCode> {
        ActivityCode::new(self.code()?).ok()
    }

    pub(super) fn party(&mut self) -> Option<PartyCode> {
        PartyCode::new(self.code()?).ok()
    }

    pub(super) fn actor(&mut self) -> Option<StaffReference> {
        StaffReference::new(self.code()?).ok()
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = usize::from(self.u16()?);
        Some(std::str::from_utf8(self.slice(length)?).ok()?.to_owned())
    }

    pub(super) fn texts(&mut self) -> Option<Vec<String>> {
        let count = self.byte()?;
        (0..count).map(|_| self.text()).collect()
    }
}
