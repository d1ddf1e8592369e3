//! The journal file of a backup.
//!
//! ```text
//! file   = "CFOILBKJ" ‖ version u16 = 1 ‖ backup id[16] ‖ marker length u16 ‖ the journal's completion marker ‖ piece… ‖ end
//! piece  = 1 ‖ segment u32 ‖ offset u32 ‖ length u32 ‖ bytes       ascending; what no piece covers is zeros
//! end    = 0 ‖ segments u32 ‖ group u64 ‖ next index u64           integers big-endian
//! ```
//!
//! Not sealed: what a journal holds is sealed already. Not here: its digest, which the statement names.
//! Always: a journal rebuilt from it equals the copied one byte for byte up to the position, with zeros behind.

use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use ground::SharedDisk;
use journal::Marker;
use journal::pieces::{PIECE_BYTES_MAX, Piece, Rebuild};
use proto::ChainNumber;
use vault::Position;

use super::error::{BackupError, Part};
use super::file::{Cut, Reading, Writing};
use super::tail::Tail;

const MAGIC: [u8; 8] = *b"CFOILBKJ";
const VERSION: u16 = 1;
/// What the format is called in inventories.
pub const JOURNAL_FORMAT: &str = "counterfoil journal backup 1";
const HEAD_BYTES: usize = 28;
const PIECE_HEAD_BYTES: usize = 13;
const END_BYTES: usize = 21;
const TAG_END: u8 = 0;
const TAG_PIECE: u8 = 1;

/// Writes the file's head.
pub(crate) fn put_head(
    out: &mut Writing,
    id: &[u8; 16],
    marker: &Marker,
) -> Result<(), BackupError> {
    let marker = marker.encode();
    let mut head = Vec::with_capacity(HEAD_BYTES + marker.len());
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&VERSION.to_be_bytes());
    head.extend_from_slice(id);
    // A marker fits one sector.
    head.extend_from_slice(&(marker.len() as u16).to_be_bytes());
    head.extend_from_slice(&marker);
    out.put(&head)
}

/// Writes one piece.
pub(crate) fn put_piece(out: &mut Writing, piece: Piece<'_>) -> Result<(), BackupError> {
    let mut head = Vec::with_capacity(PIECE_HEAD_BYTES);
    head.push(TAG_PIECE);
    for number in [piece.segment, piece.offset, piece.bytes.len() as u32] {
        head.extend_from_slice(&number.to_be_bytes());
    }
    out.put(&head)?;
    out.put(piece.bytes)
}

/// Writes the end.
pub(crate) fn put_end(
    out: &mut Writing,
    segments: u32,
    position: Position,
) -> Result<(), BackupError> {
    let mut end = vec![TAG_END];
    end.extend_from_slice(&segments.to_be_bytes());
    end.extend_from_slice(&position.group.to_be_bytes());
    end.extend_from_slice(&position.index.0.to_be_bytes());
    out.put(&end)
}

/// A journal file to read.
pub(crate) struct Archive {
    file: Reading,
    /// Which backup it belongs to.
    pub(crate) id: [u8; 16],
    /// The journal's completion marker.
    pub(crate) marker: Marker,
    body: u64,
}

impl Archive {
    /// Reads the head.
    ///
    /// # Errors
    /// `Missing`, `Version`, `Damaged`.
    pub(crate) fn open(disk: &SharedDisk, path: &Path) -> Result<Archive, BackupError> {
        let file = Reading::open(disk, path, Part::Journal)?;
        let broken = || file.damaged("its head is not one");
        let head = file.bytes(0, HEAD_BYTES)?;
        let mut cut = Cut(&head);
        if cut.array() != Some(MAGIC) {
            return Err(broken());
        }
        if cut.u16() != Some(VERSION) {
            return Err(file.version());
        }
        let id = cut.array().ok_or_else(broken)?;
        let length = usize::from(cut.u16().ok_or_else(broken)?);
        let marker = file.bytes(HEAD_BYTES as u64, length)?;
        let marker = Marker::decode(&marker).map_err(|_| broken())?;
        let body = (HEAD_BYTES + length) as u64;
        Ok(Archive {
            file,
            id,
            marker,
            body,
        })
    }

    /// The whole file.
    pub(crate) fn file(&self) -> &Reading {
        &self.file
    }

    /// Rebuilds the journal in an empty directory, for its own chain or one that begins behind it; its completion marker is written only where the bytes read have this digest. The position is that of the file; a tail goes on behind it.
    ///
    /// # Errors
    /// `Damaged`; the journal's.
    pub(crate) fn rebuild(
        &self,
        disk: &SharedDisk,
        dir: &Path,
        sha256: &[u8; 32],
        chain: ChainNumber,
        tail: Option<&Tail>,
    ) -> Result<Position, BackupError> {
        let broken = || self.file.damaged("its pieces are not those of a journal");
        let mut context = Context::new(&SHA256);
        context.update(&self.file.bytes(0, self.body as usize)?);
        let marker = Marker {
            chain,
            ..self.marker.clone()
        };
        let mut rebuild = Rebuild::new(disk, dir, marker)?;
        let mut offset = self.body;
        loop {
            let [tag] = self
                .file
                .bytes(offset, 1)?
                .try_into()
                .map_err(|_| broken())?;
            if tag != TAG_PIECE {
                break;
            }
            let head = self.file.bytes(offset, PIECE_HEAD_BYTES)?;
            let mut cut = Cut(head.get(1..).unwrap_or_default());
            let (segment, at) = (cut.u32().ok_or_else(broken)?, cut.u32().ok_or_else(broken)?);
            let length = cut.u32().ok_or_else(broken)? as usize;
            if length == 0 || length > PIECE_BYTES_MAX {
                return Err(broken());
            }
            offset += PIECE_HEAD_BYTES as u64;
            let bytes = self.file.bytes(offset, length)?;
            offset += length as u64;
            context.update(&head);
            context.update(&bytes);
            rebuild.put(Piece {
                segment,
                offset: at,
                bytes: &bytes,
            })?;
        }
        let end = self.file.bytes(offset, END_BYTES)?;
        context.update(&end);
        let (segments, position) = decode_end(&end).ok_or_else(broken)?;
        let whole = offset + END_BYTES as u64 == self.file.length;
        if !whole || context.finish().as_ref() != sha256 {
            return Err(self.file.damaged("its digest differs"));
        }
        let segments = match tail {
            Some(tail) => tail.put_back(&mut rebuild)?,
            None => segments,
        };
        rebuild.finish(segments)?;
        Ok(position)
    }
}

/// Pieces and an end in memory.
pub(crate) struct PieceBytes<'a>(pub(crate) &'a [u8]);

impl PieceBytes<'_> {
    /// Hands out each piece; then what the end says. `None` where the bytes are no pieces with an end and nothing behind it.
    ///
    /// # Errors
    /// Whatever `put` says.
    pub(crate) fn each(
        &self,
        mut put: impl FnMut(Piece<'_>) -> Result<(), BackupError>,
    ) -> Result<Option<(u32, Position)>, BackupError> {
        let mut cut = Cut(self.0);
        while cut.0.first() == Some(&TAG_PIECE) {
            let mut head = || {
                cut.u8()?;
                let (segment, offset) = (cut.u32()?, cut.u32()?);
                let length = cut.u32()? as usize;
                let bytes = cut.bytes(length)?;
                (1..=PIECE_BYTES_MAX).contains(&length).then_some(Piece {
                    segment,
                    offset,
                    bytes,
                })
            };
            let Some(piece) = head() else {
                return Ok(None);
            };
            put(piece)?;
        }
        let whole = cut.0.len() == END_BYTES;
        Ok(decode_end(cut.0).filter(|_| whole))
    }
}

fn decode_end(end: &[u8]) -> Option<(u32, Position)> {
    let mut cut = Cut(end);
    if cut.u8()? != TAG_END {
        return None;
    }
    let segments = cut.u32()?;
    let group = u64::from_be_bytes(cut.array()?);
    let index = proto::Index(u64::from_be_bytes(cut.array()?));
    Some((segments, Position { group, index }))
}
