//! A thief with the whole device in hand: every byte that the disk may show, and every key that can be had from it, one after the other.
//!
//! root slots in clear → shelf tables → shelf parts, old pages included → intake keys → vault sections of the journal, and round again.
//! Written from the drawings of `root.rs`, `table.rs`, `part.rs`, `rows/codec.rs` and `section.rs`; it uses nothing of ours.
//! Not a reader: it takes whatever opens, wherever it lies. Always: what it cannot open nobody can who has these bytes alone.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::bytes::Rest;
use super::journal::{self, Journal, segment_number};
use super::tree::sha256;

/// A key of 32 bytes.
pub type Secret = [u8; 32];

const SECTOR: usize = 512;
/// Levels as the associated data names them.
const PERSON: u8 = 1;
const CASE: u8 = 2;
/// The level of finding shelves.
pub const FINDING: u8 = 3;
/// The level of the service shelf.
pub const SERVICE: u8 = 4;

/// Bytes with the place where they lie.
pub struct Stolen {
    /// The path, or another name.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A key that opens shelves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ShelfKey {
    /// What kind of shelf.
    pub level: u8,
    /// Which one.
    pub shelf: u32,
    /// The generation in which it was made.
    pub generation: u64,
    /// The key.
    pub key: Secret,
}

/// Something that opened.
pub struct Opened {
    /// The key that opened it.
    pub by: Secret,
    /// Whose shelf it is of, where it is one.
    pub shelf: Option<(u8, u32)>,
    /// The group, where it is a vault section.
    pub group: Option<u64>,
    /// What was in it.
    pub plain: Vec<u8>,
}

/// Everything that the thief has.
#[derive(Default)]
pub struct Loot {
    /// Root keys by generation, as they lie in clear.
    pub roots: Vec<(u64, Secret)>,
    /// Generations of the tables that opened.
    pub tables: BTreeSet<u64>,
    /// Keys out of tables.
    pub keys: BTreeSet<ShelfKey>,
    /// Opened shelf parts and vault sections.
    pub opened: Vec<Opened>,
}

/// Takes everything that opens. `origin` and `chain` are public.
pub fn rob(stolen: &[Stolen], origin: &str, chain: u32) -> Loot {
    let mut loot = Loot::default();
    let (segments, files): (Vec<_>, Vec<_>) = stolen
        .iter()
        .partition(|file| file.name.ends_with(".segment"));
    for file in &files {
        loot.take_roots(&file.bytes);
    }
    for file in &files {
        loot.take_tables(&file.bytes);
    }
    for file in &files {
        loot.take_parts(&file.bytes);
    }
    let whole: BTreeMap<u32, Vec<u8>> = segments
        .iter()
        .filter_map(|file| Some((segment_number(file.name.rsplit('/').next()?)?, file)))
        .map(|(number, file)| (number, file.bytes.clone()))
        .collect();
    if let Ok(journal) = journal::read(&whole, origin, chain) {
        loot.take_sections(&journal, origin, chain);
    }
    loot
}

impl Loot {
    fn take_roots(&mut self, bytes: &[u8]) {
        for sector in bytes.chunks(SECTOR) {
            let mut rest = Rest(sector);
            if rest.array() == Some(*b"CFROOT1\0")
                && let (Some(generation), Some(key)) = (rest.u64(), rest.array())
                && !self.roots.contains(&(generation, key))
            {
                self.roots.push((generation, key));
            }
        }
    }

    fn take_tables(&mut self, bytes: &[u8]) {
        for at in (0..bytes.len()).step_by(SECTOR) {
            let mut rest = Rest(bytes.get(at..).unwrap_or_default());
            if rest.array() != Some(*b"CFTABL1\0") {
                continue;
            }
            let (Some(generation), Some(length)) = (rest.u64(), rest.u32()) else {
                continue;
            };
            let Some(sealed) = rest.take(length as usize) else {
                continue;
            };
            for (_, root) in self.roots.clone() {
                let opened = open(&root, sealed, &shelf_data(0, 0, generation));
                let keys = opened.as_deref().and_then(table_keys);
                if let Some(keys) = keys {
                    self.tables.insert(generation);
                    self.keys.extend(keys);
                }
            }
        }
    }

    /// Every place in the bytes that could be a shelf part, tried with every key of the generation that it would name.
    fn take_parts(&mut self, bytes: &[u8]) {
        let mut by_generation: BTreeMap<u64, Vec<(ShelfKey, LessSafeKey)>> = BTreeMap::new();
        let mut low_bytes = [false; 256];
        for key in &self.keys {
            if let Some(cipher) = cipher(&key.key) {
                let of = by_generation.entry(key.generation).or_default();
                of.push((*key, cipher));
                low_bytes[usize::from(key.generation.to_be_bytes()[7])] = true;
            }
        }
        for (at, window) in windows_not_empty(bytes) {
            let [0, 0, 0, 0, 0, 0, high, low, log @ 0..=4] = *window else {
                continue;
            };
            if !low_bytes[usize::from(low)] {
                continue;
            }
            let generation = u64::from(u16::from_be_bytes([high, low]));
            let part = bytes.get(at + 9..).unwrap_or_default();
            for (key, cipher) in by_generation.get(&generation).into_iter().flatten() {
                let data = shelf_data(key.level, key.shelf, generation);
                for plain in open_part(cipher, part, 1 << log, &data)
                    .into_iter()
                    .flatten()
                {
                    self.opened.push(Opened {
                        by: key.key,
                        shelf: Some((key.level, key.shelf)),
                        group: None,
                        plain,
                    });
                }
            }
        }
    }

    /// Sections under whatever intake key the service shelf or another section gives away, until no more opens.
    fn take_sections(&mut self, journal: &Journal, origin: &str, chain: u32) {
        let mut closed: Vec<_> = journal
            .groups
            .iter()
            .filter(|group| !group.vault.is_empty())
            .collect();
        loop {
            let before = closed.len();
            let mut known: BTreeMap<[u8; 16], Vec<Secret>> = BTreeMap::new();
            closed.retain(|group| {
                let Some((id, sealed)) = group.vault.split_first_chunk::<16>() else {
                    return true;
                };
                let keys = known
                    .entry(*id)
                    .or_insert_with(|| self.intake_keys(id))
                    .clone();
                let data = [
                    sha256(origin.as_bytes()).as_slice(),
                    &chain.to_be_bytes(),
                    &group.number.to_be_bytes(),
                    &group.first.to_be_bytes(),
                ]
                .concat();
                for key in keys {
                    if let Some(plain) = open(&key, sealed, &data) {
                        self.opened.push(Opened {
                            by: key,
                            shelf: None,
                            group: Some(group.number),
                            plain,
                        });
                        return false;
                    }
                }
                true
            });
            if closed.len() == before {
                return;
            }
        }
    }

    /// What lies behind this id in anything that may hold intake keys. A row may leave out what it shares with the row before, which
    /// is the kind and seldom a byte of the id: so only the id's end is looked for.
    fn intake_keys(&self, id: &[u8; 16]) -> Vec<Secret> {
        let end = id.get(6..).unwrap_or_default();
        let holders = self.opened.iter().filter(|opened| {
            opened.group.is_some() || opened.shelf.is_some_and(|(level, _)| level == SERVICE)
        });
        let mut keys = Vec::new();
        for plain in holders.map(|opened| &opened.plain) {
            for (at, window) in plain.windows(end.len()).enumerate() {
                let key = plain.get(at + end.len()..);
                if window == end
                    && let Some(key) = key.and_then(|rest| rest.first_chunk::<32>())
                {
                    keys.push(*key);
                }
            }
        }
        keys
    }

    /// Which of these values the thief has, as a key or inside something that opened.
    pub fn holds<'a>(&self, values: &'a BTreeSet<Secret>) -> Option<&'a Secret> {
        let own: BTreeSet<&Secret> = self
            .roots
            .iter()
            .map(|(_, key)| key)
            .chain(self.keys.iter().map(|key| &key.key))
            .chain(self.opened.iter().map(|opened| &opened.by))
            .collect();
        let found = values.iter().find(|value| own.contains(value));
        found.or_else(|| lies_in(self.opened.iter().map(|opened| &*opened.plain), values))
    }
}

/// Every nine bytes in a row with their place, but for those inside a sector of zeros: generation 0 has no keys.
fn windows_not_empty(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8; 9])> {
    let sectors = bytes.chunks(SECTOR).enumerate();
    sectors.flat_map(move |(sector, own)| {
        let first = sector * SECTOR;
        let skipped = if *own == [0; SECTOR] { SECTOR - 8 } else { 0 };
        let end = (first + SECTOR + 8).min(bytes.len());
        let here = bytes.get(first + skipped..end).unwrap_or_default();
        let windows = here.windows(9).enumerate();
        windows
            .filter_map(move |(at, window)| Some((first + skipped + at, window.try_into().ok()?)))
    })
}

/// The first of these values that lies anywhere in the bytes.
pub fn lies_in<'a, 'b>(
    pieces: impl Iterator<Item = &'b [u8]>,
    values: &'a BTreeSet<Secret>,
) -> Option<&'a Secret> {
    let firsts: BTreeSet<u8> = values.iter().map(|value| value[0]).collect();
    let mut may_begin = [false; 256];
    firsts
        .iter()
        .for_each(|first| may_begin[usize::from(*first)] = true);
    for piece in pieces {
        for window in piece.windows(32) {
            if may_begin[usize::from(window[0])]
                && let Ok(window) = <&Secret>::try_from(window)
                && let Some(found) = values.get(window)
            {
                return Some(found);
            }
        }
    }
    None
}

/// Key, nonce, ciphertext, tag.
fn open(key: &Secret, sealed: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    open_with(&cipher(key)?, sealed, data)
}

fn cipher(key: &Secret) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?))
}

fn open_with(cipher: &LessSafeKey, sealed: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<12>()?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let mut room = sealed.to_vec();
    let plain = cipher.open_in_place(nonce, Aad::from(data), &mut room);
    plain.ok().map(|plain| plain.to_vec())
}

/// The blocks of a part whose head opens.
fn open_part(
    cipher: &LessSafeKey,
    stored: &[u8],
    blocks: usize,
    data: &[u8],
) -> Option<Vec<Vec<u8>>> {
    let mut rest = Rest(stored);
    let head = rest.take(12 + 13 + blocks * 32 + 16)?;
    let head = open_with(cipher, head, data)?;
    let mut entries = Rest(head.get(13..)?);
    let mut plains = Vec::new();
    for _ in 0..blocks {
        let length = entries.u32()? as usize;
        let (nonce, tag) = (entries.take(12)?, entries.take(16)?);
        let boxed = [nonce, rest.take(length)?, tag].concat();
        plains.extend(open_with(cipher, &boxed, data));
    }
    Some(plains)
}

/// The keys of an opened table.
fn table_keys(plain: &[u8]) -> Option<Vec<ShelfKey>> {
    let mut rest = Rest(plain);
    (rest.take(1)? == [1]).then_some(())?;
    let (person, case, finding) = (rest.u32()?, rest.u32()?, rest.u32()?);
    let next = rest.take(1)? == [1];
    let mut keys = Vec::new();
    let mut levels = vec![(PERSON, person), (CASE, case), (FINDING, finding)];
    levels.extend(next.then_some((FINDING, finding)));
    levels.push((SERVICE, 1));
    for (level, count) in levels {
        for shelf in 0..count {
            let (key, generation) = (rest.array()?, rest.u64()?);
            keys.push(ShelfKey {
                level,
                shelf,
                generation,
                key,
            });
        }
    }
    Some(keys)
}

fn shelf_data(level: u8, shelf: u32, generation: u64) -> Vec<u8> {
    [
        &[level][..],
        &shelf.to_be_bytes(),
        &generation.to_be_bytes(),
    ]
    .concat()
}
