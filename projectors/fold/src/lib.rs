//! The frame in which views are folded from the ledger's events: feed, view, store, runner, rebuild.
//!
//! What it is: a view says purely what one event changes; the runner performs the changes and moves
//! the cursor in one batch of the view's store; the projection keeps the store usable (marker,
//! quarantine, rebuild beside and swap).
//! What it is not: it opens no vault, decides nothing about law, and holds no personal data; what a
//! store holds can always be rebuilt from the ledger.
//! What always holds: P-1 (the digest of a view equals that of a rebuild at the same index) and P-2
//! (no event is skipped; a view that cannot apply one stops and says which).

mod contained;
mod digest;
mod directory_home;
mod error;
mod feed;
mod home;
mod marker;
mod overlay;
mod parks;
mod projection;
mod replay;
mod runner;
mod signals;
mod slot;
mod store;
mod view;

pub mod adversarial_store;
pub mod memory_store;
pub mod redb_store;
pub mod runs;
pub mod sled_store;

pub use contained::panic_is_contained;
pub use digest::Digest;
pub use directory_home::{DirectoryHome, Engine};
pub use error::{FoldError, StoreError};
pub use feed::{Event, Feed, FeedError};
pub use home::{Generation, Home, Opened, RebuildReason};
pub use marker::{BootId, Identity, Marker};
pub use projection::{Comparison, Opening, Progress, Projection, RebuildOutcome, ViewStatus};
pub use replay::replay;
pub use runner::PoisonedAt;
pub use runs::Sizes;
pub use signals::{RecordKey, Signal};
pub use slot::{ReadView, ViewReader};
pub use store::{BATCH_ROWS_MAX, Batch, Cursor, Row, Snapshot, Store};
pub use view::{Change, Changes, EVENT_ROWS_MAX, Forgotten, Poison, Rows, Table, View, row_key};

#[cfg(test)]
mod tests;
