//! The digest of a view's contents, kept up to date row by row (P-1).
//!
//! What it is: the number of rows and the sum of BLAKE3(key, value) over all rows, in four 64-bit
//! lanes that wrap. A sum and not a chain, so that the order in which rows came does not matter and
//! a changed row costs one subtraction and one addition; a sum and not XOR, so that a row counted
//! twice does not cancel itself out.
//! What it is not: evidence. Sums of 256 bits can be collided on purpose by whoever chooses many
//! rows (generalised birthday), so it finds mistakes and rot, never a liar; links and tree do that.
//! What always holds: the digest lies in the same batch as the rows it counts, with the cursor.

use std::fmt;
use std::sync::LazyLock;

const CONTEXT: &str = "counterfoil 2026 view row v2";
const LANES: usize = 4;

/// Digest of a set of rows; independent of the order in which they were written.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// Number of rows.
    pub rows: u64,
    /// Wrapping sums of the rows' BLAKE3, eight bytes a lane, little-endian.
    pub lanes: [u64; LANES],
}

impl Digest {
    /// The digest of no rows.
    pub const EMPTY: Digest = Digest {
        rows: 0,
        lanes: [0; LANES],
    };

    /// Counts a row in.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        for (lane, part) in self.lanes.iter_mut().zip(row_lanes(key, value)) {
            *lane = lane.wrapping_add(part);
        }
    }

    /// Counts a row out; the value must be the one that was counted in.
    pub fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        for (lane, part) in self.lanes.iter_mut().zip(row_lanes(key, value)) {
            *lane = lane.wrapping_sub(part);
        }
    }

    /// Exchanges a row's old value, if it had one, for its new one, if it has one.
    pub fn replace(&mut self, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) {
        if let Some(value) = old {
            self.remove(key, value);
        }
        if let Some(value) = new {
            self.add(key, value);
        }
    }

    /// Row count and lanes in 40 bytes, little-endian.
    pub fn encode(&self) -> [u8; 40] {
        let mut bytes = [0; 40];
        let words = std::iter::once(self.rows).chain(self.lanes);
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The reverse of [`Digest::encode`].
    pub fn decode(bytes: &[u8; 40]) -> Self {
        let mut words = bytes.chunks_exact(8).map(|word| {
            u64::from_le_bytes(word.try_into().expect("chunks_exact(8) gives eight bytes"))
        });
        let mut next = || words.next().expect("40 bytes are five words");
        Self {
            rows: next(),
            lanes: [next(), next(), next(), next()],
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for lane in self.lanes {
            write!(f, "{:016x}", lane.swap_bytes())?;
        }
        write!(f, "/{}", self.rows)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Keyed with the context, so that a row costs no more than its own blocks.
fn row_lanes(key: &[u8], value: &[u8]) -> [u64; LANES] {
    static KEY: LazyLock<[u8; 32]> = LazyLock::new(|| blake3::derive_key(CONTEXT, b""));
    let mut row = Vec::with_capacity(8 + key.len() + value.len());
    row.extend_from_slice(&(key.len() as u64).to_le_bytes());
    row.extend_from_slice(key);
    row.extend_from_slice(value);
    let hash = blake3::keyed_hash(&KEY, &row);
    let mut lanes = [0; LANES];
    for (lane, bytes) in lanes.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
        *lane = u64::from_le_bytes(bytes.try_into().expect("chunks_exact(8) gives eight bytes"));
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_removal_undoes() {
        let mut forward = Digest::EMPTY;
        forward.add(b"a", b"1");
        forward.add(b"b", b"2");
        let mut backward = Digest::EMPTY;
        backward.add(b"b", b"2");
        backward.add(b"a", b"0");
        assert_ne!(forward, backward);
        backward.replace(b"a", Some(b"0"), Some(b"1"));
        assert_eq!(forward, backward);
        forward.remove(b"a", b"1");
        forward.remove(b"b", b"2");
        assert_eq!(forward, Digest::EMPTY);
    }

    #[test]
    fn key_and_value_do_not_run_together_and_twice_is_not_none() {
        let mut one = Digest::EMPTY;
        one.add(b"ab", b"c");
        let mut other = Digest::EMPTY;
        other.add(b"a", b"bc");
        assert_ne!(one, other);
        one.add(b"ab", b"c");
        assert_ne!(one.lanes, Digest::EMPTY.lanes);
        assert_eq!(Digest::decode(&one.encode()), one);
    }
}
