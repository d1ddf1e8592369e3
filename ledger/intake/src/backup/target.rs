//! Where backups lie and where a restore goes: names, empty directories, the one lock.
//!
//! Always: a directory made here is durable with its name before anything in it is relied on; nothing existing is ever written into by a
//! restore.

use std::io;
use std::path::{Path, PathBuf};

use ground::{Lock, Open, SharedDisk, Site};
use proto::Index;

use super::error::BackupError;
use super::file::SITE_DIR;
use crate::ledger::Places;

const LOCK_FILE: &str = "lock";
const MANIFEST_PREFIX: &str = "backup-";
const MANIFEST_SUFFIX: &str = ".toml";
const SITE_BLOT: Site = Site("restore.blot");

/// The files of one backup in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bundle {
    /// The directory.
    pub dir: PathBuf,
    /// The first index that the backup does not have.
    pub next: Index,
}

impl Bundle {
    /// `journal-<n>.cfb`.
    pub fn journal(&self) -> PathBuf {
        self.dir.join(format!("journal-{}.cfb", self.next.0))
    }

    /// `vault-<n>.cfb`.
    pub fn vault(&self) -> PathBuf {
        self.dir.join(format!("vault-{}.cfb", self.next.0))
    }

    /// `tail-<n>.cfb`; a backup may have none.
    pub fn tail(&self) -> PathBuf {
        self.dir.join(format!("tail-{}.cfb", self.next.0))
    }

    /// `backup-<n>.toml`.
    pub fn manifest(&self) -> PathBuf {
        let next = self.next.0;
        self.dir
            .join(format!("{MANIFEST_PREFIX}{next}{MANIFEST_SUFFIX}"))
    }
}

/// The backups in a directory, oldest first: those with a manifest.
///
/// # Errors
/// `Io`.
pub fn list(disk: &SharedDisk, dir: &Path) -> Result<Vec<Bundle>, BackupError> {
    let names = disk
        .list(dir)
        .map_err(BackupError::io("list the backups"))?;
    let next_of = |name: &String| -> Option<Index> {
        let digits = name
            .strip_prefix(MANIFEST_PREFIX)?
            .strip_suffix(MANIFEST_SUFFIX)?;
        let next: u64 = digits.parse().ok()?;
        (next.to_string() == digits).then_some(Index(next))
    };
    let mut bundles: Vec<Bundle> = names
        .iter()
        .filter_map(next_of)
        .map(|next| Bundle {
            dir: dir.to_owned(),
            next,
        })
        .collect();
    bundles.sort_by_key(|bundle| bundle.next);
    Ok(bundles)
}

/// Makes a directory with its parents, durable with its name.
pub(crate) fn make_dir(disk: &SharedDisk, dir: &Path) -> Result<(), BackupError> {
    let make = || -> io::Result<()> {
        let mut new_in = Vec::new();
        for made in dir.ancestors().filter(|made| !made.as_os_str().is_empty()) {
            if disk.exists(made)? {
                break;
            }
            let parent = made
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            new_in.push(parent.map_or_else(|| PathBuf::from("."), Path::to_owned));
        }
        disk.create_dir(dir)?;
        new_in
            .iter()
            .try_for_each(|parent| disk.sync_dir(parent, SITE_DIR))
    };
    make().map_err(BackupError::io("make a directory"))
}

/// Keeps a second backup out of the directory until it is dropped.
pub(crate) fn lock(disk: &SharedDisk, dir: &Path) -> Result<Box<dyn Lock>, BackupError> {
    match disk.lock(&dir.join(LOCK_FILE)) {
        Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => Err(BackupError::Busy),
        taken => taken.map_err(BackupError::io("lock the backup directory")),
    }
}

/// Whether nothing is where a ledger would be restored.
pub(crate) fn refuse_target(disk: &SharedDisk, places: &Places) -> Result<(), BackupError> {
    let holds =
        |dir: &Path| -> io::Result<bool> { Ok(disk.exists(dir)? && !disk.list(dir)?.is_empty()) };
    let io = BackupError::io("look at the target");
    match (|| Ok((holds(&places.dir)?, holds(&places.checkpoints)?)))().map_err(io)? {
        (true, _) => Err(BackupError::TargetNotEmpty("ledger directory")),
        (_, true) => Err(BackupError::TargetNotEmpty("checkpoint directory")),
        (false, false) => Ok(()),
    }
}

/// Overwrites the root keys of a restored vault that nobody is to open: the copy of all keys beside them is worthless from then on.
pub(crate) fn blot_root(disk: &SharedDisk, places: &Places) -> Result<(), BackupError> {
    let path = places.vault().join("root");
    let blot = || -> io::Result<()> {
        if !disk.exists(&path)? {
            return Ok(());
        }
        let file = disk.open(&path, Open::Write)?;
        let zeros = vec![0; file.len()? as usize];
        file.write_all_at(&zeros, 0)?;
        file.sync_data(SITE_BLOT)
    };
    blot().map_err(BackupError::io(
        "overwrite the root of a vault that is given up",
    ))
}
