//! The store below the shelves: one redb database, one value a sealed shelf part, and a few plain numbers.
//!
//! ```text
//! table "shelves": level u8 ‖ shelf u32 ‖ part u16 as one u64  →  stored part (`part.rs`); part 65,535 holds what came lately
//! table "meta":    "ledger"   → version u8 (=2) ‖ origin hash[32] ‖ chain u32 ‖ person, case, finding u32
//!                  "state"    → generation u64 ‖ group u64 ‖ index u64 ‖ rekeyed u32 ‖ intake seals u64
//! ```
//!
//! Not here: keys. Whoever reads this file sees numbers of parts, lengths and the numbers above (THREATS.md).
//! Always: a commit is durable when it returns, with quick repair; old pages may stay in the file for years and open with no living key
//! once their shelf was re-keyed.

use std::path::Path;
use std::sync::Arc;

use ground::{Open, SharedDisk};
use proto::ids::{ChainNumber, Index};
use redb::{
    Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};

use crate::backend::DiskBackend;
use crate::error::VaultError;
use crate::rows::{Cut, Level};
use crate::table::Geometry;

pub(crate) const FILE: &str = "shelves.redb";
const SHELVES: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("shelves");
const META: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("meta");
/// 1 had index rows of the family name, and hashes of other normal forms: no ledger holds them, and none is read.
const VERSION: u8 = 2;

/// How far the journal is absorbed, as its watermark says it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// Number of the last group absorbed; 0 where there is none.
    pub group: u64,
    /// The index of the next entry.
    pub index: Index,
}

/// Whose vault it is, fixed at `init`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ledger {
    pub(crate) origin_hash: [u8; 32],
    pub(crate) chain: ChainNumber,
    pub(crate) geometry: Geometry,
}

/// The numbers that change with each commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct State {
    pub(crate) generation: u64,
    pub(crate) position: Position,
    /// Finding shelves below this number are under the next keys, while a nightly re-key runs.
    pub(crate) rekeyed: u32,
    /// Sections sealed under the current intake key.
    pub(crate) intake_seals: u64,
}

/// The open database.
pub(crate) struct Store {
    database: Database,
}

/// One consistent view of the stored parts.
pub(crate) struct StoreView {
    shelves: ReadOnlyTable<u64, &'static [u8]>,
}

/// One transaction: everything in it becomes durable at once, or nothing.
pub(crate) struct Change {
    transaction: WriteTransaction,
}

/// The key of one stored part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct StoredPlace(u64);

impl StoredPlace {
    /// The place behind this one.
    pub(crate) fn next(self) -> StoredPlace {
        StoredPlace(self.0.saturating_add(1))
    }

    /// Which part of which shelf it is; `None` for a key that no part has.
    pub(crate) fn part(self) -> Option<(Level, u32, u16)> {
        let level = Level::of(u8::try_from(self.0 >> 48).ok()?)?;
        let [_, _, a, b, c, d, e, f] = self.0.to_be_bytes();
        Some((
            level,
            u32::from_be_bytes([a, b, c, d]),
            u16::from_be_bytes([e, f]),
        ))
    }
}

fn key_of(level: Level, shelf: u32, part: u16) -> u64 {
    (level as u64) << 48 | u64::from(shelf) << 16 | u64::from(part)
}

impl Store {
    /// Creates the file and its first state. The caller syncs the directory before it relies on it.
    pub(crate) fn create(
        disk: &SharedDisk,
        dir: &Path,
        cache_bytes: usize,
    ) -> Result<Store, VaultError> {
        let file = disk
            .open(&dir.join(FILE), Open::Create)
            .map_err(VaultError::io("create the store"))?;
        Self::with_file(file, cache_bytes)
    }

    /// Opens the file; creates nothing.
    pub(crate) fn open(
        disk: &SharedDisk,
        dir: &Path,
        cache_bytes: usize,
    ) -> Result<Store, VaultError> {
        let path = dir.join(FILE);
        if !disk
            .exists(&path)
            .map_err(VaultError::io("look for the store"))?
        {
            return Err(VaultError::Missing("store"));
        }
        let file = disk
            .open(&path, Open::Write)
            .map_err(VaultError::io("open the store"))?;
        // redb would make a new database of an empty file.
        if file.len().map_err(VaultError::io("read the store"))? == 0 {
            return Err(VaultError::Missing("store's content"));
        }
        Self::with_file(file, cache_bytes)
    }

    fn with_file(file: Arc<dyn ground::File>, cache_bytes: usize) -> Result<Store, VaultError> {
        let database = redb::Builder::new()
            .set_cache_size(cache_bytes)
            .create_with_backend(DiskBackend(file))
            .map_err(VaultError::store("open"))?;
        Ok(Store { database })
    }

    /// The ledger and the state, or `Missing` where `init` never finished.
    pub(crate) fn meta(&self) -> Result<(Ledger, State), VaultError> {
        let transaction = self
            .database
            .begin_read()
            .map_err(VaultError::store("read"))?;
        let meta = match transaction.open_table(META) {
            Ok(meta) => meta,
            Err(redb::TableError::TableDoesNotExist(_)) => {
                return Err(VaultError::Missing("completion marker"));
            }
            Err(cause) => return Err(VaultError::store("read")(cause)),
        };
        let read = |name| match meta.get(name).map_err(VaultError::store("read"))? {
            Some(value) => Ok(value.value().to_vec()),
            None => Err(VaultError::Missing("completion marker")),
        };
        let (ledger, state) = (read("ledger")?, read("state")?);
        if ledger.first().is_some_and(|version| *version != VERSION) {
            return Err(VaultError::Malformed("vault store of another version"));
        }
        let ledger = decode_ledger(&ledger).ok_or(VaultError::Damaged("ledger name"))?;
        let state = decode_state(&state).ok_or(VaultError::Damaged("state"))?;
        Ok((ledger, state))
    }

    /// A view of what is committed now.
    pub(crate) fn view(&self) -> Result<StoreView, VaultError> {
        let transaction = self
            .database
            .begin_read()
            .map_err(VaultError::store("read"))?;
        let shelves = transaction
            .open_table(SHELVES)
            .map_err(VaultError::store("read"))?;
        Ok(StoreView { shelves })
    }

    /// Begins a change.
    pub(crate) fn change(&self) -> Result<Change, VaultError> {
        let mut transaction = self
            .database
            .begin_write()
            .map_err(VaultError::store("write"))?;
        transaction.set_quick_repair(true);
        Ok(Change { transaction })
    }
}

impl StoreView {
    /// Which parts are stored, in their order, from this place on; at most so many.
    pub(crate) fn from(
        &self,
        place: StoredPlace,
        max: usize,
    ) -> Result<Vec<StoredPlace>, VaultError> {
        let failed = || VaultError::store("read");
        let stored = self.shelves.range(place.0..).map_err(failed())?;
        stored
            .take(max)
            .map(|row| Ok(StoredPlace(row.map_err(failed())?.0.value())))
            .collect()
    }

    /// The stored bytes of one part, handed to `read`.
    pub(crate) fn part<T>(
        &self,
        level: Level,
        shelf: u32,
        part: u16,
        read: impl FnOnce(&[u8]) -> Result<T, VaultError>,
    ) -> Result<Option<T>, VaultError> {
        let found = self.shelves.get(key_of(level, shelf, part));
        match found.map_err(VaultError::store("read"))? {
            Some(value) => read(value.value()).map(Some),
            None => Ok(None),
        }
    }
}

impl Change {
    /// The stored bytes of one part, as this change sees it.
    pub(crate) fn part<T>(
        &self,
        level: Level,
        shelf: u32,
        part: u16,
        read: impl FnOnce(&[u8]) -> Result<T, VaultError>,
    ) -> Result<Option<T>, VaultError> {
        let shelves = self
            .transaction
            .open_table(SHELVES)
            .map_err(VaultError::store("write"))?;
        let found = shelves.get(key_of(level, shelf, part));
        match found.map_err(VaultError::store("read"))? {
            Some(value) => read(value.value()).map(Some),
            None => Ok(None),
        }
    }

    /// Puts one part.
    pub(crate) fn put(
        &self,
        place: crate::part::PartPlace,
        stored: &[u8],
    ) -> Result<(), VaultError> {
        let mut shelves = self
            .transaction
            .open_table(SHELVES)
            .map_err(VaultError::store("write"))?;
        let key = key_of(place.level, place.shelf, place.part);
        shelves
            .insert(key, stored)
            .map_err(VaultError::store("write"))?;
        Ok(())
    }

    /// Names the ledger; once, at `init`.
    pub(crate) fn put_ledger(&self, ledger: &Ledger) -> Result<(), VaultError> {
        // The empty table must exist for readers.
        self.transaction
            .open_table(SHELVES)
            .map_err(VaultError::store("write"))?;
        let mut meta = self
            .transaction
            .open_table(META)
            .map_err(VaultError::store("write"))?;
        let bytes = encode_ledger(ledger);
        meta.insert("ledger", bytes.as_slice())
            .map_err(VaultError::store("write"))?;
        Ok(())
    }

    /// Puts the state and makes everything durable.
    pub(crate) fn commit(self, state: &State) -> Result<(), VaultError> {
        {
            let mut meta = self
                .transaction
                .open_table(META)
                .map_err(VaultError::store("write"))?;
            let bytes = encode_state(state);
            meta.insert("state", bytes.as_slice())
                .map_err(VaultError::store("write"))?;
        }
        self.transaction
            .commit()
            .map_err(VaultError::store("commit"))
    }
}

fn encode_ledger(ledger: &Ledger) -> Vec<u8> {
    let geometry = ledger.geometry;
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&ledger.origin_hash);
    for number in [
        ledger.chain.0,
        geometry.person,
        geometry.case,
        geometry.finding,
    ] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes
}

fn decode_ledger(bytes: &[u8]) -> Option<Ledger> {
    let mut cut = Cut(bytes);
    if cut.byte()? != VERSION {
        return None;
    }
    let origin_hash = cut.array()?;
    let chain = ChainNumber(cut.u32()?);
    let geometry = Geometry {
        person: cut.u32()?,
        case: cut.u32()?,
        finding: cut.u32()?,
    };
    let whole = cut.0.is_empty() && geometry.is_sound();
    whole.then_some(Ledger {
        origin_hash,
        chain,
        geometry,
    })
}

fn encode_state(state: &State) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(36);
    for number in [
        state.generation,
        state.position.group,
        state.position.index.0,
    ] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(&state.rekeyed.to_be_bytes());
    bytes.extend_from_slice(&state.intake_seals.to_be_bytes());
    bytes
}

fn decode_state(bytes: &[u8]) -> Option<State> {
    let mut cut = Cut(bytes);
    let state = State {
        generation: cut.u64()?,
        position: Position {
            group: cut.u64()?,
            index: Index(cut.u64()?),
        },
        rekeyed: cut.u32()?,
        intake_seals: cut.u64()?,
    };
    cut.0.is_empty().then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_numbers_come_back_whole_or_not_at_all() {
        let geometry = Geometry {
            person: 8,
            case: 2,
            finding: 16,
        };
        let ledger = Ledger {
            origin_hash: [3; 32],
            chain: ChainNumber(1),
            geometry,
        };
        let position = Position {
            group: 5,
            index: Index(77),
        };
        let state = State {
            generation: 9,
            position,
            rekeyed: 4,
            intake_seals: 6,
        };
        let (a, b) = (encode_ledger(&ledger), encode_state(&state));
        assert_eq!(decode_ledger(&a), Some(ledger));
        assert_eq!(decode_state(&b), Some(state));
        for length in 0..a.len() {
            assert_eq!(decode_ledger(&a[..length]), None);
        }
        for length in 0..b.len() {
            assert_eq!(decode_state(&b[..length]), None);
        }
        assert_eq!(decode_ledger(&[&a[..], &[0]].concat()), None);
        assert_eq!(decode_state(&[&b[..], &[0]].concat()), None);
    }
}
