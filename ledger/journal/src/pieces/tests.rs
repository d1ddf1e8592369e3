//! Pieces out and back: the same bytes, at every watermark; refusals; and what each sync of a rebuilt journal is for.

use std::path::{Path, PathBuf};

use ground::{Crash, DropSync, SharedDisk, SimDisk};

use super::*;
use crate::testing::{commit, journal, new_disk, open_at, options, read_file, segment_path};
use crate::{Floor, open, open_read_only};

/// A piece that outlives its journal.
type Kept = (u32, u32, Vec<u8>);

fn keep(kept: &mut Vec<Kept>, piece: Piece<'_>) -> Result<(), JournalError> {
    kept.push((piece.segment, piece.offset, piece.bytes.to_vec()));
    Ok(())
}

fn target() -> PathBuf {
    PathBuf::from("/copy/journal")
}

fn rebuild(
    disk: &SharedDisk,
    marker: &Marker,
    kept: &[Kept],
    segments: u32,
) -> Result<(), JournalError> {
    let mut rebuild = Rebuild::new(disk, &target(), marker.clone())?;
    for (segment, offset, bytes) in kept {
        let (segment, offset) = (*segment, *offset);
        rebuild.put(Piece {
            segment,
            offset,
            bytes,
        })?;
    }
    rebuild.finish(segments)
}

/// A disk with room for a copy, and a journal of three segments as pieces.
fn copied() -> (SimDisk, Marker, Vec<Kept>, u32) {
    let (sim, disk) = journal(&[(3, 900); 10]);
    let opened = open_at(&disk, 0).expect("a whole journal");
    let mut kept = Vec::new();
    let mut pieces = Pieces::new(&opened.reader);
    pieces
        .sealed(|piece| keep(&mut kept, piece))
        .expect("a working disk");
    let segments = pieces
        .through(opened.reader.watermark(), |piece| keep(&mut kept, piece))
        .expect("a working disk");
    disk.create_dir(Path::new("/copy")).expect("a directory");
    disk.sync_dir(Path::new("/"), Site("test")).expect("a sync");
    (sim, opened.reader.marker().clone(), kept, segments)
}

#[test]
fn a_copy_at_any_watermark_has_the_bytes_up_to_it_and_zeros_behind() {
    let (_, disk) = new_disk();
    let mut opened = open_at(&disk, 0).expect("an empty journal opens");
    let mut pieces = Pieces::new(&opened.reader);
    let mut kept = Vec::new();
    for round in 0..9_u32 {
        commit(&mut opened.framer, &mut opened.writer, 3, 900);
        let mark = opened.reader.watermark();
        let segments = pieces
            .through(mark, |piece| keep(&mut kept, piece))
            .expect("a read");
        // What is written after the watermark is not in the copy.
        commit(&mut opened.framer, &mut opened.writer, 1, 100);
        let marker = opened.reader.marker().clone();
        let other = SimDisk::new(u64::from(round)).shared();
        rebuild(&other, &marker, &kept, segments).expect("an empty place");
        let again = open(&other, &target(), &options(), Floor::default()).expect("it opens");
        assert_eq!(again.reader.watermark(), mark);
        let end = end_of(&again.reader, mark).expect("a read");
        for segment in 0..segments {
            let (copy, own) = (target().join(name_of(segment)), segment_path(segment));
            let (copy, own) = (read_file(&other, &copy), read_file(&disk, &own));
            let same = if segment == end.segment {
                end.offset as usize
            } else {
                own.len()
            };
            assert!(copy[..same] == own[..same] && copy[same..].iter().all(|byte| *byte == 0));
            assert_eq!(copy.len(), own.len());
        }
    }
    assert!(
        end_of(&opened.reader, opened.reader.watermark())
            .expect("a read")
            .segment
            > 1
    );
}

#[test]
fn pieces_out_of_order_and_full_directories_are_refused() {
    let (sim, marker, kept, segments) = copied();
    let refused = |kept: &[Kept], segments| {
        let outcome = rebuild(&sim.fork(2).shared(), &marker, kept, segments);
        matches!(outcome, Err(JournalError::Options(_)))
    };
    assert!(
        refused(&kept[1..], segments),
        "no header of the first segment"
    );
    assert!(
        refused(&[kept[0].clone(), kept[0].clone()], 1),
        "a piece again"
    );
    assert!(refused(&kept, segments + 1) && refused(&kept, segments - 1));
    assert!(refused(&[], 0), "no pieces");
    let beyond = (0, options().segment_bytes as u32, vec![1]);
    assert!(refused(&[kept[0].clone(), beyond], 1), "beyond the segment");
    let disk = sim.shared();
    rebuild(&disk, &marker, &kept, segments).expect("an empty place");
    let again = rebuild(&disk, &marker, &kept, segments);
    assert!(matches!(again, Err(JournalError::AlreadyInitialised)));
}

/// Rebuilds on copies of the disk, stopped in this operation from the end (`None`: not at all), then cuts the power.
/// Whether any of them was left with a journal that is none.
fn loses(dropped: Option<(Site, DropSync)>, stop: Option<u64>) -> bool {
    let (sim, marker, kept, segments) = copied();
    let trial = sim.fork(1);
    rebuild(&trial.shared(), &marker, &kept, segments).expect("an empty place");
    let last = trial.operations() - sim.operations() - 1;
    (0..40).any(|seed| {
        let trial = sim.fork(seed);
        if let Some((site, which)) = dropped {
            trial.drop_sync(site, which);
        }
        if let Some(back) = stop {
            trial.crash_at(trial.operations() + last - back);
        }
        let done = rebuild(&trial.shared(), &marker, &kept, segments);
        assert_eq!(done.is_err(), stop.is_some());
        trial.restart(Crash::PowerCut);
        let read = open_read_only(&trial.shared(), &target(), Floor::default());
        match read {
            Ok(read) => read.damage.is_some() || read.reader.watermark().group != 10,
            // Nothing is fine where it was stopped, and only there.
            Err(JournalError::NotInitialised) => stop.is_none(),
            Err(_) => true,
        }
    })
}

#[test]
fn a_rebuilt_journal_is_durable_or_none_and_no_sync_of_it_is_spare() {
    for stop in [None, Some(0), Some(1), Some(2), Some(3), Some(4)] {
        assert!(!loses(None, stop), "stopped {stop:?} from the end");
    }
    let segment = |n| Some((SITE_REBUILT_SEGMENT, DropSync::Nth(n)));
    for number in 0..3 {
        assert!(
            loses(segment(number), None),
            "the content of segment {number}"
        );
    }
    // The marker's own sync of the directory comes too late for an order: stopped inside it, the marker may be there and segments not.
    assert!(
        loses(Some((SITE_REBUILT_DIR, DropSync::Nth(0))), Some(0)),
        "the names of segments"
    );
    assert!(
        loses(Some((SITE_REBUILT_DIR, DropSync::Nth(1))), None),
        "the name of the journal"
    );
}
