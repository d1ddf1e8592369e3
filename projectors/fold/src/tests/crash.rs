//! Random events, random crashes, random rebuilds: what is left always equals a rebuild (P-1).

use proptest::prelude::*;

use super::toy::{Ledger, Toy, fresh_cursor, plain, settle, tally};
use crate::adversarial_store::AdversarialDisk;
use crate::*;

/// One thing that happens to a projection.
#[derive(Clone, Debug)]
enum Happening {
    Appended(Vec<Toy>),
    Stepped(usize),
    Synced,
    Killed,
    PowerCut(u64),
    ClosedAndCut,
    BreaksIn(u64),
    RebuildBegun,
}

fn toy() -> impl Strategy<Value = Toy> {
    prop_oneof![
        20 => (0u8..6, any::<bool>(), 1u32..4).prop_map(|(stream, access, month)| Toy::Fact {
            stream, access, month, poison: false
        }),
        1 => (any::<bool>(), 1u32..4).prop_map(|(access, month)| Toy::Destroyed { access, month }),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => proptest::collection::vec(toy(), 1..60).prop_map(Happening::Appended),
        6 => (1usize..80).prop_map(Happening::Stepped),
        1 => Just(Happening::Synced),
        1 => Just(Happening::Killed),
        2 => any::<u64>().prop_map(Happening::PowerCut),
        1 => Just(Happening::ClosedAndCut),
        1 => (0u64..200).prop_map(Happening::BreaksIn),
        1 => Just(Happening::RebuildBegun),
    ]
}

/// So small that a few rows make a run and a few runs are merged.
const SMALL: Sizes = Sizes {
    memory_bytes_max: 200,
    block_bytes: 40,
    level_runs_max: 2,
};

fn open(disk: &AdversarialDisk) -> Projection {
    open_as(disk, None)
}

fn open_as(disk: &AdversarialDisk, sizes: Option<Sizes>) -> Projection {
    let home = match sizes {
        Some(sizes) => disk.home_in_runs(1, sizes),
        None => disk.home(1),
    };
    Projection::open(tally(), Box::new(home))
        .expect("the disk is there")
        .0
}

/// Numbers from a seed (splitmix), so that one case is one state.
fn chooser(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^= mixed >> 27;
        usize::try_from(mixed % below as u64).expect("below a usize")
    }
}

fn play(happenings: &[Happening], sizes: Option<Sizes>) -> (Cursor, Cursor) {
    let disk = AdversarialDisk::new();
    let ledger = Ledger::default();
    let mut projection = open_as(&disk, sizes);
    for happening in happenings {
        match happening {
            Happening::Appended(events) => {
                events.iter().for_each(|event| ledger.append(event.clone()))
            }
            Happening::Stepped(max) => {
                projection
                    .step(&mut ledger.clone(), *max)
                    .expect("the toy ledger can be folded");
            }
            Happening::Synced => projection.sync().expect("memory syncs"),
            Happening::Killed => {
                drop(projection);
                disk.kill();
                projection = open_as(&disk, sizes);
            }
            Happening::PowerCut(seed) => {
                drop(projection);
                disk.power_cut(&mut chooser(*seed));
                projection = open_as(&disk, sizes);
            }
            Happening::ClosedAndCut => {
                // A store that breaks while it is closed was not closed: the next open judges it.
                let _ = projection.close();
                disk.power_cut(&mut chooser(0));
                projection = open_as(&disk, sizes);
            }
            Happening::BreaksIn(calls) => disk.break_in(*calls),
            Happening::RebuildBegun => projection.rebuild().expect("memory"),
        }
    }
    settle(&mut projection, &ledger, 64);
    settle(&mut projection, &ledger, 64);
    let status = projection.status();
    assert_eq!(status.lag, 0);
    assert_eq!(status.building, None);
    if let Some(outcome) = &status.last_rebuild {
        assert_ne!(outcome.comparison, Comparison::Different, "{outcome:?}");
    }
    (status.cursor, fresh_cursor(&ledger))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_happens_the_view_equals_a_rebuild(
        happenings in proptest::collection::vec(happening(), 1..40)
    ) {
        let (lived, fresh) = play(&happenings, None);
        prop_assert_eq!(lived, fresh);
        let (lived, fresh) = play(&happenings, Some(SMALL));
        prop_assert_eq!(lived, fresh);
    }
}

#[test]
fn a_power_cut_is_why_the_marker_exists() {
    let ledger = Ledger::of((0..500).map(|n| plain((n % 5) as u8, 1)));
    let mut trusted = 0;
    for seed in 0..20 {
        for ignored in [false, true] {
            let disk = AdversarialDisk::new();
            if ignored {
                disk.ignore_markers();
            }
            let mut projection = open(&disk);
            settle(&mut projection, &ledger, 100);
            drop(projection);
            disk.power_cut(&mut chooser(seed));
            let (_, opening) =
                Projection::open(tally(), Box::new(disk.home(1))).expect("the disk is there");
            if ignored {
                trusted += usize::from(opening == Opening::Continued);
            } else {
                assert_eq!(opening, Opening::StartedOver(RebuildReason::UncleanStop));
                assert_eq!(disk.quarantined(), 1);
            }
        }
    }
    assert!(
        trusted > 0,
        "without the marker a store that lost batches would be trusted"
    );
}

#[test]
fn a_broken_store_is_set_aside_and_folded_again() {
    let ledger = Ledger::of((0..400).map(|n| plain((n % 7) as u8, 2)));
    let disk = AdversarialDisk::new();
    let mut projection = open(&disk);
    disk.break_in(150);
    let mut started_over = 0;
    for _ in 0..40 {
        let progress = projection.step(&mut ledger.clone(), 50).expect("no poison");
        started_over += usize::from(progress.started_over.is_some());
    }
    assert_eq!((started_over, disk.quarantined()), (1, 1));
    assert_eq!(projection.status().cursor, fresh_cursor(&ledger));
}

#[test]
fn a_cursor_of_another_history_starts_over() {
    let disk = AdversarialDisk::new();
    let mut projection = open(&disk);
    settle(
        &mut projection,
        &Ledger::of((0..9).map(|_| plain(1, 1))),
        10,
    );
    projection.close().expect("memory");
    let shorter = Ledger::of((0..5).map(|_| plain(1, 1)));
    let mut projection = open(&disk);
    let progress = projection
        .step(&mut shorter.clone(), 10)
        .expect("no poison");
    assert_eq!(progress.started_over, Some(RebuildReason::OtherHistory));
    assert_eq!(projection.status().cursor, fresh_cursor(&shorter));
}
