//! Writing and reading: what is committed is read back, what fails stops, who may open.

use ground::{Crash, FaultError, FilesystemKind, SharedDisk};

use crate::testing::*;
use crate::words::Index;
use crate::*;

#[test]
fn what_is_committed_is_read_back_over_segments_and_restarts() {
    let (_, disk) = new_disk();
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut opened = open_at(&disk, 0).expect("opens");
        for count in [1, 3, 2, 5] {
            let draft = draft(&opened.framer, count, 700);
            kept.extend(draft.entries.clone());
            let group = opened.framer.frame(draft).expect("frames");
            opened.writer.commit(group).expect("commits");
        }
        assert_eq!(opened.reader.watermark().next, Index(kept.len() as u64));
    }
    let opened = open_at(&disk, 20).expect("opens");
    assert_eq!(opened.recovery.torn, None);
    for (index, entry) in (0..).zip(&kept) {
        assert_eq!(
            opened.reader.entry(Index(index)).expect("is there").entry,
            *entry
        );
    }
    assert!(matches!(
        opened.reader.entry(Index(33)),
        Err(JournalError::Beyond(Index(33)))
    ));
    let groups: Vec<_> = opened
        .reader
        .groups_from(Index(4))
        .collect::<Result<_, _>>()
        .expect("whole");
    assert_eq!(groups.first().map(|group| group.first), Some(Index(4)));
    assert_eq!(groups.last().map(|group| group.next()), Some(Index(33)));
    assert!(
        groups.last().is_some_and(|group| group.place.segment >= 2),
        "the test crosses segments"
    );
}

#[test]
fn a_prepared_segment_is_used_and_another_is_wanted_once_it_is_half_full() {
    let (_, disk) = new_disk();
    let mut opened = open_at(&disk, 0).expect("opens");
    assert!(!opened.writer.preparer().wanted(), "nothing is written yet");
    assert!(
        opened
            .writer
            .preparer()
            .prepare_next_segment()
            .expect("fills")
    );
    assert!(!opened.writer.prepare_next_segment().expect("is there"));
    let preparer = opened.writer.preparer();
    let (mut groups, mut wanted, mut ends) = (0, Vec::new(), Vec::new());
    while ends.last() != Some(&2) {
        commit(&mut opened.framer, &mut opened.writer, 1, 500);
        groups += 1;
        wanted.push(preparer.wanted());
        let last = opened.reader.group_of(Index(groups - 1));
        ends.push(last.expect("is there").place.segment);
    }
    let first_of_second = ends.iter().position(|segment| *segment == 1);
    let in_second = wanted
        .get(first_of_second.expect("it is used")..)
        .expect("within");
    assert!(!in_second.first().expect("a group"), "it has just begun");
    assert!(in_second.contains(&true), "and no third is there");
    drop(opened);
    open_at(&disk, groups).expect("opens");
}

#[test]
fn drafts_that_do_not_fit_are_refused_and_change_nothing() {
    let (_, disk) = new_disk();
    let mut framer = open_at(&disk, 0).expect("opens").framer;
    let refused = |framer: &mut Framer, draft: GroupDraft| match framer.frame(draft) {
        Err(JournalError::Draft(draft)) => draft,
        other => panic!("accepted: {:?}", other.is_ok()),
    };
    let good = draft(&framer, 2, 100);
    let empty = GroupDraft {
        entries: Vec::new(),
        ..good.clone()
    };
    assert_eq!(refused(&mut framer, empty), DraftError::Empty);
    let late = GroupDraft {
        first: Index(1),
        ..good.clone()
    };
    assert_eq!(
        refused(&mut framer, late),
        DraftError::First { expected: Index(0) }
    );
    let long = draft(&framer, 2, 5000);
    assert!(matches!(
        refused(&mut framer, long),
        DraftError::TooLong { .. }
    ));
    let bare = draft(&framer, 1, 0);
    assert_eq!(refused(&mut framer, bare), DraftError::Entry(Index(0)));
    let mut unlinked = good.clone();
    unlinked.entries.swap(0, 1);
    assert_eq!(refused(&mut framer, unlinked), DraftError::Link(Index(0)));
    framer.frame(good).expect("nothing changed");
}

#[test]
fn one_writer_and_only_a_finished_journal() {
    let (sim, disk) = new_disk();
    let held = open_at(&disk, 0).expect("opens");
    assert!(matches!(open_at(&disk, 0), Err(JournalError::Busy)));
    drop(held);
    open_at(&disk, 0).expect("the lock is free again");
    let again = init(&disk, &dir(), &genesis(), &options());
    assert!(matches!(again, Err(JournalError::AlreadyInitialised)));
    disk.remove(&dir().join("ledger")).expect("removes");
    assert!(matches!(
        open_at(&disk, 0),
        Err(JournalError::NotInitialised)
    ));
    init(&disk, &dir(), &genesis(), &options()).expect("an unfinished one may be made again");
    for kind in [
        FilesystemKind::Overlay,
        FilesystemKind::Btrfs,
        FilesystemKind::Ext4 { data_journal: true },
    ] {
        sim.pretend_filesystem(kind);
        assert!(matches!(
            open_at(&disk, 0),
            Err(JournalError::Unsupported(_))
        ));
        let accepting = Options {
            accept_unproven: true,
            ..options()
        };
        open(&disk, &dir(), &accepting, Floor::default()).expect("the operator accepts it");
    }
    sim.pretend_filesystem(FilesystemKind::Network("nfs"));
    let accepting = Options {
        accept_unproven: true,
        ..options()
    };
    assert!(matches!(
        open(&disk, &dir(), &accepting, Floor::default()),
        Err(JournalError::Unsupported(_))
    ));
}

#[test]
fn init_over_a_journal_that_lost_its_marker_is_refused() {
    let (_, disk) = journal(&[(1, 100)]);
    disk.remove(&dir().join("ledger")).expect("removes");
    assert!(matches!(
        init(&disk, &dir(), &genesis(), &options()),
        Err(JournalError::Damaged(_))
    ));
}

/// Rule 37: it failed, and it failed but was kept. Either way nothing more is written, and the restart decides.
#[test]
fn after_a_failed_write_or_sync_the_writer_refuses_for_good() {
    type Fault = fn(&ground::SimDisk);
    let faults: [Fault; 4] = [
        |sim| sim.fail_write(0, FaultError::Io),
        |sim| sim.fail_write(0, FaultError::NoSpace),
        |sim| sim.fail_sync(Some(SITE_GROUP), 0),
        |sim| sim.fail_write(1, FaultError::Io),
    ];
    for fault in faults {
        for crash in [Crash::Kill, Crash::PowerCut] {
            let (sim, disk) = journal(&[(2, 100)]);
            let mut opened = open_at(&disk, 0).expect("opens");
            fault(&sim);
            let group = prepared(&mut opened.framer, 3, 900);
            let failed = opened.writer.commit(group);
            assert!(matches!(
                failed,
                Err(JournalError::Fatal { cause: Some(_), .. })
            ));
            let group = prepared(&mut opened.framer, 1, 10);
            let refused = opened.writer.commit(group);
            assert!(matches!(
                refused,
                Err(JournalError::Fatal { cause: None, .. })
            ));
            drop(opened);
            sim.restart(crash);
            let next = reopen(&disk).recovery.next;
            assert!(
                next == Index(2) || next == Index(5),
                "all of the group or none"
            );
            sim.restart(Crash::PowerCut);
            assert_eq!(
                reopen(&disk).recovery.next,
                next,
                "what a start found is durable"
            );
        }
    }
}

fn reopen(disk: &SharedDisk) -> Opened {
    open_at(disk, 2).expect("a crash is no damage")
}

#[test]
fn another_process_sees_up_to_the_watermark() {
    let (_, disk) = journal(&[(2, 100), (3, 100)]);
    let mut opened = open_at(&disk, 0).expect("opens");
    let see = || open_read_only(&disk, &dir(), Floor::default()).expect("opens beside the writer");
    assert_eq!(see().reader.watermark().next, Index(5));
    let group = prepared(&mut opened.framer, 1, 50);
    // Bytes behind the watermark, as a writer in the middle of a commit leaves them.
    overwrite(
        &disk,
        &segment_path(0),
        u64::from(group.place.offset),
        &group.bytes,
    );
    let seen = see();
    assert_eq!(
        (seen.reader.watermark().next, seen.damage),
        (Index(5), None)
    );
    opened.writer.commit(group).expect("commits");
    assert_eq!(see().reader.watermark().next, Index(6));
    assert_eq!(
        see().reader.entry(Index(5)).expect("is there").group_first,
        Index(5)
    );
}
