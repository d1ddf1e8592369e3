//! Reading again, in the background, what a start took on trust: the journal below the floor, every derived file, every shelf.
//!
//! ```text
//! journal ─ links ─┬▶ offsets   a rotten row is made again from the group's header
//!                  └▶ tree      a rotten hash: the levels are thrown away and built from the links
//! index runs                    a rotten page: the process stops, and its next start builds them again
//! vault                         a shelf that does not open: the process stops, and only `restore` goes on
//! ```
//!
//! Not here: when ([`crate::keep::Keeper`]'s owner turns it). Always: a hit in the journal or the vault stops writing.

use std::sync::Arc;

use journal::{JournalError, Reader, RunsScrub, Scrub, TreeScrub};
use proto::Index;
use vault::VaultScrub;

use crate::error::IntakeError;
use crate::keep::Keeper;

/// Pages of index runs that one step reads.
const RUN_PAGES: u64 = 1024;
/// Shelves that one step opens.
const SHELVES: usize = 16;

/// How far one pass has come.
pub struct Scrubbing {
    stage: Stage,
    /// Events that the pass compares; what came later was checked when it was written.
    until: Index,
}

enum Stage {
    Journal(Box<(Scrub, TreeScrub)>),
    Runs(Box<(RunsScrub<8>, RunsScrub<16>)>),
    Vault(VaultScrub),
    Done,
}

impl Scrubbing {
    /// A pass over everything. Below `floor` slots may have been overwritten.
    pub fn new(journal: &Reader, floor: u64) -> Scrubbing {
        Scrubbing {
            stage: Stage::Journal(Box::new((Scrub::new(journal, floor), TreeScrub::default()))),
            until: journal.watermark().next,
        }
    }

    /// Goes on for about so many bytes of the journal, or as much of the rest. True once the pass is over.
    ///
    /// # Errors
    /// What was met and cannot be mended while running: the process stops.
    pub fn step(&mut self, keeper: &mut Keeper, bytes: u64) -> Result<bool, IntakeError> {
        match &mut self.stage {
            Stage::Journal(walks) => {
                let (journal, stored) = &mut **walks;
                let mut same = true;
                let tree = &keeper.tree;
                let until = Index(self.until.0.min(tree.size()));
                let progress = journal.step_to(bytes, until, |group| {
                    same &= stored.group(tree, group)?;
                    Ok(())
                })?;
                same &= stored.finish(tree)?;
                if !same {
                    keeper.tree_reader.report_rot();
                }
                if progress.done && progress.next >= self.until {
                    self.stage = Stage::Runs(Box::new((
                        RunsScrub::new(keeper.indexes.ids.snapshot()),
                        RunsScrub::new(keeper.indexes.heads.snapshot()),
                    )));
                }
            }
            Stage::Runs(walks) => {
                let (ids, heads) = &mut **walks;
                if ids.step(RUN_PAGES)? && heads.step(RUN_PAGES)? {
                    self.stage = Stage::Vault(VaultScrub::default());
                }
            }
            Stage::Vault(walk) => {
                if walk.step(&Arc::clone(&keeper.vault), SHELVES)? {
                    self.stage = Stage::Done;
                }
            }
            Stage::Done => {}
        }
        Ok(matches!(self.stage, Stage::Done))
    }
}

impl Keeper {
    /// Builds the tree again where a hash was met that is not that of the links. True where it did.
    ///
    /// # Errors
    /// `Damaged` where the links themselves do not lead to the signed root; the journal's.
    pub fn mend_tree(&mut self) -> Result<bool, IntakeError> {
        if !self.tree.is_rotten() {
            return Ok(false);
        }
        self.tree.rebuild(&self.journal)?;
        let floor = self
            .checkpoints
            .current()
            .map_or(journal::Floor::default(), |stored| journal::Floor {
                size: stored.size,
                root: Some(stored.root),
            });
        self.tree.check_floor(&self.journal, floor)?;
        Ok(true)
    }

    /// Refuses to go on with an index that lost a page: an id might be taken twice (C-3).
    ///
    /// # Errors
    /// `Derived`.
    pub fn check_indexes(&self) -> Result<(), IntakeError> {
        let rotten =
            self.indexes.ids.snapshot().is_rotten() || self.indexes.heads.snapshot().is_rotten();
        match rotten {
            true => Err(JournalError::Derived("a page of an index run does not hold").into()),
            false => Ok(()),
        }
    }
}
