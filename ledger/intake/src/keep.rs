//! What follows the durable journal: tree, checkpoints (D2), absorption (D3), run files. All behind the watermark, none before an answer.
//!
//! Not here: the write path. Always: nothing above the watermark is used; a checkpoint is stored before it is shown and extends the last one (C-4);
//! a crash at any point leaves files that the next start finds behind or discards.

use std::sync::{Arc, PoisonError, RwLock};

use chain::checkpoint::Checkpoint;
use chain::link::link_hash;
use chain::note::SigningKey;
use chain::tree;
use journal::{
    CheckpointStore, Reader, RunPosition, Runs, SegmentPreparer, StoredCheckpoint, SwapError,
    TreeLevels,
};
use proto::Index;
use vault::{Position, Vault};

use crate::append::Name;
use crate::error::IntakeError;
use crate::recent::Frozen;
use crate::resolve::encode_head;

/// Vault rows that wait before they are absorbed under load: each touched shelf is rewritten once for all of them. Four times as many cost
/// no less processor time at two million events, and more memory: theirs and the absorption's own.
pub const ABSORB_ROWS: usize = 16_384;
/// Fewer rows than this are absorbed only once a day has passed: one absorption must not show one person's rows.
pub const ABSORB_ROWS_MIN: usize = 256;
/// Rows that one step of a merge takes.
const MERGE_ROWS: usize = 16_384;
/// Steps of merging for each generation written, and one more a call. A row is merged once a tier, and four neighbouring runs make one of
/// the next tier: with 32,768 rows a generation this keeps up to five tiers, 30 million events, without a backlog of runs that every
/// look-up would have to ask.
const MERGE_STEPS_A_GENERATION: usize = 12;
/// How long rows may wait at most.
pub const ABSORB_WAIT_MS: i64 = 24 * 60 * 60 * 1000;

/// The checkpoint that is published: stored first, shown after.
#[derive(Default)]
pub struct Published {
    note: RwLock<Option<Arc<SignedCheckpoint>>>,
}

/// A stored checkpoint with its signed note.
pub struct SignedCheckpoint {
    /// Size and root.
    pub checkpoint: Checkpoint,
    /// The note's text, as served.
    pub note: String,
}

impl SignedCheckpoint {
    /// The root as the note's third line spells it.
    pub fn root_base64(&self) -> String {
        self.note.lines().nth(2).unwrap_or_default().to_owned()
    }
}

impl Published {
    /// The newest stored checkpoint.
    pub fn newest(&self) -> Option<Arc<SignedCheckpoint>> {
        self.note
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Shows a stored checkpoint.
    pub fn show(&self, signed: SignedCheckpoint) {
        *self.note.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(signed));
    }
}

/// The two derived indexes, the writing sides.
pub struct Indexes {
    /// Repeat tag to index.
    pub ids: Runs<8>,
    /// Stream to (number, last index).
    pub heads: Runs<16>,
}

/// Does what follows. One thread owns it.
pub struct Keeper {
    /// Whose ledger.
    pub name: Name,
    /// Durable groups.
    pub journal: Reader,
    /// The tree, derived.
    pub tree: TreeLevels,
    /// The tree, to read.
    pub tree_reader: journal::TreeReader,
    /// Where checkpoints are stored.
    pub checkpoints: CheckpointStore,
    /// Signs checkpoints.
    pub key: SigningKey,
    /// What is shown.
    pub published: Arc<Published>,
    /// Keys.
    pub vault: Arc<Vault>,
    /// Generations that wait for a run file.
    pub frozen: Arc<Frozen>,
    /// Derived indexes.
    pub indexes: Indexes,
    /// Lays out the next segment.
    pub preparer: SegmentPreparer,
    /// When rows were last absorbed, unix milliseconds.
    pub absorbed_at: i64,
}

impl Keeper {
    /// D2: root of durable links, signed, stored, then shown. False where the tree did not grow.
    ///
    /// # Errors
    /// Any error is final: the process stops.
    pub fn checkpoint(&mut self) -> Result<bool, IntakeError> {
        match self.sign() {
            // The proof is read from the tree's files: where these rotted they are built again, and the proof once more.
            Err(IntakeError::Checkpoint(SwapError::NotExtending)) => {
                self.tree_reader.report_rot();
                self.mend_tree()?;
                self.sign()
            }
            signed => signed,
        }
    }

    fn sign(&mut self) -> Result<bool, IntakeError> {
        self.tree.catch_up(&self.journal)?;
        let size = self.tree.size();
        let before = self.checkpoints.current().map(|stored| stored.size);
        if before.is_some_and(|before| size <= before) {
            return Ok(false);
        }
        let hashes = &self.tree_reader;
        let proof = match before {
            Some(before) if before > 0 => tree::consistency_proof(before, size, hashes)?,
            _ => Vec::new(),
        };
        let root = self.tree.root();
        let checkpoint = Checkpoint::new(&self.name.origin, self.name.chain, size, root);
        let note = checkpoint.sign(&self.key)?;
        let next = StoredCheckpoint {
            size,
            root,
            note: note.clone().into_bytes(),
        };
        // A crash before this returns leaves the old checkpoint or the new one; what comes extends both (C-4).
        self.checkpoints.swap(before, next, &proof)?;
        self.journal.raise_floor(size);
        self.published.show(SignedCheckpoint { checkpoint, note });
        Ok(true)
    }

    /// D3: absorbs the rows of durable groups, if enough wait or a day has passed.
    ///
    /// # Errors
    /// The vault's: the process stops.
    pub fn absorb(&mut self, now_ms: i64, rows_min: usize) -> Result<bool, IntakeError> {
        let waiting = self.vault.pending_rows();
        let due = now_ms - self.absorbed_at >= ABSORB_WAIT_MS;
        if waiting == 0 || (waiting < rows_min && !due) {
            return Ok(false);
        }
        self.absorb_now()?;
        self.absorbed_at = now_ms;
        Ok(true)
    }

    /// Absorbs everything durable, whatever waits.
    ///
    /// # Errors
    /// As [`Keeper::absorb`].
    pub fn absorb_now(&mut self) -> Result<(), IntakeError> {
        let mark = self.journal.watermark();
        let through = Position {
            group: mark.group,
            index: mark.next,
        };
        Ok(self.vault.absorb(through)?)
    }

    /// Writes run files for frozen generations that are durable, and merges a little.
    ///
    /// # Errors
    /// The journal's.
    pub fn flush(&mut self) -> Result<bool, IntakeError> {
        let wrote = self.indexes.flush(&self.frozen, &self.journal)?;
        let mut merged = false;
        for _ in 0..=wrote * MERGE_STEPS_A_GENERATION {
            let more = self.indexes.ids.step(MERGE_ROWS)? | self.indexes.heads.step(MERGE_ROWS)?;
            merged |= more;
            if !more {
                break;
            }
        }
        Ok(wrote > 0 || merged)
    }
}

impl Indexes {
    /// The first index that one of them does not cover.
    pub fn covered(&self) -> Index {
        Index(size(&self.ids).min(size(&self.heads)))
    }

    /// Writes run files for frozen generations that are durable; how many there were.
    ///
    /// # Errors
    /// The journal's.
    pub fn flush(&mut self, frozen: &Frozen, journal: &Reader) -> Result<usize, IntakeError> {
        let head = journal.watermark().next;
        let mut wrote = 0;
        for generation in frozen.list() {
            if generation.end > head.0 || generation.end == 0 {
                break;
            }
            let position = position_at(journal, generation.end)?;
            if size(&self.ids) < generation.end {
                let mut rows: Vec<_> = generation
                    .ids
                    .iter()
                    .map(|(tag, index)| (tag.0, index.0.to_be_bytes()))
                    .collect();
                rows.sort_unstable();
                self.ids.add(&rows, position)?;
            }
            if size(&self.heads) < generation.end {
                let mut rows: Vec<_> = generation
                    .heads
                    .iter()
                    .map(|(stream, head)| (stream.0, encode_head(*head)))
                    .collect();
                rows.sort_unstable();
                self.heads.add(&rows, position)?;
            }
            frozen.drop_through(generation.end);
            wrote += 1;
        }
        Ok(wrote)
    }
}

/// How many entries of the journal these runs cover.
fn size<const V: usize>(runs: &Runs<V>) -> u64 {
    runs.position().map_or(0, |position| position.size)
}

/// The journal after this many events: what a run names to be believed.
fn position_at(journal: &Reader, size: u64) -> Result<RunPosition, IntakeError> {
    let at = journal.entry(Index(size - 1))?;
    Ok(RunPosition {
        size,
        link: link_hash(&at.entry.link),
    })
}
