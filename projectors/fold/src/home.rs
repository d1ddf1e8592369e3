//! Where the generations of one view's store lie, and which of them is current.
//!
//! What it is: create, open, name as current, set aside, discard. A rebuild is a new generation
//! beside the current one; naming it is the swap.
//! What it is not: it folds nothing and decides nothing; the projection does.
//! What always holds: `make_current` is one durable step, so that a crash at any point leaves
//! exactly one current generation; a generation that is not current may be discarded at any time.

use crate::error::StoreError;
use crate::store::Store;

/// One build of a view's store; a later one has a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// Why a store must be built again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RebuildReason {
    /// It was not closed, and the machine has been started since: flushes may be lost or torn.
    UncleanStop,
    /// It was folded from another ledger.
    OtherLedger,
    /// Its cursor names an event that the ledger does not have.
    OtherHistory,
    /// It cannot be opened or read; the text says what was found.
    Broken(String),
}

/// What opening a generation gave.
pub enum Opened {
    /// It can go on where it stopped.
    Usable(Box<dyn Store>),
    /// It can be read but was built by another version of the view: build beside it.
    OtherVersion(Box<dyn Store>, u32),
    /// It must be built again.
    Rebuild(RebuildReason),
}

/// The generations of one view's store.
pub trait Home: Send {
    /// The generation that answers, if one was ever named.
    ///
    /// # Errors
    /// When the place cannot be read.
    fn current(&self) -> Result<Option<Generation>, StoreError>;

    /// All generations that are there, those set aside excepted.
    ///
    /// # Errors
    /// When the place cannot be read.
    fn generations(&self) -> Result<Vec<Generation>, StoreError>;

    /// A new, empty generation with its cursor at the start, durable; not yet current.
    ///
    /// # Errors
    /// When it cannot be written.
    fn create(&self, generation: Generation) -> Result<Box<dyn Store>, StoreError>;

    /// Opens a generation and judges whether it can be trusted.
    ///
    /// # Errors
    /// [`StoreError::Busy`] and [`StoreError::Io`]; a broken store is `Opened::Rebuild`.
    fn open(&self, generation: Generation) -> Result<Opened, StoreError>;

    /// Names the current generation, durably and in one step: the swap.
    ///
    /// # Errors
    /// When it cannot be written; the one before stays current.
    fn make_current(&self, generation: Generation) -> Result<(), StoreError>;

    /// Sets a broken generation aside for whoever looks into it; the one set aside before goes.
    ///
    /// # Errors
    /// When it cannot be moved.
    fn quarantine(&self, generation: Generation) -> Result<(), StoreError>;

    /// Removes a generation that is not open.
    ///
    /// # Errors
    /// When files remain.
    fn discard(&self, generation: Generation) -> Result<(), StoreError>;

    /// Removes what was set aside: no copy may outlive a rebuild after a key was destroyed.
    ///
    /// # Errors
    /// When files remain.
    fn discard_quarantine(&self) -> Result<(), StoreError>;
}
