//! Time: the wall clock in milliseconds and a monotonic clock in nanoseconds, the system's or a test's.
//!
//! Not here: calendars, time zones, deadlines. Always: a test's clock moves forward only, and only when told.

#![expect(
    clippy::disallowed_methods,
    reason = "this file is where the system's clocks are read"
)]

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where a crate gets the time from.
pub trait Clock: Send + Sync {
    /// The wall clock: milliseconds since 1970-01-01T00:00:00 UTC. May step back when the system's clock is set.
    fn now(&self) -> i64;
    /// Nanoseconds since some fixed moment of this process; never goes back.
    fn monotonic_ns(&self) -> u64;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic side starts at zero now.
    #[must_use]
    pub fn new() -> SystemClock {
        SystemClock {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct TestClock {
    now_ms: AtomicI64,
    monotonic_ns: AtomicU64,
}

impl TestClock {
    /// A clock that stands at this wall time.
    #[must_use]
    pub fn at(unix_ms: i64) -> TestClock {
        TestClock {
            now_ms: AtomicI64::new(unix_ms),
            monotonic_ns: AtomicU64::new(0),
        }
    }

    /// Moves both clocks forward.
    pub fn advance_ms(&self, by_ms: u32) {
        self.now_ms.fetch_add(i64::from(by_ms), Ordering::SeqCst);
        self.monotonic_ns
            .fetch_add(u64::from(by_ms) * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_clock_moves_only_when_told() {
        let clock = TestClock::at(1_000);
        assert_eq!((clock.now(), clock.monotonic_ns()), (1_000, 0));
        clock.advance_ms(5);
        assert_eq!((clock.now(), clock.monotonic_ns()), (1_005, 5_000_000));
    }

    #[test]
    fn the_system_clock_is_past_2020_and_never_goes_back() {
        let clock = SystemClock::new();
        let (first, second) = (clock.monotonic_ns(), clock.monotonic_ns());
        assert!(clock.now() > 1_577_836_800_000 && second >= first);
    }
}
