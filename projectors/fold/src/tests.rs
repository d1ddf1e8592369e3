//! Tests of the frame as a whole, over a toy ledger and a toy view.

mod crash;
mod directory;
mod poison;
mod toy;
mod twins;

pub(crate) use toy::signal;
