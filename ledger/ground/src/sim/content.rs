//! The bytes of one simulated file, twice: what its readers see and what the device has.
//!
//! Not names, not schedules. Always: the two differ only in sectors that await a sync, and in sectors that a failed sync lost.

use std::collections::{BTreeMap, BTreeSet};

use crate::SeededRandom;

/// The disk's atom: a sector is wholly old or wholly new after a power cut. Bytes.
pub(super) const SECTOR_BYTES: u64 = 512;
const SECTOR: usize = 512;

/// How many earlier versions of one unsynced sector may still turn up after a power cut.
const VERSIONS_MAX: usize = 4;

#[derive(Clone, Default)]
pub(super) struct Content {
    /// What a reader sees.
    pub(super) cache: Vec<u8>,
    /// What the device has.
    pub(super) durable: Vec<u8>,
    /// Sectors that await a sync, each with the versions it had since the last one.
    dirty: BTreeMap<u64, Vec<[u8; SECTOR]>>,
    /// Sectors that a failed sync marked clean without saving them.
    lost: BTreeSet<u64>,
    /// The lengths the file had since the last sync, oldest first, without the present one.
    lengths: Vec<usize>,
    /// Durable bytes that a shorter length cut off; the device still has them.
    pub(super) freed: Vec<u8>,
    pub(super) mode: u32,
}

impl Content {
    pub(super) fn new() -> Content {
        Content {
            mode: 0o600,
            ..Content::default()
        }
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let start = to_usize(offset).min(self.cache.len());
        let end = start.saturating_add(buffer.len()).min(self.cache.len());
        buffer[..end - start].copy_from_slice(&self.cache[start..end]);
        end - start
    }

    /// What a direct read finds: sectors that await a sync are sent to the device first (into its own cache, so they stay unsynced);
    /// lost sectors show what the device has.
    pub(super) fn read_direct(&self, buffer: &mut [u8], offset: u64) -> usize {
        let count = self.read(buffer, offset);
        let start = to_usize(offset);
        for sector in self
            .lost
            .range(offset / SECTOR_BYTES..=(offset + count as u64) / SECTOR_BYTES)
        {
            let from = to_usize(sector * SECTOR_BYTES).max(start);
            let to = to_usize((sector + 1) * SECTOR_BYTES).min(start + count);
            for at in from..to {
                buffer[at - start] = self.durable.get(at).copied().unwrap_or(0);
            }
        }
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        if bytes.is_empty() {
            return;
        }
        let start = to_usize(offset);
        let end = start + bytes.len();
        if end > self.cache.len() {
            self.set_len(end);
        }
        for sector in offset / SECTOR_BYTES..=(end as u64 - 1) / SECTOR_BYTES {
            self.touch(sector);
        }
        self.cache[start..end].copy_from_slice(bytes);
    }

    pub(super) fn set_len(&mut self, length: usize) {
        let before = self.cache.len();
        if length == before {
            return;
        }
        self.lengths.push(before);
        if length < before {
            let first_gone = (length as u64).div_ceil(SECTOR_BYTES);
            self.dirty.retain(|sector, _| *sector < first_gone);
            self.lost.retain(|sector| *sector < first_gone);
        }
        self.cache.resize(length, 0);
        // New zeros need no writing, unless the device still has other bytes in their place.
        let stale = self.durable.len().min(length.max(before));
        let from = before.min(length);
        if stale > from {
            for sector in from as u64 / SECTOR_BYTES..=(stale as u64 - 1) / SECTOR_BYTES {
                if sector * SECTOR_BYTES < length as u64 {
                    self.touch(sector);
                }
            }
        }
    }

    /// Marks a sector as awaiting a sync and keeps the version it had.
    fn touch(&mut self, sector: u64) {
        self.lost.remove(&sector);
        let Some(versions) = self.dirty.get_mut(&sector) else {
            self.dirty.insert(sector, Vec::new());
            return;
        };
        if versions.len() < VERSIONS_MAX {
            versions.push(sector_of(&self.cache, sector));
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.dirty.is_empty() && self.lengths.is_empty()
    }

    /// A sync that works.
    pub(super) fn sync(&mut self) {
        self.resize_durable(self.cache.len());
        for sector in std::mem::take(&mut self.dirty).into_keys() {
            let bytes = sector_of(&self.cache, sector);
            self.put(sector, &bytes);
        }
        self.lengths.clear();
    }

    /// A sync that fails: some sectors arrive, the others are marked clean all the same, and nobody will write them again.
    pub(super) fn sync_failing(&mut self, random: &SeededRandom) {
        let saved_per_thousand = [0, 300, 700][pick(random, 3)];
        for sector in std::mem::take(&mut self.dirty).into_keys() {
            if random.chance(saved_per_thousand)
                && sector * SECTOR_BYTES < self.durable.len() as u64
            {
                let bytes = sector_of(&self.cache, sector);
                self.put(sector, &bytes);
            } else {
                self.lost.insert(sector);
            }
        }
    }

    /// The kernel forgets clean pages: lost sectors show what the device has.
    pub(super) fn drop_clean(&mut self) {
        for sector in std::mem::take(&mut self.lost) {
            let bytes = sector_of(&self.durable, sector);
            let start = to_usize(sector * SECTOR_BYTES);
            let end = (start + SECTOR).min(self.cache.len());
            if start < end {
                self.cache[start..end].copy_from_slice(&bytes[..end - start]);
            }
        }
    }

    /// Some unsynced sectors and one of the unsynced lengths arrive, in no order; the cache is gone.
    pub(super) fn power_cut(&mut self, random: &SeededRandom, arrives_per_thousand: u64) {
        if !self.lengths.is_empty() && random.chance(arrives_per_thousand) {
            let at = pick(random, self.lengths.len() * 2);
            let length = self.lengths.get(at).copied().unwrap_or(self.cache.len());
            self.resize_durable(length);
        }
        for (sector, versions) in std::mem::take(&mut self.dirty) {
            if !random.chance(arrives_per_thousand) {
                continue;
            }
            let current = sector_of(&self.cache, sector);
            let version = versions
                .get(pick(random, versions.len() * 2 + 1))
                .unwrap_or(&current);
            self.put(sector, version);
        }
        self.lengths.clear();
        self.lost.clear();
        self.cache.clone_from(&self.durable);
    }

    /// Flips bits of one durable byte; a clean cache shows it too. False where the file is shorter.
    pub(super) fn rot(&mut self, offset: u64, mask: u8) -> bool {
        let at = to_usize(offset);
        let Some(byte) = self.durable.get_mut(at) else {
            return false;
        };
        *byte ^= mask;
        if !self.dirty.contains_key(&(offset / SECTOR_BYTES))
            && let Some(shown) = self.cache.get_mut(at)
        {
            *shown ^= mask;
        }
        true
    }

    /// Every version of every unsynced sector: a power cut may bring any of them to light.
    pub(super) fn pending(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (sector, versions) in &self.dirty {
            versions
                .iter()
                .for_each(|version| bytes.extend_from_slice(version));
            bytes.extend_from_slice(&sector_of(&self.cache, *sector));
        }
        bytes
    }

    fn put(&mut self, sector: u64, bytes: &[u8; SECTOR]) {
        let start = to_usize(sector * SECTOR_BYTES);
        let end = (start + SECTOR).min(self.durable.len());
        if start < end {
            self.durable[start..end].copy_from_slice(&bytes[..end - start]);
        }
    }

    fn resize_durable(&mut self, length: usize) {
        if let Some(cut) = self.durable.get(length..) {
            self.freed.extend_from_slice(cut);
        }
        self.durable.resize(length, 0);
    }
}

fn sector_of(bytes: &[u8], sector: u64) -> [u8; SECTOR] {
    let mut out = [0; SECTOR];
    let start = to_usize(sector * SECTOR_BYTES).min(bytes.len());
    let end = (start + SECTOR).min(bytes.len());
    out[..end - start].copy_from_slice(&bytes[start..end]);
    out
}

fn pick(random: &SeededRandom, count: usize) -> usize {
    to_usize(random.below(count as u64))
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).expect("a simulated file fits in memory")
}
