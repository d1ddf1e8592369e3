//! Making, opening and reading a journal directory: `init`, `open`, `open_read_only`.
//!
//! Not here: what recovery decides (`recover`).
//! Always: an empty journal is never made silently; `open` takes the lock before it looks; a reader in another process writes nothing.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ground::{File, Lock, Open, SharedDisk, Site};

use crate::error::{Damage, JournalError};
use crate::format::{
    GROUP_BYTES_MAX, Marker, SECTOR_BYTES, SEGMENT_BYTES_DEFAULT, WatermarkRecord, lengths_allowed,
};
use crate::frame::{Framer, Tip, segment_header};
use crate::offsets::Offsets;
use crate::read::{Reader, Shared, Watermark};
use crate::recover::{Floor, Ground, Recovery};
use crate::repair::SITE_SEGMENT_HEADER;
use crate::segments::Segments;
use crate::words::{ChainNumber, Origin, genesis_prev};
use crate::write::{Writer, WriterParts, write_watermark};

/// The sync of the completion marker.
pub const SITE_MARKER: Site = Site("journal.marker");
/// The sync of the directory that names the completion marker.
pub const SITE_MARKER_DIR: Site = Site("journal.marker-dir");
/// The sync of the directory above the journal's, which names it.
pub const SITE_PARENT_DIR: Site = Site("journal.parent-dir");

pub(crate) const MARKER_FILE: &str = "ledger";
const LOCK_FILE: &str = "lock";
const WATERMARK_FILE: &str = "watermark";
const OFFSETS_FILE: &str = "offsets";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// The longest marker file, in bytes.
const MARKER_BYTES_MAX: usize = 512;

/// Which ledger a journal is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Genesis {
    /// The ledger's origin.
    pub origin: Origin,
    /// The chain.
    pub chain: ChainNumber,
}

/// How a journal is made and opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// The length of a segment in bytes; fixed by `init`.
    pub segment_bytes: u64,
    /// The longest group in bytes; fixed by `init`.
    pub group_bytes_max: u64,
    /// How far behind a torn group a later header is looked for, in bytes; at least one longest group.
    pub torn_scan_bytes: u64,
    /// Go on where the file system is not known to overwrite in place.
    pub accept_unproven: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            group_bytes_max: GROUP_BYTES_MAX,
            torn_scan_bytes: GROUP_BYTES_MAX,
            accept_unproven: false,
        }
    }
}

/// An open journal: the sequencer's side, the disk's side, and everyone else's.
pub struct Opened {
    /// Frames groups; for the sequencer.
    pub framer: Framer,
    /// Commits groups; holds the lock.
    pub writer: Writer,
    /// Reads what is durable.
    pub reader: Reader,
    /// What the start found and did.
    pub recovery: Recovery,
}

/// Makes an empty journal. The completion marker comes last: a directory without it was never finished and may be made again.
///
/// # Errors
/// `AlreadyInitialised`, `Unsupported`, `Options`, `Busy`; `Damaged` where groups lie in a directory without a marker; `Io`.
pub fn init(
    disk: &SharedDisk,
    dir: &Path,
    genesis: &Genesis,
    options: &Options,
) -> Result<(), JournalError> {
    let io = JournalError::io;
    if !lengths_allowed(options.segment_bytes, options.group_bytes_max) {
        return Err(JournalError::Options(
            "segment and group lengths do not fit together",
        ));
    }
    disk.create_dir(dir)
        .map_err(io("making the journal directory"))?;
    check_filesystem(disk, dir, options)?;
    let _lock = take_lock(disk, dir)?;
    let path = dir.join(MARKER_FILE);
    if disk
        .exists(&path)
        .map_err(io("looking for the completion marker"))?
        && read_marker(disk, dir).is_ok()
    {
        return Err(JournalError::AlreadyInitialised);
    }
    let marker = Marker {
        origin: genesis.origin.as_str().to_owned(),
        genesis: genesis_prev(&genesis.origin),
        chain: genesis.chain,
        segment_bytes: options.segment_bytes,
        group_bytes_max: options.group_bytes_max,
    };
    let segments = Segments::new(Arc::clone(disk), dir, Open::Write, options.segment_bytes);
    refuse_groups(&segments, &marker, options)?;
    let tip = Tip::genesis(marker.genesis);
    let first = || -> io::Result<()> {
        segments.fill(0)?;
        let file = segments.file(0)?;
        file.write_all_at(&segment_header(&marker, &tip, 0).encode(), 0)?;
        file.sync_data(SITE_SEGMENT_HEADER)?;
        create_watermark(disk, dir)?;
        disk.sync_dir(above(dir), SITE_PARENT_DIR)
    };
    first().map_err(io("making the first segment"))?;
    write_marker(disk, dir, &marker).map_err(io("writing the completion marker"))
}

/// Opens a journal for writing: takes the lock, finds the end, repairs a torn tail, and makes the last group durable again.
///
/// # Errors
/// `NotInitialised`, `Busy`, `Unsupported`; `Damaged` where something is not whole and no crash explains it (nothing was written:
/// [`open_read_only`] still reads what lies before it); `Fatal` where a repair failed; `Io`.
pub fn open(
    disk: &SharedDisk,
    dir: &Path,
    options: &Options,
    floor: Floor,
) -> Result<Opened, JournalError> {
    let io = JournalError::io;
    let marker = read_marker(disk, dir)?;
    check_filesystem(disk, dir, options)?;
    let lock = take_lock(disk, dir)?;
    let segments = Segments::new(Arc::clone(disk), dir, Open::Write, marker.segment_bytes);
    let mut offsets =
        Offsets::open(disk, &dir.join(OFFSETS_FILE), &marker).map_err(io("opening the offsets"))?;
    let ground = Ground {
        segments: &segments,
        marker: &marker,
        torn_scan_bytes: options.torn_scan_bytes,
    };
    let found = ground.find(&mut offsets, floor)?;
    keep_marker(disk, dir, &marker)
        .map_err(JournalError::fatal("making the completion marker durable"))?;
    let recovery = ground.repair(&found)?;
    let tip = found.tip;
    let segment = segments
        .file(tip.place.segment)
        .map_err(io("opening the last segment"))?;
    let watermark_file = create_watermark(disk, dir).map_err(io("opening the watermark"))?;
    let boot = boot_id(disk);
    write_watermark(&*watermark_file, boot, &tip).map_err(io("writing the watermark"))?;
    let watermark = Watermark {
        group: tip.group,
        next: tip.next,
    };
    let ready = recovery
        .refilled
        .iter()
        .copied()
        .find(|number| *number == tip.place.segment + 1);
    let shared = Arc::new(Shared::new(
        segments,
        marker.clone(),
        offsets,
        watermark,
        floor.size,
    ));
    Ok(Opened {
        framer: Framer::new(marker, tip),
        writer: Writer::new(WriterParts {
            shared: Arc::clone(&shared),
            segment,
            watermark_file,
            boot,
            tip,
            lock,
            ready,
        }),
        reader: Reader { shared },
        recovery,
    })
}

/// A journal opened without its lock.
pub struct ReadOnly {
    /// Reads up to `watermark`, which does not move: open again to see more.
    pub reader: Reader,
    /// Damage that was met on the way; the reader ends before it.
    pub damage: Option<Damage>,
    /// Whether the watermark was written during this boot: if not, no writer has run since, and the reader ends at what was known then.
    pub same_boot: bool,
}

/// Opens a journal beside its writer, or a damaged one: takes no lock, writes nothing, and stops at the watermark file.
/// Without that file (a backup) it reads to the last whole group.
///
/// # Errors
/// `NotInitialised`, `Io`.
pub fn open_read_only(
    disk: &SharedDisk,
    dir: &Path,
    floor: Floor,
) -> Result<ReadOnly, JournalError> {
    let io = JournalError::io;
    let marker = read_marker(disk, dir)?;
    let record = read_watermark(disk, dir)?;
    let segments = Segments::new(Arc::clone(disk), dir, Open::Read, marker.segment_bytes);
    let mut offsets =
        Offsets::copy(disk, &dir.join(OFFSETS_FILE), &marker).map_err(io("reading the offsets"))?;
    let ground = Ground {
        segments: &segments,
        marker: &marker,
        torn_scan_bytes: 0,
    };
    let (tip, damage) = ground.look(&mut offsets, floor, record.map(|record| record.group))?;
    let watermark = Watermark {
        group: tip.group,
        next: tip.next,
    };
    let shared = Arc::new(Shared::new(
        segments, marker, offsets, watermark, floor.size,
    ));
    Ok(ReadOnly {
        reader: Reader { shared },
        damage,
        same_boot: record.is_some_and(|record| record.boot == boot_id(disk)),
    })
}

pub(crate) fn read_marker(disk: &SharedDisk, dir: &Path) -> Result<Marker, JournalError> {
    let file = match disk.open(&dir.join(MARKER_FILE), Open::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(JournalError::NotInitialised);
        }
        opened => opened.map_err(JournalError::io("opening the completion marker"))?,
    };
    let mut bytes = vec![0; MARKER_BYTES_MAX];
    let read = file
        .read_at(&mut bytes, 0)
        .map_err(JournalError::io("reading the completion marker"))?;
    // A torn marker is one that was never synced: init did not return.
    Marker::decode(bytes.get(..read).unwrap_or_default()).map_err(|_| JournalError::NotInitialised)
}

pub(crate) fn write_marker(disk: &SharedDisk, dir: &Path, marker: &Marker) -> io::Result<()> {
    let file = create_or_open(disk, &dir.join(MARKER_FILE))?;
    file.set_len(0)?;
    file.write_all_at(&marker.encode(), 0)?;
    file.sync_data(SITE_MARKER)?;
    disk.sync_dir(dir, SITE_MARKER_DIR)
}

/// After a kill or a failed sync in the middle of `init` the cache may show a marker that the disk does not have: the same bytes
/// are written again, inside one sector, and synced.
fn keep_marker(disk: &SharedDisk, dir: &Path, marker: &Marker) -> io::Result<()> {
    let file = disk.open(&dir.join(MARKER_FILE), Open::Write)?;
    file.write_all_at(&marker.encode(), 0)?;
    file.sync_data(SITE_MARKER)?;
    disk.sync_dir(dir, SITE_MARKER_DIR)?;
    disk.sync_dir(above(dir), SITE_PARENT_DIR)
}

/// The directory that names this one; of a single relative name it is the working directory.
pub(crate) fn above(dir: &Path) -> &Path {
    match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => dir,
    }
}

/// `None` where there is no such file: a backup, which nobody has opened.
fn read_watermark(disk: &SharedDisk, dir: &Path) -> Result<Option<WatermarkRecord>, JournalError> {
    let file = match disk.open(&dir.join(WATERMARK_FILE), Open::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(JournalError::io("opening the watermark"))?,
    };
    let mut bytes = vec![0; SECTOR_BYTES as usize];
    let read = file
        .read_at(&mut bytes, 0)
        .map_err(JournalError::io("reading the watermark"))?;
    let record = WatermarkRecord::decode(bytes.get(..read).unwrap_or_default());
    // Written in place by one writer: a reader that meets the middle of it, or the zeros of a new one, sees nothing yet.
    record.map(Some).map_err(|_| JournalError::Io {
        what: "the watermark is not whole",
        cause: io::ErrorKind::InvalidData.into(),
    })
}

fn create_watermark(disk: &SharedDisk, dir: &Path) -> io::Result<Arc<dyn File>> {
    let file = create_or_open(disk, &dir.join(WATERMARK_FILE))?;
    if file.len()? != SECTOR_BYTES {
        file.set_len(SECTOR_BYTES)?;
    }
    Ok(file)
}

fn create_or_open(disk: &SharedDisk, path: &Path) -> io::Result<Arc<dyn File>> {
    match disk.open(path, Open::Create) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(path, Open::Write),
        opened => opened,
    }
}

fn take_lock(disk: &SharedDisk, dir: &Path) -> Result<Box<dyn Lock>, JournalError> {
    match disk.lock(&dir.join(LOCK_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(JournalError::Busy),
        taken => taken.map_err(JournalError::io("taking the lock")),
    }
}

fn check_filesystem(disk: &SharedDisk, dir: &Path, options: &Options) -> Result<(), JournalError> {
    let kind = disk
        .filesystem(dir)
        .map_err(JournalError::io("asking for the file system"))?;
    if kind.is_network() || (!kind.overwrites_in_place() && !options.accept_unproven) {
        return Err(JournalError::Unsupported(kind.name()));
    }
    Ok(())
}

/// A directory without a marker may hold a half-made segment, but no group.
fn refuse_groups(
    segments: &Segments,
    marker: &Marker,
    options: &Options,
) -> Result<(), JournalError> {
    let ground = Ground {
        segments,
        marker,
        torn_scan_bytes: options.torn_scan_bytes,
    };
    ground.refuse_groups()
}

/// The kernel's boot id; zeros where there is none to read.
pub(crate) fn boot_id(disk: &SharedDisk) -> [u8; 16] {
    let mut text = [0; 36];
    let read = disk
        .open(Path::new(BOOT_ID), Open::Read)
        .and_then(|file| file.read_at(&mut text, 0));
    let mut id = [0; 16];
    if read.is_ok() {
        let digits = text
            .iter()
            .filter_map(|byte| char::from(*byte).to_digit(16));
        for (place, digit) in digits.enumerate() {
            if let Some(byte) = id.get_mut(place / 2) {
                *byte = *byte << 4 | digit as u8;
            }
        }
    }
    id
}
