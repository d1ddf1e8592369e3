//! A hot backup of the journal: sealed segments first, then the tail up to one watermark with zeros behind it.
//!
//! Not here: the vault's backup, checkpoints (in no journal backup), encryption.
//! Always: a copy, never a hard link; the completion marker comes last, so that a half copy is no journal; the source is only read.

use std::io;
use std::path::Path;

use ground::{Open, SharedDisk, Site};

use crate::error::JournalError;
use crate::format::{Place, aligned};
use crate::open::write_marker;
use crate::read::{Reader, Watermark};
use crate::scrub::Scrub;
use crate::segments::{PIECE_BYTES, Segments, name_of};

/// The sync of each copied segment.
pub const SITE_BACKUP_SEGMENT: Site = Site("backup.segment");
/// The sync of the backup's directory before its marker.
pub const SITE_BACKUP_DIR: Site = Site("backup.dir");

/// What a backup holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackupReport {
    /// The watermark that it was taken at.
    pub watermark: Watermark,
    /// Segments in it.
    pub segments: u32,
    /// Bytes in it.
    pub bytes: u64,
}

/// Copies the journal into an empty directory while its writer goes on.
///
/// # Errors
/// `AlreadyInitialised` where the directory is not empty; what reading says; `Io`.
pub fn backup(
    reader: &Reader,
    disk: &SharedDisk,
    dir: &Path,
) -> Result<BackupReport, JournalError> {
    let io = JournalError::io;
    disk.create_dir(dir)
        .map_err(io("making the backup directory"))?;
    if !disk
        .list(dir)
        .map_err(io("listing the backup directory"))?
        .is_empty()
    {
        return Err(JournalError::AlreadyInitialised);
    }
    let segments = &reader.shared.segments;
    let length = segments.segment_bytes();
    // Sealed segments do not change but for overwritten slots: they are copied before the watermark is chosen.
    let sealed = end_of(reader, reader.watermark())?.segment;
    for number in 0..sealed {
        copy(segments, disk, dir, number, length).map_err(io("copying a segment"))?;
    }
    let watermark = reader.watermark();
    let end = end_of(reader, watermark)?;
    for number in sealed..=end.segment {
        let until = if number == end.segment {
            u64::from(end.offset)
        } else {
            length
        };
        copy(segments, disk, dir, number, until).map_err(io("copying the tail"))?;
    }
    disk.sync_dir(dir, SITE_BACKUP_DIR)
        .map_err(io("syncing the backup directory"))?;
    write_marker(disk, dir, reader.marker()).map_err(io("writing the backup's marker"))?;
    let count = end.segment + 1;
    Ok(BackupReport {
        watermark,
        segments: count,
        bytes: u64::from(count) * length,
    })
}

/// Reads a journal from its start to its watermark, every group in full above `floor`, every segment header.
///
/// # Errors
/// `Damaged` at the first thing that is not whole; `Io`.
pub fn verify(reader: &Reader, floor: u64) -> Result<crate::scrub::ScrubProgress, JournalError> {
    Scrub::new(reader, floor).step(u64::MAX)
}

/// Where the group at this watermark ends.
pub(crate) fn end_of(reader: &Reader, watermark: Watermark) -> Result<Place, JournalError> {
    if watermark.group == 0 {
        return Ok(crate::frame::Tip::genesis(reader.genesis()).place);
    }
    let group = reader.group(watermark.group)?;
    let end = u64::from(group.place.offset) + aligned(u64::from(group.length));
    Ok(Place {
        segment: group.place.segment,
        offset: end as u32,
    })
}

/// Copies the first `until` bytes of a segment; zeros behind them to the full length.
fn copy(
    segments: &Segments,
    disk: &SharedDisk,
    dir: &Path,
    number: u32,
    until: u64,
) -> io::Result<()> {
    let file = disk.open(&dir.join(name_of(number)), Open::Create)?;
    let length = segments.segment_bytes();
    let mut offset = 0;
    while offset < length {
        let piece = (length - offset).min(PIECE_BYTES as u64);
        let wanted = until.saturating_sub(offset).min(piece) as usize;
        let mut bytes = segments.read(number, offset, wanted)?;
        if bytes.len() < wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.resize(piece as usize, 0);
        file.write_all_at(&bytes, offset)?;
        offset += piece;
    }
    file.sync_data(SITE_BACKUP_SEGMENT)
}
