//! Admit: from outside bytes to an event the sequencer may take, or a coded refusal.
//!
//! Pure: no files, no clock, no async; time and randomness are handed in. Not here: repeats, fences
//! and order (the sequencer's), transport ([`crate::door`]). Always: what is admitted can be recorded
//! faithfully; nothing refused is ever half taken; no answer, finding or error holds a value (S-1).

pub mod cloudevent;
pub mod csv_map;
mod event;
pub mod fuzz;
pub mod id;
pub mod json;
pub mod publisher;
pub mod refusal;
pub mod screen;
pub mod time;

pub use event::{Admitted, CommittedSlot, Refused, admit};
pub use publisher::{Publisher, Token, TokenHash, TokenStore, authenticate};
pub use refusal::{Refusal, RefusalCode, RefusalCounts};
pub use screen::{Finding, FindingKind, Screen};
