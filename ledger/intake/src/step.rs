//! The ledger single-stepped: the same sequencer, appender and keeper as in [`crate::run`], called one after the other.
//!
//! `init` appends its first events with it, `restore` checks with it, and the simulation drives it, since one thread and one seed give one run.
//! Not here: threads, queues, time. Always: an outcome is returned only after its group is durable.

use std::sync::Arc;

use ground::Clock;
use proto::UnixMillis;

use crate::append::Appender;
use crate::desk::{Desk, Directed};
use crate::engine::Outcome;
use crate::error::IntakeError;
use crate::keep::Keeper;
use crate::resolve::Target;
use crate::sequence::{Sequencer, Verdict};

/// A whole ledger in one hand.
pub struct Stepped {
    /// Puts in order.
    pub sequencer: Sequencer,
    /// Makes durable.
    pub appender: Appender,
    /// Resolves and settles.
    pub desk: Desk,
    /// Tree, checkpoints, absorption.
    pub keeper: Keeper,
    /// Time of admission.
    pub clock: Arc<dyn Clock>,
}

impl Stepped {
    /// Records events as one group, or as many as it takes; outcomes in the same order.
    ///
    /// # Errors
    /// Any error is final: recovery at the next open decides what became of the events.
    pub fn record(&mut self, events: Vec<Directed>) -> Result<Vec<Outcome>, IntakeError> {
        let mut outcomes: Vec<Option<Outcome>> = events.iter().map(|_| None).collect();
        let mut open: Vec<(usize, Directed)> = events.into_iter().enumerate().collect();
        while !open.is_empty() {
            let (places, arrivals) = self.desk.resolve(open)?;
            let now = UnixMillis(self.clock.now());
            let mut verdicts = Vec::with_capacity(arrivals.len());
            open = Vec::new();
            for (place, arrival) in places.into_iter().zip(arrivals) {
                if self.sequencer.is_full() {
                    open.append(&mut self.write(std::mem::take(&mut verdicts), &mut outcomes)?);
                }
                verdicts.push((place, self.sequencer.take(arrival, now)?));
            }
            open.append(&mut self.write(verdicts, &mut outcomes)?);
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// Closes the open group, makes it durable, and settles what it holds; what was stale comes back.
    fn write(
        &mut self,
        verdicts: Vec<((usize, Target), Verdict)>,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<Vec<(usize, Directed)>, IntakeError> {
        let group = match self.sequencer.close()? {
            Some(closed) => Some(self.appender.append(closed)?),
            None => None,
        };
        self.desk.settle(verdicts, group.as_ref(), outcomes)
    }
}
