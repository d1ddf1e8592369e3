//! The desk: what happens to a submission before and after its turn in the sequence, whoever runs the sequence.
//!
//! The threads of [`crate::run`] and the single-stepped ledger of [`crate::step`] share it.
//! Not here: waiting. Always: outcomes are made only after the group is durable; a repeat is compared with what is recorded, value by value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proto::{IdTag, Index, Personal};
use vault::{PersonRef, Row};

use crate::admit::{Admitted, Refusal, RefusalCode};
use crate::append::DurableGroup;
use crate::engine::{Outcome, Receipt};
use crate::error::IntakeError;
use crate::read::{Records, Sameness};
use crate::resolve::{Resolver, Target};
use crate::sequence::{Arrival, Verdict};

/// An event with the place it goes to and the vault rows that become true with it.
pub struct Directed {
    /// What was admitted.
    pub event: Box<Admitted>,
    /// Whose stream.
    pub target: Target,
    /// Rows for the vault.
    pub rows: Vec<Row>,
    /// Whom its aliases name, where the sequencer has learnt that since they were looked up.
    pub learnt: Option<PersonRef>,
}

impl Directed {
    /// A publisher's event, about the person its aliases name.
    pub fn published(event: Box<Admitted>) -> Directed {
        Directed {
            event,
            target: Target::Subject,
            rows: Vec::new(),
            learnt: None,
        }
    }
}

/// Resolves and settles.
pub struct Desk {
    resolver: Resolver,
    records: Records,
    repeats: AtomicU64,
}

/// Arrivals, and beside them the place of each in the submission and its target.
pub type Resolving = (Vec<(usize, Target)>, Vec<Arrival>);

impl Desk {
    /// A desk over these.
    pub fn new(resolver: Resolver, records: Records) -> Desk {
        Desk {
            resolver,
            records,
            repeats: AtomicU64::new(0),
        }
    }

    /// Opens what is recorded.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Repeats answered since the start.
    pub fn repeats(&self) -> u64 {
        self.repeats.load(Ordering::Relaxed)
    }

    /// Resolves the events that are still open.
    ///
    /// # Errors
    /// The vault's.
    pub fn resolve(&self, open: Vec<(usize, Directed)>) -> Result<Resolving, IntakeError> {
        let mut places = Vec::with_capacity(open.len());
        let mut arrivals = Vec::with_capacity(open.len());
        for (place, directed) in open {
            let Directed {
                event,
                target,
                rows,
                learnt,
            } = directed;
            let resolved = Box::new(self.resolver.resolve(&event, target, learnt)?);
            places.push((place, target));
            arrivals.push(Arrival {
                event,
                resolved,
                rows,
            });
        }
        Ok((places, arrivals))
    }

    /// Turns verdicts into outcomes; what was stale comes back to be resolved again.
    ///
    /// # Errors
    /// Where a repeat cannot be compared.
    pub fn settle(
        &self,
        verdicts: Vec<((usize, Target), Verdict)>,
        group: Option<&Arc<DurableGroup>>,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<Vec<(usize, Directed)>, IntakeError> {
        let mut stale = Vec::new();
        for ((place, target), verdict) in verdicts {
            let outcome = match verdict {
                Verdict::Placed(position, _spent) => group
                    .and_then(|group| Receipt::grouped(group, position))
                    .map(Outcome::Recorded),
                Verdict::Refused(refusal) => Some(Outcome::Refused(refusal)),
                Verdict::Repeat(index, event) => Some(self.repeat(index, &event)?),
                Verdict::Stale(arrival, learnt) => {
                    let Arrival { event, rows, .. } = *arrival;
                    let again = Directed {
                        event,
                        target,
                        rows,
                        learnt,
                    };
                    stale.push((place, again));
                    None
                }
            };
            if let Some(slot) = outcomes.get_mut(place) {
                *slot = outcome;
            }
        }
        Ok(stale)
    }

    /// The same content gets the same foil, other content 409, what nobody can compare any more 410 (C-3).
    fn repeat(&self, index: Index, event: &Admitted) -> Result<Outcome, IntakeError> {
        self.repeats.fetch_add(1, Ordering::Relaxed);
        let refused = |code, rule| Outcome::Refused(Refusal::new(code, "id", rule));
        Ok(match self.records.same(index, event)? {
            Sameness::Same => Outcome::Repeated(self.records.receipt(index)?),
            Sameness::Other => refused(
                RefusalCode::IdReused,
                "this source recorded another event under the same id",
            ),
            Sameness::Gone => refused(
                RefusalCode::Gone,
                "the event recorded under this id is fenced or gone",
            ),
        })
    }

    /// The tags under which each id may be recorded.
    ///
    /// # Errors
    /// The vault's.
    pub fn tags(
        &self,
        source: &str,
        ids: &[Personal<String>],
    ) -> Result<Vec<Vec<IdTag>>, IntakeError> {
        let tags = |id: &Personal<String>| {
            let (tags, _) = self.resolver.repeat(source, id.expose())?;
            Ok(tags.into_iter().map(|(_, tag)| tag).collect())
        };
        ids.iter().map(tags).collect()
    }

    /// Foils by (source, id); `None` where nothing is recorded under it, or its record is gone. `recent` is what the sequencer had in
    /// its own memory for each id, asked *before*: what it no longer has by then is in the derived indexes.
    ///
    /// # Errors
    /// The vault's or the journal's.
    pub fn find_foils(
        &self,
        source: &str,
        ids: &[Personal<String>],
        recent: &[Option<Index>],
    ) -> Result<Vec<Option<Receipt>>, IntakeError> {
        let look = |(id, recent): (&Personal<String>, &Option<Index>)| {
            let index = match recent {
                Some(index) => Some(*index),
                None => self.resolver.repeat(source, id.expose())?.1,
            };
            let Some(index) = index else {
                return Ok(None);
            };
            match self.records.receipt(index) {
                Ok(receipt) => Ok(Some(receipt)),
                Err(IntakeError::Vault(vault::VaultError::NoKey)) => Ok(None),
                Err(cause) => Err(cause),
            }
        };
        ids.iter().zip(recent).map(look).collect()
    }
}
