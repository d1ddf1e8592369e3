//! The segment files of one journal: names, handles, zero-filling.
//!
//! Not here: what is inside them.
//! Always: a file is never renamed, cut or removed; a filled one is durable in content and in name before anything relies on it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ground::{File, Open, SharedDisk, Site};

use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader, first_non_zero};

/// The sync of a segment's zeros, before its header is written.
pub const SITE_SEGMENT_FILL: Site = Site("journal.segment-fill");
/// The sync of the directory that names a new segment.
pub const SITE_SEGMENT_DIR: Site = Site("journal.segment-dir");

/// How many handles stay open; a segment is 64 MiB, so 64 of them span 4 GiB.
const HANDLES_MAX: usize = 64;
/// Zeros are written and bytes are scanned in pieces of this many bytes.
pub(crate) const PIECE_BYTES: usize = 1 << 20;
const SUFFIX: &str = ".segment";
const DIGITS: usize = 10;

/// The files of one journal directory.
pub(crate) struct Segments {
    disk: SharedDisk,
    dir: PathBuf,
    how: Open,
    segment_bytes: u64,
    handles: Mutex<BTreeMap<u32, Arc<dyn File>>>,
}

impl Segments {
    pub(crate) fn new(disk: SharedDisk, dir: &Path, how: Open, segment_bytes: u64) -> Segments {
        Segments {
            disk,
            dir: dir.to_owned(),
            how,
            segment_bytes,
            handles: Mutex::default(),
        }
    }

    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    /// The numbers of the segment files that are there, ascending.
    pub(crate) fn numbers(&self) -> io::Result<Vec<u32>> {
        let names = self.disk.list(&self.dir)?;
        Ok(names.iter().filter_map(|name| number_of(name)).collect())
    }

    /// The handle of a segment.
    pub(crate) fn file(&self, number: u32) -> io::Result<Arc<dyn File>> {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = handles.get(&number) {
            return Ok(Arc::clone(file));
        }
        let name = name_of(number);
        let file = self.disk.open(&self.dir.join(&name), self.how);
        // A missing one is told by its number; whatever else is in the way, by its name.
        let file = file.map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => cause,
            kind => io::Error::new(kind, format!("{name}: {cause}")),
        })?;
        handles.insert(number, Arc::clone(&file));
        if handles.len() > HANDLES_MAX {
            handles.pop_first();
        }
        Ok(file)
    }

    /// Reads as many bytes as the file has, at most `length`.
    pub(crate) fn read(&self, number: u32, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let read = self.file(number)?.read_at(&mut bytes, offset)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// The decoded header of a segment, or `None` where there is no whole one.
    pub(crate) fn header(&self, number: u32) -> io::Result<Option<SegmentHeader>> {
        let bytes = self.read(number, 0, SEGMENT_HEADER_BYTES as usize)?;
        Ok(SegmentHeader::decode(&bytes).ok())
    }

    /// The place of the first byte from `offset` on that is not zero.
    pub(crate) fn first_non_zero(&self, number: u32, offset: u64) -> io::Result<Option<u64>> {
        let mut offset = offset;
        loop {
            let piece = self.read(number, offset, PIECE_BYTES)?;
            if piece.is_empty() {
                return Ok(None);
            }
            if let Some(place) = first_non_zero(&piece) {
                return Ok(Some(offset + place as u64));
            }
            offset += piece.len() as u64;
        }
    }

    /// Makes a segment of zeros of full length, content and name durable, whatever was there.
    pub(crate) fn fill(&self, number: u32) -> io::Result<()> {
        let path = self.dir.join(name_of(number));
        let file = match self.disk.open(&path, Open::Create) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.open(&path, Open::Write)?
            }
            opened => opened?,
        };
        let zeros = vec![0; PIECE_BYTES.min(self.segment_bytes as usize)];
        let mut offset = 0;
        while offset < self.segment_bytes {
            let length = (self.segment_bytes - offset).min(zeros.len() as u64);
            file.write_all_at(zeros.get(..length as usize).unwrap_or_default(), offset)?;
            offset += length;
        }
        if file.len()? != self.segment_bytes {
            file.set_len(self.segment_bytes)?;
        }
        file.sync_data(SITE_SEGMENT_FILL)?;
        self.disk.sync_dir(&self.dir, SITE_SEGMENT_DIR)?;
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        handles.insert(number, file);
        Ok(())
    }
}

/// The file name of a segment.
pub(crate) fn name_of(number: u32) -> String {
    format!("{number:0DIGITS$}{SUFFIX}")
}

/// The number of a segment's file name.
pub(crate) fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(SUFFIX)?;
    if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}
