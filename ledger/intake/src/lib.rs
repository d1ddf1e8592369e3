//! Intake: from bytes at a door to a durable, sealed, chained event and its foil.
//!
//! Read [`sequence`] first: it tells the write path in the order in which things become durable.
//! What comes in is a CloudEvent; what goes out is a foil (or a coded refusal); nothing is answered before it is durable (C-2).

pub mod admit;
pub mod append;
pub mod backup;
pub mod desk;
pub mod door;
pub mod engine;
mod error;
pub mod found;
pub mod keep;
pub mod ledger;
mod mint;
pub mod own;
pub mod read;
pub mod recent;
pub mod resolve;
pub mod run;
pub mod scrub;
pub mod sequence;
pub mod step;

pub use error::IntakeError;
