//! The few proto3 forms that a foil needs, in their one deterministic spelling.
//!
//! Ascending field numbers, no unknown fields, no defaults, shortest varints: a reader refuses
//! everything else, so that two files never mean the same foil.

use crate::ChainError;

const VARINT: u64 = 0;
const BYTES: u64 = 2;

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends an unsigned field; zero is the default and is not written.
pub(crate) fn put_unsigned(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        put_varint(out, field << 3 | VARINT);
        put_varint(out, value);
    }
}

/// Appends a bytes or string field; empty is the default and is not written.
pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    if !value.is_empty() {
        put_element(out, field, value);
    }
}

/// Appends one element of a repeated bytes field, empty or not.
pub(crate) fn put_element(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    put_varint(out, field << 3 | BYTES);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// One field as read.
pub(crate) enum Value<'a> {
    Unsigned(u64),
    Bytes(&'a [u8]),
}

/// Takes the next field off `bytes`; `None` at the end.
pub(crate) fn next<'a>(
    bytes: &mut &'a [u8],
    what: &'static str,
) -> Result<Option<(u64, Value<'a>)>, ChainError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let wrong = ChainError::malformed(what, "not proto3 in its one deterministic form");
    let tag = take_varint(bytes).ok_or(wrong)?;
    let value = match tag & 7 {
        VARINT => Value::Unsigned(take_varint(bytes).ok_or(wrong)?),
        BYTES => {
            let length = take_varint(bytes).ok_or(wrong)?;
            let length = usize::try_from(length).map_err(|_| wrong)?;
            let (value, rest) = bytes.split_at_checked(length).ok_or(wrong)?;
            *bytes = rest;
            Value::Bytes(value)
        }
        _ => return Err(wrong),
    };
    Ok(Some((tag >> 3, value)))
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            // A last byte of zero could have been left out.
            return (*byte != 0 || shift == 0).then_some(value);
        }
    }
    None
}
