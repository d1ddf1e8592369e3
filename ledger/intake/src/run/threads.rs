//! The two threads of the engine: one puts events in order, one writes and answers.
//!
//! Not here: what callers see ([`super::Engine`]). Always: the writer has one group at a time; a submission that outgrows its group is
//! answered behind the last of its groups; after a failed write every waiting sender is dropped, and nobody is told of a foil.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::sync::{Arc, OnceLock};

use ground::Clock;
use proto::{IdTag, UnixMillis};
use tokio::sync::oneshot;

use super::queue::{Doors, EVENTS_WORTH_A_TURN, Order};
use super::{Chain, Counts, Message, Part, Reply};
use crate::append::{Appender, DurableGroup};
use crate::error::IntakeError;
use crate::sequence::{Arrival, Closed, Sequencer, Verdict};

/// A group, once it is durable. Groups are written in order: whoever is answered behind a later one finds it here.
pub(super) type Durable = Arc<OnceLock<Arc<DurableGroup>>>;

/// A submission whose last event is in the open group.
pub(super) struct Waiting {
    before: Vec<Part>,
    verdicts: Vec<Verdict>,
    reply: oneshot::Sender<Reply>,
}

pub(super) struct Job {
    closed: Option<Closed>,
    waiting: Vec<Waiting>,
    /// Told of the group, where a submission goes on behind it.
    goes_on: Option<Durable>,
}

/// Says that the engine stopped where a thread of it panics: without it the process would seem to live and acknowledge nothing.
struct Told(Arc<AtomicBool>);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

pub(super) struct SequencerThread {
    pub(super) sequencer: Sequencer,
    pub(super) messages: Order,
    pub(super) idles: Receiver<()>,
    pub(super) jobs: Option<SyncSender<Job>>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) writer_idle: bool,
    pub(super) stopped: Arc<AtomicBool>,
    pub(super) clock: Arc<dyn Clock>,
}

impl SequencerThread {
    pub(super) fn run(mut self) {
        let _told = Told(self.stopped.clone());
        if let Err(cause) = self.serve() {
            tracing::error!(cause = %Chain(&cause), "the sequencer stopped");
            self.stopped.store(true, Ordering::SeqCst);
        }
    }

    fn serve(&mut self) -> Result<(), IntakeError> {
        let mut last = false;
        let mut taken = VecDeque::new();
        while !last {
            if taken.is_empty() {
                let worth = match self.writer_idle {
                    true => 1,
                    false => EVENTS_WORTH_A_TURN,
                };
                self.messages.wait(worth, &mut taken);
            }
            // Everything that waits already joins this group.
            while !last && !self.sequencer.is_full() {
                match taken.pop_front() {
                    Some(message) => last = self.handle(message)?,
                    None if self.messages.take(&mut taken) => {}
                    None => break,
                }
            }
            match self.idles.try_recv() {
                Ok(()) => self.writer_idle = true,
                Err(TryRecvError::Empty) => {}
                // The writer ended after a failure: whoever waits here is told by the end of this thread.
                Err(TryRecvError::Disconnected) => return Err(IntakeError::Stopped),
            }
            if last || self.sequencer.is_full() {
                self.await_writer()?;
            }
            if self.writer_idle {
                self.hand_over(None)?;
            }
        }
        self.jobs = None;
        Ok(())
    }

    /// Takes one message in; true at the orderly end.
    fn handle(&mut self, message: Message) -> Result<bool, IntakeError> {
        match message {
            Message::WriterIdle => {}
            Message::Close => return Ok(true),
            Message::Find(ids, reply) => {
                let look = |tags: &Vec<IdTag>| self.sequencer.recorded_lately(tags);
                // Whoever asked may have gone.
                let _ = reply.send(ids.iter().map(look).collect());
            }
            Message::Submit(arrivals, reply) => self.submit(arrivals, reply)?,
        }
        Ok(false)
    }

    /// Puts a submission in order. What one group cannot hold goes on in the next, and is answered behind the last.
    fn submit(
        &mut self,
        arrivals: Vec<Arrival>,
        reply: oneshot::Sender<Reply>,
    ) -> Result<(), IntakeError> {
        let now = UnixMillis(self.clock.now());
        let mut before = Vec::new();
        let mut verdicts = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            if self.sequencer.is_full() {
                let group = Durable::default();
                before.push(Part {
                    verdicts: std::mem::take(&mut verdicts),
                    group: group.clone(),
                });
                self.await_writer()?;
                self.hand_over(Some(group))?;
            }
            verdicts.push(self.sequencer.take(arrival, now)?);
        }
        self.waiting.push(Waiting {
            before,
            verdicts,
            reply,
        });
        Ok(())
    }

    /// Nothing more is taken until the writer is idle; the queue fills, and doors answer 429.
    fn await_writer(&mut self) -> Result<(), IntakeError> {
        if !self.writer_idle {
            self.idles.recv().map_err(|_| IntakeError::Stopped)?;
            self.writer_idle = true;
        }
        Ok(())
    }

    /// Closes the open group and gives it to the idle writer, with everyone who waits for it.
    fn hand_over(&mut self, goes_on: Option<Durable>) -> Result<(), IntakeError> {
        if self.waiting.is_empty() && self.sequencer.is_empty() {
            return Ok(());
        }
        let closed = self.sequencer.close()?;
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(jobs) = &self.jobs {
            jobs.send(Job {
                closed,
                waiting,
                goes_on,
            })
            .map_err(|_| IntakeError::Stopped)?;
            self.writer_idle = false;
        }
        Ok(())
    }
}

/// Wakes the sequencer when the writer is idle, and for the last time when the writer ends.
pub(super) struct Nudge(pub(super) Doors);

impl Nudge {
    fn wake(&self) {
        self.0.press(Message::WriterIdle);
    }
}

impl Drop for Nudge {
    fn drop(&mut self) {
        self.wake();
    }
}

pub(super) struct WriterThread {
    pub(super) appender: Appender,
    pub(super) work: Receiver<Job>,
    pub(super) idle: SyncSender<()>,
    /// Dropped after `idle`: the sequencer then finds its writer gone, also where it panicked.
    pub(super) nudge: Nudge,
    pub(super) stopped: Arc<AtomicBool>,
    pub(super) counts: Arc<Counts>,
}

impl WriterThread {
    pub(super) fn run(mut self) {
        let _told = Told(self.stopped.clone());
        while let Ok(Job {
            closed,
            waiting,
            goes_on,
        }) = self.work.recv()
        {
            match closed
                .map(|closed| self.appender.append(closed))
                .transpose()
            {
                Ok(group) => {
                    if let (Some(told), Some(group)) = (goes_on, &group) {
                        // One job tells of one group: it is not set yet.
                        let _ = told.set(group.clone());
                    }
                    self.answer(group, waiting);
                }
                Err(cause) => {
                    // Every sender in `waiting` is dropped: the doors answer STOPPED, never a foil.
                    tracing::error!(cause = %Chain(&cause), "the journal stopped; nothing is acknowledged any more");
                    self.stopped.store(true, Ordering::SeqCst);
                    drop(waiting);
                    return;
                }
            }
        }
    }

    fn answer(&self, group: Option<Arc<DurableGroup>>, waiting: Vec<Waiting>) {
        // Sent first, so that the next group is closed while answers go out. A sequencer that ended needs neither.
        let _ = self.idle.send(());
        self.nudge.wake();
        if let Some(group) = &group {
            self.counts.groups.fetch_add(1, Ordering::Relaxed);
            let events = group.count() as u64;
            self.counts.events.fetch_add(events, Ordering::Relaxed);
        }
        for Waiting {
            before,
            verdicts,
            reply,
        } in waiting
        {
            // A publisher that hung up repeats its request and gets the same foil.
            let _ = reply.send(Reply {
                before,
                verdicts,
                group: group.clone(),
            });
        }
    }
}
