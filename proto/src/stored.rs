//! The generated messages of record.proto and foil.proto, with their proto3 JSON. Private: `record` and
//! `foil` say what of them is public.

#![allow(missing_docs, unreachable_pub)]

include!(concat!(env!("OUT_DIR"), "/counterfoil.v1.rs"));
include!(concat!(env!("OUT_DIR"), "/counterfoil.v1.serde.rs"));
