//! The vault as its one owner holds it: sections in and out, staged rows, absorption (D3).
//!
//! Not here: making and opening the files (`open`), re-keying (`rotation`), lookups (`reader`).
//! Always: a staged row is visible to every reader when `stage` returns; an absorption is one commit with its position; after a failed
//! write nothing is written again, and a restart recovers from the files and the journal's sections.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ground::Lock;
use proto::ids::Index;

use crate::error::VaultError;
use crate::keys::SEALS_PER_KEY_MAX;
use crate::overlay::PendingGroup;
use crate::reader::VaultReader;
use crate::root::{RootStore, Strength};
use crate::rotation::Rotation;
use crate::rows::{Level, Row, encoded};
use crate::section::{self, SectionPlace};
use crate::shared::Shared;
use crate::shelves::{Home, NewRow, NewRows, Reach, Rewriter};
use crate::store::{Position, State};
use crate::table::{Table, TableFile};

/// Records that one group can hold, as a bound for counts after a restart.
const GROUP_RECORDS_MAX: u64 = 65_536;

/// The vault. Methods take `&self`; one write runs at a time.
pub struct Vault {
    pub(crate) shared: Arc<Shared>,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) intake: Mutex<Intake>,
    pub(crate) report: OpenReport,
}

/// What the sequencer moves; never locked while the store writes, so that no append waits for an absorption.
pub(crate) struct Intake {
    /// The last group that was staged, sealed or absorbed.
    last_group: u64,
    /// First index of the newest section: what lies between two is counted as seals.
    counted_to: Index,
    /// Sections sealed under the current intake key.
    pub(crate) seals: u64,
}

impl Intake {
    pub(crate) fn new(state: &State) -> Intake {
        Intake {
            last_group: state.position.group,
            counted_to: state.position.index,
            seals: state.intake_seals,
        }
    }
}

/// What `open` found and did before it served anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenReport {
    /// The vault's generation.
    pub generation: u64,
    /// Whether a root of another generation was destroyed now: the last rotation, or its preparation, was interrupted.
    pub finished_rotation: bool,
    /// Whether a nightly re-key is under way, and at which finding shelf.
    pub nightly_at: Option<u32>,
    /// What a destroyed root is worth here.
    pub strength: Strength,
}

/// What only the writer touches.
pub(crate) struct Writer {
    pub(crate) state: State,
    pub(crate) root: Box<dyn RootStore>,
    pub(crate) table_file: TableFile,
    pub(crate) rotation: Option<Rotation>,
    _lock: Box<dyn Lock>,
}

impl Writer {
    pub(crate) fn new(
        state: State,
        root: Box<dyn RootStore>,
        table_file: TableFile,
        lock: Box<dyn Lock>,
    ) -> Writer {
        Writer {
            state,
            root,
            table_file,
            rotation: None,
            _lock: lock,
        }
    }
}

impl Vault {
    /// How far the journal is absorbed.
    #[must_use]
    pub fn position(&self) -> Position {
        self.writer().state.position
    }

    /// The vault's generation: how many rotations it has seen, plus one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.writer().state.generation
    }

    /// What `open` found.
    #[must_use]
    pub fn report(&self) -> &OpenReport {
        &self.report
    }

    /// A reader; cheap.
    #[must_use]
    pub fn reader(&self) -> VaultReader {
        VaultReader {
            shared: self.shared.clone(),
        }
    }

    /// Number of person shelves, a power of two.
    #[must_use]
    pub fn person_shelves(&self) -> u32 {
        self.shared.geometry.person
    }

    /// Number of case shelves, a power of two.
    #[must_use]
    pub fn case_shelves(&self) -> u32 {
        self.shared.geometry.case
    }

    /// Whether an earlier write failed, so that the process must stop.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.shared.fatal.load(Ordering::Acquire)
    }

    /// Seals the rows of one group into its vault section, under the newest intake key that an earlier group carried.
    /// No rows, no bytes. `new_streams` counts streams and mentions that are new.
    ///
    /// # Errors
    /// `Limit` for a row or a key that is full; `NoKey` without an intake key.
    pub fn seal_section(
        &self,
        rows: &[Row],
        group: u64,
        first: Index,
        new_streams: usize,
    ) -> Result<Vec<u8>, VaultError> {
        let mut intake = self.intake();
        self.count_seals(&mut intake, first)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        intake.seals += 1;
        if intake.seals > SEALS_PER_KEY_MAX {
            return Err(VaultError::Limit("seals of one intake key"));
        }
        let service = self.shared.service();
        let key = service.sealing_intake_key(group).ok_or(VaultError::NoKey)?;
        let place = self.section_place(group, first);
        let streams = u32::try_from(new_streams).unwrap_or(u32::MAX);
        section::seal(key, place, rows, streams, &*self.shared.random)
    }

    /// Makes the rows of a sequenced group visible to every lookup. Groups come in ascending order.
    ///
    /// # Errors
    /// `OutOfOrder` for a group that is not after the last one; `Fatal` after a failed write.
    pub fn stage(&self, rows: Vec<Row>, group: u64) -> Result<(), VaultError> {
        if self.is_fatal() {
            return Err(VaultError::Fatal);
        }
        self.stage_rows(&mut self.intake(), rows, group)
    }

    fn stage_rows(
        &self,
        intake: &mut Intake,
        rows: Vec<Row>,
        group: u64,
    ) -> Result<(), VaultError> {
        if group <= intake.last_group {
            return Err(VaultError::OutOfOrder("a group was staged before"));
        }
        intake.last_group = group;
        if rows.is_empty() {
            return Ok(());
        }
        if rows.iter().any(|row| matches!(row, Row::IntakeKey { .. })) {
            intake.seals = 0;
        }
        let marked = rows.iter().any(|row| matches!(row, Row::FenceMark { .. }));
        let mut overlay = self.shared.overlay_mut();
        let rows: Vec<Arc<Row>> = rows.into_iter().map(Arc::new).collect();
        let service_rows: Vec<_> = rows
            .iter()
            .filter(|row| row.level() == Level::Service)
            .cloned()
            .collect();
        self.shared.remember(&rows);
        overlay.add(PendingGroup { group, rows });
        if marked {
            self.shared.caches.unmarked.clear();
        }
        drop(overlay);
        if !service_rows.is_empty() {
            let mut service = self.shared.service_mut();
            for row in service_rows {
                service.apply(row.as_ref().clone(), group);
            }
        }
        self.shared.turn_epoch();
        Ok(())
    }

    /// Takes the section of a durable group again, at start. Groups come in order; what is absorbed already is skipped.
    ///
    /// # Errors
    /// `NoKey` where no living intake key is named; `NotOpened`, `Malformed` for bytes that the vault did not write.
    pub fn replay_section(&self, group: u64, first: Index, bytes: &[u8]) -> Result<(), VaultError> {
        if group <= self.position().group {
            return Ok(());
        }
        let mut intake = self.intake();
        self.count_seals(
            &mut intake,
            Index(first.0.saturating_add(GROUP_RECORDS_MAX)),
        )?;
        let Some(id) = section::key_id(bytes)? else {
            return Ok(());
        };
        let rows = {
            let service = self.shared.service();
            let key = service.intake_key(&id).ok_or(VaultError::NoKey)?;
            section::open(key, self.section_place(group, first), bytes)?
        };
        intake.seals += 1;
        self.stage_rows(&mut intake, rows, group)
    }

    /// Rows that wait to be absorbed.
    #[must_use]
    pub fn pending_rows(&self) -> usize {
        self.shared.overlay().rows()
    }

    /// D3: puts the rows of all staged groups through `through.group` on their shelves, with the position, in one commit.
    /// Never beyond the watermark: the caller passes it. A crash before the commit leaves the old position and the same sections to
    /// replay; after it, replay skips them.
    ///
    /// # Errors
    /// `Fatal` from an earlier failure; any other error makes the vault fatal: the process stops.
    pub fn absorb(&self, through: Position) -> Result<(), VaultError> {
        let mut writer = self.writer();
        if through <= writer.state.position {
            return Ok(());
        }
        self.shared.guarded(|| {
            let table = self.shared.view().table.clone();
            let intake_seals = self.intake().seals;
            let state = State {
                position: through,
                intake_seals,
                ..writer.state
            };
            let shelves = self.pending_by_shelf(through.group)?;
            let change = self.shared.store.change()?;
            let rewriter = Rewriter {
                change: &change,
                old: &table,
                new: &table,
                finding_key: &self.shared.finding_key,
                random: &*self.shared.random,
                counts: &self.shared.counts,
            };
            for (place, rows) in shelves {
                rewriter.rewrite(place, rows, Reach::Touched, &|_| Ok(true))?;
            }
            change.commit(&state)?;
            writer.state = state;
            self.shared.show(table)?;
            self.forget_through(through.group);
            // The pages that this replaced are free once a commit follows: without it the file grows by a third copy of all shelves.
            self.shared.store.change()?.commit(&state)
        })
    }

    /// Staged rows through a group, and the counts of seals, by shelf.
    pub(crate) fn pending_by_shelf(
        &self,
        group: u64,
    ) -> Result<BTreeMap<(Level, u32), NewRows>, VaultError> {
        let mut shelves: BTreeMap<(Level, u32), NewRows> = BTreeMap::new();
        let mut put = |row: &Row| -> Result<(), VaultError> {
            let bytes = encoded(row)?;
            let home = Home::of_row(&bytes, &self.shared.finding_key, self.shared.geometry)?;
            let shelf = shelves.entry((home.level, home.shelf)).or_default();
            shelf.push(NewRow::new(bytes, &home)?);
            Ok(())
        };
        // The lock is held for pointers only: the sequencer stages meanwhile.
        let rows: Vec<Arc<Row>> = {
            let overlay = self.shared.overlay();
            overlay
                .groups_through(group)
                .flat_map(|pending| pending.rows.iter().cloned())
                .collect()
        };
        rows.iter().try_for_each(|row| put(row))?;
        let uses: Vec<Row> = self.shared.service().record_uses().collect();
        uses.iter().try_for_each(put)?;
        Ok(shelves)
    }

    /// Drops staged rows that the shelves have. What was dropped is freed after the lock.
    pub(crate) fn forget_through(&self, group: u64) {
        let mut overlay = self.shared.overlay_mut();
        let freed = overlay.drop_through(group);
        drop(overlay);
        drop(freed);
    }

    /// Everything between the last section's first index and this one was sealed under some record key.
    fn count_seals(&self, intake: &mut Intake, first: Index) -> Result<(), VaultError> {
        let records = first.0.saturating_sub(intake.counted_to.0);
        intake.counted_to = intake.counted_to.max(first);
        if records == 0 {
            return Ok(());
        }
        self.shared.service_mut().count_record_seals(records)
    }

    fn section_place(&self, group: u64, first: Index) -> SectionPlace<'_> {
        SectionPlace {
            origin_hash: &self.shared.origin_hash,
            chain: self.shared.chain,
            group,
            first,
        }
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn intake(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table in use.
    pub(crate) fn table(&self) -> Arc<Table> {
        self.shared.view().table.clone()
    }
}

#[cfg(test)]
pub(crate) mod tests;
