//! Leaves out of a slot the fields in which words of a special category were found.
//!
//! What it is: surgery on proto3 bytes by field numbers, before the values become text.
//! What always holds: a path that cannot be followed leaves nothing shown (`None`), never everything.

use proto::{Personal, Record, SlotNumber};

/// Field-number paths within the slot that are quarantined.
pub(crate) fn paths_of(record: &Record, slot: SlotNumber) -> Vec<Vec<u32>> {
    let of_slot = |path: &Vec<u32>| path.first() == Some(&slot.0);
    record
        .header
        .quarantined
        .iter()
        .filter(|path| of_slot(path))
        .map(|path| path[1..].to_vec())
        .collect()
}

/// The values without the fields at the paths; `None` for bytes that are no message.
pub(crate) fn without(values: Personal<Vec<u8>>, paths: &[Vec<u32>]) -> Option<Personal<Vec<u8>>> {
    let mut values = values;
    for path in paths {
        values = Personal::new(strip(values.expose(), path)?);
    }
    Some(values)
}

/// A message without the field at the path. An empty path is the whole message.
fn strip(mut message: &[u8], path: &[u32]) -> Option<Vec<u8>> {
    let Some((&first, below)) = path.split_first() else {
        return Some(Vec::new());
    };
    let mut kept = Vec::with_capacity(message.len());
    while !message.is_empty() {
        let field = take_field(&mut message)?;
        if field.number != u64::from(first) {
            kept.extend_from_slice(field.whole);
        } else if !below.is_empty() {
            let inner = strip(field.nested?, below)?;
            put_varint(field.number << 3 | 2, &mut kept);
            put_varint(inner.len() as u64, &mut kept);
            kept.extend_from_slice(&inner);
        }
    }
    Some(kept)
}

struct Field<'a> {
    number: u64,
    whole: &'a [u8],
    /// The bytes inside, of a length-delimited field.
    nested: Option<&'a [u8]>,
}

fn take_field<'a>(message: &mut &'a [u8]) -> Option<Field<'a>> {
    let start = *message;
    let tag = take_varint(message)?;
    let mut nested = None;
    match tag & 7 {
        0 => drop(take_varint(message)?),
        1 => drop(take(message, 8)?),
        5 => drop(take(message, 4)?),
        2 => {
            let length = usize::try_from(take_varint(message)?).ok()?;
            nested = Some(take(message, length)?);
        }
        _ => return None,
    }
    let whole = start.get(..start.len() - message.len())?;
    Some(Field {
        number: tag >> 3,
        whole,
        nested,
    })
}

fn take<'a>(message: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(head)
}

fn take_varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn put_varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_goes_and_the_rest_stays() {
        // { 2: { 1: "ab", 2: 7 }, 3: "kept", 300: 1 }
        let message = [
            &[0x12, 6, 0x0a, 2, b'a', b'b', 0x10, 7][..],
            &[0x1a, 4, b'k', b'e', b'p', b't'],
            &[0xe0, 0x12, 1],
        ]
        .concat();
        let stripped = strip(&message, &[2, 1]).expect("a message");
        assert_eq!(stripped, [&[0x12, 2, 0x10, 7][..], &message[8..]].concat());
        assert_eq!(
            strip(&message, &[3]).expect("a message"),
            [&message[..8], &message[14..]].concat()
        );
        assert_eq!(strip(&message, &[300]).expect("a message"), message[..14]);
        assert_eq!(strip(&message, &[9]).expect("a message"), message);
    }

    #[test]
    fn what_cannot_be_followed_shows_nothing() {
        assert_eq!(strip(&[0x12], &[2]), None);
        assert_eq!(strip(&[0x10, 7], &[2, 1]), None, "not a message");
        assert_eq!(
            strip(&[0x0a, 1, b'x'], &[]),
            Some(Vec::new()),
            "the whole slot"
        );
    }
}
