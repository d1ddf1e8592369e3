//! Every sync of the journal, one at a time, removed: the crashes below must notice, or the table says why they cannot.

use std::path::Path;

use ground::{Crash, DropSync, SeededRandom, SimDisk, Site};

use crate::testing::*;
use crate::*;

/// As many runs as it took the slowest sync to be missed, and some.
const SEEDS: u64 = 150;

/// Crashes again and again; what goes wrong, if anything does.
fn run(seed: u64, dropped: Option<Site>) -> Result<(), String> {
    let random = SeededRandom::new(seed);
    let sim = SimDisk::new(seed);
    let disk = sim.shared();
    if let Some(site) = dropped {
        sim.drop_sync(site, DropSync::All);
    }
    disk.create_dir(Path::new("/ledger")).expect("a directory");
    disk.sync_dir(Path::new("/"), Site("test")).expect("a sync");
    init(&disk, &dir(), &genesis(), &options()).expect("an empty journal");
    sim.restart(Crash::PowerCut);
    let mut acknowledged = 0;
    for _ in 0..5 {
        match random.below(3) {
            0 => sim.crash_at(sim.operations() + random.below(60)),
            1 => sim.fail_sync(Some(SITE_GROUP), random.below(4)),
            _ => {}
        }
        match open_at(&disk, 0) {
            Err(error) if !sim.is_down() => return Err(format!("{error}")),
            Err(_) => {}
            Ok(mut opened) => {
                let next = opened.recovery.next.0;
                if next < acknowledged {
                    return Err(format!("{next} of {acknowledged}"));
                }
                // A start answers for everything it found: a repeat of any of it is acknowledged.
                acknowledged = next;
                for _ in 0..random.below(6) {
                    let count = 1 + random.below(4);
                    let group =
                        prepared(&mut opened.framer, count, 100 + random.below(1500) as usize);
                    if opened.writer.commit(group).is_err() {
                        break;
                    }
                    acknowledged += count;
                }
            }
        }
        sim.restart(if random.chance(500) {
            Crash::Kill
        } else {
            Crash::PowerCut
        });
    }
    sim.restart(Crash::PowerCut);
    let opened = open_at(&disk, 0).map_err(|error| format!("{error}"))?;
    scrub::verify(&opened.reader, 0).map_err(|error| format!("{error}"))?;
    let next = opened.recovery.next.0;
    if next < acknowledged {
        Err(format!("{next} of {acknowledged}"))
    } else {
        Ok(())
    }
}

#[test]
fn with_every_sync_in_place_nothing_is_lost() {
    for seed in 0..SEEDS {
        assert_eq!(run(seed, None), Ok(()), "seed {seed}");
    }
}

#[test]
fn each_sync_left_out_is_noticed() {
    let sites = [
        SITE_GROUP,
        SITE_SEGMENT_HEADER,
        SITE_SEGMENT_DIR,
        SITE_LAST_GROUP,
        SITE_MARKER,
        SITE_MARKER_DIR,
        SITE_PARENT_DIR,
    ];
    for site in sites {
        let noticed = (0..SEEDS * 8).find(|seed| run(*seed, Some(site)).is_err());
        assert!(
            noticed.is_some(),
            "{} was left out and nobody noticed",
            site.0
        );
    }
}

/// The header's sync, in the same file, makes the zeros durable too; theirs takes the 64 MiB off the path of a group.
#[test]
fn the_sync_of_the_zeros_is_for_speed_alone() {
    for seed in 0..SEEDS {
        assert_eq!(run(seed, Some(SITE_SEGMENT_FILL)), Ok(()), "seed {seed}");
    }
}
