//! The embedded engine: the journal of one chain on one disk, and the files derived from it.
//!
//! Not here: keys, sealing, the order of events (the sequencer's), signatures.
//! Always: nothing is acknowledged before it is durable, nothing acknowledged is lost (C-2); a changed byte below the last checkpoint is found and located (C-5).

mod check;
pub mod checkpoints;
mod error;
pub mod format;
mod frame;
pub mod fuzz;
mod heads;
mod offsets;
mod open;
pub mod pieces;
mod read;
mod recover;
mod repair;
pub mod runs;
pub mod scrub;
mod segments;
mod tail;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod tree_levels;
mod words;
mod write;

pub use checkpoints::{CheckpointStore, StoredCheckpoint, SwapError};
pub use error::{Damage, DraftError, JournalError};
pub use format::{Entry, Group, Marker, Place, What};
pub use frame::{Framer, GroupDraft, PreparedGroup, Tip};
pub use heads::{Follower, SealedFact};
pub use open::{
    Genesis, Opened, Options, ReadOnly, SITE_MARKER, SITE_MARKER_DIR, SITE_PARENT_DIR, init, open,
    open_read_only,
};
pub use read::{EntryAt, Groups, Reader, Watermark};
pub use recover::{Floor, Recovery};
pub use repair::{SITE_LAST_GROUP, SITE_SEGMENT_HEADER};
pub use runs::{RunPosition, RunSet, Runs, RunsReader, RunsScrub};
pub use scrub::{Scrub, ScrubProgress};
pub use segments::{SITE_SEGMENT_DIR, SITE_SEGMENT_FILL};
pub use tree_levels::{TreeLevels, TreeReader, TreeScrub, TreeStart};
pub use write::{Committed, SITE_GROUP, SegmentPreparer, Writer};
