//! The journal by itself, with invented bytes for records and slots, and a checkpoint as a root in a file.
//!
//! Not sealed, not signed: keys are the whole ledger's business. Always: repeats are found by reading the journal, never by memory
//! of an earlier process.

use std::collections::BTreeMap;
use std::path::Path;

use chain::link::Link;
use chain::tree;
use ground::{Open, SharedDisk, SimDisk, Site};
use journal::{Entry, Floor, Framer, Genesis, GroupDraft, Options, Reader, Writer};
use proto::{ChainNumber, Hash, IdTag, Index, Origin, UnixMillis};

use super::{Answer, CHAIN, CHECKPOINTS, JOURNAL, LEDGER, ORIGIN, Setting, Stop, Subject, read};
use crate::auditor::Finding;
use crate::auditor::promises::Published;
use crate::deeds::Deed;

/// Small, so that lives see many segments.
const OPTIONS: Options = Options {
    segment_bytes: 32 << 10,
    group_bytes_max: 8 << 10,
    torn_scan_bytes: 8 << 10,
    accept_unproven: false,
};

/// The journal, what was read from it, and the floor.
pub struct JournalOnly {
    disk: SharedDisk,
    clock: std::sync::Arc<ground::TestClock>,
    framer: Framer,
    writer: Writer,
    reader: Reader,
    recorded: BTreeMap<IdTag, Index>,
    leaves: Vec<Hash>,
    last: Option<[u8; 77]>,
    floor: u64,
}

impl Subject for JournalOnly {
    const NAME: &'static str = "journal alone";
    const MADE_AGAIN_IN_PLACE: bool = true;

    fn init(setting: &Setting) -> Result<(), Stop> {
        // The folders above are not the journal's to make.
        let disk = setting.disk.shared();
        for (folder, above) in [(LEDGER, "/ledgers"), (CHECKPOINTS, "/safe")] {
            let made = disk
                .create_dir(Path::new(folder))
                .and_then(|()| disk.sync_dir(Path::new(above), Site("administrator")));
            made.map_err(|error| Stop::failed(&error))?;
        }
        let genesis = Genesis {
            origin: origin(),
            chain: ChainNumber(CHAIN),
        };
        journal::init(
            &setting.disk.shared(),
            Path::new(JOURNAL),
            &genesis,
            &OPTIONS,
        )
        .map_err(|error| Stop::failed(&error))
    }

    fn open(setting: &Setting) -> Result<Self, Stop> {
        let disk = setting.disk.shared();
        let floor = read_floor(&disk).map_err(|error| Stop::failed(&error))?;
        let opened = journal::open(&disk, Path::new(JOURNAL), &OPTIONS, floor)
            .map_err(|error| Stop::failed(&error))?;
        let mut subject = JournalOnly {
            disk,
            clock: setting.clock.clone(),
            framer: opened.framer,
            writer: opened.writer,
            reader: opened.reader,
            recorded: BTreeMap::new(),
            leaves: Vec::new(),
            last: None,
            floor: floor.size,
        };
        subject.read_all()?;
        let covered = subject
            .leaves
            .get(..floor_length(floor.size))
            .map(tree::root_of);
        if floor.root.is_some() && floor.root != covered {
            return Err(Stop::Failed(
                "the stored checkpoint is not the root of the journal".to_owned(),
            ));
        }
        Ok(subject)
    }

    fn publish(&mut self, deeds: &[Deed]) -> Result<Vec<Answer>, Stop> {
        let mut entries = Vec::new();
        let first = self.framer.next();
        let mut fresh: BTreeMap<IdTag, usize> = BTreeMap::new();
        for deed in deeds {
            let idtag = idtag_of(deed);
            if !self.recorded.contains_key(&idtag) && !fresh.contains_key(&idtag) {
                fresh.insert(idtag, entries.len());
                entries.push(self.entry(deed)?);
            }
        }
        if !entries.is_empty() {
            let time = UnixMillis(ground::Clock::now(&*self.clock));
            let draft = GroupDraft {
                time,
                first,
                entries: entries.clone(),
                vault_section: vault_section(first),
            };
            let prepared = self
                .framer
                .frame(draft)
                .map_err(|error| Stop::failed(&error))?;
            self.writer
                .commit(prepared)
                .map_err(|error| Stop::failed(&error))?;
            for (entry, index) in entries.iter().zip(first.0..) {
                self.recorded.insert(entry.idtag, Index(index));
                self.leaves.push(chain::link::leaf_hash(&entry.link));
            }
        }
        deeds.iter().map(|deed| self.answer(deed)).collect()
    }

    fn checkpoint(&mut self) -> Result<Option<Published>, Stop> {
        let size = self.leaves.len() as u64;
        if size <= self.floor {
            return Ok(None);
        }
        let root = tree::root_of(&self.leaves);
        write_floor(&self.disk, size, &root).map_err(|error| Stop::failed(&error))?;
        self.floor = size;
        self.reader.raise_floor(size);
        Ok(Some(Published { size, root: root.0 }))
    }

    fn absorb(&mut self) -> Result<(), Stop> {
        self.writer
            .prepare_next_segment()
            .map(|_| ())
            .map_err(|error| Stop::failed(&error))
    }

    fn open_slots(&mut self, deed: &Deed, link: &[u8; 77]) -> Result<(), Stop> {
        let index = Link::decode(link)
            .map_err(|error| Stop::failed(&error))?
            .index;
        let at = self
            .reader
            .entry(index)
            .map_err(|error| Stop::failed(&error))?;
        if at.entry.slots == slots_of(deed) && at.entry.record == record_of(deed) {
            return Ok(());
        }
        Err(Stop::Broken(Finding::new(
            "C-2",
            format!("index {} holds other bytes than were sent", index.0),
        )))
    }

    fn stored_checkpoint(disk: &SimDisk) -> Option<Published> {
        let bytes = read(disk, &Path::new(CHECKPOINTS).join(STORED))?;
        let (size, root) = bytes.split_first_chunk::<8>()?;
        Some(Published {
            size: u64::from_be_bytes(*size),
            root: root.try_into().ok()?,
        })
    }

    fn foil_key(&self) -> Option<String> {
        None
    }
}

impl JournalOnly {
    fn read_all(&mut self) -> Result<(), Stop> {
        for group in self.reader.groups_from(Index(0)) {
            let group = group.map_err(|error| Stop::failed(&error))?;
            for (entry, index) in group.entries.iter().zip(group.first.0..) {
                self.recorded.insert(entry.idtag, Index(index));
                self.leaves.push(chain::link::leaf_hash(&entry.link));
                self.last = Some(entry.link);
            }
        }
        Ok(())
    }

    fn entry(&mut self, deed: &Deed) -> Result<Entry, Stop> {
        let record = record_of(deed);
        let commitment = chain::link::record_commitment(&[0; 32], &record);
        let link = match &self.last {
            None => Link::genesis(&origin(), ChainNumber(CHAIN), commitment),
            Some(before) => {
                Link::after(before, commitment).map_err(|error| Stop::failed(&error))?
            }
        };
        let link = link.encode();
        self.last = Some(link);
        Ok(Entry {
            idtag: idtag_of(deed),
            link,
            record,
            slots: slots_of(deed),
        })
    }

    fn answer(&self, deed: &Deed) -> Result<Answer, Stop> {
        let index = self.recorded.get(&idtag_of(deed)).copied();
        let index = index
            .ok_or_else(|| Stop::Failed("an event was neither recorded nor found".to_owned()))?;
        let at = self
            .reader
            .entry(index)
            .map_err(|error| Stop::failed(&error))?;
        if at.entry.record == record_of(deed) {
            Ok(Answer::Recorded {
                link: at.entry.link,
                foil: None,
            })
        } else {
            Ok(Answer::Conflict)
        }
    }
}

fn origin() -> Origin {
    Origin::new(ORIGIN).expect("the simulation's origin is a valid one")
}

fn floor_length(size: u64) -> usize {
    usize::try_from(size).expect("a simulated ledger is small")
}

fn idtag_of(deed: &Deed) -> IdTag {
    let mut tag = [0; 16];
    tag.copy_from_slice(&bytes_of("idtag", &[deed.id], 16));
    IdTag(tag)
}

fn record_of(deed: &Deed) -> Vec<u8> {
    let numbers = [deed.id, deed.person, deed.content];
    let length = 20
        + bytes_of("length", &[deed.id], 2)
            .iter()
            .map(|byte| usize::from(*byte))
            .sum::<usize>();
    bytes_of("record", &numbers, length)
}

fn slots_of(deed: &Deed) -> Vec<Vec<u8>> {
    let numbers = [deed.id, deed.person, deed.content];
    let lengths = bytes_of(
        "slots",
        &numbers,
        usize::try_from(1 + deed.id % 2).unwrap_or(1),
    );
    lengths
        .iter()
        .map(|length| bytes_of("slot", &numbers, 3 * usize::from(*length)))
        .collect()
}

fn vault_section(first: Index) -> Vec<u8> {
    bytes_of(
        "vault",
        &[first.0],
        usize::try_from(first.0 % 5 * 100).unwrap_or(0),
    )
}

fn bytes_of(what: &str, numbers: &[u64], length: usize) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(what.as_bytes());
    numbers
        .iter()
        .for_each(|number| _ = hasher.update(&number.to_be_bytes()));
    let mut bytes = vec![0; length];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

const STORED: &str = "floor";
const NEXT: &str = "floor.next";

fn write_floor(disk: &SharedDisk, size: u64, root: &Hash) -> std::io::Result<()> {
    let (stored, next) = (
        Path::new(CHECKPOINTS).join(STORED),
        Path::new(CHECKPOINTS).join(NEXT),
    );
    if disk.exists(&next)? {
        disk.remove(&next)?;
    }
    let file = disk.open(&next, Open::Create)?;
    file.write_all_at(&[size.to_be_bytes().as_slice(), &root.0].concat(), 0)?;
    file.sync_data(Site("floor.file"))?;
    disk.rename(&next, &stored)?;
    disk.sync_dir(Path::new(CHECKPOINTS), Site("floor.dir"))
}

fn read_floor(disk: &SharedDisk) -> std::io::Result<Floor> {
    let path = Path::new(CHECKPOINTS).join(STORED);
    if !disk.exists(&path)? {
        return Ok(Floor {
            size: 0,
            root: None,
        });
    }
    let (mut size, mut root) = ([0; 8], [0; 32]);
    let file = disk.open(&path, Open::Read)?;
    file.read_exact_at(&mut size, 0)?;
    file.read_exact_at(&mut root, 8)?;
    Ok(Floor {
        size: u64::from_be_bytes(size),
        root: Some(Hash(root)),
    })
}
