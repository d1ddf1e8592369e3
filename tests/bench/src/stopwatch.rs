//! The one place of the bench that reads a clock.
#![expect(
    clippy::disallowed_methods,
    reason = "measuring time is what a bench is for"
)]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Time since it was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch {
    began: Instant,
}

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Stopwatch {
        Stopwatch {
            began: Instant::now(),
        }
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Microseconds since the start.
    pub(crate) fn micros(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }
}

/// Seconds since 1970, UTC.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
