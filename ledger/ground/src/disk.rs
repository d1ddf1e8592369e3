//! The disk as the engine sees it: files read and written at offsets, directories, and syncs that carry the name of their call site.
//!
//! Not a general file system layer: no streams, no symbolic links, no appending handles.
//! Always: nothing is durable before a sync returned `Ok`. File content needs [`File::sync_data`]; a created, renamed or removed name
//! needs [`Disk::sync_dir`] on its directory. A failed sync says nothing about what is on the disk, now or after the next sync.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::FilesystemKind;

/// The disk that a process shares among its crates.
pub type SharedDisk = Arc<dyn Disk>;

/// The name of one call site of a sync, so that a simulation can leave out exactly that one, for example `Site("journal.group")`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Site(pub &'static str);

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Open {
    /// An existing file, to read.
    Read,
    /// An existing file, to read and write.
    Write,
    /// A new file, to read and write, mode 0600; fails with `AlreadyExists` where the name is taken.
    Create,
}

/// Which way [`File::read_past_cache`] went round the page cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PastCache {
    /// Read with `O_DIRECT`: the bytes come from the device.
    Direct,
    /// `O_DIRECT` was refused: the kernel was asked to drop the pages (`POSIX_FADV_DONTNEED`), then they were read. It may have kept them.
    Advised,
}

/// Files, directories, syncs and the one lock. Every error is the operating system's.
pub trait Disk: Send + Sync {
    /// Creates a directory with all its parents; an existing one is fine. Durable after [`Disk::sync_dir`] on each parent.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Opens or creates a file. A created name is durable after [`Disk::sync_dir`] on its directory.
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>>;
    /// Whether a file or directory has this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// The names in a directory, sorted, files and directories alike.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Gives a file another name, replacing what has it. Durable after [`Disk::sync_dir`] on the directories of both.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Durable after [`Disk::sync_dir`]; the bytes stay on the medium.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in this directory durable.
    fn sync_dir(&self, path: &Path, site: Site) -> io::Result<()>;
    /// Takes the exclusive lock of this file (created where missing) until the value is dropped or the process ends.
    /// Held by another: fails at once with `WouldBlock`.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
    /// What holds this existing path.
    fn filesystem(&self, path: &Path) -> io::Result<FilesystemKind>;
}

/// One open file. Offsets and lengths are bytes. Shared handles may read at any time; one owner writes.
#[expect(
    clippy::len_without_is_empty,
    reason = "a length here is an offset, not a count of items"
)]
pub trait File: Send + Sync {
    /// Reads until the buffer is full or the file ends; how many bytes it read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes, extending the file where needed. An error leaves any part of them written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// The length.
    fn len(&self) -> io::Result<u64>;
    /// Cuts the file or extends it with zeros.
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// Makes the content and the length durable (`fdatasync`).
    fn sync_data(&self, site: Site) -> io::Result<()>;
    /// Fills the buffer with what the device has, not the page cache. Any offset and length; past the end it fails with `UnexpectedEof`.
    fn read_past_cache(&self, buffer: &mut [u8], offset: u64) -> io::Result<PastCache>;
    /// Asks the kernel to forget what it keeps of this file beyond what awaits writing. After a failed sync the kept pages may show bytes
    /// that the device never got and no later sync will send; what is read after this call is what the device has. Advice, not a promise:
    /// where it matters, follow it with [`File::read_past_cache`].
    fn drop_clean_cache(&self) -> io::Result<()>;
    /// Takes every right from group and others (mode 0600).
    fn set_owner_only(&self) -> io::Result<()>;
    /// The permission bits, for example `0o600`.
    fn mode(&self) -> io::Result<u32>;
    /// The user id of the owner. A disk without owners answers the process's effective user.
    fn owner(&self) -> io::Result<u32> {
        Ok(rustix::process::geteuid().as_raw())
    }

    /// Fills the buffer, or fails with `UnexpectedEof`.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if self.read_at(buffer, offset)? == buffer.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

/// A held lock; dropping it gives the lock back.
pub trait Lock: Send + Sync {}
