//! The running ledger: the threads of engine, keeper and night, and what requests share.
//!
//! Not here: HTTP. Always: one process owns the vault; an orderly stop finishes what was taken, signs a last checkpoint and closes the views;
//! damage found by the background scrub, or a failed write, stops acknowledging and is told by `stopped`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ground::{Clock, Random, TestClock};
use intake::admit::RefusalCounts;
use intake::door::{Door, Room};
use intake::engine::EngineHandle;
use intake::keep::{Keeper, Published};
use intake::ledger::{Ground, Opened, open};
use intake::read::Records;
use intake::run::Engine;
use journal::TreeReader;
use tokio::runtime::Handle;
use vault::Vault;

use crate::config::Config;
use crate::error::{Causes, ServeError};
use crate::facts::Facts;
use crate::identity::VaultTokens;
use crate::keeping::{ToKeeper, keep};
use crate::nightly::{ToNightly, nights};
use crate::projector::{self, FoldedView, Projector, Surroundings};

/// Memory for the bodies of questions and acts that are open at once, in bytes: of officers, and of the owner's socket beside them. Each
/// body has at most 1 MiB, and next to all have less than 1 KiB.
const QUESTIONS_BYTES_MAX: usize = 8 << 20;

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
    /// The customer view; `None` where the configuration does not name it.
    pub customer: Option<Arc<FoldedView>>,
    /// Refusals by code.
    pub refusals: Arc<RefusalCounts>,
    /// Memory for publishers' bodies.
    pub room: Room,
    /// Memory for the bodies of officers' questions and acts over HTTP.
    pub room_of_officers: Room,
    /// The same over the owner's socket: nobody from outside can fill it.
    pub room_of_owner: Room,
    /// Nothing new is taken.
    pub draining: Arc<AtomicBool>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// What this ledger stands on; backup copies with it.
    pub ground: Ground,
    test_clock: Option<Arc<TestClock>>,
    keeper: SyncSender<ToKeeper>,
    nightly: SyncSender<ToNightly>,
    failed: AtomicBool,
    damage: Mutex<Option<String>>,
}

impl Shared {
    /// Whether everything that must run, runs.
    pub fn is_live(&self) -> bool {
        self.engine.is_live() && !self.failed.load(Ordering::SeqCst)
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
            room: self.room.clone(),
            draining: self.draining.clone(),
        }
    }

    /// What the background check found damaged and could not mend: no event is taken any more, what can be read is read.
    pub fn damage(&self) -> Option<String> {
        let damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        damage.clone()
    }

    /// Notes damage that only `restore` mends. Publishers are refused from now on.
    pub(crate) fn report_damage(&self, code: &'static str, cause: &dyn std::error::Error) {
        let cause = Causes(cause).to_string();
        tracing::error!(
            code,
            cause,
            "damage was found: no event is taken any more; see deploy/runbooks/{code}.md"
        );
        let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        damage.get_or_insert(format!("{code}: {cause}"));
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Ends the process: nothing is acknowledged any more, and a restart recovers.
    pub(crate) fn fail(&self, code: &'static str, what: &str, cause: &dyn std::error::Error) {
        tracing::error!(code, what, cause = %Causes(cause), "stopped writing; see deploy/runbooks/{code}.md");
        self.failed.store(true, Ordering::SeqCst);
        self.draining.store(true, Ordering::SeqCst);
    }
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
        let (customer, projector) = projector::open(&config, &opened.records)?.unzip();
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
        let (to_keeper, keeper_work) = sync_channel(4);
        let (to_nightly, nightly_work) = sync_channel(4);
        let shared = Arc::new(Shared {
            facts: Facts {
                name: settings.name.clone(),
                engine: engine.clone(),
                clock: ground.clock.clone(),
                random: ground.random.clone(),
            },
            room: Room::of(config.bodies_bytes_max),
            room_of_officers: Room::of(QUESTIONS_BYTES_MAX),
            room_of_owner: Room::of(QUESTIONS_BYTES_MAX),
            config,
            engine,
            records,
            vault,
            published,
            tree,
            customer,
            refusals: Arc::default(),
            draining: Arc::default(),
            clock: ground.clock.clone(),
            random: ground.random.clone(),
            ground,
            test_clock,
            keeper: to_keeper,
            nightly: to_nightly,
            failed: AtomicBool::new(false),
            damage: Mutex::default(),
        });
        let work = Work {
            projector,
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
        if let Some(customer) = &self.shared.customer {
            customer.stop();
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A panicked thread has been reported by the runtime; there is nothing to finish.
            let _ = thread.join();
        }
    }
}

/// What the threads behind the engine own.
struct Work {
    projector: Option<Projector>,
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
        projector,
        keeper,
        keeping,
        nightly,
    } = work;
    let (for_keeper, for_nightly) = (shared.clone(), shared.clone());
    let at_ms = shared.config.nightly_at_ms();
    let on_runtime = runtime.clone();
    let mut threads = vec![
        spawn("keeper", move || keep(&for_keeper, keeper, &keeping))?,
        spawn("nightly", move || {
            nights(&for_nightly, &on_runtime, at_ms, &nightly)
        })?,
    ];
    if let (Some(projector), Some(view)) = (projector, &shared.customer) {
        let around = Surroundings {
            records: shared.records.clone(),
            facts: shared.facts.clone(),
            runtime,
        };
        threads.push(projector.start(view.clone(), around)?);
    }
    Ok(threads)
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
