//! The one row of the run store from which everything else is checked.
//!
//! ```text
//! root  = version u8 (=1) ‖ next batch u64 ‖ waiting [8] ‖ list [8] ‖ cursor [8] ‖ check [8]
//! check = first bytes of BLAKE3; of the root, of what precedes it in it
//! waiting check after batch n = check(check after batch n-1 ‖ n u64 ‖ the batch's bytes)
//! ```
//!
//! What it is: root → list, cursor and waiting batches; list → finders of each run; finders → blocks.
//! A row below that is missing, changed or as it was some time ago is found when it is read: sled may
//! lose or bring back single pages after a crash or on a rotten disk, and says nothing.
//! What it is not: against a liar, who could write all of them.
//! What always holds: the root lies in the same batch as whatever it names.

use super::pages::broken;
use crate::error::StoreError;
use crate::store::Cursor;
use crate::view::Table;

/// First bytes of a BLAKE3.
pub(super) type Check = [u8; 8];

/// Beside the cursor, which every batch writes too: sled writes a page for each place that a batch touches.
pub(super) const ROOT_KEY: [u8; 2] = [Table::CURSOR.0, b'r'];
const VERSION: u8 = 1;
const BYTES: usize = 1 + 5 * 8;

/// The check of some bytes.
pub(super) fn check_of(bytes: &[u8]) -> Check {
    first_of(blake3::hash(bytes))
}

/// The check of several byte strings as one.
pub(super) fn check_of_all<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Check {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    first_of(hasher.finalize())
}

fn first_of(hash: blake3::Hash) -> Check {
    *hash
        .as_bytes()
        .first_chunk()
        .expect("a BLAKE3 hash has 32 bytes")
}

/// The waiting check after one more batch.
pub(super) fn after_batch(before: Check, batch: u64, bytes: &[u8]) -> Check {
    check_of_all([&before[..], &batch.to_be_bytes(), bytes])
}

/// What the rows below must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Root {
    /// The batch that comes next.
    pub(super) next_batch: u64,
    /// After the last waiting batch.
    pub(super) waiting: Check,
    /// Of the list's bytes; of none where there is no list yet.
    pub(super) list: Check,
    /// Of the cursor's bytes.
    pub(super) cursor: Check,
}

impl Root {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.next_batch.to_be_bytes());
        for check in [self.waiting, self.list, self.cursor] {
            bytes.extend_from_slice(&check);
        }
        let check = check_of(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    /// The reverse of [`Root::encode`].
    ///
    /// # Errors
    /// [`StoreError::Broken`] for any other bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut rest = bytes;
        let root = Self::decode_from(&mut rest).filter(|root| root.encode() == bytes);
        root.ok_or_else(|| broken("the root of the runs does not hold together"))
    }

    fn decode_from(rest: &mut &[u8]) -> Option<Self> {
        if *rest.split_off_first()? != VERSION {
            return None;
        }
        let mut word = || {
            let (word, after) = rest.split_first_chunk::<8>()?;
            *rest = after;
            Some(*word)
        };
        Some(Self {
            next_batch: u64::from_be_bytes(word()?),
            waiting: word()?,
            list: word()?,
            cursor: word()?,
        })
    }

    /// Whether this is the cursor that was written with the root.
    ///
    /// # Errors
    /// [`StoreError::Broken`] for any other.
    pub(super) fn check_cursor(&self, bytes: &[u8]) -> Result<Cursor, StoreError> {
        if check_of(bytes) != self.cursor {
            return Err(broken("the cursor is not the one of the last batch"));
        }
        Cursor::decode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_reads_back_and_any_other_byte_is_refused() {
        let root = Root {
            next_batch: 77,
            waiting: after_batch([1; 8], 76, b"batch"),
            list: check_of(b"list"),
            cursor: [4; 8],
        };
        let bytes = root.encode();
        assert_eq!(Root::decode(&bytes).expect("ours"), root);
        for place in 0..bytes.len() {
            let mut other = bytes.clone();
            other[place] ^= 1;
            assert!(Root::decode(&other).is_err(), "byte {place}");
            assert!(Root::decode(&bytes[..place]).is_err(), "{place} bytes");
        }
        let elsewhere = after_batch([1; 8], 75, b"batch");
        assert_ne!(root.waiting, elsewhere, "a batch is checked at its place");
    }
}
