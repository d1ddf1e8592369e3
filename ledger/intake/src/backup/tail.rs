//! The tail of a backup: what the journal got behind the backup's position, up to and with the event that says that it was taken.
//!
//! ```text
//! file = "CFOILBKT" ‖ version u16 = 1 ‖ backup id[16] ‖ piece… ‖ end ‖ SHA-256[32] of what precedes      pieces and end as in archive.rs
//! ```
//!
//! `ledger.backup-taken` names the digests of the other files, so that it can lie in none of them; and it is signed for like any event. Without
//! the tail even a ledger at rest would have acknowledged one event more than its newest backup has, and could only go on under another chain.
//! Not here: vault rows; those of the tail travel in its groups and are replayed when the restored ledger opens.
//! Always: written after the manifest; a backup without one is whole, and ends before that event.

use std::path::PathBuf;

use ground::SharedDisk;
use journal::Watermark;
use journal::pieces::{Pieces, Rebuild};
use vault::Position;

use super::archive;
use super::error::{BackupError, Part};
use super::file::{Cut, Reading, SITE_DIR, Writing, sha256};
use super::statement::Statement;
use super::take::{Source, Taken};
use super::target::{Bundle, lock};
use crate::ledger::Ground;

const MAGIC: [u8; 8] = *b"CFOILBKT";
const VERSION: u16 = 1;
const HEAD_BYTES: usize = 26;
const DIGEST_BYTES: usize = 32;
const NEW_TAIL: &str = "tail.new";

/// Writes the tail of a backup that was just taken, once the event that says so is durable. Where it ends.
///
/// # Errors
/// `Busy`, `Io`, `Ledger`. The backup is whole without it.
pub fn take_tail(
    ground: &Ground,
    source: Source<'_>,
    taken: &Taken,
) -> Result<Position, BackupError> {
    let (disk, bundle, statement) = (&ground.disk, &taken.bundle, &taken.manifest.statement);
    let _lock = lock(disk, &bundle.dir)?;
    let from = Watermark {
        group: statement.position.group,
        next: statement.position.index,
    };
    let mark = source.journal.watermark();
    let mut out = Writing::begin(disk, new_tail(bundle))?;
    out.put(&MAGIC)?;
    out.put(&VERSION.to_be_bytes())?;
    out.put(&statement.id)?;
    let mut pieces = Pieces::after(source.journal, from)?;
    let segments = pieces.through(mark, |piece| archive::put_piece(&mut out, piece))?;
    let position = Position {
        group: mark.group,
        index: mark.next,
    };
    archive::put_end(&mut out, segments, position)?;
    let digest = out.digest();
    out.put(&digest)?;
    out.end()?.name(disk, &bundle.tail())?;
    let synced = disk.sync_dir(&bundle.dir, SITE_DIR);
    synced.map_err(BackupError::io("sync the backup directory"))?;
    Ok(position)
}

fn new_tail(bundle: &Bundle) -> PathBuf {
    bundle.dir.join(NEW_TAIL)
}

/// A tail to read, found whole, and held in memory once.
pub(crate) struct Tail {
    /// Without the digest.
    bytes: Vec<u8>,
    /// Where it ends.
    pub(crate) position: Position,
    segments: u32,
}

impl Tail {
    /// Reads the tail of a backup; `None` where it has none.
    ///
    /// # Errors
    /// `Damaged`, `Version`, `Mixed`.
    pub(crate) fn open(
        disk: &SharedDisk,
        bundle: &Bundle,
        statement: &Statement,
    ) -> Result<Option<Tail>, BackupError> {
        let file = match Reading::open(disk, &bundle.tail(), Part::Tail) {
            Err(BackupError::Missing(_)) => return Ok(None),
            opened => opened?,
        };
        let mut bytes = file.bytes(0, file.length as usize)?;
        let broken = || file.damaged("it is not what was written");
        let digest_at = bytes.len().checked_sub(DIGEST_BYTES).ok_or_else(broken)?;
        let (body, digest) = bytes.split_at_checked(digest_at).ok_or_else(broken)?;
        if sha256(&[body]) != digest {
            return Err(broken());
        }
        let mut cut = Cut(body);
        if cut.array() != Some(MAGIC) {
            return Err(broken());
        }
        if cut.u16() != Some(VERSION) {
            return Err(file.version());
        }
        if cut.array() != Some(statement.id) {
            return Err(BackupError::Mixed);
        }
        let (segments, position) = pieces(body).each(|_| Ok(()))?.ok_or_else(broken)?;
        if position.index < statement.position.index || position.group < statement.position.group {
            return Err(broken());
        }
        bytes.truncate(digest_at);
        Ok(Some(Tail {
            bytes,
            position,
            segments,
        }))
    }

    /// Puts its pieces behind those of the journal file. How many segments that makes in all.
    ///
    /// # Errors
    /// The journal's.
    pub(crate) fn put_back(&self, rebuild: &mut Rebuild) -> Result<u32, BackupError> {
        pieces(&self.bytes).each(|piece| Ok(rebuild.put(piece)?))?;
        Ok(self.segments)
    }
}

/// What lies behind the head.
fn pieces(body: &[u8]) -> archive::PieceBytes<'_> {
    archive::PieceBytes(body.get(HEAD_BYTES..).unwrap_or_default())
}
