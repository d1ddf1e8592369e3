//! The shelf table: the key of every shelf, sealed under the root, in two flat slots of one file beside it.
//!
//! ```text
//! slot   = magic[8] "CFTABL1\0" ‖ generation u64 ‖ length u32 ‖ sealed ‖ zeros        a multiple of 4,096 bytes, prewritten
//! sealed = nonce[12] ‖ AES-256-GCM( plain ) with tag[16];   data = level u8 (0) ‖ shelf u32 (0) ‖ generation u64
//! plain  = version u8 (=1) ‖ person u32 ‖ case u32 ‖ finding u32 ‖ next u8 ‖ keys      counts of shelves
//! key    = key[32] ‖ generation u64        person, case and finding shelves, the finding shelves' next keys where next is 1, service
//! ```
//! Generation g lies in slot g mod 2, like its root.
//!
//! Always: a table is written once per root key; a written slot has been synced, read back from the device and opened.

use std::path::Path;
use std::sync::Arc;

use ground::{File, Open, Random, SharedDisk, Site};
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::keys::{Key32, NONCE_BYTES, TAG_BYTES};
use crate::part::{ShelfKey, shelf_data};
use crate::root::RootStore;
use crate::rows::{Cut, Level};

const FILE: &str = "table";
const MAGIC: &[u8; 8] = b"CFTABL1\0";
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 8 + 8 + 4;
const KEY_BYTES: usize = 32 + 8;
const PAGE_BYTES: usize = 4096;
const WRONG: VaultError = VaultError::Damaged("shelf table");

/// How many shelves of each kind; powers of two, fixed at `init`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Geometry {
    pub(crate) person: u32,
    pub(crate) case: u32,
    pub(crate) finding: u32,
}

/// Most shelves of one kind.
pub(crate) const SHELVES_MAX: u32 = 1 << 20;
/// Persons that a shelf holds at least on average, once as many came as were expected.
const PERSONS_PER_SHELF_MIN: u64 = 64;

impl Geometry {
    /// Shelves for so many persons, at least 64 to a shelf on average.
    pub(crate) fn for_persons(expected: u64) -> Geometry {
        let shelves = (expected / PERSONS_PER_SHELF_MIN).clamp(1, u64::from(SHELVES_MAX));
        let person = u32::try_from(1u64 << shelves.ilog2()).expect("at most 2^20");
        Geometry {
            person,
            case: (person / 4).max(1),
            finding: person,
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        let sound = |count: u32| count.is_power_of_two() && count <= SHELVES_MAX;
        sound(self.person) && sound(self.case) && sound(self.finding)
    }

    pub(crate) fn count(&self, level: Level) -> u32 {
        match level {
            Level::Person => self.person,
            Level::Case => self.case,
            Level::Finding => self.finding,
            Level::Table | Level::Service => 1,
        }
    }

    /// The shelf behind this one, over all levels.
    pub(crate) fn after(&self, level: Level, shelf: u32) -> Option<(Level, u32)> {
        if shelf + 1 < self.count(level) {
            return Some((level, shelf + 1));
        }
        match level {
            // First, since an import needs the finding key to know where other rows lie.
            Level::Service => Some((Level::Person, 0)),
            Level::Person => Some((Level::Case, 0)),
            Level::Case => Some((Level::Finding, 0)),
            Level::Finding | Level::Table => None,
        }
    }
}

/// All shelf keys of one generation.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) generation: u64,
    pub(crate) geometry: Geometry,
    pub(crate) person: Vec<ShelfKey>,
    pub(crate) case: Vec<ShelfKey>,
    pub(crate) finding: Vec<ShelfKey>,
    /// While the nightly re-key runs: the keys that finding shelves are being re-sealed under.
    pub(crate) finding_next: Option<Vec<ShelfKey>>,
    pub(crate) service: ShelfKey,
}

/// A fresh key made in `generation`.
pub(crate) fn fresh_key(generation: u64, random: &dyn Random) -> ShelfKey {
    ShelfKey {
        key: Key32::random(random),
        generation,
    }
}

/// Fresh keys made in `generation`.
pub(crate) fn fresh_keys(count: u32, generation: u64, random: &dyn Random) -> Vec<ShelfKey> {
    (0..count).map(|_| fresh_key(generation, random)).collect()
}

impl Table {
    /// A table of fresh keys.
    pub(crate) fn fresh(geometry: Geometry, generation: u64, random: &dyn Random) -> Table {
        Table {
            generation,
            geometry,
            person: fresh_keys(geometry.person, generation, random),
            case: fresh_keys(geometry.case, generation, random),
            finding: fresh_keys(geometry.finding, generation, random),
            finding_next: None,
            service: fresh_key(generation, random),
        }
    }

    /// The key that opens what was sealed on this shelf in that generation.
    pub(crate) fn key(&self, level: Level, shelf: u32, generation: u64) -> Option<&ShelfKey> {
        let at = usize::try_from(shelf).ok()?;
        let fits = |key: &&ShelfKey| key.generation == generation;
        match level {
            Level::Person => self.person.get(at).filter(fits),
            Level::Case => self.case.get(at).filter(fits),
            Level::Finding => {
                let next = self.finding_next.as_ref().and_then(|next| next.get(at));
                next.filter(fits)
                    .or_else(|| self.finding.get(at).filter(fits))
            }
            Level::Service => Some(&self.service).filter(fits),
            Level::Table => None,
        }
    }

    /// The key under which this shelf is sealed from now on.
    pub(crate) fn sealing_key(&self, level: Level, shelf: u32) -> Option<&ShelfKey> {
        let at = usize::try_from(shelf).ok()?;
        match level {
            Level::Person => self.person.get(at),
            Level::Case => self.case.get(at),
            Level::Finding => self.finding_next.as_ref().unwrap_or(&self.finding).get(at),
            Level::Service => Some(&self.service),
            Level::Table => None,
        }
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut plain = Zeroizing::new(Vec::with_capacity(plain_bytes(self.geometry)));
        plain.push(VERSION);
        for count in [
            self.geometry.person,
            self.geometry.case,
            self.geometry.finding,
        ] {
            plain.extend_from_slice(&count.to_be_bytes());
        }
        plain.push(u8::from(self.finding_next.is_some()));
        let next = self.finding_next.as_deref().unwrap_or_default();
        let all = [
            &self.person[..],
            &self.case,
            &self.finding,
            next,
            std::slice::from_ref(&self.service),
        ];
        for key in all.into_iter().flatten() {
            plain.extend_from_slice(key.key.expose());
            plain.extend_from_slice(&key.generation.to_be_bytes());
        }
        plain
    }
}

/// Reads an opened table of this generation.
pub(crate) fn decode(plain: &[u8], generation: u64) -> Result<Table, VaultError> {
    let mut cut = Cut(plain);
    if cut.byte() != Some(VERSION) {
        return Err(WRONG);
    }
    let mut count = || cut.u32().ok_or(WRONG);
    let geometry = Geometry {
        person: count()?,
        case: count()?,
        finding: count()?,
    };
    let next = match cut.byte() {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(WRONG),
    };
    if !geometry.is_sound() {
        return Err(WRONG);
    }
    let mut keys = |count: u32| -> Result<Vec<ShelfKey>, VaultError> {
        (0..count)
            .map(|_| {
                let key = Key32::new(cut.array()?);
                Some(ShelfKey {
                    key,
                    generation: cut.u64()?,
                })
            })
            .map(|key| key.filter(|key| key.generation <= generation).ok_or(WRONG))
            .collect()
    };
    let table = Table {
        generation,
        geometry,
        person: keys(geometry.person)?,
        case: keys(geometry.case)?,
        finding: keys(geometry.finding)?,
        finding_next: if next {
            Some(keys(geometry.finding)?)
        } else {
            None
        },
        service: keys(1)?.pop().ok_or(WRONG)?,
    };
    if cut.0.is_empty() {
        Ok(table)
    } else {
        Err(WRONG)
    }
}

/// Bytes of the largest plaintext: with the next keys of all finding shelves.
fn plain_bytes(geometry: Geometry) -> usize {
    let keys = [
        geometry.person,
        geometry.case,
        geometry.finding,
        geometry.finding,
        1,
    ];
    let keys: usize = keys
        .iter()
        .map(|count| usize::try_from(*count).expect("at most 2^20"))
        .sum();
    1 + 12 + 1 + keys * KEY_BYTES
}

/// The file of the two slots.
pub(crate) struct TableFile {
    file: Arc<dyn File>,
    slot_bytes: usize,
}

impl TableFile {
    /// Creates the file at its full length. The caller syncs the directory.
    pub(crate) fn create(
        disk: &SharedDisk,
        dir: &Path,
        geometry: Geometry,
    ) -> Result<TableFile, VaultError> {
        let write = VaultError::io;
        let file = disk
            .open(&dir.join(FILE), Open::Create)
            .map_err(write("create the table"))?;
        let slot_bytes = slot_bytes(geometry);
        // Not synced: the first table's own sync makes the file's length durable with it.
        file.write_all_at(&vec![0; 2 * slot_bytes], 0)
            .map_err(write("write the table"))?;
        Ok(TableFile { file, slot_bytes })
    }

    /// Opens the file; creates nothing.
    pub(crate) fn open(
        disk: &SharedDisk,
        dir: &Path,
        geometry: Geometry,
    ) -> Result<TableFile, VaultError> {
        let path = dir.join(FILE);
        if !disk
            .exists(&path)
            .map_err(VaultError::io("look for the table"))?
        {
            return Err(VaultError::Missing("shelf table"));
        }
        let file = disk
            .open(&path, Open::Write)
            .map_err(VaultError::io("open the table"))?;
        Ok(TableFile {
            file,
            slot_bytes: slot_bytes(geometry),
        })
    }

    /// Writes the table into its generation's slot under that generation's root, syncs, and opens what the device has.
    pub(crate) fn write(
        &self,
        table: &Table,
        root: &dyn RootStore,
        random: &dyn Random,
    ) -> Result<(), VaultError> {
        let generation = table.generation;
        let data = shelf_data(Level::Table, 0, generation);
        let sealed = root.seal(generation, &table.encode(), &data, random)?;
        let mut slot = Vec::with_capacity(self.slot_bytes);
        slot.extend_from_slice(MAGIC);
        slot.extend_from_slice(&generation.to_be_bytes());
        let length = u32::try_from(sealed.len()).expect("at most 2^20 keys a level");
        slot.extend_from_slice(&length.to_be_bytes());
        slot.extend_from_slice(&sealed);
        slot.resize(self.slot_bytes, 0);
        let offset = self.offset(generation);
        self.file
            .write_all_at(&slot, offset)
            .map_err(VaultError::io("write a table slot"))?;
        self.file
            .sync_data(Site("vault.table"))
            .map_err(VaultError::io("sync a table slot"))?;
        let mut back = vec![0; self.slot_bytes];
        self.file
            .read_past_cache(&mut back, offset)
            .map_err(VaultError::io("read a table slot back"))?;
        if back != slot {
            return Err(VaultError::Damaged("table slot read back"));
        }
        open_slot(&back, generation, root).map(|_| ())
    }

    /// Reads and opens the table of `generation`.
    pub(crate) fn read(&self, generation: u64, root: &dyn RootStore) -> Result<Table, VaultError> {
        let mut slot = vec![0; self.slot_bytes];
        self.file
            .read_exact_at(&mut slot, self.offset(generation))
            .map_err(VaultError::io("read a table slot"))?;
        open_slot(&slot, generation, root)
    }

    fn offset(&self, generation: u64) -> u64 {
        if generation % 2 == 1 {
            self.slot_bytes as u64
        } else {
            0
        }
    }
}

fn open_slot(slot: &[u8], generation: u64, root: &dyn RootStore) -> Result<Table, VaultError> {
    let mut cut = Cut(slot);
    let head = cut.array::<8>() == Some(*MAGIC) && cut.u64() == Some(generation);
    let length = cut
        .u32()
        .and_then(|length| usize::try_from(length).ok())
        .ok_or(WRONG)?;
    let sealed = cut.slice(length).filter(|_| head).ok_or(WRONG)?;
    let data = shelf_data(Level::Table, 0, generation);
    decode(&root.open(generation, sealed, &data)?, generation)
}

fn slot_bytes(geometry: Geometry) -> usize {
    let bytes = HEAD_BYTES + NONCE_BYTES + plain_bytes(geometry) + TAG_BYTES;
    bytes.next_multiple_of(PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ground::SeededRandom;

    #[test]
    fn shelves_hold_sixty_four_persons_on_average() {
        let person = |expected| Geometry::for_persons(expected).person;
        assert_eq!(
            (person(0), person(64), person(127), person(128)),
            (1, 1, 1, 2)
        );
        assert_eq!((person(50_000), person(1_000_000)), (512, 8192));
        assert!(person(u64::MAX) == SHELVES_MAX && Geometry::for_persons(u64::MAX).is_sound());
        for expected in [64, 100, 5_000, 50_000, 999_999] {
            assert!(expected / u64::from(person(expected)) >= 64);
        }
    }

    #[test]
    fn a_table_comes_back_and_nothing_else_does() {
        let random = SeededRandom::new(4);
        let mut table = Table::fresh(
            Geometry {
                person: 4,
                case: 1,
                finding: 2,
            },
            5,
            &random,
        );
        for _ in 0..2 {
            let plain = table.encode();
            let again = decode(&plain, 5).expect("decodes");
            assert_eq!(*again.encode(), *plain);
            assert!(decode(&plain, 4).is_err(), "keys younger than the table");
            for length in 0..plain.len() {
                assert!(decode(&plain[..length], 5).is_err());
            }
            assert!(decode(&[&plain[..], &[0]].concat(), 5).is_err());
            table.finding_next = Some(fresh_keys(2, 5, &random));
        }
        assert!(plain_bytes(table.geometry) == table.encode().len());
    }
}
