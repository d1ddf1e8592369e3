//! A decoder of the journal's files, written from the drawing in `ledger/journal/FORMAT.md` and
//! sharing no code with the engine.
//!
//! Slices in, decoded pieces or the first wrong field out. Always: big-endian; reserved bytes zero;
//! a varint is minimal; nothing is read past its piece.

mod checkpoint;
mod group;
mod segment;
mod take;

pub(crate) use checkpoint::checkpoint_note;
pub(crate) use group::{
    Digests, Entries, Entry, GROUP_HEADER_BYTES, GroupHeader, LENGTH_MAX, decode_body,
};
pub(crate) use segment::{
    Marker, SEGMENT_HEADER_BYTES, SegmentHeader, WATERMARK_BYTES, Watermark, segment_name,
    segment_number,
};

/// The grid on which groups start, in bytes.
pub(crate) const SECTOR_BYTES: u64 = 512;

/// What is wrong with a piece, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) rule: &'static str,
    /// Bytes from the start of the piece.
    pub(crate) at: u64,
    /// Index of the entry it lies in, counted from the first of its group.
    pub(crate) entry: Option<u64>,
    pub(crate) expected: String,
    pub(crate) actual: String,
}

impl Wrong {
    pub(crate) fn new(
        rule: &'static str,
        at: u64,
        expected: impl ToString,
        actual: impl ToString,
    ) -> Self {
        Self {
            rule,
            at,
            entry: None,
            expected: expected.to_string(),
            actual: actual.to_string(),
        }
    }
}
