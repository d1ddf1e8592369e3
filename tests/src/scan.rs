//! Looks for planted values in files and texts (S-1).
//!
//! Always: a value counts as found as text, without its spaces, in base64 (any alignment) and in UTF-16; letters' case is ignored.

use std::path::Path;

use crate::place::files;

/// What must be nowhere, with all its spellings.
pub struct Planted {
    needles: Vec<(usize, Vec<u8>)>,
}

/// Shorter values prove nothing when they are found.
const NEEDLE_BYTES_MIN: usize = 6;

impl Planted {
    /// Values that were sent to the ledger.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Planted {
        let mut needles = Vec::new();
        for (number, value) in values.into_iter().enumerate() {
            for spelling in spellings(value) {
                if spelling.len() >= NEEDLE_BYTES_MIN
                    && !needles.iter().any(|(_, known)| *known == spelling)
                {
                    needles.push((number, spelling));
                }
            }
        }
        Planted { needles }
    }

    /// Numbers of the values that these bytes hold.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<usize> {
        let lower: Vec<u8> = bytes.iter().map(u8::to_ascii_lowercase).collect();
        // Needles by their first four bytes: one pass over the bytes, whatever the number of needles.
        let mut by_start: std::collections::HashMap<&[u8], Vec<&(usize, Vec<u8>)>> =
            std::collections::HashMap::new();
        for needle in &self.needles {
            by_start.entry(&needle.1[..4]).or_default().push(needle);
        }
        let mut found = Vec::new();
        for (at, start) in lower.windows(4).enumerate() {
            if start == [0; 4] {
                continue;
            }
            for (number, needle) in by_start.get(start).into_iter().flatten() {
                if lower[at..].starts_with(needle) && !found.contains(number) {
                    found.push(*number);
                }
            }
        }
        found
    }

    /// Asserts that no file below a directory holds one, in bytes or in its name. How many bytes were read.
    ///
    /// # Panics
    /// Naming the file and the number of the value, never the value.
    #[track_caller]
    pub fn assert_not_below(&self, dir: &Path) -> u64 {
        let mut read = 0;
        for path in files(dir).expect("the directory can be listed") {
            let bytes = std::fs::read(&path).expect("the file can be read");
            read += bytes.len() as u64;
            let found = self.found_in(&bytes);
            assert!(
                found.is_empty(),
                "planted values {found:?} are in {}",
                path.display()
            );
            let name = path.to_string_lossy();
            assert!(
                self.found_in(name.as_bytes()).is_empty(),
                "a planted value names {name}"
            );
        }
        read
    }
}

fn spellings(value: &str) -> Vec<Vec<u8>> {
    let lower = value.to_lowercase();
    let packed: String = lower
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    let utf16 = lower.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut all = vec![lower.clone().into_bytes(), packed.into_bytes(), utf16];
    // In base64 the inner characters of a value depend on its place modulo three; the outer ones on neighbours too.
    for shift in 0..3 {
        let mut bytes = vec![0; shift];
        bytes.extend(value.as_bytes());
        let text = base64(&bytes);
        let inner = text
            .get(4..text.len().saturating_sub(4))
            .unwrap_or_default();
        all.push(inner.to_ascii_lowercase().into_bytes());
    }
    all
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three
            .iter()
            .fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place) & 63) as usize];
            text.push(char::from(letter));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_every_spelling() {
        let planted = Planted::new(["Ada Birtwistle", "ZZ1 2AB"]);
        let check = |bytes: &[u8]| planted.found_in(bytes);
        assert_eq!(check(b"xx ada birtwistle"), [0]);
        assert_eq!(check(b"ADABIRTWISTLE"), [0]);
        assert_eq!(check(b"zz12ab!"), [1]);
        assert_eq!(check(base64(b"..Ada Birtwistle..").as_bytes()), [0]);
        assert_eq!(check(base64(b"...Ada Birtwistle..").as_bytes()), [0]);
        assert!(check(b"Ada Birtwhistle").is_empty());
    }
}
