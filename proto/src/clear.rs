//! The clear half of every fact as plain typed messages: what views fold.
//!
//! Generated from the catalogue with the sealed fields left out, so no personal data can be inside and
//! `Debug` is harmless. Words of a vocabulary are prost enumerations with accessor methods.

#![allow(missing_docs, clippy::doc_markdown)]

use prost::Message as _;

include!(concat!(env!("OUT_DIR"), "/counterfoil.v1.clear.rs"));
include!(concat!(env!("OUT_DIR"), "/clear_facts.rs"));
