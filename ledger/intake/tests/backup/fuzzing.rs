//! The fuzz bodies over the files of a real backup and seeded mutations of them.

use std::path::PathBuf;

use ground::SeededRandom;
use intake::backup::{Source, fuzz, take_tail};

use crate::bench::{bytes_of, simulated};

/// Mutations of each file.
const ROUNDS: usize = 300;

/// Changes, removes, doubles or cuts at a few places.
fn mutated(seed: &[u8], random: &SeededRandom) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let below = |bound: usize| random.below(bound as u64) as usize;
    for _ in 0..=below(3) {
        // Half of the changes go where the structure is: at the front.
        let bound = if below(2) == 0 {
            bytes.len().min(600)
        } else {
            bytes.len()
        };
        let at = below(bound + 1);
        match below(4) {
            0 | 1 if at < bytes.len() => bytes[at] = below(256) as u8,
            2 if at < bytes.len() => _ = bytes.remove(at),
            3 => bytes.truncate(at.max(1)),
            _ => bytes.insert(at, below(256) as u8),
        }
    }
    bytes
}

#[test]
fn no_bytes_break_a_parser() {
    let (disk, bench) = simulated(11);
    let mut opened = bench.open();
    for number in 0..8 {
        bench.publish(&mut opened, number);
    }
    let taken = bench.take(&opened).expect("a backup");
    bench.publish(&mut opened, 9);
    take_tail(&bench.ground, Source::of(&opened), &taken).expect("its tail");
    let bundle = taken.bundle;
    let random = SeededRandom::new(12);
    let read = |path: PathBuf| bytes_of(&disk.shared(), &path);
    let (journal, vault) = (read(bundle.journal()), read(bundle.vault()));
    let (manifest, tail) = (read(bundle.manifest()), read(bundle.tail()));
    // Behind its head.
    let tail = tail.get(26..).unwrap_or_default();
    let (public, secret) = (bench.public.to_string(), bench.secret.expose());
    for round in 0..ROUNDS {
        let other = |bytes: &[u8]| {
            if round == 0 {
                bytes.to_vec()
            } else {
                mutated(bytes, &random)
            }
        };
        fuzz::manifest(&other(&manifest));
        fuzz::key_text(&other(public.as_bytes()));
        fuzz::key_text(&other(secret.as_bytes()));
        fuzz::journal_file(&other(&journal));
        fuzz::tail_pieces(&other(tail));
        fuzz::vault_file(&other(&vault), &bench.secret);
    }
}
