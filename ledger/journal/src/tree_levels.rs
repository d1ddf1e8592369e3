//! The RFC 6962 tree of the chain on disk: one flat file of 32-byte hashes per level. Derived from the links; may be deleted at any time.
//!
//! Not here: the arithmetic (`chain::tree`), signing. No syncs: what a power cut leaves is checked against the last signed root.
//! Always: the position file carries size, last link hash, root and boot id; a reader never sees a hash of a leaf beyond the size.
//!
//! ```text
//! position (512 bytes) = "CFOILTRE" ‖ boot id 16 ‖ size u64 ‖ hash of the last link 32 ‖ root 32 ‖ CRC ‖ zeros
//! level-NN             = hash 0 ‖ hash 1 ‖ …   hash n of level l is the root of leaves n·2^l up to (n+1)·2^l
//! ```

mod checked;
mod position;
mod scrub;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chain::leaf_hash;
use chain::tree::{Frontier, HashReader, LEVEL_MAX, root_at};
use ground::{File, Open, SharedDisk};

use crate::error::JournalError;
use crate::format::{Broken, What};
use crate::frame::Tip;
use crate::open::boot_id;
use crate::read::Reader;
use crate::recover::{Floor, damaged};
use crate::words::{Hash, Index};
pub(crate) use position::TreePosition;
use position::open_position;
pub use scrub::TreeScrub;

const HASH_BYTES: u64 = 32;
/// Leaves read at once by a check, 1 MiB.
const CHECK_LEAVES: u64 = 1 << 15;
/// Leaves appended at once while catching up.
const CATCH_UP_LEAVES: usize = 1 << 14;

/// How a tree was found when it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TreeStart {
    /// The leaves that were taken over; the rest was appended from the journal.
    pub kept: u64,
    /// The size now.
    pub size: u64,
}

/// The tree's one owner.
pub struct TreeLevels {
    levels: Arc<Levels>,
    frontier: Frontier,
    position: Arc<dyn File>,
    boot: [u8; 16],
}

/// Reads the tree up to its size; cheap to clone.
#[derive(Clone)]
pub struct TreeReader {
    levels: Arc<Levels>,
}

struct Levels {
    disk: SharedDisk,
    dir: PathBuf,
    files: RwLock<Vec<Arc<dyn File>>>,
    size: AtomicU64,
    /// The right edge at that size: every stored hash is below one of its nodes.
    edge: RwLock<Arc<Frontier>>,
    /// A hash was read that the edge does not lead to: the owner builds the levels again.
    rotten: AtomicBool,
    /// How often that was done since the start.
    rebuilt: AtomicU64,
}

impl TreeLevels {
    /// Opens the tree in a directory of its own and brings it up to the journal's watermark. Stored hashes are kept up to the position
    /// where that position fits the journal and was written during this boot; else up to the floor where the recomputed root is the
    /// signed one; else the tree is rebuilt from the links.
    ///
    /// # Errors
    /// `Damaged` (`What::Root`) where the links do not lead to the floor's root; what reading the journal says; `Io`.
    pub fn open(
        disk: &SharedDisk,
        dir: &Path,
        reader: &Reader,
        floor: Floor,
    ) -> Result<(TreeLevels, TreeStart), JournalError> {
        let io = JournalError::io;
        disk.create_dir(dir)
            .map_err(io("making the tree's directory"))?;
        let levels = Levels::open(disk, dir).map_err(io("opening the tree's levels"))?;
        let (position, stored) =
            open_position(disk, dir).map_err(io("opening the tree's position"))?;
        let boot = boot_id(disk);
        let kept = levels.kept(stored, boot, reader, floor)?;
        let frontier = Frontier::restore(
            kept,
            &Below {
                levels: &levels,
                size: kept,
            },
        );
        let (frontier, kept) = frontier.map_or((Frontier::new(), 0), |frontier| (frontier, kept));
        levels.show(&frontier);
        let mut tree = TreeLevels {
            levels: Arc::new(levels),
            frontier,
            position,
            boot,
        };
        tree.catch_up(reader)?;
        let mut kept = kept;
        if kept > 0 && tree.check_floor(reader, floor).is_err() {
            // Below the position the files may have rotted: only what the links say counts.
            tree.rebuild(reader)?;
            kept = 0;
        }
        tree.check_floor(reader, floor)?;
        let size = tree.size();
        Ok((tree, TreeStart { kept, size }))
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// For those who read while the owner appends.
    #[must_use]
    pub fn reader(&self) -> TreeReader {
        TreeReader {
            levels: Arc::clone(&self.levels),
        }
    }

    /// Appends the leaves of durable links, in order; `last_link` is the hash of the last of these links.
    ///
    /// # Errors
    /// `Io`: the files may hold part of it; open the tree again.
    pub fn append(&mut self, leaves: &[Hash], last_link: Hash) -> Result<(), JournalError> {
        let mut rows: Vec<(u64, Vec<u8>)> = Vec::new();
        for leaf in leaves {
            self.frontier.push(*leaf, |node| {
                let level = usize::from(node.level);
                while rows.len() <= level {
                    rows.push((0, Vec::new()));
                }
                if let Some((first, bytes)) = rows.get_mut(level) {
                    if bytes.is_empty() {
                        *first = node.number;
                    }
                    bytes.extend_from_slice(&node.hash.0);
                }
            });
        }
        let written = rows
            .iter()
            .enumerate()
            .try_for_each(|(level, (first, bytes))| self.levels.write(level, *first, bytes))
            .and_then(|()| self.write_position(last_link));
        written.map_err(JournalError::io("writing the tree"))?;
        self.levels.show(&self.frontier);
        Ok(())
    }

    /// Whether a stored hash was met that is not that of the links.
    #[must_use]
    pub fn is_rotten(&self) -> bool {
        self.levels.rotten.load(Ordering::Acquire)
    }

    /// Throws the stored hashes away and builds them from the links. Readers see an empty tree that grows meanwhile.
    ///
    /// # Errors
    /// What reading the journal says; `Io`.
    pub fn rebuild(&mut self, reader: &Reader) -> Result<(), JournalError> {
        self.frontier = Frontier::new();
        self.levels.show(&self.frontier);
        self.levels
            .clear()
            .map_err(JournalError::io("emptying the tree's levels"))?;
        self.levels.rotten.store(false, Ordering::Release);
        self.levels.rebuilt.fetch_add(1, Ordering::AcqRel);
        self.catch_up(reader)
    }

    /// Appends what the journal has and the tree has not.
    ///
    /// # Errors
    /// What reading the journal says; `Io`.
    pub fn catch_up(&mut self, reader: &Reader) -> Result<(), JournalError> {
        let mut leaves = Vec::with_capacity(CATCH_UP_LEAVES);
        let mut last = None;
        for group in reader.groups_from(Index(self.size())) {
            let group = group?;
            let have = self.size() + leaves.len() as u64;
            let skip = have.saturating_sub(group.first.0) as usize;
            leaves.extend(
                group
                    .entries
                    .iter()
                    .skip(skip)
                    .map(|entry| leaf_hash(&entry.link)),
            );
            last = Some(group.last_link_hash());
            if leaves.len() >= CATCH_UP_LEAVES {
                self.append(&leaves, group.last_link_hash())?;
                leaves.clear();
            }
        }
        match last {
            Some(link) if !leaves.is_empty() => self.append(&leaves, link),
            _ => Ok(()),
        }
    }

    /// Compares the root at the floor with the signed one (C-4, C-5).
    ///
    /// # Errors
    /// `Damaged` with `What::Root`.
    pub fn check_floor(&self, reader: &Reader, floor: Floor) -> Result<(), JournalError> {
        let Some(root) = floor.root else {
            return Ok(());
        };
        if root_at(floor.size, &self.reader()) == Ok(root) {
            return Ok(());
        }
        let place = Tip::genesis(reader.genesis()).place;
        let last = Index(floor.size.saturating_sub(1));
        Err(damaged(place, 0, last, &Broken::new(What::Root, 0)))
    }

    fn write_position(&self, link: Hash) -> io::Result<()> {
        let position = TreePosition {
            boot: self.boot,
            size: self.frontier.size(),
            link,
            root: self.frontier.root(),
        };
        self.position.write_all_at(&position.encode(), 0)
    }
}

impl TreeReader {
    /// The number of leaves that can be read.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.size.load(Ordering::Acquire)
    }

    /// How often the stored hashes were thrown away and built again since the start.
    #[must_use]
    pub fn rebuilt(&self) -> u64 {
        self.levels.rebuilt.load(Ordering::Acquire)
    }

    /// A hash was met that is not that of the links: the owner builds the levels again with its next turn.
    pub fn report_rot(&self) {
        self.levels.rotten.store(true, Ordering::Release);
    }
}

impl HashReader for TreeReader {
    fn read(&self, level: u8, number: u64) -> Option<Hash> {
        Below {
            levels: &self.levels,
            size: self.size(),
        }
        .read(level, number)
    }
}

/// The stored hashes of the first `size` leaves.
struct Below<'a> {
    levels: &'a Levels,
    size: u64,
}

impl HashReader for Below<'_> {
    fn read(&self, level: u8, number: u64) -> Option<Hash> {
        if level > LEVEL_MAX || number >= self.size.checked_shr(u32::from(level)).unwrap_or(0) {
            return None;
        }
        let mut hash = [0; HASH_BYTES as usize];
        let file = self.levels.file(usize::from(level))?;
        file.read_exact_at(&mut hash, number * HASH_BYTES).ok()?;
        Some(Hash(hash))
    }
}

impl Levels {
    fn open(disk: &SharedDisk, dir: &Path) -> io::Result<Levels> {
        let mut files = Vec::new();
        for level in 0..=usize::from(LEVEL_MAX) {
            match disk.open(&dir.join(level_name(level)), Open::Write) {
                Ok(file) => files.push(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Levels {
            disk: Arc::clone(disk),
            dir: dir.to_owned(),
            files: RwLock::new(files),
            size: AtomicU64::new(0),
            edge: RwLock::new(Arc::new(Frontier::new())),
            rotten: AtomicBool::new(false),
            rebuilt: AtomicU64::new(0),
        })
    }

    /// Lets readers see a tree of this size.
    fn show(&self, edge: &Frontier) {
        let mut shown = self.edge.write().unwrap_or_else(PoisonError::into_inner);
        *shown = Arc::new(edge.clone());
        self.size.store(edge.size(), Ordering::Release);
    }

    fn edge(&self) -> Arc<Frontier> {
        Arc::clone(&self.edge.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn clear(&self) -> io::Result<()> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        files.iter().try_for_each(|file| file.set_len(0))
    }

    fn file(&self, level: usize) -> Option<Arc<dyn File>> {
        self.files
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(level)
            .map(Arc::clone)
    }

    fn write(&self, level: usize, first: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        while files.len() <= level {
            let path = self.dir.join(level_name(files.len()));
            let file = match self.disk.open(&path, Open::Create) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    self.disk.open(&path, Open::Write)?
                }
                opened => opened?,
            };
            files.push(file);
        }
        let file = files
            .get(level)
            .map(Arc::clone)
            .ok_or(io::ErrorKind::NotFound)?;
        drop(files);
        file.write_all_at(bytes, first * HASH_BYTES)
    }

    /// How many leaves may be taken over.
    fn kept(
        &self,
        stored: Option<TreePosition>,
        boot: [u8; 16],
        reader: &Reader,
        floor: Floor,
    ) -> Result<u64, JournalError> {
        let Some(stored) = stored else { return Ok(0) };
        if stored.boot == boot && boot != [0; 16] && self.fits(&stored, reader)? {
            return Ok(stored.size);
        }
        // Another boot, or a tree that is ahead: only what leads to the signed root is kept.
        match floor.root {
            Some(root) if stored.size >= floor.size && self.leads_to(floor.size, root)? => {
                Ok(floor.size)
            }
            _ => Ok(0),
        }
    }

    fn fits(&self, stored: &TreePosition, reader: &Reader) -> Result<bool, JournalError> {
        let Some(last) = stored.size.checked_sub(1) else {
            return Ok(false);
        };
        if stored.size > reader.watermark().next.0 {
            return Ok(false);
        }
        let link = crate::words::link_hash(&reader.entry(Index(last))?.entry.link);
        let frontier = Frontier::restore(
            stored.size,
            &Below {
                levels: self,
                size: stored.size,
            },
        );
        Ok(link == stored.link && frontier.is_ok_and(|frontier| frontier.root() == stored.root))
    }

    /// Recomputes every stored hash above the first `size` leaves and the root; whether all are what they should be.
    fn leads_to(&self, size: u64, root: Hash) -> Result<bool, JournalError> {
        let mut frontier = Frontier::new();
        while frontier.size() < size {
            let first = frontier.size();
            let leaves = self.piece(0, first, (size - first).min(CHECK_LEAVES));
            let leaves = leaves.map_err(JournalError::io("reading the tree"))?;
            let mut rows: Vec<(u64, Vec<u8>)> = Vec::new();
            let (chunks, rest) = leaves.as_chunks::<32>();
            if chunks.is_empty() || !rest.is_empty() {
                return Ok(false);
            }
            for leaf in chunks {
                frontier.push(Hash(*leaf), |node| {
                    let level = usize::from(node.level);
                    while rows.len() <= level {
                        rows.push((node.number, Vec::new()));
                    }
                    if let Some((start, bytes)) = rows.get_mut(level) {
                        if bytes.is_empty() {
                            *start = node.number;
                        }
                        bytes.extend_from_slice(&node.hash.0);
                    }
                });
            }
            for (level, (start, bytes)) in rows.iter().enumerate() {
                let stored = self.piece(level, *start, bytes.len() as u64 / HASH_BYTES);
                if stored.map_err(JournalError::io("reading the tree"))? != *bytes {
                    return Ok(false);
                }
            }
        }
        Ok(frontier.root() == root)
    }

    fn piece(&self, level: usize, first: u64, hashes: u64) -> io::Result<Vec<u8>> {
        let Some(file) = self.file(level) else {
            return Ok(Vec::new());
        };
        let mut bytes = vec![0; (hashes * HASH_BYTES) as usize];
        let read = file.read_at(&mut bytes, first * HASH_BYTES)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

fn level_name(level: usize) -> String {
    format!("level-{level:02}")
}
