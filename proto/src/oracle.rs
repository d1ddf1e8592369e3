//! A second opinion for tests: the same types by prost and pbjson, which share no code with ours.

use prost::Message as _;

#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic
)]
pub(crate) mod wire {
    include!(concat!(env!("OUT_DIR"), "/wire/counterfoil.v1.rs"));
    include!(concat!(env!("OUT_DIR"), "/wire/counterfoil.v1.serde.rs"));
}

include!(concat!(env!("OUT_DIR"), "/wire/oracle.rs"));
