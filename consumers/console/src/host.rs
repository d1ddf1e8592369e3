//! The running ledger: the engine's threads, the keeper, the projector, and what requests share.
//!
//! Not here: HTTP. Always: one process owns the vault; an orderly stop finishes what was taken, signs a last checkpoint and closes the views;
//! damage found by the background scrub, or a failed write, stops acknowledging and is told by `stopped`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use fold::{
    BootId, Comparison, DirectoryHome, Engine as StoreEngine, Identity, Projection, RebuildOutcome,
    View, ViewReader, ViewStatus,
};
use ground::{Clock, Random, TestClock};
use intake::admit::RefusalCounts;
use intake::door::Door;
use intake::engine::EngineHandle;
use intake::found::GOVERNANCE;
use intake::keep::{ABSORB_ROWS, ABSORB_ROWS_MIN, Keeper, Published};
use intake::ledger::{Ground, Opened, open};
use intake::read::Records;
use intake::resolve::Target;
use intake::run::Engine;
use journal::{Scrub, TreeReader};
use proto::clear::{Envelope, LedgerViewRebuilt};
use proto::ledger_facts::view_rebuilt;
use tokio::runtime::Handle;
use vault::Vault;
use views::Customer;

use crate::config::Config;
use crate::error::{Causes, ServeError};
use crate::facts::Facts;
use crate::feed::LedgerFeed;
use crate::identity::VaultTokens;
use crate::nightly::{ToNightly, nights};

/// Events that one projector step folds at most.
const FOLD_EVENTS: usize = 512;
/// How long the projector rests when there is nothing to fold.
const FOLD_REST_MS: u64 = 20;
/// Bytes that the background scrub checks in one go.
const SCRUB_BYTES: u64 = 4 << 20;
/// After how many keeper turns without growth waiting rows are absorbed, if there are enough.
const IDLE_TURNS: u32 = 3;
/// Niceness of the projector's thread: it folds with what the write path leaves.
const PROJECTOR_NICE: i32 = 10;

/// What requests share.
pub struct Shared {
    /// The settings.
    pub config: Config,
    /// Puts events in order and writes them.
    pub engine: Arc<Engine>,
    /// Opens what is recorded.
    pub records: Records,
    /// The keys; this process owns them.
    pub vault: Arc<Vault>,
    /// The published checkpoint.
    pub published: Arc<Published>,
    /// The tree, for tiles and proofs.
    pub tree: TreeReader,
    /// The ledger's own facts.
    pub facts: Facts,
    /// The customer view.
    pub customer: ViewReader,
    /// How the view stood when last stepped.
    pub view_status: RwLock<ViewStatus>,
    /// Refusals by code.
    pub refusals: Arc<RefusalCounts>,
    /// Nothing new is taken.
    pub draining: Arc<AtomicBool>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// What this ledger stands on; backup copies with it.
    pub ground: Ground,
    test_clock: Option<Arc<TestClock>>,
    projector: SyncSender<ToProjector>,
    keeper: SyncSender<ToKeeper>,
    nightly: SyncSender<ToNightly>,
    failed: AtomicBool,
}

impl Shared {
    /// Whether everything that must run, runs.
    pub fn is_live(&self) -> bool {
        self.engine.is_live() && !self.failed.load(Ordering::SeqCst)
    }

    /// The view's status when last stepped.
    pub fn view_status(&self) -> ViewStatus {
        self.view_status
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks the projector to rebuild the customer view beside the current one.
    pub fn rebuild(&self) {
        // A full channel has a request waiting already; a closed one is stopping.
        let _ = self.projector.try_send(ToProjector::Rebuild);
    }

    /// Moves a test clock forward to this time; false on the system's clock, or for a time that is not later.
    pub fn move_clock(&self, to_ms: i64) -> bool {
        self.test_clock.as_ref().is_some_and(|clock| {
            let by = u32::try_from(to_ms.saturating_sub(clock.now()));
            by.is_ok_and(|by| {
                clock.advance_ms(by);
                by > 0
            })
        })
    }

    /// Has the keeper absorb and sign a checkpoint now; returns when it did.
    pub fn settle(&self) -> Result<(), ServeError> {
        let (done, wait) = sync_channel(1);
        self.keeper
            .send(ToKeeper::Settle(done))
            .map_err(|_| ServeError::Stopped)?;
        wait.recv().map_err(|_| ServeError::Stopped)
    }

    /// Runs the nightly re-key now; the vault's new generation.
    ///
    /// # Errors
    /// `Stopped`, or what went wrong in words.
    pub fn rekey(&self) -> Result<u64, ServeError> {
        let (answer, wait) = sync_channel(1);
        self.nightly
            .send(ToNightly::Run(answer))
            .map_err(|_| ServeError::Stopped)?;
        let outcome = wait.recv().map_err(|_| ServeError::Stopped)?;
        outcome.map_err(ServeError::Config)
    }

    /// The publishers' door onto this ledger.
    pub fn door(&self) -> Door {
        Door {
            engine: EngineHandle::new(self.engine.clone()),
            findings: Arc::new(self.facts.clone()),
            tokens: Arc::new(VaultTokens(self.records.vault().clone())),
            clock: self.clock.clone(),
            random: self.random.clone(),
            counts: self.refusals.clone(),
            draining: self.draining.clone(),
        }
    }

    fn fail(&self, what: &str, cause: &dyn std::error::Error) {
        let code = "STOPPED";
        tracing::error!(code, what, cause = %Causes(cause), "stopped writing; see deploy/runbooks/STOPPED.md");
        self.failed.store(true, Ordering::SeqCst);
        self.draining.store(true, Ordering::SeqCst);
    }
}

enum ToProjector {
    Rebuild,
    Stop,
}

enum ToKeeper {
    Settle(SyncSender<()>),
    Stop,
}

/// A running ledger; dropping it does not stop it, [`Host::stop`] does.
pub struct Host {
    /// What requests share.
    pub shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Host {
    /// Opens the ledger and starts its threads.
    ///
    /// # Errors
    /// What the stores say; nothing runs then.
    pub fn start(
        config: Config,
        ground: Ground,
        test_clock: Option<Arc<TestClock>>,
        runtime: Handle,
    ) -> Result<Host, ServeError> {
        let settings = config.settings();
        let opened = open(&ground, &settings)?;
        report(&opened);
        let (projection, opening) = open_view(&config, &opened)?;
        tracing::info!(?opening, "the customer view is open");
        let Opened {
            stepped,
            vault,
            records,
            published,
            tree,
            ..
        } = opened;
        let keeper = stepped.keeper;
        let engine = Engine::start(
            stepped.sequencer,
            stepped.appender,
            stepped.desk,
            ground.clock.clone(),
        )
        .map_err(ServeError::Thread)?;
        let (to_projector, projector_work) = sync_channel(4);
        let (to_keeper, keeper_work) = sync_channel(4);
        let (to_nightly, nightly_work) = sync_channel(4);
        let shared = Arc::new(Shared {
            facts: Facts {
                name: settings.name.clone(),
                engine: engine.clone(),
                clock: ground.clock.clone(),
                random: ground.random.clone(),
            },
            config,
            engine,
            records,
            vault,
            published,
            tree,
            customer: projection.reader(),
            view_status: RwLock::new(projection.status()),
            refusals: Arc::default(),
            draining: Arc::default(),
            clock: ground.clock.clone(),
            random: ground.random.clone(),
            ground,
            test_clock,
            projector: to_projector,
            keeper: to_keeper,
            nightly: to_nightly,
            failed: AtomicBool::new(false),
        });
        let work = Work {
            projection,
            projector: projector_work,
            keeper,
            keeping: keeper_work,
            nightly: nightly_work,
        };
        let threads = start_threads(&shared, work, runtime)?;
        Ok(Host {
            shared,
            threads: Mutex::new(threads),
        })
    }

    /// Finishes what was taken, signs a last checkpoint, closes the views. Call once no request is open.
    pub fn stop(&self) {
        self.shared.draining.store(true, Ordering::SeqCst);
        self.shared.engine.finish();
        // Threads that ended already need no telling.
        let _ = self.shared.nightly.send(ToNightly::Stop);
        let _ = self.shared.keeper.send(ToKeeper::Stop);
        let _ = self.shared.projector.send(ToProjector::Stop);
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A panicked thread has been reported by the runtime; there is nothing to finish.
            let _ = thread.join();
        }
    }
}

/// What the threads behind the engine own.
struct Work {
    projection: Projection,
    projector: Receiver<ToProjector>,
    keeper: Keeper,
    keeping: Receiver<ToKeeper>,
    nightly: Receiver<ToNightly>,
}

fn start_threads(
    shared: &Arc<Shared>,
    work: Work,
    runtime: Handle,
) -> Result<Vec<JoinHandle<()>>, ServeError> {
    let Work {
        projection,
        projector,
        keeper,
        keeping,
        nightly,
    } = work;
    let (for_projector, for_keeper, for_nightly) = (shared.clone(), shared.clone(), shared.clone());
    let at_ms = shared.config.nightly_at_ms();
    let on_runtime = runtime.clone();
    Ok(vec![
        spawn("projector", move || {
            project(&for_projector, &runtime, projection, &projector);
        })?,
        spawn("keeper", move || keep(&for_keeper, keeper, &keeping))?,
        spawn("nightly", move || {
            nights(&for_nightly, &on_runtime, at_ms, &nightly)
        })?,
    ])
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ServeError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(ServeError::Thread)
}

fn report(opened: &Opened) {
    tracing::info!(
        events = opened.records.journal().watermark().next.0,
        last_group = opened.recovery.group,
        read_from_group = opened.recovery.checked_from_group,
        torn_tail_zeroed = opened.recovery.torn.is_some(),
        offsets_rebuilt = opened.recovery.offsets_rebuilt,
        vault_rows_pending = opened.vault.pending_rows(),
        "the ledger is open"
    );
}

fn open_view(config: &Config, opened: &Opened) -> Result<(Projection, fold::Opening), ServeError> {
    let view: Arc<dyn View> = Arc::new(Customer);
    let identity = Identity {
        genesis: opened.records.journal().genesis(),
        view: view.name().to_owned(),
        version: view.version(),
    };
    let dir = config.dir.join("views").join(view.name());
    let boot = BootId::of_this_machine().map_err(ServeError::Io("read the boot id"))?;
    let home = DirectoryHome::new(&dir, identity, boot, StoreEngine::Sled)
        .map_err(ServeError::Io("open the view's directory"))?;
    Ok(Projection::open(view, Box::new(home))?)
}

/// D4: folds behind the watermark, at low priority, until told to stop.
fn project(
    shared: &Shared,
    runtime: &Handle,
    mut projection: Projection,
    work: &Receiver<ToProjector>,
) {
    // Refused niceness only means that the view competes with the write path.
    let _ = rustix::process::nice(PROJECTOR_NICE);
    let mut feed = LedgerFeed::new(shared.records.clone());
    let mut rest = Duration::ZERO;
    loop {
        match work.recv_timeout(rest) {
            Ok(ToProjector::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Ok(ToProjector::Rebuild) => {
                if let Err(cause) = projection.rebuild() {
                    tracing::error!(cause = %Causes(&cause), "the view cannot be rebuilt");
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        rest = match projection.step(&mut feed, FOLD_EVENTS) {
            Ok(progress) => {
                if let Some(rebuilt) = &progress.rebuilt {
                    record_rebuild(shared, runtime, projection.status().version, rebuilt);
                }
                let busy = progress.folded + progress.built > 0 || progress.looking;
                if busy {
                    Duration::ZERO
                } else {
                    Duration::from_millis(FOLD_REST_MS)
                }
            }
            Err(cause) => {
                tracing::error!(cause = %Causes(&cause), "the view stopped");
                Duration::from_secs(1)
            }
        };
        *shared
            .view_status
            .write()
            .unwrap_or_else(PoisonError::into_inner) = projection.status();
    }
    if let Err(cause) = projection.close() {
        tracing::error!(cause = %Causes(&cause), "the view was not closed cleanly and may be rebuilt");
    }
}

/// Appends `ledger.view-rebuilt`. A difference means that the view was not what the events say (P-1): it is told loudly.
fn record_rebuild(shared: &Shared, runtime: &Handle, version: u32, rebuilt: &RebuildOutcome) {
    if rebuilt.comparison == Comparison::Different {
        tracing::error!(
            ?rebuilt,
            "the rebuilt view differs from the one before: P-1 did not hold"
        );
    } else {
        tracing::info!(?rebuilt, "the view was rebuilt and swapped");
    }
    let lanes = |digest: &fold::Digest| {
        let text = digest.to_string();
        text.split('/').next().unwrap_or_default().to_owned()
    };
    let body = LedgerViewRebuilt {
        view: Customer.name().to_owned(),
        old_version: version,
        new_version: version,
        at_index: rebuilt.at.0,
        old_digest: lanes(&rebuilt.before),
        new_digest: lanes(&rebuilt.after),
        reason_code: match rebuilt.comparison {
            Comparison::Different => "differed",
            _ => "requested",
        }
        .to_owned(),
        ..LedgerViewRebuilt::default()
    };
    let envelope = Envelope {
        activity: GOVERNANCE.to_owned(),
        ..Envelope::default()
    };
    let fact = view_rebuilt(envelope, body);
    let appended = runtime.block_on(shared.facts.append(fact, Target::Office, Vec::new()));
    if let Err(cause) = appended {
        tracing::error!(cause = %Causes(&cause), "the rebuild could not be recorded");
    }
}

/// Tree, checkpoints (D2), absorption (D3), run files, next segment and scrub, one turn an interval.
fn keep(shared: &Shared, mut keeper: Keeper, work: &Receiver<ToKeeper>) {
    let floor = shared
        .published
        .newest()
        .map_or(0, |signed| signed.checkpoint.size);
    let mut scrub = Some(Scrub::new(shared.records.journal(), floor));
    let interval = Duration::from_millis(shared.config.checkpoint_interval_ms);
    let mut idle_turns = 0;
    loop {
        let asked = match work.recv_timeout(interval) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(ToKeeper::Stop),
        };
        if let Err(cause) = turn(
            shared,
            &mut keeper,
            &mut scrub,
            &mut idle_turns,
            asked.is_some(),
        ) {
            shared.fail("keeping tree, checkpoints and vault", &cause);
            return;
        }
        match asked {
            Some(ToKeeper::Settle(done)) => {
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            Some(ToKeeper::Stop) => return,
            None => {}
        }
    }
}

fn turn(
    shared: &Shared,
    keeper: &mut Keeper,
    scrub: &mut Option<Scrub>,
    idle_turns: &mut u32,
    everything: bool,
) -> Result<(), intake::IntakeError> {
    let grew = keeper.checkpoint()?;
    *idle_turns = if grew {
        0
    } else {
        idle_turns.saturating_add(1)
    };
    let rows_min = if *idle_turns >= IDLE_TURNS {
        ABSORB_ROWS_MIN
    } else {
        ABSORB_ROWS
    };
    if everything {
        keeper.absorb_now()?;
    } else {
        keeper.absorb(shared.clock.now(), rows_min)?;
    }
    keeper.flush()?;
    if keeper.preparer.wanted() {
        keeper.preparer.prepare_next_segment()?;
    }
    if let Some(running) = scrub
        && running.step(SCRUB_BYTES)?.done
    {
        tracing::info!("every byte below the last start's checkpoint was checked");
        *scrub = None;
    }
    Ok(())
}
