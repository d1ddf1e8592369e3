//! The descriptors at run time: what build.rs writes as statics, and nothing that it does not.
//!
//! Fields always ascend by number; messages never nest in themselves.

use crate::catalogue::{Appender, Fact, RecordClass};

/// Where a field lies once recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealed {
    Clear,
    Subject,
    Mention,
}

/// The shape of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Code,
    Date,
    Instant,
    Sha256,
    StaffReference,
    Citation,
    FieldPath,
    Source,
    Origin,
    VerifierKey,
    EventType,
}

/// What a field holds.
#[derive(Clone, Copy)]
#[allow(dead_code)] // Int32 and Int64 wait for the first fact that uses them.
pub(crate) enum Kind {
    Text,
    Bool,
    Uint32,
    Uint64,
    Int32,
    Int64,
    Enum(&'static Vocabulary),
    Message(&'static Message),
}

/// The words of an enum; 0 is the unstated one.
pub(crate) struct Vocabulary {
    pub(crate) name: &'static str,
    pub(crate) words: &'static [(&'static str, i32)],
}

impl Vocabulary {
    pub(crate) fn number_of(&self, word: &str) -> Option<i32> {
        self.words
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, number)| *number)
    }

    pub(crate) fn word_of(&self, number: u64) -> Option<&'static str> {
        self.words
            .iter()
            .find(|(_, known)| u64::try_from(*known) == Ok(number))
            .map(|(w, _)| *w)
    }
}

/// One field.
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) json_name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) repeated: bool,
    pub(crate) sealed: Sealed,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
    pub(crate) reserved: bool,
    pub(crate) example: &'static str,
    pub(crate) doc: &'static str,
}

/// One message.
pub(crate) struct Message {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
}

impl Message {
    /// Finds a field by number; `hint` is where the last one was found.
    pub(crate) fn place_of(&self, number: u32, hint: usize) -> Option<usize> {
        for place in hint..self.fields.len().min(hint + 2) {
            if self
                .fields
                .get(place)
                .is_some_and(|field| field.number == number)
            {
                return Some(place);
            }
        }
        self.fields
            .binary_search_by_key(&number, |field| field.number)
            .ok()
    }

    /// Finds a field by either of its names; `hint` is where it is expected.
    pub(crate) fn place_named(&self, name: &str, hint: usize) -> Option<usize> {
        let is = |field: &Field| field.json_name == name || field.name == name;
        if self.fields.get(hint).is_some_and(is) {
            return Some(hint);
        }
        self.fields.iter().position(is)
    }

    pub(crate) fn named(&self, name: &str) -> Option<&'static Field> {
        self.place_named(name, 0)
            .and_then(|place| self.fields.get(place))
    }
}

/// The type of a slot and the paths of all its leaves.
pub(crate) struct SlotType {
    pub(crate) message: &'static Message,
    pub(crate) leaves: &'static [&'static [u32]],
}

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

#[cfg(test)]
mod tests;
