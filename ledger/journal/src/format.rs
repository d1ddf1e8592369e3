//! The bytes of the journal on disk: sizes, limits, and why a piece of bytes is refused. FORMAT.md beside Cargo.toml is the drawing.
//!
//! Not here: files, syncs, what a refusal means for a start (see `recover`). Nothing here reads or writes anything but slices.
//! Always: integers are big-endian; every decoder takes exactly what its encoder wrote and refuses everything else; versions never change in place.

mod bytes;
mod group;
mod head;
mod marker;
mod segment;
#[cfg(test)]
mod tests;
mod watermark;

pub(crate) use bytes::{Take, crc, first_non_zero, put};
pub(crate) use group::outer_digest;
pub use group::{
    Depth, Expected, Group, GroupHeader, GroupStart, Place, aligned, decode_group, encode_group,
    encoded_length,
};
pub use head::{Entry, Head, decode_head, encode_head, head_length};
pub(crate) use head::{entry_allowed, link_in_place, link_previous};
pub use marker::Marker;
pub(crate) use marker::lengths_allowed;
pub use segment::SegmentHeader;
pub use watermark::WatermarkRecord;

use std::fmt;

use crate::words::Index;

/// The disk's atom and the grid on which groups start, in bytes.
pub const SECTOR_BYTES: u64 = 512;
/// The segment header, in bytes.
pub const SEGMENT_HEADER_BYTES: u64 = 4096;
/// A segment's length unless `init` says otherwise, in bytes.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 << 20;
/// A segment's shortest length, in bytes: its header and one small group.
pub const SEGMENT_BYTES_MIN: u64 = SEGMENT_HEADER_BYTES + 16 * SECTOR_BYTES;
/// A segment's longest length, in bytes: places inside it are 32 bits.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// A group's longest length without its padding, in bytes.
pub const GROUP_BYTES_MAX: u64 = 8 << 20;
/// A group header, in bytes.
pub const GROUP_HEADER_BYTES: usize = 96;
/// The two digests that end a group, in bytes.
pub const GROUP_DIGEST_BYTES: usize = 64;
/// A link, in bytes (section 2 of the design; `chain` encodes it).
pub const LINK_BYTES: usize = 77;
/// An idtag, in bytes.
pub const IDTAG_BYTES: usize = 16;
/// The longest sealed record, in bytes.
pub const RECORD_BYTES_MAX: u64 = 1 << 20;
/// The longest sealed slot, in bytes.
pub const SLOT_BYTES_MAX: u64 = 4 << 20;
/// The most slots one entry may have.
pub const SLOTS_MAX: u64 = 1024;
/// What a head costs beyond its record and the lengths of slots after the first, in bytes, at the lengths that occur most (two-byte varints).
pub const HEAD_OVERHEAD_BYTES: usize = IDTAG_BYTES + LINK_BYTES + 4 + 2 + 1 + 2;

const _: () = assert!(HEAD_OVERHEAD_BYTES <= 110, "the bytes-per-event budget");
const _: () = assert!(
    GROUP_HEADER_BYTES as u64 <= SECTOR_BYTES,
    "a header lies in one atom"
);
const _: () = assert!(
    SEGMENT_HEADER_BYTES.is_multiple_of(SECTOR_BYTES),
    "groups start on the grid"
);
const _: () = assert!(
    SEGMENT_BYTES_DEFAULT.is_multiple_of(SECTOR_BYTES),
    "segments end on the grid"
);
const _: () = assert!(
    SEGMENT_BYTES_DEFAULT >= SEGMENT_HEADER_BYTES + GROUP_BYTES_MAX,
    "a group fits"
);
const _: () = assert!(SEGMENT_BYTES_MAX <= u32::MAX as u64, "places are 32 bits");

/// Why bytes are not what they should be: the first thing that is wrong, where in the piece, and which index it names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken {
    /// What is wrong.
    pub what: What,
    /// Bytes from the start of the piece (group, segment header, file) to the field that is wrong.
    pub at: u64,
    /// The entry it lies in, where it lies in one.
    pub index: Option<Index>,
}

/// The ways in which bytes are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Fewer bytes than the piece needs.
    Short,
    /// Another magic number: not a piece of this kind.
    Magic,
    /// A version that this program does not read.
    Version,
    /// The CRC differs.
    Checksum,
    /// A length beyond its limit, or lengths that do not add up.
    Length,
    /// Bytes that must be zero are not.
    NotZero,
    /// A varint that is not minimal.
    Varint,
    /// A whole header that names another place than the one it lies at.
    WrongPlace,
    /// A whole header with another group number than the next one.
    WrongNumber,
    /// A whole header with another first index than the next one.
    WrongFirst,
    /// A whole header that names another previous group.
    WrongPrevious,
    /// A whole segment header of another ledger or chain.
    WrongLedger,
    /// The outer digest differs: header, heads or vault section were changed.
    OuterDigest,
    /// The full digest differs: something was changed, and where the outer digest holds, a slot.
    FullDigest,
    /// A link that is not one: version, chain or index are not what its place says (C-1).
    Link,
    /// A link that does not name the link before it (C-1).
    LinkPrevious,
    /// A text that is not what it should be.
    Text,
    /// A segment file that is missing, or not of its full length.
    Segment,
    /// The journal ends below the last stored checkpoint.
    Missing,
    /// A whole later group behind a broken one: no honest crash leaves that.
    LaterGroup,
    /// Bytes behind the last group that are not zeros.
    Behind,
    /// The root of the tree is not the one in the checkpoint.
    Root,
}

impl What {
    /// The reason in words, for errors and reports.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            What::Short => "too few bytes",
            What::Magic => "no magic number",
            What::Version => "unknown version",
            What::Checksum => "checksum differs",
            What::Length => "lengths do not add up or exceed a limit",
            What::NotZero => "bytes that must be zero are not",
            What::Varint => "a varint is not minimal",
            What::WrongPlace => "header of another place",
            What::WrongNumber => "header of another group number",
            What::WrongFirst => "header of another first index",
            What::WrongPrevious => "header names another previous group",
            What::WrongLedger => "header of another ledger or chain",
            What::OuterDigest => "outer digest differs",
            What::FullDigest => "full digest differs",
            What::Link => "link of another place",
            What::LinkPrevious => "link does not name the one before it",
            What::Text => "a text is not valid",
            What::Segment => "segment file missing or not of its full length",
            What::Missing => "the journal ends below the last checkpoint",
            What::LaterGroup => "a whole later group behind a broken one",
            What::Behind => "bytes behind the last group",
            What::Root => "the tree's root is not the checkpoint's",
        }
    }
}

impl Broken {
    /// Wrong at `at`, in no particular entry.
    #[must_use]
    pub fn new(what: What, at: u64) -> Broken {
        Broken {
            what,
            at,
            index: None,
        }
    }

    /// The same, inside an entry.
    #[must_use]
    pub fn in_entry(self, index: Index) -> Broken {
        Broken {
            index: Some(index),
            ..self
        }
    }

    /// The same, `by` bytes further on.
    #[must_use]
    pub fn moved(self, by: u64) -> Broken {
        Broken {
            at: self.at.saturating_add(by),
            ..self
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what.words(), self.at)
    }
}
