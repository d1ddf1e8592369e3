//! Tests of the frame as a whole, over a toy ledger and a toy view.

mod crash;
mod damage;
mod directory;
mod poison;
mod reading;
mod toy;
mod twins;

pub(crate) use toy::signal;
