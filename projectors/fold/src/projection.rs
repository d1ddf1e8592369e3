//! One view kept up with the ledger: opened or rebuilt, stepped at low priority, swapped, closed.
//!
//! What it is: the place that acts on what the runner and the home report.
//! What it is not: a thread; its owner calls `step` when there is time, and `sync` about once a second.
//! What always holds: a crash at any point leaves one usable view: the current generation, or a new
//! empty one that folds from the first event. A broken store is set aside, never repaired.

use std::sync::Arc;

use proto::Index;

use crate::digest::Digest;
use crate::error::{FoldError, StoreError};
use crate::feed::Feed;
use crate::home::{Generation, Home, Opened, RebuildReason};
use crate::runner::{PoisonedAt, Runner, Stop};
use crate::slot::{Slot, ViewReader};
use crate::store::{Cursor, Store};
use crate::view::View;

/// How a projection found its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// There was none.
    Fresh,
    /// It goes on where it stopped.
    Continued,
    /// It was set aside; the view folds from the first event.
    StartedOver(RebuildReason),
    /// Another version built it; it answers, frozen, while the new one is built beside it.
    OtherVersion(u32),
}

/// What the digests of a rebuild and of the view it replaces say (P-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same rows.
    Equal,
    /// Other rows at the same position: the old view was wrong. The owner reports it.
    Different,
    /// Another version of the view, or records went with their key and the old view had not met
    /// that fact yet: nothing follows from a difference.
    NotComparable,
}

/// A finished rebuild; the owner appends it as `ledger.view-rebuilt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebuildOutcome {
    /// The position at which the views were swapped: the event that comes next.
    pub at: Index,
    /// Digest of the view before.
    pub before: Digest,
    /// Digest of the view that answers now.
    pub after: Digest,
    /// What the two say.
    pub comparison: Comparison,
}

/// What one step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events folded into the view that answers.
    pub folded: usize,
    /// Events folded into the one being built.
    pub built: usize,
    /// True while the fact that may park an event is still being looked for: step again.
    pub looking: bool,
    /// Set in the step in which a rebuild replaced the view.
    pub rebuilt: Option<RebuildOutcome>,
    /// Set in the step in which the store was set aside.
    pub started_over: Option<RebuildReason>,
}

/// Where a view stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewStatus {
    /// The view.
    pub name: &'static str,
    /// The version that wrote the rows that answer.
    pub version: u32,
    /// How far it has come, with its digest.
    pub cursor: Cursor,
    /// Events behind the ledger's head when last stepped.
    pub lag: u64,
    /// Set while it is stopped.
    pub poisoned: Option<PoisonedAt>,
    /// Position of a rebuild under way.
    pub building: Option<Index>,
    /// The last finished rebuild of this run.
    pub last_rebuild: Option<RebuildOutcome>,
}

/// A store being built beside the one that answers.
struct Building {
    generation: Generation,
    slot: Slot,
    runner: Runner,
    without_record: usize,
}

/// One view over its home.
pub struct Projection {
    view: Arc<dyn View>,
    home: Box<dyn Home>,
    slot: Slot,
    generation: Generation,
    runner: Runner,
    /// True while rows of another version answer: they are not folded further.
    frozen: bool,
    /// True once the cursor was found in the ledger's history.
    history_checked: bool,
    building: Option<Building>,
    poisoned: Option<PoisonedAt>,
    lag: u64,
    last_rebuild: Option<RebuildOutcome>,
}

impl Projection {
    /// Opens the view's current generation, or begins a new one; removes builds that a crash left.
    ///
    /// # Errors
    /// [`FoldError::Store`] when the disk or another process is in the way.
    pub fn open(view: Arc<dyn View>, home: Box<dyn Home>) -> Result<(Self, Opening), FoldError> {
        let name = view.name();
        Self::open_in(view, home).map_err(|cause| FoldError::Store { view: name, cause })
    }

    fn open_in(view: Arc<dyn View>, home: Box<dyn Home>) -> Result<(Self, Opening), StoreError> {
        let current = home.current()?;
        let opened = current
            .map(|generation| home.open(generation))
            .transpose()?;
        for generation in home.generations()? {
            if Some(generation) != current {
                home.discard(generation)?;
            }
        }
        let (generation, opened, opening) = match (current, opened) {
            (Some(generation), Some(opened)) => judge(&*home, generation, opened)?,
            (_, _) => (Generation(1), None, Opening::Fresh),
        };
        let (store, cursor) = match opened {
            Some(readable) => readable,
            None => (begin(&*home, generation)?, Cursor::START),
        };
        let version = match opening {
            Opening::OtherVersion(other) => other,
            _ => view.version(),
        };
        let mut projection = Self {
            runner: Runner::new(Arc::clone(&view), cursor),
            slot: Slot::new(store, version),
            frozen: matches!(opening, Opening::OtherVersion(_)),
            view,
            home,
            generation,
            history_checked: false,
            building: None,
            poisoned: None,
            lag: 0,
            last_rebuild: None,
        };
        if projection.frozen {
            projection.begin_building()?;
        }
        Ok((projection, opening))
    }

    /// A handle for questions.
    pub fn reader(&self) -> ViewReader {
        ViewReader(self.slot.clone())
    }

    /// Folds at most `max_events` into the view that answers, and as many into one being built.
    ///
    /// # Errors
    /// [`FoldError::Poisoned`] names the event at which the view stopped, on every call until the
    /// event is parked or the view repaired; the other variants as they say.
    pub fn step(&mut self, feed: &mut dyn Feed, max_events: usize) -> Result<Progress, FoldError> {
        let mut progress = Progress::default();
        if !self.history_checked {
            progress.started_over = self.check_history(feed)?;
        }
        let mut failed = None;
        if !self.frozen {
            match self
                .runner
                .step(&self.slot, feed, Index(u64::MAX), max_events)
            {
                Ok(stepped) => {
                    progress.folded = stepped.folded;
                    progress.looking = stepped.looking;
                    if stepped.folded > 0 {
                        self.poisoned = None;
                    }
                }
                Err(Stop::Broken(what)) => {
                    progress.started_over = Some(self.start_over(RebuildReason::Broken(what))?);
                }
                Err(Stop::Fold(error)) => failed = Some(error),
            }
        }
        if let Some(FoldError::Poisoned(at)) = &failed {
            self.poisoned = Some(at.clone());
        }
        if matches!(failed, None | Some(FoldError::Poisoned(_))) {
            // Once: what is under way is kept, and the store that is swapped in was found broken by nobody.
            if self.slot.is_found_broken() {
                self.rebuild()?;
            }
            self.build(feed, max_events, &mut progress)?;
        }
        self.lag = feed.head().0.saturating_sub(self.runner.cursor().next.0);
        // A rebuild that was just swapped in may have passed the place where the old one stopped.
        match failed {
            Some(error) if progress.rebuilt.is_none() => Err(error),
            _ => Ok(progress),
        }
    }

    /// Begins to build the view anew beside the one that answers; later steps build and swap.
    ///
    /// # Errors
    /// When the new generation cannot be made. One that is under way is kept.
    pub fn rebuild(&mut self) -> Result<(), FoldError> {
        if self.building.is_some() {
            return Ok(());
        }
        self.begin_building()
            .map_err(|cause| self.store_error(cause))
    }

    /// Makes what was folded survive a power cut; about once a second is enough.
    ///
    /// # Errors
    /// When the disk refuses; a broken store is found by the next step.
    pub fn sync(&mut self) -> Result<(), FoldError> {
        match self.runner.sync(&self.slot) {
            Err(Stop::Fold(error)) => Err(error),
            Ok(()) | Err(Stop::Broken(_)) => Ok(()),
        }
    }

    /// Where the view stands; the lag is that of the last step.
    pub fn status(&self) -> ViewStatus {
        ViewStatus {
            name: self.view.name(),
            version: self.slot.read().version,
            cursor: self.runner.cursor(),
            lag: self.lag,
            poisoned: self.poisoned.clone(),
            building: self
                .building
                .as_ref()
                .map(|building| building.runner.cursor().next),
            last_rebuild: self.last_rebuild.clone(),
        }
    }

    /// Stops cleanly: the next open trusts the store whatever happened to the machine.
    ///
    /// # Errors
    /// When the disk refuses; the next open then judges the store by its marker.
    pub fn close(self) -> Result<(), FoldError> {
        let version = self.slot.read().version;
        let store = self.slot.exchange(None, version);
        let closed = store.map_or(Ok(()), Store::close);
        closed.map_err(|cause| FoldError::Store {
            view: self.view.name(),
            cause,
        })
    }

    /// A cursor over events that this ledger does not have is another history's.
    fn check_history(&mut self, feed: &mut dyn Feed) -> Result<Option<RebuildReason>, FoldError> {
        let cursor = self.runner.cursor();
        let known = match cursor.next.0.checked_sub(1) {
            None => true,
            Some(last) if last >= feed.head().0 => false,
            Some(last) => {
                let events = feed.next(Index(last), 1).map_err(FoldError::Feed)?;
                events
                    .first()
                    .is_some_and(|event| event.link_hash == cursor.link_hash)
            }
        };
        self.history_checked = true;
        if known {
            return Ok(None);
        }
        self.start_over(RebuildReason::OtherHistory).map(Some)
    }

    /// Sets the store aside and folds from the first event; readers see an empty view meanwhile,
    /// and its position says so.
    fn start_over(&mut self, reason: RebuildReason) -> Result<RebuildReason, FoldError> {
        self.abandon_building();
        let next = Generation(self.generation.0 + 1);
        let version = self.view.version();
        drop(self.slot.exchange(None, version));
        let began = self
            .home
            .quarantine(self.generation)
            .and_then(|()| begin(&*self.home, next));
        let store = began.map_err(|cause| self.store_error(cause))?;
        self.runner = Runner::new(Arc::clone(&self.view), Cursor::START);
        self.generation = next;
        self.frozen = false;
        self.poisoned = None;
        self.slot.exchange(Some(store), version);
        Ok(reason)
    }

    fn begin_building(&mut self) -> Result<(), StoreError> {
        let generation = Generation(self.generation.0 + 1);
        self.home.discard(generation)?;
        let store = self.home.create(generation)?;
        self.building = Some(Building {
            generation,
            slot: Slot::new(store, self.view.version()),
            runner: Runner::new(Arc::clone(&self.view), Cursor::START),
            without_record: 0,
        });
        Ok(())
    }

    fn abandon_building(&mut self) {
        if let Some(building) = self.building.take() {
            drop(building.slot.exchange(None, 0));
            // What cannot be removed now is removed at the next open.
            let _ = self.home.discard(building.generation);
        }
    }

    /// One step of the build, never beyond the view that answers; at an equal position, the swap.
    fn build(
        &mut self,
        feed: &mut dyn Feed,
        max_events: usize,
        progress: &mut Progress,
    ) -> Result<(), FoldError> {
        let until = self.runner.cursor().next;
        let Some(building) = &mut self.building else {
            return Ok(());
        };
        match building
            .runner
            .step(&building.slot, feed, until, max_events)
        {
            Ok(stepped) => {
                progress.built = stepped.folded;
                progress.looking |= stepped.looking;
                building.without_record += stepped.without_record;
            }
            Err(Stop::Broken(_)) => {
                // A build is worth nothing yet: begin it again.
                self.abandon_building();
                return self.rebuild();
            }
            Err(Stop::Fold(error)) => return Err(error),
        }
        if building.runner.cursor().next == until {
            progress.rebuilt = self.swap()?;
        }
        Ok(())
    }

    /// The swap: build synced → named as current (durable, one step) → readers see it → old one
    /// destroyed. A crash before the naming leaves the old view, one after it the new view; the
    /// other's files go at the next open.
    fn swap(&mut self) -> Result<Option<RebuildOutcome>, FoldError> {
        let Some(mut building) = self.building.take() else {
            return Ok(None);
        };
        let synced = building.runner.sync(&building.slot);
        if let Err(Stop::Fold(error)) = synced {
            self.building = Some(building);
            return Err(error);
        }
        if synced.is_err() {
            self.building = Some(building);
            self.abandon_building();
            return self.rebuild().map(|()| None);
        }
        if let Err(cause) = self.home.make_current(building.generation) {
            self.building = Some(building);
            return Err(self.store_error(cause));
        }
        let before = self.runner.cursor();
        let after = building.runner.cursor();
        let outcome = RebuildOutcome {
            at: after.next,
            before: before.digest,
            after: after.digest,
            comparison: self.compare(before, after, building.without_record),
        };
        let store = building.slot.exchange(None, 0);
        let old = self.slot.exchange(store, self.view.version());
        self.runner = building.runner;
        self.generation = building.generation;
        self.frozen = false;
        self.poisoned = None;
        self.last_rebuild = Some(outcome.clone());
        // Files that cannot be removed now are removed at the next open.
        let _ = old.map(Store::destroy);
        let _ = self.home.discard_quarantine();
        Ok(Some(outcome))
    }

    fn compare(&self, before: Cursor, after: Cursor, without_record: usize) -> Comparison {
        if before.digest == after.digest && before.link_hash == after.link_hash {
            Comparison::Equal
        } else if self.frozen || without_record > 0 {
            Comparison::NotComparable
        } else {
            Comparison::Different
        }
    }

    fn store_error(&self, cause: StoreError) -> FoldError {
        FoldError::Store {
            view: self.view.name(),
            cause,
        }
    }
}

/// A generation's store with its cursor.
type Readable = (Box<dyn Store>, Cursor);

/// Keeps what can be read; sets aside what cannot, in favour of the next generation.
fn judge(
    home: &dyn Home,
    generation: Generation,
    opened: Opened,
) -> Result<(Generation, Option<Readable>, Opening), StoreError> {
    let (store, opening) = match opened {
        Opened::Usable(store) => (store, Opening::Continued),
        Opened::OtherVersion(store, version) => (store, Opening::OtherVersion(version)),
        Opened::Rebuild(reason) => return set_aside(home, generation, reason),
    };
    match store.cursor() {
        Ok(cursor) => Ok((generation, Some((store, cursor)), opening)),
        Err(StoreError::Broken(what)) => {
            drop(store);
            set_aside(home, generation, RebuildReason::Broken(what))
        }
        Err(other) => Err(other),
    }
}

fn set_aside(
    home: &dyn Home,
    generation: Generation,
    reason: RebuildReason,
) -> Result<(Generation, Option<Readable>, Opening), StoreError> {
    home.quarantine(generation)?;
    Ok((
        Generation(generation.0 + 1),
        None,
        Opening::StartedOver(reason),
    ))
}

/// A new generation that is current from its first, empty, state on.
fn begin(home: &dyn Home, generation: Generation) -> Result<Box<dyn Store>, StoreError> {
    home.discard(generation)?;
    let store = home.create(generation)?;
    home.make_current(generation)?;
    Ok(store)
}
