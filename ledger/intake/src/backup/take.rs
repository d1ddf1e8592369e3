//! Taking a backup while the ledger writes.
//!
//! The order is the point: sealed segments first, since they do not change; then n = the watermark and the tail up to n; then the vault
//! absorbs to n; then one view of its rows. The keeper may have absorbed more meanwhile: then the journal file follows to that position, so
//! that both files are true for one n. Appends never wait for it.
//! Not here: what is in the files. Always: the ledger is only read, but for the absorption that it would do anyway; the manifest comes last.

use std::path::PathBuf;

use ground::SharedDisk;
use jiff::civil::Date;
use journal::pieces::Pieces;
use journal::{Reader, Watermark};
use proto::UnixMillis;
use vault::{Export, Position, Vault};

use super::archive;
use super::error::BackupError;
use super::file::{SITE_DIR, Writing, Written};
use super::key::RecoveryPublic;
use super::sealed::Sealer;
use super::statement::{Manifest, Statement};
use super::target::{Bundle, lock, make_dir};
use crate::append::Name;
use crate::keep::Published;
use crate::ledger::{Ground, Opened};

/// Names under which files lie that are not whole yet.
const NEW_JOURNAL: &str = "journal.new";
const NEW_VAULT: &str = "vault.new";
const NEW_MANIFEST: &str = "manifest.new";

/// The ledger to copy, as its one process holds it.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Whose ledger.
    pub name: &'a Name,
    /// Its journal.
    pub journal: &'a Reader,
    /// Its vault.
    pub vault: &'a Vault,
    /// Its newest checkpoint.
    pub published: &'a Published,
}

impl<'a> Source<'a> {
    /// An open ledger.
    pub fn of(opened: &'a Opened) -> Source<'a> {
        Source {
            name: opened.records.name(),
            journal: opened.records.journal(),
            vault: &opened.vault,
            published: &opened.published,
        }
    }
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Where the files go; made where it is missing.
    pub dir: PathBuf,
    /// Whom the vault file is for.
    pub recovery: RecoveryPublic,
    /// When the recovery key is to be destroyed, as the inventory of key copies names it.
    pub expires_on: Option<Date>,
}

/// A backup that is durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// Where it lies.
    pub bundle: Bundle,
    /// What it is.
    pub manifest: Manifest,
}

/// Takes a backup. May run on any thread of the process that owns the vault.
///
/// # Errors
/// `Exists` where nothing was appended since the last one in this directory; `Busy`; `Io`; `Ledger`: where the vault is fatal after it, the
/// process stops as after any failed absorption. Whatever failed, no manifest was written.
pub fn take(ground: &Ground, source: Source<'_>, request: &Request) -> Result<Taken, BackupError> {
    let (disk, dir) = (&ground.disk, &request.dir);
    make_dir(disk, dir)?;
    let _lock = lock(disk, dir)?;
    let id = ground::array(&*ground.random);
    // Older than n by construction: it covers only what was durable before.
    let checkpoint = source.published.newest();
    let mut out = Writing::begin(disk, dir.join(NEW_JOURNAL))?;
    let (export, generation) = copy_journal(&mut out, &id, source)?;
    let position = export.head().position;
    let bundle = Bundle {
        dir: dir.clone(),
        next: position.index,
    };
    let exists = disk.exists(&bundle.manifest());
    if exists.map_err(BackupError::io("look for the backup"))? {
        return Err(BackupError::Exists);
    }
    let journal = out.end()?;
    let statement = Statement {
        id,
        origin: source.name.origin.clone(),
        chain: source.name.chain,
        position,
        last_link: source.journal.group(position.group)?.last_link_hash(),
        checkpoint: checkpoint.map_or_else(Vec::new, |signed| signed.note.clone().into_bytes()),
        generation,
        shelves: export.head().shelves,
        created: UnixMillis(ground.clock.now()),
        expires_on: request
            .expires_on
            .map_or_else(String::new, |date| date.to_string()),
        recovery_key: request.recovery.id(),
        journal_bytes: journal.length,
        journal_sha256: journal.sha256,
    };
    let vault = seal_vault(ground, request, &statement, export)?;
    let manifest = Manifest {
        statement,
        vault_bytes: vault.length,
        vault_sha256: vault.sha256,
    };
    name_all(disk, &bundle, journal, vault, &manifest)?;
    Ok(Taken { bundle, manifest })
}

/// Copies the journal to the position of a pinned view of the vault; that view, and its generation.
fn copy_journal(
    out: &mut Writing,
    id: &[u8; 16],
    source: Source<'_>,
) -> Result<(Export, u64), BackupError> {
    archive::put_head(out, id, source.journal.marker())?;
    let mut pieces = Pieces::new(source.journal);
    pieces.sealed(|piece| archive::put_piece(out, piece))?;
    let mark = source.journal.watermark();
    pieces.through(mark, |piece| archive::put_piece(out, piece))?;
    source.vault.absorb(Position {
        group: mark.group,
        index: mark.next,
    })?;
    let (export, generation) = pinned(source.vault);
    let position = export.head().position;
    let reached = Watermark {
        group: position.group,
        next: position.index,
    };
    let segments = pieces.through(reached, |piece| archive::put_piece(out, piece))?;
    archive::put_end(out, segments, position)?;
    Ok((export, generation))
}

/// One view of the vault and the generation that it is of.
fn pinned(vault: &Vault) -> (Export, u64) {
    loop {
        let before = vault.generation();
        let export = vault.export();
        // A generation never comes back, so that equal ones enclose the view.
        if vault.generation() == before {
            return (export, before);
        }
    }
}

fn seal_vault(
    ground: &Ground,
    request: &Request,
    statement: &Statement,
    export: Export,
) -> Result<Written, BackupError> {
    let out = Writing::begin(&ground.disk, request.dir.join(NEW_VAULT))?;
    let mut sealer = Sealer::begin(out, statement, &request.recovery, &*ground.random)?;
    for rows in export {
        for row in rows? {
            sealer.put(&row)?;
        }
    }
    sealer.end()
}

/// Gives the names, the manifest's last: a crash before that leaves files that no reader takes for a backup.
fn name_all(
    disk: &SharedDisk,
    bundle: &Bundle,
    journal: Written,
    vault: Written,
    manifest: &Manifest,
) -> Result<(), BackupError> {
    let dir = &bundle.dir;
    let sync = || {
        let synced = disk.sync_dir(dir, SITE_DIR);
        synced.map_err(BackupError::io("sync the backup directory"))
    };
    journal.name(disk, &bundle.journal())?;
    vault.name(disk, &bundle.vault())?;
    sync()?;
    let mut out = Writing::begin(disk, dir.join(NEW_MANIFEST))?;
    out.put(manifest.encode().as_bytes())?;
    out.end()?.name(disk, &bundle.manifest())?;
    sync()
}
