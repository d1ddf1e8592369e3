//! The one way in which keys are destroyed: touched shelves, service shelf, intake key, table and root get new keys, then the old root goes.
//!
//! ```text
//! R1  the new intake key is in a durable group, and later groups are sealed under it         (the caller: `begin`, then the group)
//! R2  the backlog is absorbed past that group                                                (the caller: `absorb`)
//! R3  new root into the idle slot, synced, read back past the cache                          a crash leaves an idle root; `open` destroys it
//! R4  new table into the idle slot, synced, read back, opened                                as R3
//! R5  one redb transaction: rows go, shelves under new keys, generation g+1                  a crash before: as R3; after: `open` does R6
//! R6  the new generation opens table, service and one shelf; old root overwritten, synced, read back
//! ```
//!
//! Not here: who decides what goes, and the events around it (`intake`). Always: each step is done once or again with the same end;
//! a failed step makes the vault fatal, and a restart begins the rotation anew or finishes it.

mod plan;

use std::collections::BTreeSet;
use std::sync::Arc;

use proto::ids::{Index, StreamId};

use crate::error::VaultError;
use crate::keys::{FenceTag, Key32};
use crate::open::{opens_one_shelf, read_service};
use crate::rows::{Level, MentionPlace, PersonRef, Row, SecretKind, encoded};
use crate::seal::RecordKeyName;
use crate::shelves::{Home, NewRow, Reach, Rewriter};
use crate::store::{Position, State};
use crate::table::{Table, fresh_key, fresh_keys};
use crate::vault::{Vault, Writer};

use plan::Plan;

/// A stream whose secret goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DestroyStream {
    /// The stream.
    pub stream: StreamId,
    /// Its last record, for the cohort.
    pub last: Index,
    /// Whose it is; for a case, so that the pointer goes too.
    pub person: Option<PersonRef>,
}

/// What a rotation destroys beside the old root, table, service and intake keys.
#[derive(Clone, Default, Debug)]
pub struct Destroy {
    /// Streams, with every mention that they carry.
    pub streams: Vec<DestroyStream>,
    /// Mention slots whose carrier lives, and whose person they are.
    pub mentions: Vec<(PersonRef, MentionPlace)>,
    /// Record keys of ended periods.
    pub record_keys: Vec<RecordKeyName>,
    /// Dedup keys of (source, year).
    pub dedup_keys: Vec<(String, u16)>,
    /// Keys of the service shelf by purpose and name.
    pub secrets: Vec<(SecretKind, u32)>,
    /// What happens to the finding shelves' keys.
    pub finding: FindingKeys,
}

/// The nightly re-key of the finding shelves: begin, re-seal in batches, finish.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum FindingKeys {
    /// They stay as they are.
    #[default]
    Stay,
    /// Next keys come into the table.
    Begin,
    /// Every shelf is under its next key: the old ones go.
    Finish,
}

/// Where a rotation stands after a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RotationStep {
    /// R1: the group that carries the intake key is not staged yet.
    AwaitsIntakeKey,
    /// R2: absorb at least through this group first.
    AwaitsBacklog(u64),
    /// R3 is done.
    RootWritten,
    /// R4 is done.
    TableWritten,
    /// R5 is done: the keys are out of the vault, the old root still opens the old table.
    Committed,
    /// R6 is done: append key-destroyed.
    Done(Rotated),
}

/// What `key-destroyed` records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rotated {
    /// The vault's new generation.
    pub generation: u64,
    /// Fence tags of the destroyed streams and mentions, sorted.
    pub tags: Vec<FenceTag>,
}

/// A rotation under way; in memory only, since every step can be begun anew.
pub(crate) struct Rotation {
    destroy: Destroy,
    intake_id: [u8; 16],
    stage: Stage,
}

enum Stage {
    Intake,
    Root,
    Table { table: Arc<Table>, plan: Plan },
    OldRoot(Rotated),
}

impl Vault {
    /// Begins a rotation. The returned row is the new intake key: the caller puts it into the next group.
    ///
    /// # Errors
    /// `OutOfOrder` while one is under way, or where the finding keys are not ready for the step asked; `Fatal`.
    pub fn rotation_begin(&self, destroy: Destroy) -> Result<Row, VaultError> {
        let mut writer = self.writer();
        if self.is_fatal() {
            return Err(VaultError::Fatal);
        }
        if writer.rotation.is_some() {
            return Err(VaultError::OutOfOrder("a rotation is under way"));
        }
        let table = self.table();
        let ready = match (destroy.finding, &table.finding_next) {
            (FindingKeys::Stay, _) | (FindingKeys::Begin, None) => true,
            (FindingKeys::Finish, Some(_)) => writer.state.rekeyed == table.geometry.finding,
            _ => false,
        };
        if !ready {
            return Err(VaultError::OutOfOrder(
                "the finding shelves are not ready for this",
            ));
        }
        let random = &*self.shared.random;
        let (id, key) = (ground::array(random), Key32::random(random));
        writer.rotation = Some(Rotation {
            destroy,
            intake_id: id,
            stage: Stage::Intake,
        });
        Ok(Row::IntakeKey { id, key })
    }

    /// Gives up a rotation whose intake key is in no group: it was begun and its event was not taken. One whose key was staged goes on.
    pub fn rotation_abandon(&self) {
        let mut writer = self.writer();
        let staged = |rotation: &mut Rotation| {
            let service = self.shared.service();
            service.intake_key_group(&rotation.intake_id).is_some()
        };
        writer.rotation.take_if(|rotation| !staged(rotation));
    }

    /// Does the next step. `through` is the journal's watermark.
    ///
    /// # Errors
    /// `OutOfOrder` without a rotation; any other error makes the vault fatal: the process stops.
    pub fn rotate_step(&self, through: Position) -> Result<RotationStep, VaultError> {
        let mut writer = self.writer();
        let Some(mut rotation) = writer.rotation.take() else {
            return Err(VaultError::OutOfOrder("no rotation is under way"));
        };
        let step = self
            .shared
            .guarded(|| self.step(&mut writer, &mut rotation, through))?;
        if !matches!(step, RotationStep::Done(_)) {
            writer.rotation = Some(rotation);
        }
        Ok(step)
    }

    fn step(
        &self,
        writer: &mut Writer,
        rotation: &mut Rotation,
        through: Position,
    ) -> Result<RotationStep, VaultError> {
        let (generation, random) = (writer.state.generation, &*self.shared.random);
        match std::mem::replace(&mut rotation.stage, Stage::Intake) {
            Stage::Intake => {
                let carried = self.shared.service().intake_key_group(&rotation.intake_id);
                let Some(group) = carried else {
                    return Ok(RotationStep::AwaitsIntakeKey);
                };
                if writer.state.position.group < group {
                    return Ok(RotationStep::AwaitsBacklog(group));
                }
                // R3. The slot that stays must open before the idle one is written.
                self.opens(writer, generation)?;
                writer.root.create(generation + 1, random)?;
                rotation.stage = Stage::Root;
                Ok(RotationStep::RootWritten)
            }
            Stage::Root => {
                // R4.
                let plan = self.plan(&rotation.destroy)?;
                let table =
                    Arc::new(self.next_table(generation + 1, &plan, rotation.destroy.finding));
                writer.table_file.write(&table, &*writer.root, random)?;
                rotation.stage = Stage::Table { table, plan };
                Ok(RotationStep::TableWritten)
            }
            Stage::Table { table, plan } => {
                let rotated = self.commit_rotation(writer, rotation, &table, plan, through)?;
                rotation.stage = Stage::OldRoot(rotated);
                Ok(RotationStep::Committed)
            }
            Stage::OldRoot(rotated) => {
                // R6.
                self.opens(writer, generation)?;
                writer.root.destroy_all_but(generation)?;
                Ok(RotationStep::Done(rotated))
            }
        }
    }

    /// Proves that this generation's slot opens its table, the service shelf and one shelf, read from the files.
    fn opens(&self, writer: &Writer, generation: u64) -> Result<(), VaultError> {
        let table = writer.table_file.read(generation, &*writer.root)?;
        let view = self.shared.store.view()?;
        read_service(&view, &table)?;
        opens_one_shelf(&view, &table)
    }

    fn next_table(&self, generation: u64, plan: &Plan, finding: FindingKeys) -> Table {
        let random = &*self.shared.random;
        let mut table = self.table().as_ref().clone();
        table.generation = generation;
        table.service = fresh_key(generation, random);
        for (level, shelf) in &plan.shelves {
            let keys = match level {
                Level::Person => &mut table.person,
                _ => &mut table.case,
            };
            if let Some(key) = usize::try_from(*shelf)
                .ok()
                .and_then(|shelf| keys.get_mut(shelf))
            {
                *key = fresh_key(generation, random);
            }
        }
        match finding {
            FindingKeys::Stay => {}
            FindingKeys::Begin => {
                table.finding_next = Some(fresh_keys(table.geometry.finding, generation, random));
            }
            FindingKeys::Finish => {
                if let Some(next) = table.finding_next.take() {
                    table.finding = next;
                }
            }
        }
        table
    }

    /// R5: rows of durable groups come, destroyed rows go, touched shelves and the service shelf get their new keys.
    fn commit_rotation(
        &self,
        writer: &mut Writer,
        rotation: &Rotation,
        table: &Arc<Table>,
        plan: Plan,
        through: Position,
    ) -> Result<Rotated, VaultError> {
        let generation = table.generation;
        let position = through.max(writer.state.position);
        let rekeyed = match rotation.destroy.finding {
            FindingKeys::Stay => writer.state.rekeyed,
            FindingKeys::Begin | FindingKeys::Finish => 0,
        };
        let intake_seals = self.intake().seals;
        let state = State {
            generation,
            position,
            rekeyed,
            intake_seals,
        };
        let mut shelves = self.pending_by_shelf(position.group)?;
        for row in plan.service_rows(generation) {
            let bytes = encoded(&row)?;
            let home = Home::of_row(&bytes, &self.shared.finding_key, self.shared.geometry)?;
            let shelf = shelves.entry((home.level, home.shelf)).or_default();
            shelf.push(NewRow::new(bytes, &home)?);
        }
        let whole: BTreeSet<_> = plan
            .shelves
            .iter()
            .copied()
            .chain([(Level::Service, 0)])
            .collect();
        for place in &whole {
            shelves.entry(*place).or_default();
        }
        let change = self.shared.store.change()?;
        let old = self.table();
        let rewriter = Rewriter {
            change: &change,
            old: &old,
            new: table,
            finding_key: &self.shared.finding_key,
            random: &*self.shared.random,
            counts: &self.shared.counts,
        };
        let dies = |row: &[u8]| plan.destroys(row, &rotation.destroy, &rotation.intake_id);
        for (place, rows) in shelves {
            let reach = if whole.contains(&place) {
                Reach::Whole
            } else {
                Reach::Touched
            };
            rewriter.rewrite(place, rows, reach, &|row| Ok(!dies(row)?))?;
        }
        change.commit(&state)?;
        writer.state = state;
        self.after_commit(table, position)?;
        Ok(Rotated {
            generation,
            tags: plan.tags,
        })
    }

    /// Shows the new generation and forgets what was opened under the old one.
    fn after_commit(&self, table: &Arc<Table>, position: Position) -> Result<(), VaultError> {
        self.shared.show(table.clone())?;
        let mut service = read_service(&self.shared.view().parts, table)?;
        self.forget_through(position.group);
        // Held while the service shelf is replaced, so that no row is staged between the two.
        let _intake = self.intake();
        {
            let overlay = self.shared.overlay();
            for pending in overlay.groups_through(u64::MAX) {
                for row in &pending.rows {
                    service.apply(row.as_ref().clone(), pending.group);
                }
            }
        }
        *self.shared.service_mut() = service;
        self.shared.caches.clear();
        self.shared.turn_epoch();
        Ok(())
    }

    /// Re-seals the next finding shelves under their next keys, in one transaction of at most about `bytes_max`, without the rows whose
    /// stream or mention was destroyed. `true` when all are done, so that the finishing rotation may begin.
    ///
    /// # Errors
    /// `OutOfOrder` without next keys; any other error makes the vault fatal.
    pub fn nightly_step(&self, bytes_max: usize) -> Result<bool, VaultError> {
        let mut writer = self.writer();
        self.shared.guarded(|| {
            let table = self.table();
            if table.finding_next.is_none() {
                return Err(VaultError::OutOfOrder("no nightly re-key is under way"));
            }
            let mut gone = plan::Gone::of_cohort(&self.shared.service());
            let reader = self.reader();
            gone.keep_mentioned(|person, carrier| reader.is_mentioned_by(person, carrier))?;
            let change = self.shared.store.change()?;
            let rewriter = Rewriter {
                change: &change,
                old: &table,
                new: &table,
                finding_key: &self.shared.finding_key,
                random: &*self.shared.random,
                counts: &self.shared.counts,
            };
            let mut state = writer.state;
            let mut written = 0;
            while state.rekeyed < table.geometry.finding && written < bytes_max {
                let place = (Level::Finding, state.rekeyed);
                let empty = rewriter.parts_of(place)? == 0;
                if !empty {
                    written +=
                        rewriter.rewrite(place, Default::default(), Reach::Whole, &|row| {
                            Ok(!gone.names(row)?)
                        })?;
                }
                state.rekeyed += 1;
            }
            change.commit(&state)?;
            writer.state = state;
            self.shared.show(table.clone())?;
            Ok(state.rekeyed == table.geometry.finding)
        })
    }

    /// The shelf of a person.
    pub(crate) fn home_of_person(person: &PersonRef) -> Home {
        Home::of_id(Level::Person, person.shelf, &person.person)
    }
}

#[cfg(test)]
pub(crate) mod tests;
