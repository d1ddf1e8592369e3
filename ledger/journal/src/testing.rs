//! What the tests of this crate share: invented entries, a small journal on a simulated disk.

use std::path::{Path, PathBuf};

use chain::Link;
use ground::{Open as OpenHow, SharedDisk, SimDisk};

use crate::words::{ChainNumber, Hash, IdTag, Index, Origin, UnixMillis, link_hash};
use crate::{
    Committed, Entry, Floor, Framer, Genesis, GroupDraft, JournalError, Opened, Options,
    PreparedGroup, Writer, init, open,
};

/// Small enough to test every sector, large enough for three small groups.
pub(crate) const SEGMENT_BYTES: u64 = 16 << 10;

pub(crate) fn options() -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        group_bytes_max: 8 << 10,
        torn_scan_bytes: 8 << 10,
        accept_unproven: false,
    }
}

pub(crate) fn genesis() -> Genesis {
    Genesis {
        origin: Origin::new("test.westmere.example/counterfoil").expect("an origin"),
        chain: ChainNumber(0),
    }
}

pub(crate) fn dir() -> PathBuf {
    PathBuf::from("/ledger/journal")
}

pub(crate) fn new_disk() -> (SimDisk, SharedDisk) {
    let sim = SimDisk::new(1);
    let disk = sim.shared();
    disk.create_dir(Path::new("/ledger")).expect("a directory");
    disk.sync_dir(Path::new("/"), ground::Site("test"))
        .expect("a sync");
    init(&disk, &dir(), &genesis(), &options()).expect("an empty journal");
    (sim, disk)
}

pub(crate) fn open_at(disk: &SharedDisk, size: u64) -> Result<Opened, JournalError> {
    open(disk, &dir(), &options(), Floor { size, root: None })
}

/// An entry at an index, behind the link with this hash; `seed` makes its bytes.
pub(crate) fn entry(index: u64, before: Hash, seed: u8, record: usize, slots: &[usize]) -> Entry {
    let link = Link {
        chain: ChainNumber(0),
        index: Index(index),
        prev: before,
        commitment: Hash([seed; 32]),
    };
    let noise = |at: usize| seed.wrapping_mul(31).wrapping_add(at as u8) | 1;
    Entry {
        idtag: IdTag([seed; 16]),
        link: link.encode(),
        record: (0..record).map(noise).collect(),
        slots: slots
            .iter()
            .map(|length| (0..*length).map(noise).collect())
            .collect(),
    }
}

/// A draft of `count` entries behind what the framer framed last.
pub(crate) fn draft(framer: &Framer, count: u64, record: usize) -> GroupDraft {
    let first = framer.next();
    let mut before = framer.last_link_hash();
    let mut entries = Vec::new();
    for index in first.0..first.0 + count {
        let made = entry(index, before, index as u8, record, &[40, 0, 17]);
        before = link_hash(&made.link);
        entries.push(made);
    }
    GroupDraft {
        time: UnixMillis(1_700_000_000_000 + first.0 as i64),
        first,
        entries,
        vault_section: vec![7; 33],
    }
}

pub(crate) fn prepared(framer: &mut Framer, count: u64, record: usize) -> PreparedGroup {
    let draft = draft(framer, count, record);
    framer.frame(draft).expect("a good draft")
}

pub(crate) fn commit(
    framer: &mut Framer,
    writer: &mut Writer,
    count: u64,
    record: usize,
) -> Committed {
    writer
        .commit(prepared(framer, count, record))
        .expect("a working disk")
}

/// A journal with these groups of (entries, record bytes), closed.
pub(crate) fn journal(groups: &[(u64, usize)]) -> (SimDisk, SharedDisk) {
    let (sim, disk) = new_disk();
    let mut opened = open_at(&disk, 0).expect("an empty journal opens");
    for (count, record) in groups {
        commit(&mut opened.framer, &mut opened.writer, *count, *record);
    }
    drop(opened);
    (sim, disk)
}

pub(crate) fn segment_path(number: u32) -> PathBuf {
    dir().join(crate::segments::name_of(number))
}

/// Changes bytes of a file in cache and on the device.
pub(crate) fn overwrite(disk: &SharedDisk, path: &Path, offset: u64, bytes: &[u8]) {
    let file = disk.open(path, OpenHow::Write).expect("the file");
    file.write_all_at(bytes, offset).expect("a write");
    file.sync_data(ground::Site("test")).expect("a sync");
}

pub(crate) fn read_file(disk: &SharedDisk, path: &Path) -> Vec<u8> {
    let file = disk.open(path, OpenHow::Read).expect("the file");
    let mut bytes = vec![0; file.len().expect("a length") as usize];
    file.read_exact_at(&mut bytes, 0).expect("its bytes");
    bytes
}
