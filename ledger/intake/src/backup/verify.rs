//! Full verification of an open ledger, and the rehearsal of a restore.
//!
//! Not here: what an outsider verifies without keys. Always: every group, link, record and slot is read and opened; what does not open
//! although its key lives is an error, never a count.

use proto::{Hash, Index, SlotNumber};

use super::error::BackupError;
use super::key::RecoverySecret;
use super::restore::{Checked, Known, Restored, open_restored, put_back};
use super::target::{Bundle, blot_root};
use crate::error::IntakeError;
use crate::ledger::{Ground, Opened, Settings};
use crate::read::Stored;

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

/// Reads and opens everything that an open ledger holds.
///
/// # Errors
/// The first thing that is not whole.
pub fn verify(opened: &Opened) -> Result<VerifyReport, IntakeError> {
    let checkpoint_size = opened
        .published
        .newest()
        .map_or(0, |signed| signed.checkpoint.size);
    let journal = opened.records.journal();
    let scrubbed = journal::backup::verify(journal, checkpoint_size)?;
    let mut report = VerifyReport {
        events: 0,
        groups: scrubbed.groups,
        groups_overwritten: scrubbed.slots_changed,
        records_opened: 0,
        records_gone: 0,
        slots_opened: 0,
        slots_gone: 0,
        slots_withheld: 0,
        checkpoint_size,
        root: Hash([0; 32]),
    };
    let mut frontier = chain::tree::Frontier::new();
    for group in journal.groups_from(Index(0)) {
        let group = group?;
        for entry in &group.entries {
            frontier.push(chain::link::leaf_hash(&entry.link), |_| {});
        }
        for stored in opened.records.of_group(&group, Index(0))? {
            report.count(opened, &stored)?;
        }
    }
    report.root = frontier.root();
    // The stored tree leads to the signed root (checked when it was opened); it must be the tree of these links.
    if opened.stepped.keeper.tree.size() == report.events
        && opened.stepped.keeper.tree.root() != report.root
    {
        return Err(IntakeError::Mismatch(
            "the stored tree is not that of the links",
        ));
    }
    Ok(report)
}

impl VerifyReport {
    fn count(&mut self, opened: &Opened, stored: &Stored) -> Result<(), IntakeError> {
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
            match opened.records.slot(stored, SlotNumber(number))? {
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
    let report = put_back(ground, &checked, secret, settings, floor).and_then(|()| {
        let opened = open_restored(ground, &restored.statement, settings)?;
        Ok(verify(&opened)?)
    });
    let blotted = blot_root(&ground.disk, &settings.places);
    let report = report?;
    blotted?;
    Ok((restored, report))
}
