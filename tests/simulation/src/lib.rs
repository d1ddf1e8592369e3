//! The simulation: whole lives of a ledger on a disk that lies, judged by an auditor that shares no code with it.
//!
//! Comes in: a seed. Goes out: nothing, or the broken promise with the seed that shows it.
//! Not here: the disk (`ground`), the engine. Always: the same seed gives the same run.

pub mod auditor;
pub mod book;
pub mod deeds;
pub mod lives;
pub mod removal;
pub mod subject;
