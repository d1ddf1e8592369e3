//! The embedded engine: the journal of one chain on one disk, and the files derived from it.
//!
//! Not here: keys, sealing, the order of events (the sequencer's), signatures.
//! Always: nothing is acknowledged before it is durable, nothing acknowledged is lost (C-2); a changed byte below the last checkpoint is found and located (C-5).

pub mod format;
mod words;
