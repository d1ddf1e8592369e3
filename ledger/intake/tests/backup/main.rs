//! Backup and restore of a whole ledger: while it writes, across crashes, and against every file that is not what was written.

mod bench;
mod crashes;
mod fuzzing;
mod refusals;
mod tail;
mod writing;
