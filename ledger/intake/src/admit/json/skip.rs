//! Passing over JSON: where a text, an object or an item of a batch ends, by quotes and brackets alone.
//!
//! It validates nothing; [`super::object`] and [`super::check`] do. Always: it ends inside the document,
//! and where the document is well-formed it ends where a parser would.

use super::malformed;
use crate::admit::refusal::{Refusal, RefusalCode};

/// Splits a top-level array into the bytes of its items, looking only at quotes and brackets, so
/// that one malformed item does not lose the others.
///
/// # Errors
/// When the outer array is not closed, is followed by something, or has more than `items_max`.
pub fn array_items(bytes: &[u8], items_max: usize) -> Result<Vec<&[u8]>, Refusal> {
    let body = bytes.trim_ascii();
    let Some(inside) = body.strip_prefix(b"[") else {
        return Err(malformed("a batch is a JSON array"));
    };
    let mut items = Vec::new();
    let (mut start, mut depth, mut at) = (0_usize, 0_usize, 0_usize);
    loop {
        let Some(&byte) = inside.get(at) else {
            return Err(malformed("the array of the batch is not closed"));
        };
        let item = inside.get(start..at).unwrap_or_default().trim_ascii();
        match byte {
            b'"' => at = end_of_text(inside, at)?,
            b'{' | b'[' => depth += 1,
            b']' if depth == 0 => {
                if !(item.is_empty() && items.is_empty()) {
                    push_item(&mut items, item, items_max)?;
                }
                break;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                push_item(&mut items, item, items_max)?;
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    if inside
        .get(at + 1..)
        .is_some_and(|rest| !rest.trim_ascii().is_empty())
    {
        return Err(malformed("something follows the array of the batch"));
    }
    Ok(items)
}

/// Adds one item of a batch, refusing the batch at the first item too many.
fn push_item<'a>(items: &mut Vec<&'a [u8]>, item: &'a [u8], max: usize) -> Result<(), Refusal> {
    if items.len() == max {
        return Err(Refusal::new(
            RefusalCode::BatchTooLarge,
            "",
            format!("a batch has at most {max} events"),
        ));
    }
    items.push(item);
    Ok(())
}

/// Index of the quote that closes the text opened at `at`.
fn end_of_text(bytes: &[u8], at: usize) -> Result<usize, Refusal> {
    let mut at = at + 1;
    loop {
        at += plain(bytes.get(at..).unwrap_or_default());
        match bytes.get(at) {
            None => return Err(malformed("a text is not closed")),
            Some(b'"') => return Ok(at),
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// Index behind the bracket that closes the object or array opened at `at`, looking only at quotes and
/// brackets: right where it is well-formed, and inside the document everywhere.
pub(super) fn end_of_nested(bytes: &[u8], at: usize) -> Result<usize, Refusal> {
    let (mut at, mut depth) = (at, 0_usize);
    loop {
        match bytes.get(at) {
            None => return Err(malformed("an object or array is not closed")),
            Some(b'"') => at = end_of_text(bytes, at)?,
            Some(b'{' | b'[') => depth += 1,
            Some(b'}' | b']') if depth == 1 => return Ok(at + 1),
            Some(b'}' | b']') => depth -= 1,
            Some(_) => {}
        }
        at += 1;
    }
}

/// How many bytes at the front of a text mean themselves: no quote, escape or control character.
/// Most bytes of an event do, so they are passed over a word at a time.
pub(super) fn plain(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    let stops = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        let zeros = |word: u64| word.wrapping_sub(EACH) & !word & (EACH << 7);
        let quotes = zeros(word ^ (EACH * u64::from(b'"')));
        let escapes = zeros(word ^ (EACH * u64::from(b'\\')));
        // Bytes from 0x80 up are parts of characters; they have the high bit and are no control.
        let controls = word.wrapping_sub(EACH * 0x20) & !word & (EACH << 7);
        quotes | escapes | controls
    };
    let mut passed = 0;
    for word in words {
        let stops = stops(word);
        if stops != 0 {
            // The lowest mark is exact: a borrow only ever reaches bytes above it.
            return passed + stops.trailing_zeros() as usize / 8;
        }
        passed += word.len();
    }
    let stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    passed + rest.iter().position(stop).unwrap_or(rest.len())
}

/// One in each byte of a word.
const EACH: u64 = 0x0101_0101_0101_0101;
