//! Intake: from bytes at a door to a durable, sealed, chained event and its foil.
//!
//! Read [`sequence`] first: it tells the write path in the order in which things become durable.
//! What comes in is a CloudEvent; what goes out is a foil (or a coded refusal); nothing is answered before it is durable (C-2).

pub mod admit;
pub mod door;
pub mod engine;
pub mod sequence;
