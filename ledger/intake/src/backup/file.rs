//! Files of a backup: written under a temporary name with a running digest, named once they are durable; read back whole or in pieces.
//!
//! Not here: what is in them. Always: mode 0600; a name that a reader looks for is given only after the content's sync.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use ground::{File, Open, SharedDisk, Site};
use proto::Hash;

use super::error::{BackupError, Part};

/// The sync of a backup file's content, before it gets its name.
pub(crate) const SITE_FILE: Site = Site("backup.file");
/// The sync of the backup's directory, after names were given.
pub(crate) const SITE_DIR: Site = Site("backup.names");
/// How much is read at once, in bytes.
const READ_BYTES: usize = 1 << 20;

/// SHA-256 of these bytes, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    finish(context).0
}

fn finish(context: Context) -> Hash {
    let digest = context.finish();
    Hash(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads exactly `N` bytes of lower-case hexadecimal.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    // A sign is a digit to the parser, not to us.
    (hex(&bytes) == text).then_some(bytes)
}

/// A file on its way.
pub(crate) struct Writing {
    file: Arc<dyn File>,
    path: PathBuf,
    context: Context,
    length: u64,
}

/// A file whose content is durable, without its name yet.
pub(crate) struct Written {
    path: PathBuf,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// SHA-256 of it.
    pub(crate) sha256: Hash,
}

impl Writing {
    /// Begins a file under a temporary name; what an interrupted backup left under it is cut away.
    pub(crate) fn begin(disk: &SharedDisk, path: PathBuf) -> Result<Writing, BackupError> {
        let open = || {
            let file = match disk.open(&path, Open::Create) {
                Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {
                    disk.open(&path, Open::Write)?
                }
                opened => opened?,
            };
            file.set_owner_only()?;
            file.set_len(0)?;
            Ok(file)
        };
        let file = open().map_err(BackupError::io("make a backup file"))?;
        Ok(Writing {
            file,
            path,
            context: Context::new(&SHA256),
            length: 0,
        })
    }

    /// Appends.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.file
            .write_all_at(bytes, self.length)
            .map_err(BackupError::io("write a backup file"))?;
        self.context.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// SHA-256 of what was put so far.
    pub(crate) fn digest(&self) -> [u8; 32] {
        finish(self.context.clone()).0
    }

    /// Makes the content durable.
    pub(crate) fn end(self) -> Result<Written, BackupError> {
        self.file
            .sync_data(SITE_FILE)
            .map_err(BackupError::io("sync a backup file"))?;
        Ok(Written {
            path: self.path,
            length: self.length,
            sha256: finish(self.context),
        })
    }
}

impl Written {
    /// Gives it its name; durable after the directory's sync.
    pub(crate) fn name(self, disk: &SharedDisk, path: &Path) -> Result<(), BackupError> {
        disk.rename(&self.path, path)
            .map_err(BackupError::io("name a backup file"))
    }
}

/// A backup file to read.
pub(crate) struct Reading {
    file: Arc<dyn File>,
    /// Its length in bytes.
    pub(crate) length: u64,
    part: Part,
}

impl Reading {
    pub(crate) fn open(disk: &SharedDisk, path: &Path, part: Part) -> Result<Reading, BackupError> {
        let file = match disk.open(path, Open::Read) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Err(BackupError::Missing(part));
            }
            opened => opened.map_err(BackupError::io("open a backup file"))?,
        };
        let length = file
            .len()
            .map_err(BackupError::io("measure a backup file"))?;
        Ok(Reading { file, length, part })
    }

    /// Exactly these bytes; `Damaged` where the file ends before.
    pub(crate) fn bytes(&self, offset: u64, length: usize) -> Result<Vec<u8>, BackupError> {
        let end = offset.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(self.damaged("it ends too early"));
        }
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, offset)
            .map_err(BackupError::io("read a backup file"))?;
        Ok(bytes)
    }

    /// SHA-256 of the whole.
    pub(crate) fn sha256(&self) -> Result<Hash, BackupError> {
        let mut context = Context::new(&SHA256);
        let mut offset = 0;
        while offset < self.length {
            let length = (self.length - offset).min(READ_BYTES as u64);
            context.update(&self.bytes(offset, length as usize)?);
            offset += length;
        }
        Ok(finish(context))
    }

    pub(crate) fn damaged(&self, what: &'static str) -> BackupError {
        BackupError::Damaged(self.part, what)
    }

    pub(crate) fn version(&self) -> BackupError {
        BackupError::Version(self.part)
    }
}

/// Big-endian fields of a piece of a file, in order.
pub(crate) struct Cut<'a>(pub(crate) &'a [u8]);

impl<'a> Cut<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
}
