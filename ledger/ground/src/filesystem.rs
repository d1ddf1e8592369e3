//! What kind of file system holds a path, and whether it is known to overwrite bytes in place and to honour one writer's lock.
//!
//! Not a judgement about devices: a flash disk may keep old pages under any of these.
//! Always: what is not known counts as unproven.

use std::fs;
use std::io;
use std::os::linux::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{IFlags, Mode, OFlags};

/// The file system that holds a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FilesystemKind {
    /// ext2, ext3 or ext4; with `data_journal` old and new bytes of a file also pass through its journal and stay there.
    Ext4 {
        /// Mounted with `data=journal`, or the path carries the attribute `+j`.
        data_journal: bool,
    },
    /// XFS (a file that was reflinked keeps its old bytes).
    Xfs,
    /// Btrfs: never overwrites in place.
    Btrfs,
    /// ZFS: never overwrites in place.
    Zfs,
    /// Overlay, as in most containers: what lies below is not known.
    Overlay,
    /// Memory: gone after a restart.
    Tmpfs,
    /// A network or user-space file system, by name: locks and syncs are somebody else's promise.
    Network(&'static str),
    /// Anything else, by its `statfs` number.
    Other(u64),
}

impl FilesystemKind {
    /// Its name, as an operator knows it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            FilesystemKind::Ext4 {
                data_journal: false,
            } => "ext4".to_owned(),
            FilesystemKind::Ext4 { data_journal: true } => "ext4 with data=journal".to_owned(),
            FilesystemKind::Xfs => "xfs".to_owned(),
            FilesystemKind::Btrfs => "btrfs".to_owned(),
            FilesystemKind::Zfs => "zfs".to_owned(),
            FilesystemKind::Overlay => "overlay".to_owned(),
            FilesystemKind::Tmpfs => "tmpfs".to_owned(),
            FilesystemKind::Network(name) => (*name).to_owned(),
            FilesystemKind::Other(magic) => format!("file system {magic:#x}"),
        }
    }

    /// Whether a synced overwrite is known to replace the old bytes (measured for ext4 in ordered mode and xfs; true of memory).
    #[must_use]
    pub fn overwrites_in_place(&self) -> bool {
        matches!(
            self,
            FilesystemKind::Ext4 {
                data_journal: false
            } | FilesystemKind::Xfs
                | FilesystemKind::Tmpfs
        )
    }

    /// Whether another machine may hold the file.
    #[must_use]
    pub fn is_network(&self) -> bool {
        matches!(self, FilesystemKind::Network(_))
    }
}

/// Asks the kernel what holds this existing path.
pub(crate) fn kind_of(path: &Path) -> io::Result<FilesystemKind> {
    let magic = u64::try_from(rustix::fs::statfs(path)?.f_type).unwrap_or(0) & 0xffff_ffff;
    Ok(match kind_of_magic(magic) {
        FilesystemKind::Ext4 { .. } => FilesystemKind::Ext4 {
            data_journal: journals_data(path)?,
        },
        kind => kind,
    })
}

/// The kind behind a `statfs` number (linux/magic.h and the file systems' own sources).
fn kind_of_magic(magic: u64) -> FilesystemKind {
    match magic {
        0xef53 => FilesystemKind::Ext4 {
            data_journal: false,
        },
        0x5846_5342 => FilesystemKind::Xfs,
        0x9123_683e => FilesystemKind::Btrfs,
        0x2fc1_2fc1 => FilesystemKind::Zfs,
        0x794c_7630 => FilesystemKind::Overlay,
        0x0102_1994 | 0x8584_58f6 => FilesystemKind::Tmpfs,
        0x6969 => FilesystemKind::Network("nfs"),
        0xff53_4d42 => FilesystemKind::Network("cifs"),
        0xfe53_4d42 => FilesystemKind::Network("smb"),
        0x517b => FilesystemKind::Network("smbfs"),
        0x6573_5546 => FilesystemKind::Network("fuse"),
        0x00c3_6400 => FilesystemKind::Network("ceph"),
        0x0102_1997 => FilesystemKind::Network("9p"),
        0x5346_414f => FilesystemKind::Network("afs"),
        0x0bd0_0bd0 => FilesystemKind::Network("lustre"),
        0x0116_1970 => FilesystemKind::Network("gfs2"),
        0x7461_636f => FilesystemKind::Network("ocfs2"),
        0x4750_4653 => FilesystemKind::Network("gpfs"),
        0x786f_4256 => FilesystemKind::Network("vboxsf"),
        other => FilesystemKind::Other(other),
    }
}

/// Whether ext4 sends file data through its journal here: by mount option, by the file system's default, or by attribute.
fn journals_data(path: &Path) -> io::Result<bool> {
    if has_journal_attribute(path) {
        return Ok(true);
    }
    let device = fs::metadata(path)?.st_dev();
    let device = format!(
        "{}:{}",
        rustix::fs::major(device),
        rustix::fs::minor(device)
    );
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let Some(mount) = find_mount(&mounts, &device) else {
        return Ok(false);
    };
    if mount
        .options
        .split(',')
        .any(|option| option == "data=journal")
    {
        return Ok(true);
    }
    // The mount line leaves out what is the file system's own default; this file does not.
    let name = mount.source.rsplit('/').next().unwrap_or_default();
    let all = fs::read_to_string(format!("/proc/fs/ext4/{name}/options")).unwrap_or_default();
    Ok(all.lines().any(|line| line == "data=journal"))
}

fn has_journal_attribute(path: &Path) -> bool {
    rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK,
        Mode::empty(),
    )
    .and_then(rustix::fs::ioctl_getflags)
    .is_ok_and(|flags| flags.contains(IFlags::JOURNALING))
}

struct Mount<'a> {
    source: &'a str,
    options: &'a str,
}

/// The line of `/proc/self/mountinfo` for a device: `id parent major:minor root point options [tags] - type source superoptions`.
fn find_mount<'a>(mountinfo: &'a str, device: &str) -> Option<Mount<'a>> {
    mountinfo.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        if left.split(' ').nth(2)? != device {
            return None;
        }
        let mut words = right.split(' ').skip(1);
        Some(Mount {
            source: words.next()?,
            options: words.next()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro\n\
        30 22 7:1 / /mnt/a rw - ext4 /dev/loop1 rw,data=journal\n";

    #[test]
    fn the_mount_of_a_device_is_found() {
        let mount = find_mount(MOUNTS, "7:1").expect("the second line");
        assert_eq!(
            (mount.source, mount.options),
            ("/dev/loop1", "rw,data=journal")
        );
        assert!(find_mount(MOUNTS, "9:9").is_none());
    }

    #[test]
    fn only_what_was_measured_overwrites_in_place() {
        assert!(kind_of_magic(0xef53).overwrites_in_place());
        assert!(!FilesystemKind::Ext4 { data_journal: true }.overwrites_in_place());
        assert!(!kind_of_magic(0x9123_683e).overwrites_in_place());
        assert!(!kind_of_magic(12).overwrites_in_place());
        assert!(kind_of_magic(0x6969).is_network());
    }

    #[test]
    fn this_machine_answers() {
        let kind = kind_of(Path::new("/proc")).expect("every Linux has /proc");
        assert_eq!(kind, FilesystemKind::Other(0x9fa0));
        kind_of(Path::new(env!("CARGO_MANIFEST_DIR")))
            .expect("the checkout lies on some file system");
    }
}
