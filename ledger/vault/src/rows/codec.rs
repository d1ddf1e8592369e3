//! The encoding of a row, version 1.
//!
//! ```text
//! row     = kind u8 ‖ key fields ‖ value fields                     integers big-endian
//! person  = person[16] ‖ shelf u32          place = 1 ‖ person  |  2 ‖ case shelf u32
//! mention = carrier[16] ‖ number u64 ‖ slot u32
//! code    = length u8 ‖ bytes               text  = length u16 ‖ bytes (UTF-8)
//!
//!  kind              key                          value
//!   1 person         person                       label key[32]
//!   2 stream         person, stream[16]           secret[32], activity code, party code, alone u8, given u64
//!   3 case pointer   person, stream[16]           case shelf u32
//!   4 mention        person, mention              secret[32]
//!   5 person link    person, person, stream[16]
//!   6 fence mark     person, code (empty: entire) index u64
//!  10 case stream    stream[16], shelf u32        secret[32], activity code, party code
//!  20 alias          hash[16], person, stream[16]
//!  21 index          hash[16], kind u8, person, stream[16]
//!  22 stream shelf   stream[16]                   place
//!  23 mention shelf  mention                      person
//!  24 suppression    token[16], purpose code      expires i64
//!  40 record key     class u8, month u32          key[32]
//!  41 dedup key      source text, year u16        key[32]
//!  42 intake key     id[16]                       key[32]
//!  43 token          hash[32]                     publisher code, sources, families, map ids u8, from i64, until i64?
//!  44 token revoked  hash[32]                     at i64
//!  45 user           actor code                   role text, token hash[32], disabled u8
//!  46 staff name     actor code                   name text
//!  47 signing key    kind u8, from u64            secret[32], vkey text
//!  48 secret         kind u8, name u32            key[32]
//!  49 destroyed tag  tag[32]                      generation u64
//!  50 cohort stream  stream[16]                   last index u64, generation u64
//!  51 cohort mention mention                      generation u64
//!  54 cohort person person, stream[16]           generation u64
//!  52 record key use class u8, month u32          seals u64
//!  53 fenced tag     tag[32]                      index u64
//! ```
//!
//! Always: one spelling a row; what follows the last field is refused; rows sort by kind, then key.

mod fields;
mod named;
mod put;
mod take;

use zeroize::Zeroizing;

pub(crate) use fields::{Cut, put_length, take_length};
pub(crate) use named::{NamedIn, NamedOut};

use super::Row;
use crate::error::VaultError;

/// Longest encoded row, in bytes.
pub const ROW_BYTES_MAX: usize = 32 * 1024;

/// An encoded row, wiped when dropped.
pub(crate) type RowBytes = Zeroizing<Vec<u8>>;

/// Encodes one row.
pub(crate) fn encoded(row: &Row) -> Result<RowBytes, VaultError> {
    let mut out = Zeroizing::new(Vec::with_capacity(put::room(row)));
    put::row(row, &mut out)?;
    if out.len() > ROW_BYTES_MAX {
        return Err(VaultError::Limit("bytes of one row"));
    }
    Ok(out)
}

impl Row {
    /// Its bytes: kind, key, value.
    ///
    /// # Errors
    /// `Limit` where a text is longer than its length field counts or the row than [`ROW_BYTES_MAX`].
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        encoded(self)
    }

    /// Reads one row, all of `bytes`.
    ///
    /// # Errors
    /// `Malformed("row")` for anything that [`Row::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Row, VaultError> {
        let mut cut = Cut(bytes);
        let row = take::row(&mut cut).ok_or(VaultError::Malformed("row"))?;
        if cut.0.is_empty() && bytes.len() <= ROW_BYTES_MAX {
            Ok(row)
        } else {
            Err(VaultError::Malformed("row"))
        }
    }
}

/// The part of an encoded row by which it is replaced: kind and key fields.
pub(crate) fn key_of(row: &[u8]) -> Option<&[u8]> {
    let mut cut = Cut(row);
    let fixed = match cut.byte()? {
        1 => 21,
        2 | 3 | 54 => 37,
        4 => 49,
        5 => 57,
        6 => 22 + usize::from(*row.get(21)?),
        10 => 21,
        20 => 53,
        21 => 54,
        22 | 42 | 50 => 17,
        23 | 51 => 29,
        24 => 18 + usize::from(*row.get(17)?),
        40 | 48 | 52 => 6,
        41 => 5 + usize::from(u16::from_be_bytes(cut.array()?)),
        43 | 44 | 49 | 53 => 33,
        45 | 46 => 2 + usize::from(*row.get(1)?),
        47 => 10,
        _ => return None,
    };
    row.get(..fixed)
}
