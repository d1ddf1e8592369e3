//! Restoring: everything is checked before a byte is written, everything is written before the ledger is complete.
//!
//! ```text
//! check     manifest, both digests, one backup, this ledger, this key, every chunk opens, the checkpoints are this ledger's; the target is empty
//! put back  journal byte for byte → vault under a new root, at the same position → checkpoint store with the newest checkpoint anyone showed
//! open      replay what the vault has not, tree against the checkpoint; append `ledger.restored`; sign
//! complete  the completion marker, last
//! ```
//!
//! Not here: fetching lost links from mirrors and foils, closing a chain and opening the next (both follow a `Shorter` verdict), destroying
//! again what was destroyed after the backup (erasure's restart).
//! Always: a ledger never signs a tree that does not extend the last one it is known to have signed (C-4): where the journal is shorter, the
//! known checkpoint is stored all the same and every opening for writing refuses; a crash leaves what `open` refuses.

use std::cell::RefCell;

use journal::{CheckpointStore, Floor, Genesis, StoredCheckpoint, What};
use proto::clear::Envelope;
use vault::{ExportHead, VaultError};

use super::check::{Checked, Known};
use super::error::BackupError;
use super::events;
use super::key::RecoverySecret;
use super::statement::Statement;
use super::target::{Bundle, blot_root, make_dir};
use crate::engine::Outcome;
use crate::error::IntakeError;
use crate::ledger::{Ground, Opened, Settings, complete, open_parts};

/// Whether the restored ledger may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestoreVerdict {
    /// It may, and has begun with `ledger.restored`.
    Complete,
    /// Acknowledged links are missing: it can be read, and refuses to write.
    Shorter {
        /// Links that were restored.
        restored: u64,
        /// Links that the known checkpoint covers.
        known: u64,
    },
}

/// What was restored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// Which backup.
    pub statement: Statement,
    /// Whether the ledger may go on.
    pub verdict: RestoreVerdict,
}

/// Restores a backup into empty directories.
///
/// # Errors
/// Every variant but `Exists` and `Busy`. Nothing is written before the checks have passed; what a later failure leaves is refused by
/// `open`, its root is overwritten as far as the disk lets us, and the operator removes it.
pub fn restore(
    ground: &Ground,
    bundle: &Bundle,
    secret: &RecoverySecret,
    settings: &Settings,
    known: &Known,
) -> Result<Restored, BackupError> {
    let checked = Checked::check(ground, bundle, secret, settings, known)?;
    let restored = Restored {
        statement: checked.manifest.statement.clone(),
        verdict: checked.verdict,
    };
    let done = match checked.verdict {
        RestoreVerdict::Complete => {
            let floor = checked.newest.clone();
            put_back(ground, &checked, secret, settings, floor)
                .and_then(|()| go_on(ground, &checked, settings))
        }
        RestoreVerdict::Shorter { .. } => {
            let floor = checked.known.clone();
            put_back(ground, &checked, secret, settings, floor)
                .and_then(|()| stop_short(ground, &checked, settings))
        }
    };
    match done {
        Ok(()) => Ok(restored),
        Err(cause) => {
            // The first error is the one to tell; a disk that fails twice leaves a directory without its marker all the same.
            let _ = blot_root(&ground.disk, &settings.places);
            Err(cause)
        }
    }
}

/// Writes the three stores. What it leaves has no completion marker.
pub(crate) fn put_back(
    ground: &Ground,
    checked: &Checked,
    secret: &RecoverySecret,
    settings: &Settings,
    checkpoint: Option<StoredCheckpoint>,
) -> Result<(), BackupError> {
    let (disk, places) = (&ground.disk, &settings.places);
    let statement = &checked.manifest.statement;
    make_dir(disk, &places.dir)?;
    make_dir(disk, &places.dir.join("derived"))?;
    let sha256 = &statement.journal_sha256.0;
    let position = checked.archive.rebuild(disk, &places.journal(), sha256)?;
    if position != statement.position {
        return Err(BackupError::NotWhole(
            "the journal ends at another position",
        ));
    }
    import(ground, checked, secret, settings)?;
    let genesis = Genesis {
        origin: settings.name.origin.clone(),
        chain: settings.name.chain,
    };
    make_dir(disk, &places.checkpoints)?;
    CheckpointStore::init(disk, &places.checkpoints, &genesis)?;
    if let Some(checkpoint) = checkpoint {
        let mut store = CheckpointStore::open(disk, &places.checkpoints, &genesis)?;
        store
            .swap(None, checkpoint, &[])
            .map_err(IntakeError::from)?;
    }
    Ok(())
}

fn import(
    ground: &Ground,
    checked: &Checked,
    secret: &RecoverySecret,
    settings: &Settings,
) -> Result<(), BackupError> {
    let statement = &checked.manifest.statement;
    let head = ExportHead {
        position: statement.position,
        shelves: statement.shelves,
    };
    let failed = RefCell::new(None);
    let rows = checked.sealed.rows(secret)?.map(|row| {
        row.map_err(|cause| {
            failed.borrow_mut().get_or_insert(cause);
            VaultError::Malformed("backup")
        })
    });
    let dir = settings.places.vault();
    let done = vault::import(
        &ground.disk,
        &dir,
        &settings.vault,
        &ground.random,
        head,
        rows,
    );
    match failed.into_inner() {
        Some(cause) => Err(cause),
        None => Ok(done?),
    }
}

/// Opens what was put back and compares it with what the backup says.
pub(crate) fn open_restored(
    ground: &Ground,
    statement: &Statement,
    settings: &Settings,
) -> Result<Opened, BackupError> {
    let opened = open_parts(ground, settings).map_err(|cause| match cause {
        IntakeError::Journal(journal::JournalError::Damaged(damage))
            if damage.what == What::Root =>
        {
            BackupError::Forked
        }
        cause => cause.into(),
    })?;
    check_end(opened.records.journal(), statement)?;
    Ok(opened)
}

fn check_end(journal: &journal::Reader, statement: &Statement) -> Result<(), BackupError> {
    let mark = journal.watermark();
    if (mark.group, mark.next) != (statement.position.group, statement.position.index) {
        return Err(BackupError::NotWhole(
            "the journal ends at another position",
        ));
    }
    if journal.group(mark.group)?.last_link_hash() != statement.last_link {
        return Err(BackupError::NotWhole("the last link is another"));
    }
    Ok(())
}

/// The ledger begins again: its first event says so, its first checkpoint extends the known one.
fn go_on(ground: &Ground, checked: &Checked, settings: &Settings) -> Result<(), BackupError> {
    let statement = &checked.manifest.statement;
    let mut opened = open_restored(ground, statement, settings)?;
    let event = events::restored(ground, &settings.name, Envelope::default(), statement)?;
    for outcome in opened.stepped.record(vec![event])? {
        if let Outcome::Refused(refusal) = outcome {
            return Err(IntakeError::Refused(refusal).into());
        }
    }
    opened.stepped.keeper.checkpoint()?;
    drop(opened);
    // The last durable step: without it the directory is no ledger.
    Ok(complete(ground, settings)?)
}

/// The ledger may be read: the checkpoint store holds a size that the journal does not reach, so that no opening for writing goes on.
fn stop_short(ground: &Ground, checked: &Checked, settings: &Settings) -> Result<(), BackupError> {
    let (disk, dir) = (&ground.disk, settings.places.journal());
    let read = journal::open_read_only(disk, &dir, Floor::default())?;
    check_end(&read.reader, &checked.manifest.statement)?;
    drop(read);
    Ok(complete(ground, settings)?)
}
