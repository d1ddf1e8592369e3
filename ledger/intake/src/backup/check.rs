//! What must hold before a restore writes its first byte.
//!
//! The three files belong to one backup of this ledger and are what was written (digests), this secret opens every chunk, and every
//! checkpoint that is brought along was signed by this ledger.
//! Not here: writing. Always: whatever is refused here has left the target untouched.

use std::path::Path;

use chain::checkpoint::Checkpoint;
use chain::note::VerifierKey;
use ground::SharedDisk;
use journal::StoredCheckpoint;
use proto::ChainNumber;
use vault::{Position, Row, SigningKind};

use super::archive::Archive;
use super::error::{BackupError, Part};
use super::file::Reading;
use super::key::RecoverySecret;
use super::restore::RestoreVerdict;
use super::sealed::SealedVault;
use super::statement::{Manifest, STATEMENT_BYTES_MAX, Statement};
use super::tail::Tail;
use super::target::{Bundle, refuse_target};
use crate::ledger::{Ground, Settings};

/// The newest checkpoint of the ledger that anyone can show: from the lost ledger's checkpoint directory, a witness, a mirror.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Known {
    /// This signed note.
    Note(Vec<u8>),
    /// The operator states that none newer than the backup's own was ever published.
    NothingNewer,
}

/// The checkpoint that a ledger's checkpoint directory still has; for [`Known`].
///
/// # Errors
/// `Ledger` where there is no such directory or its file is not whole.
pub fn known_in(disk: &SharedDisk, checkpoints: &Path) -> Result<Known, BackupError> {
    let stored = journal::checkpoints::read_checkpoint(disk, checkpoints)?;
    Ok(stored.map_or(Known::NothingNewer, |stored| Known::Note(stored.note)))
}

/// Everything that [`super::restore`] checks before it writes, and no writing: what the backup is, and whether the ledger could go on.
///
/// # Errors
/// As [`super::restore`].
pub fn inspect(
    ground: &Ground,
    bundle: &Bundle,
    secret: &RecoverySecret,
    settings: &Settings,
    known: &Known,
) -> Result<(Statement, RestoreVerdict), BackupError> {
    let checked = Checked::check(ground, bundle, secret, settings, known)?;
    Ok((checked.manifest.statement, checked.verdict))
}

/// The chain that a backup is of.
///
/// # Errors
/// `Missing`, `Version`, `Damaged`, `Mixed`.
pub fn chain_of(disk: &SharedDisk, bundle: &Bundle) -> Result<ChainNumber, BackupError> {
    Ok(read_manifest(disk, bundle)?.statement.chain)
}

/// A backup that passed every check that needs no writing.
pub(crate) struct Checked {
    pub(crate) manifest: Manifest,
    pub(crate) archive: Archive,
    pub(crate) sealed: SealedVault,
    /// What follows the journal file.
    pub(crate) tail: Option<Tail>,
    /// The newest checkpoint that the restored journal reaches.
    pub(crate) newest: Option<StoredCheckpoint>,
    pub(crate) known: Option<StoredCheckpoint>,
    pub(crate) verdict: RestoreVerdict,
}

impl Checked {
    /// Where the restored journal will end.
    pub(crate) fn end(&self) -> Position {
        let tail = self.tail.as_ref().map(|tail| tail.position);
        tail.unwrap_or(self.manifest.statement.position)
    }

    /// Checks a backup with its tail.
    pub(crate) fn check(
        ground: &Ground,
        bundle: &Bundle,
        secret: &RecoverySecret,
        settings: &Settings,
        known: &Known,
    ) -> Result<Checked, BackupError> {
        let tail = |statement: &Statement| Tail::open(&ground.disk, bundle, statement);
        Checked::check_with(ground, bundle, secret, settings, known, &tail)
    }

    /// Checks a backup whose chain is closed at the backup's own end. The tail is not looked at: whatever became of it stops nobody.
    pub(crate) fn check_without_tail(
        ground: &Ground,
        bundle: &Bundle,
        secret: &RecoverySecret,
        settings: &Settings,
        known: &Known,
    ) -> Result<Checked, BackupError> {
        Checked::check_with(ground, bundle, secret, settings, known, &|_| Ok(None))
    }

    fn check_with(
        ground: &Ground,
        bundle: &Bundle,
        secret: &RecoverySecret,
        settings: &Settings,
        known: &Known,
        tail: &dyn Fn(&Statement) -> Result<Option<Tail>, BackupError>,
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
        let tail = tail(statement)?;
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
        let size = tail.as_ref().map_or(size, |tail| tail.position.index.0);
        let verdict = verdict(known.as_ref(), size);
        let reached = known.clone().filter(|known| known.size <= size);
        if let (Some(own), Some(known)) = (&own, &reached)
            && own.size == known.size
            && own.root != known.root
        {
            return Err(BackupError::Forked);
        }
        let both = own.into_iter().chain(reached);
        let newest = both.max_by_key(|stored| stored.size);
        refuse_target(disk, &settings.places)?;
        Ok(Checked {
            manifest,
            archive,
            sealed,
            tail,
            newest,
            known,
            verdict,
        })
    }
}

/// Whether a journal of so many links is all that was signed for.
fn verdict(known: Option<&StoredCheckpoint>, size: u64) -> RestoreVerdict {
    match known {
        Some(known) if known.size > size => RestoreVerdict::Shorter {
            restored: size,
            known: known.size,
        },
        _ => RestoreVerdict::Complete,
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
