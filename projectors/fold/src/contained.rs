//! Panics that go no further than the call they happen in: sled's, and a view's own.
//!
//! What it is: the one `catch_unwind` of this crate, and the word for a process that ends itself on every
//! other panic: its hook asks [`panic_is_contained`] first.
//! What it is not: a way on with what broke. The caller sets the store aside, or stops the view.
//! What always holds: a thread is marked for exactly as long as the call lasts.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// How many calls of [`contained`] this thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// What sled calls the threads that read and write its file. It catches their panics itself and refuses
/// to go on afterwards.
const SLED_THREADS: &str = "sled-io-";

/// True while a panic of the current thread would be caught and judged by this crate or by sled.
pub fn panic_is_contained() -> bool {
    let of_sled = || {
        let thread = std::thread::current();
        thread
            .name()
            .is_some_and(|name| name.starts_with(SLED_THREADS))
    };
    DEPTH.with(|depth| depth.get() > 0) || of_sled()
}

/// Runs `act`; `None` when it panicked. What it shared with the outside must not be used any more then.
pub(crate) fn contained<T>(act: impl FnOnce() -> T) -> Option<T> {
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let done = catch_unwind(AssertUnwindSafe(act));
    DEPTH.with(|depth| depth.set(depth.get() - 1));
    done.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_within_is_contained() {
        assert!(!panic_is_contained());
        assert_eq!(
            contained(|| contained(panic_is_contained)),
            Some(Some(true))
        );
        assert_eq!(contained(|| panic!("within")), None::<()>);
        assert!(!panic_is_contained());
        let named = std::thread::Builder::new().name("sled-io-3".into());
        let named = named.spawn(panic_is_contained).expect("a thread");
        assert_eq!(named.join().ok(), Some(true));
    }
}
