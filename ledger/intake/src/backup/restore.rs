//! Restoring: everything is checked before a byte is written, everything is written before the ledger is complete.
//!
//! ```text
//! check     manifest, both digests, one backup, this ledger, this key, every chunk opens, the checkpoints are this ledger's; the target is empty
//! put back  journal byte for byte → vault under a new root, at the same position → checkpoint store with the newest checkpoint anyone showed
//! open      replay what the vault has not, tree against the checkpoint; append `ledger.restored`; sign
//! complete  the completion marker, last
//! ```
//!
//! Where acknowledged links are missing, or may be, only [`restore_closing`] goes on: the backup's chain ends at its last link and a chain
//! with a number that was never used begins behind it, under new keys. Nothing signed for the closed chain is contradicted.
//!
//! Not here: fetching lost links from mirrors and foils, destroying again what was destroyed after the backup (erasure's restart).
//! Always: a ledger never signs a tree that does not extend the last one it is known to have signed (C-4): where the journal is shorter, the
//! known checkpoint is stored all the same and every opening for writing refuses; a crash leaves what `open` refuses.

use std::cell::RefCell;

use chain::checkpoint::Checkpoint;
use chain::link::leaf_hash;
use chain::note::SigningKey;
use chain::tree::Frontier;
use journal::{CheckpointStore, Floor, Genesis, StoredCheckpoint, What};
use proto::clear::Envelope;
use proto::{ChainNumber, Index};
use vault::{ExportHead, InitialKeys, Key32, Row, SigningKind, VaultError};

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
            put_back(ground, &checked, secret, settings, floor, Vec::new())
                .and_then(|()| go_on(ground, &checked, settings, None))
        }
        RestoreVerdict::Shorter { .. } => {
            let floor = checked.known.clone();
            put_back(ground, &checked, secret, settings, floor, Vec::new())
                .and_then(|()| stop_short(ground, &checked, settings))
        }
    };
    blotted_unless(done, ground, settings).map(|()| restored)
}

/// What a restore closed and opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Closing {
    /// The backup's chain: it ends with the backup.
    pub closed: ChainNumber,
    /// The chain that begins behind it.
    pub opened: ChainNumber,
    /// Acknowledged events that the known checkpoint proves lost; without one the number is not known, and this is 0.
    pub lost: u64,
}

/// Restores a backup of `settings.name.chain` although acknowledged events are missing or may be: closes that chain at the backup's last link,
/// whatever its tail holds or has become,
/// and opens another behind it, under new keys. The number is the second of the restore, so that no two restores of one backup share it: what
/// one of them signed is never contradicted by another (C-4). Publishers send again what only their foils still know.
///
/// # Errors
/// As [`restore`].
pub fn restore_closing(
    ground: &Ground,
    bundle: &Bundle,
    secret: &RecoverySecret,
    settings: &Settings,
    known: &Known,
) -> Result<(Restored, Closing), BackupError> {
    let checked = Checked::check_without_tail(ground, bundle, secret, settings, known)?;
    let next = checked.manifest.statement.position.index;
    let seconds = u32::try_from(ground.clock.now() / 1000).unwrap_or_default();
    let closing = Closing {
        closed: settings.name.chain,
        opened: ChainNumber(seconds.max(settings.name.chain.0.saturating_add(1))),
        lost: match checked.verdict {
            RestoreVerdict::Complete => 0,
            RestoreVerdict::Shorter { restored, known } => known - restored,
        },
    };
    let settings = settings.on_chain(closing.opened);
    let (rows, keys) =
        vault::signing_rows(&settings.name.origin, closing.opened, next, &*ground.random)?;
    let note = rows.iter().find_map(|row| match row {
        Row::SigningKey {
            kind: SigningKind::Checkpoint,
            secret,
            ..
        } => Some(secret.clone()),
        _ => None,
    });
    let done = put_back(ground, &checked, secret, &settings, None, rows)
        .and_then(|()| adopt(ground, &checked, &settings, note))
        .and_then(|()| go_on(ground, &checked, &settings, Some((&closing, &keys))));
    blotted_unless(done, ground, &settings)?;
    let restored = Restored {
        statement: checked.manifest.statement.clone(),
        verdict: RestoreVerdict::Complete,
    };
    Ok((restored, closing))
}

/// Leaves no vault that opens behind where a restore failed.
fn blotted_unless(
    done: Result<(), BackupError>,
    ground: &Ground,
    settings: &Settings,
) -> Result<(), BackupError> {
    done.inspect_err(|_| {
        // The first error is the one to tell; a disk that fails twice leaves a directory without its marker all the same.
        let _ = blot_root(&ground.disk, &settings.places);
    })
}

/// Signs the first checkpoint of the opened chain: all links that it takes over. They lead to whatever checkpoints of the closed chain
/// they reach.
fn adopt(
    ground: &Ground,
    checked: &Checked,
    settings: &Settings,
    secret: Option<Key32>,
) -> Result<(), BackupError> {
    let (disk, places, name) = (&ground.disk, &settings.places, &settings.name);
    let size = checked.manifest.statement.position.index.0;
    let floor = Floor { size, root: None };
    let read = journal::open_read_only(disk, &places.journal(), floor)?;
    if let Some(damage) = read.damage {
        return Err(journal::JournalError::Damaged(damage).into());
    }
    check_end(&read.reader, checked)?;
    let mut frontier = Frontier::new();
    for group in read.reader.groups_from(Index(0)) {
        for entry in &group?.entries {
            frontier.push(leaf_hash(&entry.link), |_| {});
            let reached = checked.newest.as_ref();
            let same = |known: &StoredCheckpoint| {
                known.size != frontier.size() || known.root == frontier.root()
            };
            if !reached.is_none_or(same) {
                return Err(BackupError::Forked);
            }
        }
    }
    let secret = secret.ok_or(VaultError::NoKey)?;
    let line = chain::origin_line(&name.origin, name.chain);
    let key = SigningKey::new(&line, secret.expose()).map_err(IntakeError::from)?;
    let root = frontier.root();
    let note = Checkpoint::new(&name.origin, name.chain, size, root).sign(&key);
    let first = StoredCheckpoint {
        size,
        root,
        note: note.map_err(IntakeError::from)?.into_bytes(),
    };
    let mut store = CheckpointStore::open(disk, &places.checkpoints, &genesis(settings))?;
    Ok(store.swap(None, first, &[]).map_err(IntakeError::from)?)
}

fn genesis(settings: &Settings) -> Genesis {
    Genesis {
        origin: settings.name.origin.clone(),
        chain: settings.name.chain,
    }
}

/// Writes the three stores. What it leaves has no completion marker.
pub(crate) fn put_back(
    ground: &Ground,
    checked: &Checked,
    secret: &RecoverySecret,
    settings: &Settings,
    checkpoint: Option<StoredCheckpoint>,
    new_keys: Vec<Row>,
) -> Result<(), BackupError> {
    let (disk, places) = (&ground.disk, &settings.places);
    let statement = &checked.manifest.statement;
    make_dir(disk, &places.dir)?;
    make_dir(disk, &places.dir.join("derived"))?;
    let sha256 = &statement.journal_sha256.0;
    let chain = settings.name.chain;
    let archive = &checked.archive;
    let tail = checked.tail.as_ref();
    let position = archive.rebuild(disk, &places.journal(), sha256, chain, tail)?;
    if position != statement.position {
        return Err(BackupError::NotWhole(
            "the journal ends at another position",
        ));
    }
    import(ground, checked, secret, settings, new_keys)?;
    let genesis = genesis(settings);
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
    new_keys: Vec<Row>,
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
        new_keys.into_iter().map(Ok).chain(rows),
    );
    match failed.into_inner() {
        Some(cause) => Err(cause),
        None => Ok(done?),
    }
}

/// Opens what was put back and compares it with what the backup says.
pub(crate) fn open_restored(
    ground: &Ground,
    checked: &Checked,
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
    check_end(opened.records.journal(), checked)?;
    Ok(opened)
}

/// The journal ends where it should, and the backup's last link is where it was; what follows is chained to it.
fn check_end(journal: &journal::Reader, checked: &Checked) -> Result<(), BackupError> {
    let (mark, end) = (journal.watermark(), checked.end());
    let statement = &checked.manifest.statement;
    if (mark.group, mark.next) != (end.group, end.index) {
        return Err(BackupError::NotWhole(
            "the journal ends at another position",
        ));
    }
    let last = journal.group(statement.position.group)?;
    if last.last_link_hash() != statement.last_link {
        return Err(BackupError::NotWhole("the last link is another"));
    }
    Ok(())
}

/// The ledger begins again: its first event says so, its first checkpoint extends the known one.
fn go_on(
    ground: &Ground,
    checked: &Checked,
    settings: &Settings,
    closing: Option<(&Closing, &InitialKeys)>,
) -> Result<(), BackupError> {
    let statement = &checked.manifest.statement;
    let mut opened = open_restored(ground, checked, settings)?;
    let (name, nobody) = (&settings.name, Envelope::default());
    let closed = closing.map(|(closing, _)| closing);
    let mut first = vec![events::restored(
        ground,
        name,
        nobody,
        (statement, checked.end()),
        closed,
    )?];
    if let Some((_, keys)) = closing {
        first.extend(events::chain_keys(ground, name, keys)?);
    }
    for outcome in opened.stepped.record(first)? {
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
    check_end(&read.reader, checked)?;
    drop(read);
    Ok(complete(ground, settings)?)
}
