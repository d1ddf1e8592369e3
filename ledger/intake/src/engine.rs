//! The handle that doors hold: submit admitted events, get outcomes once they are durable.
//!
//! Not here: what the threads do (`run`), the write path ([`crate::sequence`]).
//! Always: an outcome is given only after the group that holds the event is durable (C-2); the queue is bounded.

use std::sync::Arc;

use chain::foil::Foil;
use proto::{Index, Personal};

use crate::admit::{Admitted, Refusal};
use crate::append::{DurableGroup, ShownFoil};

/// What became of one submitted event.
pub enum Outcome {
    /// Recorded now.
    Recorded(Receipt),
    /// The same (source, id) with the same content was recorded before: the same foil again (C-3).
    Repeated(Receipt),
    /// Not recorded: `ID_REUSED` (409), `GONE` or `ERASED_SCOPE` (410).
    Refused(Refusal),
}

/// Proof of record for one event.
pub struct Receipt {
    /// Place of the event in its chain.
    pub index: Index,
    proof: Proof,
}

/// Where a receipt's foil is: most are never held whole, but written from their group into an answer.
enum Proof {
    Whole(Box<Foil>),
    /// At this position of a group.
    Grouped(Arc<DurableGroup>, usize),
}

impl Receipt {
    /// The receipt of an event whose foil was made again.
    pub fn whole(index: Index, foil: Foil) -> Receipt {
        let proof = Proof::Whole(Box::new(foil));
        Receipt { index, proof }
    }

    /// The receipt of the event at a position of a group; `None` where the group has no such event.
    pub fn grouped(group: &Arc<DurableGroup>, position: usize) -> Option<Receipt> {
        group.placed(position)?;
        Some(Receipt {
            index: Index(group.first.0 + position as u64),
            proof: Proof::Grouped(group.clone(), position),
        })
    }

    /// What the publisher keeps.
    pub fn foil(&self) -> Foil {
        self.shown().to_foil()
    }

    /// The same, lent.
    pub(crate) fn shown(&self) -> ShownFoil<'_> {
        match &self.proof {
            Proof::Whole(foil) => ShownFoil::of(foil),
            Proof::Grouped(group, position) => group
                .shown(*position)
                .expect("`grouped` found this position, and a group never changes"),
        }
    }
}

/// Why a submission was not taken as a whole; nothing of it is recorded, it may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitError {
    /// The queue before the sequencer is full: come back after this many seconds.
    QueueFull {
        /// Seconds to wait.
        retry_after_s: u32,
    },
    /// The process is stopping in an orderly way.
    Draining,
    /// The process has stopped acknowledging after a failed write; what became of these events is decided by recovery.
    Stopped,
}

/// What a door needs of the ledger. One value is shared by all requests.
#[derive(Clone)]
pub struct EngineHandle {
    inner: Arc<dyn Submit>,
}

/// A boxed future, so that doors need not know the engine's type.
pub type Later<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

/// The engine's side of the handle; tests put a double here.
pub trait Submit: Send + Sync {
    /// Records a submission of 1..=1000 admitted events; outcomes in the same order.
    fn submit(&self, events: Vec<Box<Admitted>>) -> Later<'_, Result<Vec<Outcome>, SubmitError>>;
    /// Foils of recorded events by (source, id); `None` where no living index has it.
    fn find_foils<'a>(
        &'a self,
        source: &'a str,
        ids: &'a [Personal<String>],
    ) -> Later<'a, Result<Vec<Option<Receipt>>, SubmitError>>;
}

impl EngineHandle {
    /// A handle on this engine.
    pub fn new(inner: Arc<dyn Submit>) -> Self {
        Self { inner }
    }

    /// See [`Submit::submit`].
    pub async fn submit(&self, events: Vec<Box<Admitted>>) -> Result<Vec<Outcome>, SubmitError> {
        self.inner.submit(events).await
    }

    /// See [`Submit::find_foils`].
    pub async fn find_foils(
        &self,
        source: &str,
        ids: &[Personal<String>],
    ) -> Result<Vec<Option<Receipt>>, SubmitError> {
        self.inner.find_foils(source, ids).await
    }
}
