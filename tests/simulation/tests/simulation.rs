//! The simulation as a test: 2,000 seeds, or as many as fit in the seconds of a soak; and the table of removed syncs.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ground::Clock;
use simulation::lives::{Failure, Summary, run};
use simulation::removal::{Removal, census, remove};
use simulation::subject::{JournalOnly, Subject, WholeLedger};

/// Seeds in continuous integration.
const SEEDS: u64 = 2_000;
/// Seeds that look for what a removed sync breaks.
const REMOVAL_SEEDS: u64 = 600;
/// Seeds that try a removal that nothing should notice.
const EXCUSED_SEEDS: u64 = 40;
/// Seeds that are asked which syncs there are.
const CENSUS_SEEDS: u64 = 40;

fn say(line: &str) {
    _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Runs these seeds on all cores until one fails or `go_on` says stop.
fn run_seeds<S: Subject>(
    seeds: std::ops::Range<u64>,
    go_on: &(dyn Fn() -> bool + Sync),
) -> (u64, Summary) {
    let next = AtomicU64::new(seeds.start);
    let failures: Mutex<Vec<Box<Failure>>> = Mutex::default();
    let total: Mutex<(u64, Summary)> = Mutex::default();
    let work = || {
        while go_on() && failures.lock().expect("no panics here").is_empty() {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= seeds.end {
                return;
            }
            match run::<S>(seed, &|_| {}) {
                Ok(summary) => add(&mut total.lock().expect("no panics here"), &summary),
                Err(failure) => failures.lock().expect("no panics here").push(failure),
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..cores).for_each(|_| _ = scope.spawn(work)));
    if let Some(failure) = failures.into_inner().expect("no panics here").first() {
        say(&format!(
            "{}: {failure}\n  {}",
            S::NAME,
            failure.recent.join("\n  ")
        ));
        panic!("{failure}");
    }
    total.into_inner().expect("no panics here")
}

fn add(total: &mut (u64, Summary), one: &Summary) {
    total.0 += 1;
    total.1.events += one.events;
    total.1.checkpoints += one.checkpoints;
    total.1.faults += one.faults;
    total.1.power_cuts += one.power_cuts;
    total.1.audits += one.audits;
    total.1.rotations += one.rotations;
    total.1.thefts += one.thefts;
    total.1.backups += one.backups;
    total.1.restores += one.restores;
    total.1.flips += one.flips;
    total.1.named += one.named;
}

fn report<S: Subject>((seeds, sum): &(u64, Summary)) {
    say(&format!(
        "{}: {seeds} seeds, {} events acknowledged, {} checkpoints, {} faults, {} power cuts, {} audits, {} rotations, {} thefts, {} backups, {} restored, \
         {} bytes flipped, {} of them stopped it: every promise kept",
        S::NAME,
        sum.events,
        sum.checkpoints,
        sum.faults,
        sum.power_cuts,
        sum.audits,
        sum.rotations,
        sum.thefts,
        sum.backups,
        sum.restores,
        sum.flips,
        sum.named
    ));
}

/// What whoever runs the tests may say: how long to soak, how many seeds to try, which syncs to remove.
#[expect(
    clippy::disallowed_methods,
    reason = "how long to run is said by whoever runs the tests"
)]
fn text(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(name: &str) -> Option<u64> {
    text(name)?.parse().ok()
}

fn live<S: Subject>() {
    let seconds = number("COUNTERFOIL_SOAK_SECONDS");
    let clock = ground::SystemClock::new();
    let total = match seconds {
        None => run_seeds::<S>(0..number("COUNTERFOIL_SEEDS").unwrap_or(SEEDS), &|| true),
        Some(seconds) => {
            let first = u64::from_le_bytes(ground::array(&ground::SystemRandom)) >> 1;
            say(&format!("{}: soaking from seed {first}", S::NAME));
            run_seeds::<S>(first..u64::MAX, &|| {
                clock.monotonic_ns() < seconds * 1_000_000_000
            })
        }
    };
    report::<S>(&total);
}

fn same_seed_same_run<S: Subject>() {
    for seed in 0..20 {
        let (first, second) = (run::<S>(seed, &|_| {}), run::<S>(seed, &|_| {}));
        assert_eq!(first, second, "seed {seed}");
    }
}

/// Why nothing can notice this row, where that is so; a name without an ordinal stands for all of them.
fn excuse_of<'a>(redundant: &[(&str, &'a str)], row: &str) -> Option<&'a str> {
    let is_row = |name: &str| row == name || row.starts_with(&format!("{name} #"));
    redundant
        .iter()
        .find(|(name, _)| is_row(name))
        .map(|(_, why)| *why)
}

/// Removes every sync in turn, on all cores, and prints the table. `redundant` names the rows that nothing can notice, and why.
fn every_removed_sync_is_noticed<S: Subject>(
    by_ordinal: &[&'static str],
    redundant: &[(&str, &str)],
) {
    let mut rows =
        census::<S>(0..CENSUS_SEEDS, by_ordinal).unwrap_or_else(|failure| panic!("{failure}"));
    // Ordinals within the rarer steps take many seeds each: they are the soak's.
    let rare = ["night", "backup", "restore"];
    if number("COUNTERFOIL_SOAK_SECONDS").is_none() && text("COUNTERFOIL_REMOVAL").is_none() {
        rows.retain(|row| row.ordinal.is_none_or(|(step, _)| !rare.contains(&step)));
    }
    if let Some(part) = text("COUNTERFOIL_REMOVAL") {
        rows.retain(|row| row.to_string().contains(&part));
    }
    let next = AtomicU64::new(0);
    let done: Mutex<Vec<Removal>> = Mutex::default();
    let work = || {
        while let Ok(at) = usize::try_from(next.fetch_add(1, Ordering::SeqCst))
            && let Some(what) = rows.get(at)
        {
            let is_excused = excuse_of(redundant, &what.to_string()).is_some();
            let seeds = number("COUNTERFOIL_REMOVAL_SEEDS").unwrap_or(if is_excused {
                EXCUSED_SEEDS
            } else {
                REMOVAL_SEEDS
            });
            let removal = remove::<S>(*what, 0..seeds);
            say(&format!("  … {removal}"));
            done.lock().expect("no panics here").push(removal);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..cores).for_each(|_| _ = scope.spawn(work)));
    let mut done = done.into_inner().expect("no panics here");
    done.sort_by_key(|removal| removal.what);
    say(&format!(
        "{}: sync removed → what the simulation says",
        S::NAME
    ));
    let mut unnoticed = Vec::new();
    for removal in done {
        let name = removal.what.to_string();
        let excuse = excuse_of(redundant, &name);
        let excuse = excuse.filter(|_| removal.noticed.is_none());
        say(&format!(
            "  {removal}{}",
            excuse.map(|why| format!(": {why}")).unwrap_or_default()
        ));
        if removal.noticed.is_none() && excuse.is_none() {
            unnoticed.push(name);
        }
    }
    assert!(
        unnoticed.is_empty(),
        "removed and not noticed: {unnoticed:?}"
    );
}

#[test]
fn the_journal_alone_keeps_every_promise() {
    live::<JournalOnly>();
}

#[test]
fn the_journal_alone_lives_the_same_life_twice() {
    same_seed_same_run::<JournalOnly>();
}

#[test]
fn the_journal_alone_needs_every_sync() {
    let redundant = [(
        "journal.segment-fill",
        "for speed alone: the header's sync of the same file comes before its first group",
    )];
    every_removed_sync_is_noticed::<JournalOnly>(&[], &redundant);
}

#[test]
fn the_whole_ledger_keeps_every_promise() {
    live::<WholeLedger>();
}

#[test]
fn the_whole_ledger_lives_the_same_life_twice() {
    same_seed_same_run::<WholeLedger>();
}

/// What nothing can notice in a whole ledger, and why it stays.
const REDUNDANT: &[(&str, &str)] = &[
    (
        "journal.marker-dir",
        "stays for the journal's own sake (see its table); in a whole ledger journal.segment-dir syncs the same directory at every start",
    ),
    (
        "journal.segment-fill",
        "stays for speed alone, so that no group waits for 64 MiB of zeros: the header's sync of the same file comes before its first group",
    ),
    (
        "journal.parent-dir",
        "stays for the journal's own sake (see its table); in a whole ledger ledger.dir syncs the same directory before it is complete",
    ),
    (
        "journal.segment-header",
        "stays for the journal's own sake (see its table); here the sync of the segment's first group, of the same file, precedes every answer",
    ),
    (
        "rebuild.dir",
        "stays for the journal's own sake; in a restore journal.marker-dir and ledger.dir sync the same directories before the ledger is complete",
    ),
    (
        "vault.root.create init",
        "the table's syncs and redb's come later in `init`; a crash before the completion marker leaves no ledger",
    ),
    (
        "vault.root.create restore",
        "as in `init`: a crash before the completion marker leaves no ledger, and the backup is still there",
    ),
    (
        "vault.root.destroy init",
        "no old root exists yet: what is overwritten never held a key",
    ),
    (
        "redb init",
        "a later sync of the same file comes before the completion marker",
    ),
    (
        "redb restore",
        "a later sync of the same file comes before the completion marker",
    ),
    (
        "redb open",
        "what an opening writes, a later opening finds undone and writes again; a commit's own syncs come before anything stands on it",
    ),
    (
        "redb close",
        "keeps a hint for a faster start; without it the next start looks for itself",
    ),
    (
        "redb absorb #2",
        "of the empty commit behind an absorption, which only frees pages",
    ),
    (
        "redb absorb #3",
        "of the empty commit behind an absorption, which only frees pages",
    ),
    ("redb absorb #4", "the store closing while a panic unwinds"),
    (
        "redb backup #3",
        "of the empty commit behind an absorption, which only frees pages",
    ),
    ("redb night #2", "the store closing while a panic unwinds"),
];

#[test]
fn the_whole_ledger_needs_every_sync() {
    let by_ordinal = [
        "redb",
        "vault.root.create",
        "vault.root.destroy",
        "vault.table",
    ];
    every_removed_sync_is_noticed::<WholeLedger>(&by_ordinal, REDUNDANT);
}
