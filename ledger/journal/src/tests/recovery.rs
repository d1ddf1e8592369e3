//! Recovery, section 6 of the design: torn tails at every boundary and in every subset of sectors, and what is damage instead.

use ground::{Crash, SharedDisk};

use crate::format::{SECTOR_BYTES, SEGMENT_HEADER_BYTES, What};
use crate::testing::*;
use crate::words::Index;
use crate::*;

const SECTOR: usize = SECTOR_BYTES as usize;

fn damage(disk: &SharedDisk, floor: u64) -> Damage {
    match open_at(disk, floor) {
        Err(JournalError::Damaged(damage)) => damage,
        Err(other) => panic!("not damage: {other}"),
        Ok(opened) => panic!("opened: {:?}", opened.recovery),
    }
}

/// Where each group begins, from the offsets of an open journal.
fn places(disk: &SharedDisk) -> Vec<(Place, u32)> {
    let reader = open_read_only(disk, &dir(), Floor::default())
        .expect("opens")
        .reader;
    reader
        .groups_from(Index(0))
        .map(|group| group.map(|group| (group.place, group.length)))
        .collect::<Result<_, _>>()
        .expect("whole")
}

#[test]
fn every_subset_of_the_last_groups_sectors_missing_is_a_torn_tail() {
    let (sim, disk) = journal(&[(2, 100), (4, 400)]);
    let (place, length) = places(&disk)[1];
    let sectors = (length as usize).div_ceil(SECTOR);
    assert!(
        (4..=8).contains(&sectors),
        "small enough for every subset: {sectors}"
    );
    for missing in 1..1u32 << sectors {
        let fork = sim.fork(u64::from(missing));
        let disk = fork.shared();
        for sector in (0..sectors).filter(|sector| missing >> sector & 1 == 1) {
            let at = u64::from(place.offset) + (sector * SECTOR) as u64;
            overwrite(&disk, &segment_path(0), at, &[0; SECTOR]);
        }
        let mut opened = open_at(&disk, 2).expect("a torn tail");
        assert_eq!((opened.recovery.next, opened.recovery.group), (Index(2), 1));
        commit(&mut opened.framer, &mut opened.writer, 1, 10);
        drop(opened);
        fork.restart(Crash::PowerCut);
        let opened = open_at(&disk, 3).expect("opens");
        assert_eq!(
            (opened.recovery.next, opened.recovery.torn),
            (Index(3), None)
        );
    }
}

#[test]
fn a_tail_cut_at_every_sector_is_torn_above_the_floor_and_damage_below() {
    let (sim, _) = journal(&[(2, 100), (4, 400)]);
    let (place, length) = places(&sim.shared())[1];
    for cut in (0..length as usize).step_by(SECTOR) {
        let disk = sim.fork(cut as u64).shared();
        let rest = length as usize - cut;
        overwrite(
            &disk,
            &segment_path(0),
            u64::from(place.offset) + cut as u64,
            &vec![0; rest],
        );
        let below = damage(&sim_copy(&disk), 3);
        assert_eq!((below.segment, below.group), (0, 2));
        assert!((2..6).contains(&below.index.0));
        assert_eq!(
            open_at(&disk, 2).expect("a torn tail").recovery.next,
            Index(2)
        );
    }
}

/// The same disk: a start that meets damage has written nothing, so the next one sees the same.
fn sim_copy(disk: &SharedDisk) -> SharedDisk {
    SharedDisk::clone(disk)
}

#[test]
fn every_flipped_byte_below_the_floor_is_found_and_located() {
    let (sim, disk) = journal(&[(2, 60), (3, 60), (2, 60), (1, 60)]);
    let whole = read_file(&disk, &segment_path(0));
    let places = places(&disk);
    let firsts = [0, 2, 5, 7];
    for (number, (place, length)) in places.iter().enumerate().take(3) {
        let slots = slot_range(&whole, place.offset as usize);
        let padded = (*length as usize).next_multiple_of(SECTOR);
        for at in 0..padded {
            let byte = place.offset as usize + at;
            let disk = sim.fork(at as u64).shared();
            overwrite(&disk, &segment_path(0), byte as u64, &[whole[byte] ^ 0x10]);
            let opened = open_at(&disk, 8).expect("a start checks from the floor only");
            let found = scrub::verify(&opened.reader, 8);
            drop(opened);
            // Below the floor a slot is judged by whoever has its key; the full digest no longer counts there.
            let full = at >= *length as usize - 32 && at < *length as usize;
            if slots.contains(&byte) || full {
                assert!(found.is_ok_and(|progress| progress.slots_changed == 1));
                assert_eq!(damage(&disk, 0).group, number as u64 + 1);
                continue;
            }
            let Err(JournalError::Damaged(damage)) = found else {
                panic!("byte {at} was not found")
            };
            assert_eq!(
                (damage.segment, damage.group),
                (0, number as u64 + 1),
                "byte {at}"
            );
            let next = firsts[number + 1];
            assert!(
                (firsts[number]..next).contains(&damage.index.0),
                "byte {at}: {damage}"
            );
            if let Some(index) = head_of(&whole, place.offset as usize, firsts[number], byte) {
                assert_eq!(damage.index, Index(index), "byte {at}");
            }
        }
    }
}

/// The bytes of a group's slots, read by FORMAT.md.
fn slot_range(segment: &[u8], at: usize) -> std::ops::Range<usize> {
    let length = |field: usize| {
        let bytes = segment[at + field..at + field + 4]
            .try_into()
            .expect("four bytes");
        u32::from_be_bytes(bytes) as usize
    };
    let start = at + 96 + length(80);
    start..start + length(84)
}

/// The index of the head that holds a byte; heads of these tests are all equally long.
fn head_of(segment: &[u8], at: usize, first: u64, byte: usize) -> Option<u64> {
    let field = |field: usize| {
        let bytes = segment[at + field..at + field + 4]
            .try_into()
            .expect("four bytes");
        u32::from_be_bytes(bytes) as usize
    };
    let (heads, count) = (field(80), field(32));
    let inside = byte.checked_sub(at + 96).filter(|inside| *inside < heads)?;
    // A flipped length may make the next head the first one that cannot be read.
    (inside % (heads / count) > 5).then(|| first + (inside / (heads / count)) as u64)
}

#[test]
fn slots_below_the_floor_may_be_overwritten() {
    let (_, disk) = journal(&[(2, 60), (3, 60)]);
    let whole = read_file(&disk, &segment_path(0));
    let (place, _) = places(&disk)[0];
    let slots = slot_range(&whole, place.offset as usize);
    overwrite(
        &disk,
        &segment_path(0),
        slots.start as u64,
        &vec![0; slots.len()],
    );
    let opened = open_at(&disk, 5).expect("opens");
    let entry = opened
        .reader
        .entry(Index(1))
        .expect("the outer digest holds");
    assert!(!entry.group.slots_whole);
    assert!(entry.entry.slots.iter().flatten().all(|byte| *byte == 0));
    assert_eq!(
        scrub::verify(&opened.reader, 5)
            .expect("whole")
            .slots_changed,
        1
    );
    drop(opened);
    assert_eq!(damage(&disk, 0).what, What::FullDigest);
}

#[test]
fn a_later_whole_header_makes_it_damage() {
    let (_, disk) = journal(&[(2, 100), (2, 100), (2, 100)]);
    let (place, _) = places(&disk)[1];
    overwrite(
        &disk,
        &segment_path(0),
        u64::from(place.offset),
        &[0; SECTOR],
    );
    let found = damage(&disk, 2);
    assert_eq!((found.segment, found.group, found.index), (0, 2, Index(2)));
    let seen = open_read_only(&disk, &dir(), Floor::default()).expect("still readable");
    assert_eq!(seen.reader.watermark().next, Index(2));
    assert_eq!(seen.damage.map(|damage| damage.group), Some(2));
    seen.reader.entry(Index(1)).expect("readable up to it");
}

#[test]
fn bytes_behind_the_extent_make_it_damage() {
    let (sim, _) = journal(&[(2, 100), (4, 400)]);
    let (place, length) = places(&sim.shared())[1];
    let end = u64::from(place.offset) + u64::from(length).next_multiple_of(SECTOR_BYTES);
    // Behind a torn group whose header says how long it is.
    let disk = sim.fork(1).shared();
    overwrite(
        &disk,
        &segment_path(0),
        u64::from(place.offset) + SECTOR_BYTES,
        &[0; SECTOR],
    );
    overwrite(&disk, &segment_path(0), end, &[1]);
    assert_eq!(damage(&disk, 2).group, 2);
    // Behind the longest group that could have been torn there.
    let disk = sim.fork(2).shared();
    overwrite(
        &disk,
        &segment_path(0),
        u64::from(place.offset),
        &[0; SECTOR],
    );
    overwrite(&disk, &segment_path(0), SEGMENT_BYTES - 1, &[1]);
    let found = damage(&disk, 2);
    assert_eq!(
        (found.group, found.index, found.what),
        (2, Index(2), What::Behind)
    );
}

#[test]
fn a_whole_header_of_something_else_is_no_torn_tail() {
    let (_, other) = journal(&[(2, 100), (2, 101), (1, 20)]);
    let (_, disk) = journal(&[(2, 100), (2, 100)]);
    let (place, length) = places(&other)[1];
    let bytes = read_file(&other, &segment_path(0));
    let (at, end) = (
        place.offset as usize,
        place.offset as usize + length as usize,
    );
    // The last group of another ledger's journal in the place of ours: whole in itself, but behind another first group.
    let foreign = &bytes[at..end];
    let (third, _) = places(&other)[2];
    let last = &bytes[third.offset as usize..third.offset as usize + SECTOR];
    let (ours, _) = places(&disk)[1];
    overwrite(&disk, &segment_path(0), u64::from(ours.offset), last);
    assert_eq!(damage(&disk, 2).what, What::WrongPlace);
    let mut renamed = foreign.to_vec();
    renamed[48] ^= 1;
    let sum = crate::format::crc(&renamed[..92]).to_be_bytes();
    renamed[92..96].copy_from_slice(&sum);
    overwrite(&disk, &segment_path(0), u64::from(ours.offset), &renamed);
    assert_eq!(damage(&disk, 2).what, What::WrongPrevious);
}

#[test]
fn missing_cut_and_swapped_segments_are_named() {
    let groups = [(5, 1000); 7];
    let (sim, _) = journal(&groups);
    let last = places(&sim.shared()).last().expect("groups").0.segment;
    assert!(last >= 3, "enough segments: {last}");
    for (number, first) in [(1u32, 10u64), (2, 20)] {
        for floor in [0, 35] {
            let disk = sim.fork(9).shared();
            disk.remove(&segment_path(number)).expect("removes");
            let found = damage(&disk, floor);
            assert!(found.index == Index(first), "{found}");
            let disk = sim.fork(9).shared();
            let file = disk
                .open(&segment_path(number), ground::Open::Write)
                .expect("opens");
            file.set_len(SEGMENT_BYTES / 2).expect("cuts");
            let found = damage(&disk, floor);
            assert!((first..first + 10).contains(&found.index.0), "{found}");
        }
    }
    for floor in [0, 35] {
        let disk = sim.fork(9).shared();
        let (one, two) = (
            read_file(&disk, &segment_path(1)),
            read_file(&disk, &segment_path(2)),
        );
        overwrite(&disk, &segment_path(1), 0, &two);
        overwrite(&disk, &segment_path(2), 0, &one);
        assert_eq!(damage(&disk, floor).index, Index(10));
    }
    let disk = sim.fork(9).shared();
    overwrite(&disk, &segment_path(2), 100, &[0xff]);
    assert_eq!(damage(&disk, 35).segment, 2);
}

#[test]
fn the_journal_ends_below_the_checkpoint() {
    let (_, disk) = journal(&[(2, 100)]);
    let found = damage(&disk, 3);
    assert_eq!((found.group, found.index), (2, Index(2)));
}

#[test]
fn a_last_segment_without_groups_is_filled_again_whatever_it_holds() {
    let (_, disk) = journal(&[(2, 100)]);
    let file = disk
        .open(&segment_path(1), ground::Open::Create)
        .expect("creates");
    file.write_all_at(&[0xa5; 9000], 0).expect("writes");
    let opened = open_at(&disk, 2).expect("opens");
    assert_eq!(opened.recovery.refilled, vec![1]);
    assert!(
        read_file(&disk, &segment_path(1))
            .iter()
            .all(|byte| *byte == 0)
    );
    // The first one of a journal without groups too.
    let (_, disk) = new_disk();
    overwrite(&disk, &segment_path(0), 0, &[0xa5; 9000]);
    assert_eq!(open_at(&disk, 0).expect("opens").recovery.refilled, vec![0]);
}

#[test]
fn a_torn_group_that_opens_a_segment_is_a_torn_tail() {
    let (sim, disk) = journal(&[(5, 1000), (5, 1000), (5, 1000)]);
    let (place, length) = places(&disk)[2];
    assert_eq!(
        (place.segment, u64::from(place.offset)),
        (1, SEGMENT_HEADER_BYTES)
    );
    for cut in (0..length as u64).step_by(SECTOR) {
        let fork = sim.fork(cut);
        let disk = fork.shared();
        overwrite(
            &disk,
            &segment_path(1),
            SEGMENT_HEADER_BYTES + cut,
            &[0; SECTOR],
        );
        let mut opened = open_at(&disk, 10).expect("a torn tail");
        assert_eq!(opened.recovery.next, Index(10));
        // A smaller group goes where the first one did not fit.
        commit(&mut opened.framer, &mut opened.writer, 1, 10);
        commit(&mut opened.framer, &mut opened.writer, 5, 1000);
        drop(opened);
        assert_eq!(open_at(&disk, 10).expect("opens").recovery.next, Index(16));
    }
}

#[test]
fn lost_or_foreign_offsets_are_rebuilt() {
    let groups = [(5, 1000); 5];
    let (sim, _) = journal(&groups);
    let changes: [fn(&SharedDisk); 3] = [
        |disk| disk.remove(&dir().join("offsets")).expect("removes"),
        |disk| overwrite(disk, &dir().join("offsets"), 50, &[9, 9, 9]),
        |disk| overwrite(disk, &dir().join("offsets"), 0, &[0; 168]),
    ];
    for change in changes {
        let disk = sim.fork(3).shared();
        change(&disk);
        let opened = open_at(&disk, 25).expect("opens");
        assert!(opened.recovery.offsets_rebuilt);
        for index in 0..25 {
            assert_eq!(
                opened.reader.entry(Index(index)).expect("is there").index,
                Index(index)
            );
        }
    }
}

#[test]
fn damage_found_by_the_scrub_stops_the_writer() {
    let (_, disk) = journal(&[(2, 100), (2, 100), (2, 100)]);
    let (place, _) = places(&disk)[1];
    overwrite(
        &disk,
        &segment_path(0),
        u64::from(place.offset) + 200,
        &[0xee],
    );
    let mut opened = open_at(&disk, 6).expect("the start checks from the floor only");
    let mut scrub = Scrub::new(&opened.reader, 6);
    assert_eq!(
        scrub.step(1).expect("the first group is whole").next,
        Index(2)
    );
    let found = scrub.step(1).expect_err("the second is not");
    assert!(matches!(found, JournalError::Damaged(damage) if damage.group == 2));
    let group = prepared(&mut opened.framer, 1, 10);
    assert!(matches!(
        opened.writer.commit(group),
        Err(JournalError::Damaged(_))
    ));
    assert!(matches!(
        opened.reader.entry(Index(3)),
        Err(JournalError::Damaged(_))
    ));
    opened
        .reader
        .entry(Index(5))
        .expect("the others stay readable");
}

/// A crash at every operation of a commit that opens a segment, then a second crash: all of a group or none, and never damage.
#[test]
fn a_crash_at_every_operation_leaves_all_of_a_group_or_none() {
    let (sim, _) = journal(&[(5, 1000), (4, 1000)]);
    for crash in [Crash::Kill, Crash::PowerCut] {
        for step in 0..40 {
            let fork = sim.fork(step);
            let disk = fork.shared();
            fork.crash_at(fork.operations() + step);
            let mut acknowledged = 9;
            if let Ok(mut opened) = open_at(&disk, 5) {
                for count in [2, 5, 1] {
                    let group = prepared(&mut opened.framer, count, 1000);
                    if opened.writer.commit(group).is_err() {
                        break;
                    }
                    acknowledged += count;
                }
            }
            fork.restart(crash);
            let next = open_at(&disk, 5)
                .expect("a crash is no damage")
                .recovery
                .next
                .0;
            assert!(
                next >= acknowledged,
                "step {step}: {next} of {acknowledged}"
            );
            assert!([9, 11, 16, 17].contains(&next), "step {step}: {next}");
            fork.restart(Crash::PowerCut);
            assert_eq!(
                open_at(&disk, 5).expect("opens").recovery.next.0,
                next,
                "step {step}"
            );
        }
    }
}
