//! The projector: one thread that folds the views of the configuration behind the watermark (D4), with the time that the write path leaves.
//!
//! Not here: what a view says (`views`), how a step is made safe (`fold`). Always: a view that the configuration does not name is neither
//! opened nor folded nor kept; nothing that the write path takes is held while a view is folded.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use fold::{
    BootId, Comparison, DirectoryHome, Engine, Identity, Projection, RebuildOutcome, View,
    ViewReader, ViewStatus,
};
use intake::found::GOVERNANCE;
use intake::read::Records;
use intake::resolve::Target;
use proto::clear::{Envelope, LedgerViewRebuilt};
use proto::ledger_facts::view_rebuilt;
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use tokio::runtime::Handle;
use views::Customer;

use crate::config::Config;
use crate::error::{Causes, ServeError};
use crate::facts::Facts;
use crate::feed::LedgerFeed;

/// Events that one step folds at most.
const FOLD_EVENTS: usize = 512;
/// How long the projector rests when there is nothing to fold.
const FOLD_REST_MS: u64 = 20;
/// How long it rests after a step that failed.
const FAILED_REST_S: u64 = 1;
/// Niceness of the thread where the system refuses to run it only when nothing else wants to.
const NICE: i32 = 19;

enum ToProjector {
    Rebuild,
    Stop,
}

/// One view that is folded, as requests see it.
pub struct FoldedView {
    /// Reads its rows.
    pub reader: ViewReader,
    /// Held for the exchange of a pointer alone: whoever asks never waits for a projector that waits for its turn.
    status: Mutex<Arc<ViewStatus>>,
    to: SyncSender<ToProjector>,
}

impl FoldedView {
    /// How the view stood when last stepped.
    pub fn status(&self) -> Arc<ViewStatus> {
        let status = self.status.lock();
        status.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for a rebuild beside the current one.
    pub fn rebuild(&self) {
        // A full channel has a request waiting already; a closed one is stopping.
        let _ = self.to.try_send(ToProjector::Rebuild);
    }

    /// Has the thread close the view and end.
    pub(crate) fn stop(&self) {
        // A thread that ended already needs no telling.
        let _ = self.to.send(ToProjector::Stop);
    }

    fn stepped(&self, projection: &Projection) {
        let now = Arc::new(projection.status());
        let status = self.status.lock();
        let before = std::mem::replace(&mut *status.unwrap_or_else(PoisonError::into_inner), now);
        drop(before);
    }
}

/// A view that is open and waits for its thread.
pub(crate) struct Projector {
    projection: Projection,
    work: Receiver<ToProjector>,
}

/// What the thread works with.
pub(crate) struct Surroundings {
    /// Where events come from.
    pub(crate) records: Records,
    /// Where a rebuild is recorded.
    pub(crate) facts: Facts,
    /// Waits for that recording.
    pub(crate) runtime: Handle,
}

/// Opens the customer view where the configuration names it, and otherwise drops what an earlier run kept of it: rows that nobody folds
/// would outlive the keys of their records.
pub(crate) fn open(
    config: &Config,
    records: &Records,
) -> Result<Option<(Arc<FoldedView>, Projector)>, ServeError> {
    let view: Arc<dyn View> = Arc::new(Customer);
    let dir = config.dir.join("views").join(view.name());
    if !config.folds(view.name()) {
        drop_kept(dir)?;
        tracing::info!(
            view = view.name(),
            "not in `views` of the configuration: not folded"
        );
        return Ok(None);
    }
    let identity = Identity {
        genesis: records.journal().genesis(),
        view: view.name().to_owned(),
        version: view.version(),
    };
    let boot = BootId::of_this_machine().map_err(ServeError::Io("read the boot id"))?;
    let home = DirectoryHome::new(&dir, identity, boot, Engine::Sled)
        .map_err(ServeError::Io("open the view's directory"))?;
    let (projection, opening) = Projection::open(view, Box::new(home))?;
    tracing::info!(?opening, "the customer view is open");
    let (to, work) = sync_channel(4);
    let folded = FoldedView {
        reader: projection.reader(),
        status: Mutex::new(Arc::new(projection.status())),
        to,
    };
    Ok(Some((Arc::new(folded), Projector { projection, work })))
}

fn drop_kept(dir: PathBuf) -> Result<(), ServeError> {
    match std::fs::remove_dir_all(dir) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(ServeError::Io("remove a view that is not folded")(cause))
        }
        _ => Ok(()),
    }
}

impl Projector {
    /// Starts the thread.
    pub(crate) fn start(
        self,
        view: Arc<FoldedView>,
        around: Surroundings,
    ) -> Result<JoinHandle<()>, ServeError> {
        std::thread::Builder::new()
            .name("projector".to_owned())
            .spawn(move || self.run(&view, &around))
            .map_err(ServeError::Thread)
    }

    /// D4: folds behind the watermark, at low priority, until told to stop.
    fn run(self, view: &FoldedView, around: &Surroundings) {
        let Projector {
            mut projection,
            work,
        } = self;
        fold_when_idle();
        let mut feed = LedgerFeed::new(around.records.clone());
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
            rest = step(&mut projection, &mut feed, around);
            view.stepped(&projection);
        }
        if let Err(cause) = projection.close() {
            tracing::error!(cause = %Causes(&cause), "the view was not closed cleanly and may be rebuilt");
        }
    }
}

/// The thread runs when nothing else wants to (`SCHED_IDLE`): a write never waits for its turn to end. It follows the journal without a
/// lock of the writer's (`journal::Follower`), so that it may lose its turn at any place. Refused, it runs at the lowest niceness.
fn fold_when_idle() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    if set.is_err() {
        // Refused as well, the view competes with the write path and nothing else changes.
        let _ = rustix::process::nice(NICE);
    }
}

/// One step, and how long to rest after it.
fn step(projection: &mut Projection, feed: &mut LedgerFeed, around: &Surroundings) -> Duration {
    match projection.step(feed, FOLD_EVENTS) {
        Ok(progress) => {
            if let Some(rebuilt) = &progress.rebuilt {
                record_rebuild(around, projection.status().version, rebuilt);
            }
            match progress.folded + progress.built > 0 || progress.looking {
                true => Duration::ZERO,
                false => Duration::from_millis(FOLD_REST_MS),
            }
        }
        Err(cause) => {
            tracing::error!(cause = %Causes(&cause), "the view stopped");
            Duration::from_secs(FAILED_REST_S)
        }
    }
}

/// Appends `ledger.view-rebuilt`. A difference means that the view was not what the events say (P-1): it is told loudly.
fn record_rebuild(around: &Surroundings, version: u32, rebuilt: &RebuildOutcome) {
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
    let appended = around
        .runtime
        .block_on(around.facts.append(fact, Target::Office, Vec::new()));
    if let Err(cause) = appended {
        tracing::error!(cause = %Causes(&cause), "the rebuild could not be recorded");
    }
}
