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
use std::path::Path;

use chain::checkpoint::Checkpoint;
use chain::note::VerifierKey;
use ground::SharedDisk;
use journal::{CheckpointStore, Floor, Genesis, StoredCheckpoint, What};
use proto::clear::Envelope;
use vault::{ExportHead, Row, SigningKind, VaultError};

use super::archive::Archive;
use super::error::{BackupError, Part};
use super::events;
use super::file::Reading;
use super::key::RecoverySecret;
use super::sealed::SealedVault;
use super::statement::{Manifest, STATEMENT_BYTES_MAX, Statement};
use super::target::{Bundle, blot_root, make_dir, refuse_target};
use crate::engine::Outcome;
use crate::error::IntakeError;
use crate::ledger::{Ground, Opened, Settings, complete, open_parts};

/// The newest checkpoint of the ledger that anyone can show: from the lost ledger's checkpoint directory, a witness, a mirror.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Known {
    /// This signed note.
    Note(Vec<u8>),
    /// The operator states that none newer than the backup's own was ever published.
    NothingNewer,
}

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

/// The checkpoint that a ledger's checkpoint directory still has; for [`Known`].
///
/// # Errors
/// `Ledger` where there is no such directory or its file is not whole.
pub fn known_in(disk: &SharedDisk, checkpoints: &Path) -> Result<Known, BackupError> {
    let stored = journal::checkpoints::read_checkpoint(disk, checkpoints)?;
    Ok(stored.map_or(Known::NothingNewer, |stored| Known::Note(stored.note)))
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

/// A backup that passed every check that needs no writing.
pub(crate) struct Checked {
    pub(crate) manifest: Manifest,
    archive: Archive,
    sealed: SealedVault,
    /// The newest checkpoint that the restored journal reaches.
    pub(crate) newest: Option<StoredCheckpoint>,
    known: Option<StoredCheckpoint>,
    pub(crate) verdict: RestoreVerdict,
}

impl Checked {
    pub(crate) fn check(
        ground: &Ground,
        bundle: &Bundle,
        secret: &RecoverySecret,
        settings: &Settings,
        known: &Known,
    ) -> Result<Checked, BackupError> {
        let disk = &ground.disk;
        let manifest = read_manifest(disk, bundle)?;
        let statement = &manifest.statement;
        if (&statement.origin, statement.chain) != (&settings.name.origin, settings.name.chain) {
            return Err(BackupError::OtherLedger);
        }
        if secret.public().id() != statement.recovery_key {
            return Err(BackupError::WrongKey(statement.recovery_key.clone()));
        }
        let sealed = SealedVault::open(disk, &bundle.vault())?;
        let archive = Archive::open(disk, &bundle.journal())?;
        check_files(&manifest, &sealed, &archive)?;
        let keys = checkpoint_keys(&sealed, secret)?;
        let own = match statement.checkpoint.as_slice() {
            [] => None,
            note => Some(
                believed(note, &keys, settings)
                    .map_err(|what| BackupError::Damaged(Part::Manifest, what))?,
            ),
        };
        let known = match known {
            Known::NothingNewer => None,
            Known::Note(note) => {
                Some(believed(note, &keys, settings).map_err(BackupError::BadCheckpoint)?)
            }
        };
        let size = statement.position.index.0;
        if own.as_ref().is_some_and(|own| own.size > size) {
            return Err(BackupError::Damaged(
                Part::Manifest,
                "its checkpoint is beyond it",
            ));
        }
        let verdict = match &known {
            Some(known) if known.size > size => RestoreVerdict::Shorter {
                restored: size,
                known: known.size,
            },
            _ => RestoreVerdict::Complete,
        };
        let reached = known.clone().filter(|known| known.size <= size);
        if let (Some(own), Some(known)) = (&own, &reached)
            && own.size == known.size
            && own.root != known.root
        {
            return Err(BackupError::Forked);
        }
        let newest = own
            .into_iter()
            .chain(reached)
            .max_by_key(|stored| stored.size);
        refuse_target(disk, &settings.places)?;
        Ok(Checked {
            manifest,
            archive,
            sealed,
            newest,
            known,
            verdict,
        })
    }
}

fn read_manifest(disk: &SharedDisk, bundle: &Bundle) -> Result<Manifest, BackupError> {
    let file = Reading::open(disk, &bundle.manifest(), Part::Manifest)?;
    if file.length > STATEMENT_BYTES_MAX as u64 {
        return Err(file.damaged("it is too long"));
    }
    let manifest = Manifest::decode(&file.bytes(0, file.length as usize)?)?;
    if manifest.statement.position.index != bundle.next {
        return Err(BackupError::Mixed);
    }
    Ok(manifest)
}

/// Three files of one backup, each as it was written.
fn check_files(
    manifest: &Manifest,
    sealed: &SealedVault,
    archive: &Archive,
) -> Result<(), BackupError> {
    let statement = &manifest.statement;
    if sealed.statement.id != statement.id || archive.id != statement.id {
        return Err(BackupError::Mixed);
    }
    if sealed.statement != *statement {
        return Err(BackupError::Damaged(
            Part::Manifest,
            "it says other things than the vault file",
        ));
    }
    let vault = sealed.file();
    if vault.length != manifest.vault_bytes || vault.sha256()? != manifest.vault_sha256 {
        return Err(vault.damaged("its digest differs"));
    }
    let journal = archive.file();
    if journal.length != statement.journal_bytes || journal.sha256()? != statement.journal_sha256 {
        return Err(journal.damaged("its digest differs"));
    }
    let marker = &archive.marker;
    if marker.origin != statement.origin.as_str() || marker.chain != statement.chain {
        return Err(BackupError::OtherLedger);
    }
    Ok(())
}

/// Opens every chunk and decodes every row; the keys that ever signed this ledger's checkpoints.
fn checkpoint_keys(
    sealed: &SealedVault,
    secret: &RecoverySecret,
) -> Result<Vec<VerifierKey>, BackupError> {
    let mut keys = Vec::new();
    for row in sealed.rows(secret)? {
        if let Row::SigningKey {
            kind: SigningKind::Checkpoint,
            vkey,
            ..
        } = row?
        {
            let key = VerifierKey::parse(&vkey);
            keys.push(key.map_err(|_| BackupError::Damaged(Part::Vault, "a signing key is none"))?);
        }
    }
    Ok(keys)
}

/// A note that one of these keys signed for this chain.
fn believed(
    note: &[u8],
    keys: &[VerifierKey],
    settings: &Settings,
) -> Result<StoredCheckpoint, &'static str> {
    if note.len() > journal::checkpoints::NOTE_BYTES_MAX {
        return Err("the note is too long");
    }
    let verified = Checkpoint::verify(note, keys).map_err(|_| "no key of this ledger signed it")?;
    let checkpoint = verified.checkpoint;
    if checkpoint.origin_line != chain::origin_line(&settings.name.origin, settings.name.chain) {
        return Err("it is of another chain");
    }
    Ok(StoredCheckpoint {
        size: checkpoint.size,
        root: checkpoint.root,
        note: note.to_vec(),
    })
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
