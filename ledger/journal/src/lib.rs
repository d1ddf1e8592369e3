//! The embedded engine: the journal of one chain on one disk, and the files derived from it.
//!
//! Not here: keys, sealing, the order of events (the sequencer's), signatures.
//! Always: nothing is acknowledged before it is durable, nothing acknowledged is lost (C-2); a changed byte below the last checkpoint is found and located (C-5).

mod check;
mod error;
pub mod format;
mod frame;
mod offsets;
mod open;
mod read;
mod recover;
mod repair;
mod segments;
mod words;
mod write;

pub use error::{Damage, DraftError, JournalError};
pub use format::{Entry, Group, Marker, Place, What};
pub use frame::{Framer, GroupDraft, PreparedGroup, Tip};
pub use open::{
    Genesis, Opened, Options, ReadOnly, SITE_MARKER, SITE_MARKER_DIR, SITE_PARENT_DIR, init, open,
    open_read_only,
};
pub use read::{EntryAt, Groups, Reader, Watermark};
pub use recover::{Floor, Recovery};
pub use repair::{SITE_LAST_GROUP, SITE_SEGMENT_HEADER, SITE_TORN_TAIL};
pub use segments::{SITE_SEGMENT_DIR, SITE_SEGMENT_FILL};
pub use write::{Committed, SITE_GROUP, SegmentPreparer, Writer};
