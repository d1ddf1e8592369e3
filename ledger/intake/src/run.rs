//! The threads behind the handle: one puts events in order, one writes, one keeps the derived things.
//!
//! ```text
//! doors ──Message::Submit──▶ sequencer thread ──Job──▶ writer thread ──Reply──▶ doors
//!                                  ▲────────── idle ──────────┘
//! keeper thread: tree, checkpoints, absorption, run files, on its own clock, behind the watermark
//! ```
//!
//! The open group grows while the writer is busy and closes when it is idle: one sync carries all that came meanwhile.
//! Not here: what the steps do; the threads themselves (`run/threads.rs`). Always: both queues are bounded; after a failed write nobody
//! gets an answer but `Stopped`.

mod queue;
mod threads;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ground::Clock;
use proto::{IdTag, Index, Personal};
use tokio::sync::oneshot;

use crate::admit::{Admitted, Refusal, RefusalCode};
use crate::append::{Appender, DurableGroup};
use crate::desk::{Desk, Directed};
use crate::engine::{Later, Outcome, Receipt, Submit, SubmitError};
use crate::error::IntakeError;
use crate::resolve::Target;
use crate::sequence::{Arrival, Sequencer, Verdict};

use queue::{Doors, NotTaken, queue};
use threads::{Durable, Nudge, SequencerThread, WriterThread};

/// Submissions that may wait before the sequencer; one more gets 429.
pub const QUEUE_SUBMISSIONS_MAX: usize = 1_024;
/// Seconds after which a publisher that got 429 should come back.
pub const RETRY_AFTER_S: u32 = 1;
/// How often a stale arrival is resolved again before the request is told to come back.
const RESOLVES_MAX: u32 = 8;

enum Message {
    Submit(Vec<Arrival>, oneshot::Sender<Reply>),
    Find(Vec<Vec<IdTag>>, oneshot::Sender<Vec<Option<Index>>>),
    WriterIdle,
    Close,
}

/// Verdicts of one submission in order, each part with the durable group that holds what was placed.
struct Reply {
    /// What one group could not hold: parts in the groups before.
    before: Vec<Part>,
    verdicts: Vec<Verdict>,
    group: Option<Arc<DurableGroup>>,
}

/// Verdicts that stand in a group before the one that ends their submission.
struct Part {
    verdicts: Vec<Verdict>,
    group: Durable,
}

/// Counters for `/metrics`; nothing personal.
#[derive(Default)]
pub struct Counts {
    /// Events recorded.
    pub events: AtomicU64,
    /// Groups made durable.
    pub groups: AtomicU64,
}

/// The running engine.
pub struct Engine {
    queue: Doors,
    desk: Desk,
    draining: AtomicBool,
    stopped: Arc<AtomicBool>,
    counts: Arc<Counts>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Starts the sequencer and writer threads.
    ///
    /// # Errors
    /// The operating system's, when a thread cannot be started.
    pub fn start(
        sequencer: Sequencer,
        appender: Appender,
        desk: Desk,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Arc<Engine>> {
        let (queue, messages) = queue();
        let (jobs, work) = sync_channel(1);
        let (idle, idles) = sync_channel(1);
        let stopped = Arc::new(AtomicBool::new(false));
        let counts = Arc::new(Counts::default());
        let writer = WriterThread {
            appender,
            work,
            idle,
            nudge: Nudge(queue.clone()),
            stopped: stopped.clone(),
            counts: counts.clone(),
        };
        let order = SequencerThread {
            sequencer,
            messages,
            idles,
            jobs: Some(jobs),
            waiting: Vec::new(),
            writer_idle: true,
            stopped: stopped.clone(),
            clock,
        };
        let threads = vec![
            std::thread::Builder::new()
                .name("writer".to_owned())
                .spawn(move || writer.run())?,
            std::thread::Builder::new()
                .name("sequencer".to_owned())
                .spawn(move || order.run())?,
        ];
        Ok(Arc::new(Engine {
            queue,
            desk,
            draining: AtomicBool::new(false),
            stopped,
            counts,
            threads: Mutex::new(threads),
        }))
    }

    /// Takes nothing new from now on; what was taken is finished.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Whether the engine still records.
    pub fn is_live(&self) -> bool {
        !self.stopped.load(Ordering::SeqCst)
    }

    /// Whether a drain began.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Counters.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Repeats compared since the start.
    pub fn repeats(&self) -> u64 {
        self.desk.repeats()
    }

    /// Finishes everything in the queues and ends the threads. Call after [`Engine::drain`], once no request is open.
    pub fn finish(&self) {
        self.drain();
        self.queue.press(Message::Close);
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A panicked thread has been reported by the runtime; there is nothing to finish.
            let _ = thread.join();
        }
    }

    /// Records events whose targets are known: the ledger's own facts and publishers' alike. Where only what was stale finds the queue
    /// full, each such event is refused by itself, for the others stand.
    ///
    /// # Errors
    /// [`SubmitError`]; a vault that cannot be read counts as stopped.
    pub async fn record(&self, events: Vec<Directed>) -> Result<Vec<Outcome>, SubmitError> {
        if self.is_draining() {
            return Err(SubmitError::Draining);
        }
        let mut outcomes: Vec<Option<Outcome>> = events.iter().map(|_| None).collect();
        let mut open: Vec<(usize, Directed)> = events.into_iter().enumerate().collect();
        for _ in 0..RESOLVES_MAX {
            let (places, arrivals) = self.desk.resolve(open).map_err(stop)?;
            let reply = match self.pass(arrivals).await {
                Err(SubmitError::QueueFull { .. }) => break,
                passed => passed?,
            };
            open = self.settle(places, reply, &mut outcomes).map_err(stop)?;
            if open.is_empty() {
                return Ok(outcomes.into_iter().flatten().collect());
            }
        }
        or_full(outcomes)
    }

    /// Outcomes of a reply, part by part; what was stale comes back.
    fn settle(
        &self,
        places: Vec<(usize, Target)>,
        reply: Reply,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<Vec<(usize, Directed)>, IntakeError> {
        let mut places = places.into_iter();
        let mut stale = Vec::new();
        for Part { verdicts, group } in reply.before {
            let verdicts = places.by_ref().take(verdicts.len()).zip(verdicts).collect();
            stale.append(&mut self.desk.settle(verdicts, group.get(), outcomes)?);
        }
        let verdicts = places.zip(reply.verdicts).collect();
        let group = reply.group.as_ref();
        stale.append(&mut self.desk.settle(verdicts, group, outcomes)?);
        Ok(stale)
    }

    async fn pass(&self, arrivals: Vec<Arrival>) -> Result<Reply, SubmitError> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(Message::Submit(arrivals, sender))?;
        // The writer drops the sender after a failed write: nobody is told anything but this.
        receiver.await.map_err(|_| SubmitError::Stopped)
    }

    fn enqueue(&self, message: Message) -> Result<(), SubmitError> {
        self.queue
            .push(message)
            .map_err(|not_taken| match not_taken {
                NotTaken::Full => SubmitError::QueueFull {
                    retry_after_s: RETRY_AFTER_S,
                },
                NotTaken::Ended => SubmitError::Stopped,
            })
    }

    /// The newest events are known to the sequencer alone: it is asked first, the derived indexes after.
    async fn find(
        &self,
        source: &str,
        ids: &[Personal<String>],
    ) -> Result<Vec<Option<Receipt>>, SubmitError> {
        let (sender, receiver) = oneshot::channel();
        let tags = self.desk.tags(source, ids).map_err(stop)?;
        self.enqueue(Message::Find(tags, sender))?;
        let recent = receiver.await.map_err(|_| SubmitError::Stopped)?;
        let durable = self.desk.records().journal().watermark().next;
        if recent.iter().flatten().any(|index| *index >= durable) {
            // An empty submission is answered behind every group before it: like the event itself, its foil waits (C-2).
            self.pass(Vec::new()).await?;
        }
        self.desk.find_foils(source, ids, &recent).map_err(stop)
    }
}

/// The answer where the queue was full: to the whole submission while nothing of it stands, else to each event that has no outcome.
fn or_full(outcomes: Vec<Option<Outcome>>) -> Result<Vec<Outcome>, SubmitError> {
    if outcomes.iter().all(Option::is_none) {
        return Err(SubmitError::QueueFull {
            retry_after_s: RETRY_AFTER_S,
        });
    }
    let full = || {
        let rule = "the queue is full; this event was not recorded, send it again";
        Outcome::Refused(Refusal::new(RefusalCode::QueueFull, "", rule))
    };
    let answered = outcomes.into_iter();
    Ok(answered
        .map(|outcome| outcome.unwrap_or_else(full))
        .collect())
}

impl Submit for Engine {
    fn submit(&self, events: Vec<Box<Admitted>>) -> Later<'_, Result<Vec<Outcome>, SubmitError>> {
        Box::pin(self.record(events.into_iter().map(Directed::published).collect()))
    }

    fn find_foils<'a>(
        &'a self,
        source: &'a str,
        ids: &'a [Personal<String>],
    ) -> Later<'a, Result<Vec<Option<Receipt>>, SubmitError>> {
        Box::pin(self.find(source, ids))
    }
}

/// Logged once, here: whoever asked learns only that the ledger stopped.
fn stop(cause: IntakeError) -> SubmitError {
    tracing::error!(cause = %Chain(&cause), "a submission could not be handled");
    SubmitError::Stopped
}

/// An error with its causes, joined by colons.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(inner) = cause {
            write!(f, ": {inner}")?;
            cause = inner.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_is_told_to_the_whole_only_while_nothing_of_it_stands() {
        assert!(matches!(
            or_full(vec![None, None]),
            Err(SubmitError::QueueFull { .. })
        ));
        let stands = || Refusal::new(RefusalCode::IdReused, "id", "recorded with other content");
        let outcomes = or_full(vec![None, Some(Outcome::Refused(stands())), None]);
        let codes: Vec<_> = outcomes
            .expect("answered one by one")
            .into_iter()
            .map(|outcome| match outcome {
                Outcome::Refused(refusal) => refusal.code,
                _ => panic!("recorded from nothing"),
            })
            .collect();
        let full = RefusalCode::QueueFull;
        assert_eq!(codes, [full, RefusalCode::IdReused, full]);
    }
}
