//! A journal's bytes for a backup that keeps them elsewhere: pieces out in order up to a watermark, and a journal rebuilt from pieces.
//!
//! Not here: the archive that holds the pieces, its digests, keys.
//! Always: the source is only read; what is left out is zeros; a rebuilt journal gets its completion marker last, so that half of one is none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ground::{File, Open, SharedDisk, Site};

use crate::error::JournalError;
use crate::format::{Marker, Place, SECTOR_BYTES, aligned, first_non_zero};
use crate::open::{above, write_marker};
use crate::read::{Reader, Watermark};
use crate::segments::{PIECE_BYTES, name_of};

/// The sync of each rebuilt segment.
pub const SITE_REBUILT_SEGMENT: Site = Site("rebuild.segment");
/// The sync of a rebuilt journal's directory before its marker.
pub const SITE_REBUILT_DIR: Site = Site("rebuild.dir");
/// The longest piece, in bytes.
pub const PIECE_BYTES_MAX: usize = PIECE_BYTES;

/// Bytes of one segment file.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// The segment.
    pub segment: u32,
    /// Where they lie in it.
    pub offset: u32,
    /// At least one, at most [`PIECE_BYTES_MAX`].
    pub bytes: &'a [u8],
}

/// Reads a journal piece by piece while its writer goes on.
pub struct Pieces {
    reader: Reader,
    segment: u32,
    offset: u64,
}

impl Pieces {
    /// From the start of the first segment.
    #[must_use]
    pub fn new(reader: &Reader) -> Pieces {
        Pieces {
            reader: reader.clone(),
            segment: 0,
            offset: 0,
        }
    }

    /// From the end of this watermark's group.
    ///
    /// # Errors
    /// What reading says.
    pub fn after(reader: &Reader, watermark: Watermark) -> Result<Pieces, JournalError> {
        let end = end_of(reader, watermark)?;
        Ok(Pieces {
            reader: reader.clone(),
            segment: end.segment,
            offset: u64::from(end.offset),
        })
    }

    /// The segments before the one that is being written now.
    ///
    /// # Errors
    /// What reading says; whatever `put` says.
    pub fn sealed<E: From<JournalError>>(
        &mut self,
        put: impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let last = end_of(&self.reader, self.reader.watermark())?.segment;
        let end = Place {
            segment: last,
            offset: 0,
        };
        self.to(end, put)
    }

    /// What follows, to the end of the watermark's group. How many segments that makes in all.
    ///
    /// # Errors
    /// What reading says; whatever `put` says.
    pub fn through<E: From<JournalError>>(
        &mut self,
        watermark: Watermark,
        put: impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<u32, E> {
        let end = end_of(&self.reader, watermark)?;
        self.to(end, put)?;
        Ok(end.segment + 1)
    }

    fn to<E: From<JournalError>>(
        &mut self,
        end: Place,
        mut put: impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let segments = &self.reader.shared.segments;
        let length = segments.segment_bytes();
        while self.segment <= end.segment {
            let until = if self.segment == end.segment {
                u64::from(end.offset)
            } else {
                length
            };
            while self.offset < until {
                let wanted = (until - self.offset).min(PIECE_BYTES as u64);
                let read = segments.read(self.segment, self.offset, wanted as usize);
                let bytes = read.map_err(JournalError::io("copying a segment"))?;
                if bytes.len() as u64 != wanted {
                    let cause = std::io::ErrorKind::UnexpectedEof.into();
                    return Err(JournalError::io("copying a segment")(cause).into());
                }
                let bytes = without_last_zeros(&bytes);
                if !bytes.is_empty() {
                    put(Piece {
                        segment: self.segment,
                        offset: self.offset as u32,
                        bytes,
                    })?;
                }
                self.offset += wanted;
            }
            if self.segment == end.segment {
                break;
            }
            self.segment += 1;
            self.offset = 0;
        }
        Ok(())
    }
}

/// Where the group at this watermark ends.
fn end_of(reader: &Reader, watermark: Watermark) -> Result<Place, JournalError> {
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

/// Up to the last sector that is not zeros.
fn without_last_zeros(bytes: &[u8]) -> &[u8] {
    let sectors = bytes.chunks(SECTOR_BYTES as usize);
    let zeros: usize = sectors
        .rev()
        .take_while(|sector| first_non_zero(sector).is_none())
        .map(<[u8]>::len)
        .sum();
    bytes
        .split_at_checked(bytes.len() - zeros)
        .map_or(bytes, |(kept, _)| kept)
}

/// Makes a journal of pieces in an empty directory.
pub struct Rebuild {
    disk: SharedDisk,
    dir: PathBuf,
    marker: Marker,
    /// The segment being written, and how far.
    open: Option<(Arc<dyn File>, u64)>,
    /// How many segments were begun.
    begun: u32,
}

impl Rebuild {
    /// Begins in a directory that is missing or empty.
    ///
    /// # Errors
    /// `AlreadyInitialised` where it holds anything; `Io`.
    pub fn new(disk: &SharedDisk, dir: &Path, marker: Marker) -> Result<Rebuild, JournalError> {
        let io = JournalError::io;
        disk.create_dir(dir)
            .map_err(io("making the journal directory"))?;
        let names = disk
            .list(dir)
            .map_err(io("listing the journal directory"))?;
        if !names.is_empty() {
            return Err(JournalError::AlreadyInitialised);
        }
        Ok(Rebuild {
            disk: Arc::clone(disk),
            dir: dir.to_owned(),
            marker,
            open: None,
            begun: 0,
        })
    }

    /// Writes the next piece, and zeros before it where pieces left some out.
    ///
    /// # Errors
    /// `Options` for pieces out of order or beyond their segment; `Io`.
    pub fn put(&mut self, piece: Piece<'_>) -> Result<(), JournalError> {
        // Every segment has a header, so that none is left out.
        if self.begun == piece.segment {
            self.begin()?;
        }
        let end = u64::from(piece.offset) + piece.bytes.len() as u64;
        let in_order = self.begun == piece.segment + 1
            && end <= self.marker.segment_bytes
            && self
                .open
                .as_ref()
                .is_some_and(|(_, at)| *at <= u64::from(piece.offset));
        if !in_order {
            return Err(JournalError::Options("pieces of a journal out of order"));
        }
        self.zeros_to(u64::from(piece.offset))?;
        if let Some((file, at)) = &mut self.open {
            file.write_all_at(piece.bytes, *at)
                .map_err(JournalError::io("writing a segment"))?;
            *at = end;
        }
        Ok(())
    }

    /// Ends the last of `segments` segments and writes the completion marker.
    ///
    /// # Errors
    /// `Options` where there are other segments; `Io`.
    pub fn finish(mut self, segments: u32) -> Result<(), JournalError> {
        if self.begun != segments || segments == 0 {
            return Err(JournalError::Options(
                "pieces of another number of segments",
            ));
        }
        self.end()?;
        self.disk
            .sync_dir(&self.dir, SITE_REBUILT_DIR)
            .map_err(JournalError::io("syncing the journal directory"))?;
        self.disk
            .sync_dir(above(&self.dir), SITE_REBUILT_DIR)
            .map_err(JournalError::io("syncing the directory above the journal"))?;
        write_marker(&self.disk, &self.dir, &self.marker)
            .map_err(JournalError::io("writing the completion marker"))
    }

    fn begin(&mut self) -> Result<(), JournalError> {
        self.end()?;
        let path = self.dir.join(name_of(self.begun));
        let file = self.disk.open(&path, Open::Create);
        self.open = Some((file.map_err(JournalError::io("making a segment"))?, 0));
        self.begun += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), JournalError> {
        self.zeros_to(self.marker.segment_bytes)?;
        match self.open.take() {
            None => Ok(()),
            Some((file, _)) => file
                .sync_data(SITE_REBUILT_SEGMENT)
                .map_err(JournalError::io("syncing a segment")),
        }
    }

    fn zeros_to(&mut self, until: u64) -> Result<(), JournalError> {
        let Some((file, at)) = &mut self.open else {
            return Ok(());
        };
        let zeros = vec![0; PIECE_BYTES.min(until.saturating_sub(*at) as usize)];
        while *at < until {
            let length = (until - *at).min(zeros.len() as u64);
            file.write_all_at(zeros.get(..length as usize).unwrap_or_default(), *at)
                .map_err(JournalError::io("writing a segment"))?;
            *at += length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
