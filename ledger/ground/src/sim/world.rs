//! The state of the simulated machine: files, directories, locks, the schedule, and what each call does to them.
//!
//! Not the traits; names are in `paths`. Always: a call either counts as an operation and is a crash point, or changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use super::Crash;
use super::content::{Content, SECTOR_BYTES};
use super::names::{Names, Node};
use super::schedule::{Call, Schedule};
use crate::{FaultError, FilesystemKind, SeededRandom, Site};

pub(super) const ROOT: u64 = 0;

pub(super) struct World {
    pub(super) files: BTreeMap<u64, Content>,
    pub(super) directories: BTreeMap<u64, Names>,
    pub(super) next_node: u64,
    locks: BTreeSet<u64>,
    pub(super) incarnation: u64,
    pub(super) is_down: bool,
    pub(super) schedule: Schedule,
    pub(super) random: SeededRandom,
    pub(super) filesystem: FilesystemKind,
}

/// Whether a call is the one in which the machine stops.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    Dies,
}

impl World {
    pub(super) fn new(seed: u64) -> World {
        World {
            files: BTreeMap::new(),
            directories: BTreeMap::from([(ROOT, Names::default())]),
            next_node: ROOT + 1,
            locks: BTreeSet::new(),
            incarnation: 0,
            is_down: false,
            schedule: Schedule::default(),
            random: SeededRandom::new(seed),
            filesystem: FilesystemKind::Ext4 {
                data_journal: false,
            },
        }
    }

    pub(super) fn fork(&self, seed: u64) -> World {
        World {
            files: self.files.clone(),
            directories: self.directories.clone(),
            next_node: self.next_node,
            locks: BTreeSet::new(),
            incarnation: self.incarnation + 1,
            is_down: self.is_down,
            schedule: self.schedule.clone(),
            random: SeededRandom::new(seed),
            filesystem: self.filesystem,
        }
    }

    /// Counts an operation; an error when the machine is down already.
    pub(super) fn begin(&mut self, call: Call, bytes: &[u8]) -> io::Result<Fate> {
        self.alive(self.incarnation)?;
        let number = self.schedule.operations;
        self.schedule.operations += 1;
        self.schedule.note(call, bytes);
        if self.schedule.crash_at.is_some_and(|at| at <= number) {
            self.schedule.crash_at = None;
            self.is_down = true;
            return Ok(Fate::Dies);
        }
        Ok(Fate::Lives)
    }

    pub(super) fn alive(&self, incarnation: u64) -> io::Result<()> {
        if self.is_down || incarnation != self.incarnation {
            return Err(down());
        }
        Ok(())
    }

    /// Ends what still runs, loses what this kind of crash loses, and starts the machine again.
    pub(super) fn restart(&mut self, crash: Crash) {
        self.incarnation += 1;
        self.is_down = false;
        self.locks.clear();
        self.schedule.crash_at = None;
        self.schedule.fail_sync = None;
        self.schedule.fail_write = None;
        self.schedule.misdirect_read = None;
        self.schedule.mix(crash as u64);
        if crash == Crash::PowerCut {
            let usual = self.luck();
            self.schedule.mix(usual);
            for names in self.directories.values_mut() {
                names.power_cut(&self.random, usual);
            }
            for content in self
                .files
                .values_mut()
                .filter(|content| !content.is_clean() || content.cache != content.durable)
            {
                let own = if self.random.chance(500) {
                    usual
                } else {
                    [0, 500, 1_000][usize::try_from(self.random.below(3)).unwrap_or(0)]
                };
                content.power_cut(&self.random, own);
            }
        }
    }

    /// How much of the unsynced arrives in one power cut, per thousand: nothing, little, half, most or all.
    fn luck(&self) -> u64 {
        [0, 100, 500, 900, 1_000][usize::try_from(self.random.below(5)).unwrap_or(0)]
    }

    pub(super) fn content(&self, id: u64) -> io::Result<&Content> {
        self.files
            .get(&id)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn content_mut(&mut self, id: u64) -> io::Result<&mut Content> {
        self.files
            .get_mut(&id)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn read(&mut self, id: u64, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.content(id)?.read(buffer, offset);
        if count > 0 && self.schedule.read_goes_astray() {
            self.swap_sector(id, &mut buffer[..count], offset)?;
        }
        Ok(count)
    }

    /// Puts another sector's bytes where one sector of this read belongs.
    fn swap_sector(&mut self, id: u64, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let sectors = (self.content(id)?.cache.len() as u64).div_ceil(SECTOR_BYTES);
        let victim = (offset + self.random.below(buffer.len() as u64)) / SECTOR_BYTES;
        let other = (victim + 1 + self.random.below(sectors.max(2) - 1)) % sectors.max(1);
        let mut wrong = [0; 512];
        self.content(id)?.read(&mut wrong, other * SECTOR_BYTES);
        for (byte, at) in buffer.iter_mut().zip(offset..) {
            if at / SECTOR_BYTES == victim {
                *byte = wrong[usize::try_from(at % SECTOR_BYTES).unwrap_or(0)];
            }
        }
        Ok(())
    }

    pub(super) fn write(&mut self, id: u64, bytes: &[u8], offset: u64) -> io::Result<()> {
        let fate = self.begin(
            Call {
                name: "write",
                target: id,
                offset,
                length: bytes.len() as u64,
            },
            bytes,
        )?;
        let end = offset.saturating_add(bytes.len() as u64);
        let error = self
            .schedule
            .write_fails()
            .or_else(|| (!self.has_room(id, end)).then_some(FaultError::NoSpace));
        if fate == Fate::Lives && error.is_none() {
            self.content_mut(id)?.write(bytes, offset);
            return Ok(());
        }
        let written = usize::try_from(self.random.below(bytes.len() as u64 + 1)).unwrap_or(0);
        self.schedule.mix(written as u64);
        if error != Some(FaultError::NoSpace)
            || self.has_room(id, offset.saturating_add(written as u64))
        {
            self.content_mut(id)?.write(&bytes[..written], offset);
        }
        Err(match error {
            Some(FaultError::Io) => rustix::io::Errno::IO.into(),
            Some(FaultError::NoSpace) => rustix::io::Errno::NOSPC.into(),
            None => down(),
        })
    }

    pub(super) fn set_len(&mut self, id: u64, length: u64) -> io::Result<()> {
        let fate = self.begin(
            Call {
                name: "set_len",
                target: id,
                offset: 0,
                length,
            },
            &[],
        )?;
        if !self.has_room(id, length) {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        if fate == Fate::Lives || self.random.chance(500) {
            self.content_mut(id)?
                .set_len(usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?);
        }
        if fate == Fate::Dies {
            Err(down())
        } else {
            Ok(())
        }
    }

    /// Whether this file may become this long. Overwriting what is there always fits.
    fn has_room(&self, id: u64, end: u64) -> bool {
        let Some(bytes_max) = self.schedule.bytes_max else {
            return true;
        };
        let length = self
            .files
            .get(&id)
            .map_or(0, |content| content.cache.len() as u64);
        let used: u64 = self
            .named_files()
            .iter()
            .filter_map(|(_, id)| self.files.get(id))
            .map(|content| content.cache.len() as u64)
            .sum();
        end <= length || used + (end - length) <= bytes_max
    }

    pub(super) fn sync(&mut self, id: u64, site: Site) -> io::Result<()> {
        let fate = self.begin(
            Call {
                name: site.0,
                target: id,
                offset: 0,
                length: 0,
            },
            b"sync_data",
        )?;
        let is_dropped = self.schedule.tally(site);
        self.schedule.mix(u64::from(is_dropped));
        if self.schedule.sync_fails(site) {
            let content = self.files.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
            content.sync_failing(&self.random);
            return Err(rustix::io::Errno::IO.into());
        }
        if !is_dropped && (fate == Fate::Lives || self.random.chance(500)) {
            self.content_mut(id)?.sync();
        }
        if fate == Fate::Dies {
            Err(down())
        } else {
            Ok(())
        }
    }

    pub(super) fn lock(&mut self, path: &Path) -> io::Result<u64> {
        self.alive(self.incarnation)?;
        let id = match self.node(path)? {
            Some(Node::File(id)) => id,
            Some(Node::Directory(_)) => return Err(io::ErrorKind::IsADirectory.into()),
            None => self.create(path)?,
        };
        if self.locks.insert(id) {
            Ok(id)
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    pub(super) fn unlock(&mut self, id: u64, incarnation: u64) {
        if incarnation == self.incarnation {
            self.locks.remove(&id);
        }
    }
}

pub(super) fn down() -> io::Error {
    io::Error::other("the simulated machine is down")
}
