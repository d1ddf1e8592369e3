//! Keeps the process's memory to itself: locked against swapping, no core dumps, no debugger of the same user.
//!
//! Not here: `unsafe`; rustix's safe calls suffice. Always: nothing fails here; what did not work is in the report, which `serve` prints.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, geteuid, getrlimit};

/// What worked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HardeningReport {
    /// All memory, present and future, stays out of swap.
    pub memory_locked: bool,
    /// The kernel writes no core dump of this process.
    pub core_dumps_off: bool,
    /// No other process of the same user may read this one's memory.
    pub dumpable_off: bool,
}

/// Locks memory and turns core dumps off, as far as the process may. Once, at start, before the vault is opened.
///
/// Memory is locked only by root or with an unlimited `RLIMIT_MEMLOCK`: under a small limit the lock would make later allocations fail.
pub fn harden_process() -> HardeningReport {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let core_dumps_off = rustix::process::setrlimit(Resource::Core, none).is_ok();
    let not_dumpable = DumpableBehavior::NotDumpable;
    let dumpable_off = rustix::process::set_dumpable_behavior(not_dumpable).is_ok();
    let may_lock = geteuid().is_root() || getrlimit(Resource::Memlock).current.is_none();
    let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let memory_locked = may_lock && mlockall(all).is_ok();
    HardeningReport {
        memory_locked,
        core_dumps_off,
        dumpable_off,
    }
}
