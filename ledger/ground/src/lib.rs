//! The ground everything stands on: disk, clock and randomness, each behind a trait, each with a real and a simulated twin.
//!
//! Not here: formats, keys, threads, configuration. No other library crate asks the operating system for files, the time or random bytes.
//! Always: a caller that was given these three decides nothing by itself, so the same seed and the same calls give the same run.

mod clock;
mod disk;
mod fault;
mod filesystem;
mod random;
mod random_map;
mod real;
mod sim;

pub use clock::{Clock, SystemClock, TestClock};
pub use disk::{Disk, File, Lock, Open, PastCache, SharedDisk, Site};
pub use fault::{Calls, FaultAt, FaultDisk, FaultError, FaultPlan};
pub use filesystem::FilesystemKind;
pub use random::{Random, SeededRandom, SystemRandom, array, uuid_v4};
pub use random_map::{RandomKeyHasher, RandomMap, RandomSet};
pub use real::RealDisk;
pub use sim::{Crash, DropSync, Raw, RawKind, SimDisk, SiteTally};
