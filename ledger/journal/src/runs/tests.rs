//! The sorted runs: they agree with a map, survive any crash as old or new, and drop what does not hold.

use std::collections::BTreeMap;
use std::path::Path;

use ground::{Crash, Random, SeededRandom, SimDisk};

use super::*;

const LEDGER: Hash = Hash([4; 32]);

fn open(sim: &SimDisk) -> Runs<8> {
    let link_at = |index: u64| Ok(Some(link(index + 1)));
    Runs::open(&sim.shared(), Path::new("/index"), LEDGER, link_at).expect("opens")
}

/// The hash of the link before entry `size`.
fn link(size: u64) -> Hash {
    let mut hash = [9; 32];
    hash[..8].copy_from_slice(&size.to_be_bytes());
    Hash(hash)
}

fn rows(random: &SeededRandom, count: usize, value: u64) -> Vec<(Key, [u8; 8])> {
    let mut rows = BTreeMap::new();
    while rows.len() < count {
        let mut key = [0; 16];
        random.fill(&mut key);
        rows.insert(key, value.to_be_bytes());
    }
    rows.into_iter().collect()
}

fn add(runs: &mut Runs<8>, rows: &[(Key, [u8; 8])], size: u64) {
    runs.add(
        rows,
        RunPosition {
            size,
            link: link(size),
        },
    )
    .expect("adds");
}

#[test]
fn lookups_agree_with_a_map_before_during_and_after_merges() {
    let sim = SimDisk::new(5);
    let mut runs = open(&sim);
    let random = SeededRandom::new(3);
    let mut all: BTreeMap<Key, [u8; 8]> = BTreeMap::new();
    for round in 1..=21 {
        let mut next = rows(&random, 400, round);
        // Some keys again: the newest value counts.
        next.extend(
            all.keys()
                .step_by(37)
                .map(|key| (*key, round.to_be_bytes())),
        );
        next.sort_unstable();
        next.dedup_by_key(|row| row.0);
        add(&mut runs, &next, round * 10);
        all.extend(next);
        let held = runs.snapshot();
        while runs.step(150).expect("merges") {}
        let _ = held.get(&[1; 16]).expect("a snapshot stays readable");
    }
    assert!(
        runs.snapshot().len() < 8,
        "merged: {}",
        runs.snapshot().len()
    );
    let check = |runs: &Runs<8>| {
        let set = runs.snapshot();
        for (key, value) in &all {
            assert_eq!(set.get(key).expect("reads"), Some(*value));
        }
        for (key, _) in rows(&random, 500, 0) {
            assert_eq!(set.get(&key).expect("reads"), None);
        }
        assert_eq!(
            set.position(),
            Some(RunPosition {
                size: 210,
                link: link(210)
            })
        );
    };
    check(&runs);
    drop(runs);
    sim.restart(Crash::Kill);
    check(&open(&sim));
}

#[test]
fn a_power_cut_leaves_what_holds_and_says_how_far_it_goes() {
    for seed in 0..40 {
        let sim = SimDisk::new(seed);
        let mut runs = open(&sim);
        let random = SeededRandom::new(seed);
        let mut batches = Vec::new();
        for round in 1..=6u64 {
            let next = rows(&random, 100, round);
            add(&mut runs, &next, round);
            runs.step(120).expect("merges");
            batches.push(next);
        }
        drop(runs);
        sim.restart(Crash::PowerCut);
        let runs = open(&sim);
        let covered = runs.position().map_or(0, |position| position.size);
        for (key, value) in batches.iter().take(covered as usize).flatten() {
            assert_eq!(
                runs.snapshot().get(key).expect("reads"),
                Some(*value),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn a_flipped_byte_or_another_ledger_drops_the_run_and_all_newer() {
    let sim = SimDisk::new(1);
    let mut runs = open(&sim);
    let random = SeededRandom::new(1);
    for round in 1..=3 {
        add(&mut runs, &rows(&random, 50, round), round);
    }
    let second = runs.snapshot().runs[1].number();
    drop(runs);
    for offset in [30, 100, 4096 + 700, 4096 + 4095] {
        let fork = sim.fork(1);
        fork.restart(Crash::Kill);
        let path = Path::new("/index").join(run_name(second));
        let file = fork.shared().open(&path, Open::Write).expect("opens");
        file.write_all_at(&[0x77], offset).expect("writes");
        assert_eq!(
            open(&fork).position().map(|position| position.size),
            Some(1),
            "byte {offset}"
        );
    }
    let other = Runs::<8>::open(&sim.shared(), Path::new("/index"), Hash([5; 32]), |_| {
        Ok(None)
    });
    assert_eq!(other.expect("opens").position(), None);
}

#[test]
fn a_set_ahead_of_the_journal_falls_back() {
    let sim = SimDisk::new(1);
    let mut runs = open(&sim);
    let random = SeededRandom::new(1);
    for round in 1..=3 {
        add(&mut runs, &rows(&random, 50, round), round * 5);
    }
    drop(runs);
    let link_at = |index: u64| Ok((index < 11).then(|| link(index + 1)));
    let runs = Runs::<8>::open(&sim.shared(), Path::new("/index"), LEDGER, link_at).expect("opens");
    assert_eq!(runs.position().map(|position| position.size), Some(10));
}

#[test]
fn memory_and_disk_stay_inside_the_budget() {
    let sim = SimDisk::new(1);
    let mut runs = open(&sim);
    let many = rows(&SeededRandom::new(1), 50_000, 7);
    add(&mut runs, &many, 1);
    let set = runs.snapshot();
    // 5 million keys may take 25 MiB: 5.2 bytes a key.
    assert!(set.memory_bytes() as f64 / 50_000.0 < 1.7);
    let set_rows = set.rows();
    let path = Path::new("/index").join(run_name(set.runs[0].number()));
    let bytes = sim
        .shared()
        .open(&path, Open::Read)
        .expect("opens")
        .len()
        .expect("a length");
    assert!(bytes as f64 / (set_rows as f64) < 24.5, "{bytes}");
    let denied = rows(&SeededRandom::new(2), 20_000, 0);
    let passed = denied
        .iter()
        .filter(|row| set.runs[0].may_hold(&row.0))
        .count();
    assert!(passed < 300, "the filter lets {passed} of 20,000 pass");
}
