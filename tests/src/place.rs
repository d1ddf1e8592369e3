//! Copies of a ledger's directory, and what lies in it.
//!
//! Always: a copy leaves holes where the original has zeros, so that a segment of 64 MiB costs what is in it; modes are kept.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Zeros are looked for in blocks of this many bytes.
const BLOCK_BYTES: usize = 4 << 10;

/// Every regular file below a directory, in order.
///
/// # Errors
/// The system's.
pub fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut names: Vec<_> = fs::read_dir(dir)?.collect::<io::Result<_>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    for entry in names {
        let kind = entry.file_type()?;
        if kind.is_dir() {
            found.extend(files(&entry.path())?);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Copies a directory with everything in it; sockets are left out.
///
/// # Errors
/// The system's.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            copy_file(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let bytes = fs::read(from)?;
    let file = File::create(to)?;
    file.set_len(bytes.len() as u64)?;
    let mut offset = 0;
    for block in bytes.chunks(BLOCK_BYTES) {
        if block.iter().any(|byte| *byte != 0) {
            file.write_all_at(block, offset)?;
        }
        offset += block.len() as u64;
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())
}

/// Changes one byte of a file; the byte that was there.
///
/// # Errors
/// The system's.
pub fn flip(path: &Path, offset: u64, mask: u8) -> io::Result<u8> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset)?;
    file.write_all_at(&[byte[0] ^ mask], offset)?;
    Ok(byte[0])
}

/// Where a file's last byte that is not zero lies, plus one.
///
/// # Errors
/// The system's.
pub fn used(path: &Path) -> io::Result<u64> {
    let bytes = fs::read(path)?;
    Ok(bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at as u64 + 1))
}
