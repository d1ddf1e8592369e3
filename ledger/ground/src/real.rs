//! The operating system's disk.
//!
//! Not buffered, not retried: what the kernel says is what the caller hears, except that an interrupted call is made again.
//! Always: new files are 0600 and new directories 0700; a lock lives as long as its handle.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Advice, Mode, OFlags};

use crate::filesystem;
use crate::{Disk, File, FilesystemKind, Lock, Open, PastCache, Site};

/// Alignment of offset, length and memory that every `O_DIRECT` implementation accepts, in bytes.
const DIRECT_ALIGN: usize = 4096;

/// How much one direct read asks for at most, in bytes.
const DIRECT_READ_BYTES_MAX: usize = 1 << 20;

/// The machine's own files.
#[derive(Clone, Copy, Default, Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).mode(0o600);
        match how {
            Open::Read => {}
            Open::Write => _ = options.write(true),
            Open::Create => _ = options.write(true).create_new(true),
        }
        Ok(Arc::new(RealFile {
            file: options.open(path)?,
        }))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            let name = entry?.file_name().into_string();
            names.push(name.map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, "a file name is not UTF-8")
            })?);
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path, _site: Site) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        file.try_lock().map_err(io::Error::from)?;
        Ok(Box::new(RealLock { _file: file }))
    }

    fn filesystem(&self, path: &Path) -> io::Result<FilesystemKind> {
        filesystem::kind_of(path)
    }
}

/// The kernel gives the lock back when this handle closes.
struct RealLock {
    _file: fs::File,
}

impl Lock for RealLock {}

struct RealFile {
    file: fs::File,
}

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_full(&self.file, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync_data(&self, _site: Site) -> io::Result<()> {
        self.file.sync_data()
    }

    fn read_past_cache(&self, buffer: &mut [u8], offset: u64) -> io::Result<PastCache> {
        match read_direct(&self.file, buffer, offset) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                rustix::fs::fadvise(
                    &self.file,
                    offset,
                    std::num::NonZeroU64::new(buffer.len() as u64),
                    Advice::DontNeed,
                )?;
                self.read_exact_at(buffer, offset)?;
                Ok(PastCache::Advised)
            }
            other => other.map(|()| PastCache::Direct),
        }
    }

    fn drop_clean_cache(&self) -> io::Result<()> {
        Ok(rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed)?)
    }

    fn set_owner_only(&self) -> io::Result<()> {
        self.file.set_permissions(fs::Permissions::from_mode(0o600))
    }

    fn mode(&self) -> io::Result<u32> {
        Ok(self.file.metadata()?.permissions().mode() & 0o7777)
    }

    fn owner(&self) -> io::Result<u32> {
        Ok(rustix::fs::fstat(&self.file)?.st_uid)
    }
}

fn read_full(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Fills the buffer through a second, direct handle of the same file (reopened by handle, so a rename does not matter).
fn read_direct(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let handle: OwnedFd = rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::DIRECT | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let direct = fs::File::from(handle);
    // The pages must be on the device first: a direct read flushes dirty pages of its range itself on Linux.
    let align = DIRECT_ALIGN as u64;
    let mut room = vec![0_u8; DIRECT_READ_BYTES_MAX + 2 * DIRECT_ALIGN];
    let skip = room.as_ptr().align_offset(DIRECT_ALIGN);
    let room = room
        .get_mut(skip..skip + DIRECT_READ_BYTES_MAX + DIRECT_ALIGN)
        .ok_or(io::ErrorKind::OutOfMemory)?;
    let mut done = 0;
    while done < buffer.len() {
        let at = offset + done as u64;
        let before = usize::try_from(at % align).expect("below the alignment");
        let want = (buffer.len() - done).min(DIRECT_READ_BYTES_MAX);
        let span = (before + want).next_multiple_of(DIRECT_ALIGN);
        let window = room.get_mut(..span).ok_or(io::ErrorKind::InvalidInput)?;
        let got = direct.read_at(window, at - at % align)?;
        let fresh = got.min(before + want);
        if fresh <= before {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let source = window
            .get(before..fresh)
            .ok_or(io::ErrorKind::InvalidData)?;
        let target = buffer
            .get_mut(done..done + source.len())
            .ok_or(io::ErrorKind::InvalidData)?;
        target.copy_from_slice(source);
        done += source.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Site = Site("test");

    #[test]
    fn bytes_come_back_and_the_end_is_an_end() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("file");
        let file = RealDisk.open(&path, Open::Create).expect("new");
        file.write_all_at(b"hello", 3).expect("written");
        let mut bytes = [0; 16];
        assert_eq!(file.read_at(&mut bytes, 0).expect("read"), 8);
        assert_eq!(&bytes[..8], b"\0\0\0hello");
        assert_eq!(
            file.read_exact_at(&mut bytes, 0)
                .expect_err("too short")
                .kind(),
            io::ErrorKind::UnexpectedEof
        );
        file.set_len(4).expect("cut");
        assert_eq!(file.len().expect("length"), 4);
        assert_eq!(file.mode().expect("mode"), 0o600);
        assert_eq!(
            RealDisk
                .open(&path, Open::Create)
                .err()
                .expect("taken")
                .kind(),
            io::ErrorKind::AlreadyExists
        );
    }

    #[test]
    fn past_the_cache_any_offset_reads_the_same_bytes() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = RealDisk
            .open(&dir.path().join("file"), Open::Create)
            .expect("new");
        let bytes: Vec<u8> = (0..(3 << 20) + 777).map(|i: u32| (i % 251) as u8).collect();
        file.write_all_at(&bytes, 0).expect("written");
        file.sync_data(HERE).expect("synced");
        for (offset, length) in [
            (0, 64),
            (511, 2),
            (4095, 8193),
            (777, 3 << 20),
            (3 << 20, 777),
        ] {
            let mut back = vec![0; length];
            file.read_past_cache(&mut back, offset as u64)
                .expect("read");
            assert_eq!(back, bytes[offset..offset + length], "{offset} {length}");
        }
        let error = file
            .read_past_cache(&mut [0; 8], bytes.len() as u64 - 7)
            .expect_err("one byte too far");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_lock_is_held_once_and_given_back() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("lock");
        let held = RealDisk.lock(&path).expect("free");
        assert_eq!(
            RealDisk.lock(&path).err().expect("held").kind(),
            io::ErrorKind::WouldBlock
        );
        drop(held);
        RealDisk.lock(&path).expect("free again");
    }

    #[test]
    fn names_are_listed_sorted_renamed_and_removed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let deep = dir.path().join("a/b");
        RealDisk.create_dir(&deep).expect("made");
        RealDisk.create_dir(&deep).expect("made twice");
        for name in ["z", "m", "c"] {
            RealDisk.open(&deep.join(name), Open::Create).expect("new");
        }
        RealDisk
            .rename(&deep.join("z"), &deep.join("m"))
            .expect("renamed over another");
        RealDisk.sync_dir(&deep, HERE).expect("synced");
        assert_eq!(RealDisk.list(&deep).expect("listed"), ["c", "m"]);
        RealDisk.remove(&deep.join("c")).expect("removed");
        assert!(!RealDisk.exists(&deep.join("c")).expect("asked"));
    }
}
