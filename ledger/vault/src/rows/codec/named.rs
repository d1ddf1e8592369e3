//! Fields of the rows of one section, where persons, streams and codes come many times: each is spelled once and numbered from then on.
//!
//! ```text
//! person, stream, code = 0 ‖ as in a row alone        its first time; it gets the next number of its kind, from 1
//!                      | number LEB128                later
//! ```
//!
//! Not here: which row has which fields (`put`, `take`). Always: reading gives what was written, whatever the order of the rows.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use proto::ids::StreamId;
use zeroize::Zeroizing;

use super::fields::{Cut, Put, Take, put_length, take_length};
use super::{ROW_BYTES_MAX, RowBytes, put, take};
use crate::error::VaultError;
use crate::rows::{PersonRef, Row};

/// Writes rows one behind the other.
pub(crate) struct NamedOut {
    bytes: RowBytes,
    persons: Names<PersonRef>,
    streams: Names<StreamId>,
    codes: Names<String>,
}

struct Names<T>(HashMap<T, usize>);

impl<T: Eq + Hash> Names<T> {
    /// The number of a name that came before; numbers it where it did not.
    fn number<Q: Eq + Hash + ToOwned<Owned = T> + ?Sized>(&mut self, name: &Q) -> Option<usize>
    where
        T: Borrow<Q>,
    {
        if let Some(number) = self.0.get(name) {
            return Some(*number);
        }
        self.0.insert(name.to_owned(), self.0.len() + 1);
        None
    }
}

impl NamedOut {
    /// Room for these rows, reserved once, so that no copy of keys is left behind by a growing buffer.
    pub(crate) fn with_room(rows: &[&Row], before: usize) -> NamedOut {
        let room: usize = rows.iter().map(|row| put::room(row)).sum();
        NamedOut {
            bytes: Zeroizing::new(Vec::with_capacity(before + room)),
            persons: Names(HashMap::new()),
            streams: Names(HashMap::new()),
            codes: Names(HashMap::new()),
        }
    }

    /// Puts bytes that are no row.
    pub(crate) fn put_raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Puts one row.
    pub(crate) fn put_row(&mut self, row: &Row) -> Result<(), VaultError> {
        let before = self.bytes.len();
        put::row(row, self)?;
        if self.bytes.len() - before > ROW_BYTES_MAX {
            return Err(VaultError::Limit("bytes of one row"));
        }
        Ok(())
    }

    /// What was put.
    pub(crate) fn bytes(self) -> RowBytes {
        self.bytes
    }
}

impl NamedOut {
    fn named(&mut self, number: Option<usize>) -> bool {
        put_length(&mut self.bytes, number.unwrap_or(0));
        number.is_some()
    }
}

impl Put for NamedOut {
    fn raw(&mut self, bytes: &[u8]) -> &mut NamedOut {
        self.bytes.raw(bytes);
        self
    }

    fn person(&mut self, person: &PersonRef) -> &mut NamedOut {
        let number = self.persons.number(person);
        if !self.named(number) {
            self.bytes.person(person);
        }
        self
    }

    fn stream(&mut self, stream: &StreamId) -> &mut NamedOut {
        let number = self.streams.number(stream);
        if !self.named(number) {
            self.bytes.stream(stream);
        }
        self
    }

    fn code(&mut self, code: &str) -> Result<&mut NamedOut, VaultError> {
        let number = self.codes.number(code);
        if !self.named(number) {
            self.bytes.code(code)?;
        }
        Ok(self)
    }
}

/// Reads rows that [`NamedOut`] wrote.
pub(crate) struct NamedIn<'a> {
    cut: Cut<'a>,
    persons: Vec<PersonRef>,
    streams: Vec<StreamId>,
    codes: Vec<&'a str>,
}

impl<'a> NamedIn<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> NamedIn<'a> {
        NamedIn {
            cut: Cut(bytes),
            persons: Vec::new(),
            streams: Vec::new(),
            codes: Vec::new(),
        }
    }

    /// The next row; `None` for bytes that are none.
    pub(crate) fn take_row(&mut self) -> Option<Row> {
        let before = self.cut.0.len();
        let row = take::row(self)?;
        (before - self.cut.0.len() <= ROW_BYTES_MAX).then_some(row)
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.cut.0
    }

    fn number(&mut self) -> Option<Option<usize>> {
        Some(take_length(&mut self.cut)?.checked_sub(1))
    }
}

impl<'a> Take<'a> for NamedIn<'a> {
    fn plain(&mut self) -> &mut Cut<'a> {
        &mut self.cut
    }

    fn person(&mut self) -> Option<PersonRef> {
        if let Some(number) = self.number()? {
            return self.persons.get(number).copied();
        }
        let person = self.cut.person()?;
        self.persons.push(person);
        Some(person)
    }

    fn stream(&mut self) -> Option<StreamId> {
        if let Some(number) = self.number()? {
            return self.streams.get(number).copied();
        }
        let stream = self.cut.stream()?;
        self.streams.push(stream);
        Some(stream)
    }

    fn code(&mut self) -> Option<&'a str> {
        if let Some(number) = self.number()? {
            return self.codes.get(number).copied();
        }
        let code = self.cut.code()?;
        self.codes.push(code);
        Some(code)
    }
}
