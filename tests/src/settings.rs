//! How much a run does, from the environment, in this one place.
//!
//! Always: a plain `cargo test` has small numbers; `make test` and `make soak` set larger ones.

use std::path::PathBuf;

/// Rounds of kill -9 in a plain `cargo test`.
const KILL_ROUNDS: u64 = 3;
/// Of the 800 faults (200 writes and syncs, twice), one in so many is injected in a plain `cargo test`.
const FAULT_STRIDE: u64 = 40;
/// The same in `make test`: each of the 200 calls fails in one of the four ways at least. `make soak` injects all.
const FAULT_STRIDE_FULL: u64 = 3;
/// Flipped bytes in each kind of file in `make test`.
const FLIPS_FULL: u64 = 16;
/// Flipped bytes in each kind of file in a plain `cargo test`.
const FLIPS: u64 = 4;

/// How much to do.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Rounds of kill -9.
    pub kill_rounds: u64,
    /// One fault in so many is injected.
    pub fault_stride: u64,
    /// Flipped bytes in each kind of file.
    pub flips: u64,
    /// Trees of every size for the check with Go, not the small ones alone.
    pub every_size: bool,
    /// Chooses where kills and flips fall.
    pub seed: u64,
}

impl Settings {
    /// Reads `COUNTERFOIL_JOURNEYS` (`full` or nothing), `COUNTERFOIL_KILL_ROUNDS`, `COUNTERFOIL_FAULT_STRIDE`, `COUNTERFOIL_FLIPS` and
    /// `COUNTERFOIL_SEED`.
    pub fn read() -> Settings {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where journeys read their settings"
        )]
        let text = |name: &str| std::env::var(name).ok();
        let number = |name: &str| text(name).and_then(|text| text.parse().ok());
        let full = text("COUNTERFOIL_JOURNEYS").is_some_and(|text| text == "full");
        let (stride, flips) = if full {
            (FAULT_STRIDE_FULL, FLIPS_FULL)
        } else {
            (FAULT_STRIDE, FLIPS)
        };
        Settings {
            kill_rounds: number("COUNTERFOIL_KILL_ROUNDS").unwrap_or(KILL_ROUNDS),
            fault_stride: number("COUNTERFOIL_FAULT_STRIDE").unwrap_or(stride).max(1),
            flips: number("COUNTERFOIL_FLIPS").unwrap_or(flips),
            every_size: full,
            seed: number("COUNTERFOIL_SEED").unwrap_or(1),
        }
    }
}

/// The binary beside this test's own, where it was built; otherwise says that the journey was skipped.
pub fn counterfoil(journey: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let found = own.parent()?.parent()?.join("counterfoil");
    if found.is_file() {
        return Some(found);
    }
    skipped(
        journey,
        "the binary was not built: cargo build -p counterfoil",
    );
    None
}

/// Says by name what was not run, and why.
#[expect(
    clippy::print_stderr,
    reason = "a skip that nobody reads of is a pass that nobody earned"
)]
pub fn skipped(journey: &str, why: &str) {
    eprintln!("SKIPPED {journey}: {why}");
}

/// Tells how far a journey is.
#[expect(
    clippy::print_stderr,
    reason = "the numbers of a journey belong to its output"
)]
pub fn told(what: &str) {
    eprintln!("{what}");
}
