//! The narrow trait behind which a view's rows lie, and the cursor kept beside them.
//!
//! What it is: apply, get, scan, cursor, sync, close, destroy; no transactions, no watches.
//! What it is not: a place for anything that cannot be rebuilt, and no promise to any client.
//! What always holds: the rows of a batch, the cursor and the digest are there together or not at
//! all (D4), also after a crash; what follows the last `sync` may be lost in order.

use std::sync::Arc;

use proto::{Hash, Index};

use crate::digest::Digest;
use crate::error::StoreError;
use crate::memory_store::Copied;
use crate::view::{Table, row_key};

/// Rows of one batch, the cursor's included (sled 0.34 grows without bound on large batches).
pub const BATCH_ROWS_MAX: usize = 256;

/// Full key (table byte first) and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// How far a view has come. Written in the batch that brings it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The event that comes next; all before it are folded.
    pub next: Index,
    /// Link hash of the event before `next`: a cursor over another history is found by it.
    pub link_hash: Hash,
    /// Digest of the view's rows, the cursor's own excepted.
    pub digest: Digest,
}

impl Cursor {
    const VERSION: u8 = 2;
    const BYTES: usize = 1 + 8 + 32 + 40 + 8;

    /// Before the first event.
    pub const START: Cursor = Cursor {
        next: Index(0),
        link_hash: Hash([0; 32]),
        digest: Digest::EMPTY,
    };

    /// `version u8 (=2) ‖ next u64 ‖ link hash [32] ‖ digest [40] ‖ check [8]`, the check being the
    /// first bytes of the BLAKE3 of what precedes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.push(Self::VERSION);
        bytes.extend_from_slice(&self.next.0.to_be_bytes());
        bytes.extend_from_slice(&self.link_hash.0);
        bytes.extend_from_slice(&self.digest.encode());
        let check = check_of(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    /// The reverse of [`Cursor::encode`].
    ///
    /// # Errors
    /// [`StoreError::Broken`] for any other length, version or check.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let broken = || StoreError::Broken("the cursor's row does not hold together".into());
        if bytes.len() != Self::BYTES {
            return Err(broken());
        }
        let (body, check) = bytes.split_at_checked(Self::BYTES - 8).ok_or_else(broken)?;
        if check != check_of(body) {
            return Err(broken());
        }
        let (&version, rest) = body.split_first().ok_or_else(broken)?;
        let (next, rest) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
        let (link_hash, rest) = rest.split_first_chunk::<32>().ok_or_else(broken)?;
        let digest = rest.first_chunk::<40>().ok_or_else(broken)?;
        if version != Self::VERSION {
            return Err(broken());
        }
        Ok(Self {
            next: Index(u64::from_be_bytes(*next)),
            link_hash: Hash(*link_hash),
            digest: Digest::decode(digest),
        })
    }

    /// Where every store keeps it.
    pub(crate) fn key() -> Vec<u8> {
        row_key(Table::CURSOR, b"cursor")
    }
}

fn check_of(bytes: &[u8]) -> [u8; 8] {
    *blake3::hash(bytes)
        .as_bytes()
        .first_chunk()
        .expect("a BLAKE3 hash has 32 bytes")
}

/// Changes that are there together: rows with their new value, or none when they are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Full keys, each once; fewer than [`BATCH_ROWS_MAX`].
    pub rows: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// One view's rows at one position: what is applied meanwhile is not in it, and does not wait for it.
pub trait Snapshot: Send + Sync {
    /// The value of one row.
    ///
    /// # Errors
    /// As for [`Store::get`].
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// As [`Store::scan`].
    ///
    /// # Errors
    /// As there.
    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError>;

    /// The position.
    ///
    /// # Errors
    /// As for [`Store::cursor`].
    fn cursor(&self) -> Result<Cursor, StoreError> {
        cursor_in(self.get(&Cursor::key())?)
    }
}

fn cursor_in(row: Option<Vec<u8>>) -> Result<Cursor, StoreError> {
    match row {
        Some(bytes) => Cursor::decode(&bytes),
        None => Err(StoreError::Broken("the cursor is missing".into())),
    }
}

/// One view's rows.
pub trait Store: Send + Sync {
    /// Writes the batch and the cursor together (D4). A crash leaves both or neither.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when the store must be rebuilt, [`StoreError::Io`] when the disk refused.
    fn apply(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError>;

    /// The value of one row.
    ///
    /// # Errors
    /// As for `apply`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` rows whose key begins with `prefix` and is not below `from`, ascending.
    ///
    /// # Errors
    /// As for `apply`.
    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError>;

    /// How far the view has come. A missing cursor is [`StoreError::Broken`]: creation wrote one.
    ///
    /// # Errors
    /// As for `apply`.
    fn cursor(&self) -> Result<Cursor, StoreError> {
        cursor_in(self.get(&Cursor::key())?)
    }

    /// The rows as they are now, for those who read while others are applied. A copy, unless the store
    /// can do better; one that serves must.
    ///
    /// # Errors
    /// As for `get`.
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let rows = self.scan(&[], &[], usize::MAX)?;
        Ok(Arc::new(Copied::of(rows)))
    }

    /// Makes everything applied so far survive a power cut.
    ///
    /// # Errors
    /// As for `apply`.
    fn sync(&self) -> Result<(), StoreError>;

    /// Syncs, marks the store as stopped cleanly and lets go of it.
    ///
    /// # Errors
    /// As for `apply`.
    fn close(self: Box<Self>) -> Result<(), StoreError>;

    /// Removes the store and its files.
    ///
    /// # Errors
    /// [`StoreError::Io`] when files remain; the caller may try again with `Home::discard`.
    fn destroy(self: Box<Self>) -> Result<(), StoreError>;
}

/// Our own mistake, never the world's: a batch that is too large would make sled grow for good.
pub(crate) fn assert_fits(batch: &Batch) {
    assert!(
        batch.rows.len() < BATCH_ROWS_MAX,
        "a batch holds {} rows",
        batch.rows.len()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_any_other_byte_is_refused() {
        let mut digest = Digest::EMPTY;
        digest.add(b"k", b"v");
        let cursor = Cursor {
            next: Index(77),
            link_hash: Hash([9; 32]),
            digest,
        };
        let bytes = cursor.encode();
        assert_eq!(Cursor::decode(&bytes).expect("own encoding"), cursor);
        for place in 0..bytes.len() {
            let mut other = bytes.clone();
            other[place] ^= 1;
            assert!(Cursor::decode(&other).is_err(), "byte {place}");
        }
        assert!(Cursor::decode(&bytes[1..]).is_err());
    }
}
