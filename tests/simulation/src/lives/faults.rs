//! What goes wrong in one life.
//!
//! Not rot, which comes between lives. Always: at most one planned fault a life.

use ground::FaultError;

use super::{Run, Subject};

/// What is planned to go wrong in one life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    None,
    Crash,
    FailedSync,
    FailedWrite,
    DiskFull,
    StrayRead,
    /// A crash or a failed sync in the middle of a rotation.
    InRotation,
}

impl<S: Subject> Run<S> {
    /// Plans a fault for the life that begins now.
    pub(super) fn plan(&self) -> Fault {
        let disk = &self.setting.disk;
        match self.random.below(100) {
            0..15 => Fault::None,
            15..60 => {
                disk.crash_at(
                    disk.operations()
                        + self
                            .random
                            .below(if self.random.chance(300) { 12 } else { 120 }),
                );
                Fault::Crash
            }
            60..72 => {
                disk.fail_sync(None, self.random.below(25));
                Fault::FailedSync
            }
            72..80 => {
                let error = if self.random.chance(500) {
                    FaultError::Io
                } else {
                    FaultError::NoSpace
                };
                disk.fail_write(self.random.below(40), error);
                Fault::FailedWrite
            }
            80..85 => {
                let used: u64 = disk.raw().iter().map(|raw| raw.bytes.len() as u64).sum();
                disk.limit_bytes(Some(used + self.random.below(64 << 10)));
                Fault::DiskFull
            }
            85..90 => {
                disk.misdirect_read(self.random.below(60));
                Fault::StrayRead
            }
            _ => Fault::InRotation,
        }
    }
}
