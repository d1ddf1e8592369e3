//! Full verification of a ledger by its owner, and the rehearsal of a restore.
//!
//! Not here: what an outsider verifies without keys. Always: every group, link, record and slot is read and opened; what does not open
//! although its key lives is an error, never a count.

use chain::link::leaf_hash;
use chain::tree::{Frontier, root_at};
use journal::TreeReader;
use proto::{Hash, Index, SlotNumber};

use super::check::{Checked, Known};
use super::error::BackupError;
use super::key::RecoverySecret;
use super::restore::{Restored, open_restored, put_back};
use super::target::{Bundle, blot_root};
use crate::error::IntakeError;
use crate::keep::Published;
use crate::ledger::{Ground, Settings};
use crate::read::{Records, Stored};

/// What a verification found whole, and what is gone with its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyReport {
    /// Events, each with its link.
    pub events: u64,
    /// Groups.
    pub groups: u64,
    /// Groups below the checkpoint whose slots were overwritten since.
    pub groups_overwritten: u64,
    /// Records that opened and are the committed ones.
    pub records_opened: u64,
    /// Records whose key is gone.
    pub records_gone: u64,
    /// Slots that opened and are the committed ones.
    pub slots_opened: u64,
    /// Slots whose key is gone, or fenced.
    pub slots_gone: u64,
    /// Slots that were recorded without their content.
    pub slots_withheld: u64,
    /// Size of the stored checkpoint that the tree leads to; 0 where none was signed.
    pub checkpoint_size: u64,
    /// The tree's root over all events.
    pub root: Hash,
}

/// Reads and opens everything that a ledger holds, up to where it is durable. It may go on writing meanwhile.
///
/// # Errors
/// The first thing that is not whole.
pub fn verify(
    records: &Records,
    published: &Published,
    tree: &TreeReader,
) -> Result<VerifyReport, IntakeError> {
    let signed = published.newest();
    let checkpoint = signed.as_ref().map(|signed| &signed.checkpoint);
    let stored = tree.size();
    let scrubbed = journal::scrub::verify(
        records.journal(),
        checkpoint.map_or(0, |signed| signed.size),
    )?;
    let mut report = VerifyReport {
        events: 0,
        groups: scrubbed.groups,
        groups_overwritten: scrubbed.slots_changed,
        records_opened: 0,
        records_gone: 0,
        slots_opened: 0,
        slots_gone: 0,
        slots_withheld: 0,
        checkpoint_size: checkpoint.map_or(0, |signed| signed.size),
        root: Hash([0; 32]),
    };
    let mut frontier = Frontier::new();
    for group in records.journal().groups_from(Index(0)) {
        let group = group?;
        for entry in &group.entries {
            frontier.push(leaf_hash(&entry.link), |_| {});
            let size = frontier.size();
            if checkpoint.is_some_and(|at| at.size == size && at.root != frontier.root()) {
                return Err(IntakeError::Mismatch(
                    "the signed root is not that of the links",
                ));
            }
            if size == stored && root_at(size, tree)? != frontier.root() {
                return Err(IntakeError::Mismatch(
                    "the stored tree is not that of the links",
                ));
            }
        }
        for event in records.of_group(&group, Index(0))? {
            report.count(records, &event)?;
        }
    }
    report.root = frontier.root();
    if report.events < stored.max(report.checkpoint_size) {
        return Err(IntakeError::Mismatch("the links end before the tree does"));
    }
    Ok(report)
}

impl VerifyReport {
    fn count(&mut self, records: &Records, stored: &Stored) -> Result<(), IntakeError> {
        self.events += 1;
        let Some(record) = &stored.record else {
            self.records_gone += 1;
            return Ok(());
        };
        self.records_opened += 1;
        for (number, seal) in (0..).zip(&record.header.slots) {
            if seal.withheld {
                self.slots_withheld += 1;
                continue;
            }
            match records.slot(stored, SlotNumber(number))? {
                Some(_) => self.slots_opened += 1,
                None => self.slots_gone += 1,
            }
        }
        Ok(())
    }
}

/// Restores into directories that the caller removes afterwards, and verifies everything. Nothing is appended, nothing is completed, and the
/// new root is overwritten at the end: no copy of the vault that opens is left behind.
///
/// # Errors
/// As [`super::restore`]; whatever verification finds.
pub fn rehearse(
    ground: &Ground,
    bundle: &Bundle,
    secret: &RecoverySecret,
    settings: &Settings,
    known: &Known,
) -> Result<(Restored, VerifyReport), BackupError> {
    let checked = Checked::check(ground, bundle, secret, settings, known)?;
    let restored = Restored {
        statement: checked.manifest.statement.clone(),
        verdict: checked.verdict,
    };
    let floor = checked.newest.clone();
    let report = put_back(ground, &checked, secret, settings, floor, Vec::new()).and_then(|()| {
        let opened = open_restored(ground, &checked, settings)?;
        Ok(verify(&opened.records, &opened.published, &opened.tree)?)
    });
    let blotted = blot_root(&ground.disk, &settings.places);
    let report = report?;
    blotted?;
    Ok((restored, report))
}
