//! The ledger's own facts, as the console has them appended: access, findings, publishers, users, views.
//!
//! Not here: when they must be. Always: a fact is durable when its function returns.

use std::sync::Arc;

use ground::{Clock, Random};
use intake::admit::{Finding, RefusalCode};
use intake::append::Name;
use intake::desk::Directed;
use intake::door::FindingSink;
use intake::engine::{Later, Outcome, SubmitError};
use intake::found::GOVERNANCE;
use intake::own::{finding_event, own_event};
use intake::resolve::Target;
use intake::run::{Engine, RETRY_AFTER_S};
use proto::clear::Envelope;
use proto::{DecodeError, FactData, Index, UnixMillis};
use vault::Row;

/// Why one of the ledger's own facts is not in the ledger.
#[derive(Debug)]
pub enum FactError {
    /// A code given by the caller has the wrong shape: field and rule.
    Shape(DecodeError),
    /// The engine did not take it.
    Engine(SubmitError),
    /// What the vault shall keep of it is longer than it keeps: found here, since it would stop the sequencer.
    TooLong,
    /// The engine refused it (a fenced stream).
    Refused(String),
}

impl std::fmt::Display for FactError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FactError::Shape(cause) => write!(f, "{cause}"),
            FactError::Engine(SubmitError::Stopped) => {
                f.write_str("the ledger has stopped writing")
            }
            FactError::Engine(SubmitError::Draining) => f.write_str("the ledger is stopping"),
            FactError::Engine(SubmitError::QueueFull { .. }) => f.write_str("the queue is full"),
            FactError::TooLong => f.write_str("too long to be kept"),
            FactError::Refused(code) => write!(f, "refused: {code}"),
        }
    }
}

impl std::error::Error for FactError {}

/// Appends the ledger's own facts.
#[derive(Clone)]
pub struct Facts {
    /// Whose ledger.
    pub name: Name,
    /// Takes them.
    pub engine: Arc<Engine>,
    /// Their time.
    pub clock: Arc<dyn Clock>,
    /// Their ids and seeds.
    pub random: Arc<dyn Random>,
}

impl Facts {
    /// Appends one fact with the rows that become true with it; its index, once durable.
    ///
    /// # Errors
    /// [`FactError`].
    pub async fn append(
        &self,
        data: Result<FactData, DecodeError>,
        target: Target,
        rows: Vec<Row>,
    ) -> Result<Index, FactError> {
        let data = data.map_err(FactError::Shape)?;
        let now = UnixMillis(self.clock.now());
        let event = own_event(&self.name, data, now, &*self.random);
        let directed = Directed {
            event,
            target,
            rows,
            learnt: None,
        };
        self.append_directed(directed).await
    }

    /// Appends an event that somebody else made ready; its index, once durable.
    ///
    /// # Errors
    /// [`FactError`].
    pub(crate) async fn append_directed(&self, directed: Directed) -> Result<Index, FactError> {
        if directed.rows.iter().any(|row| row.encode().is_err()) {
            return Err(FactError::TooLong);
        }
        let outcomes = self.engine.record(vec![directed]).await;
        match outcomes.map_err(FactError::Engine)?.pop() {
            Some(Outcome::Recorded(receipt) | Outcome::Repeated(receipt)) => Ok(receipt.index),
            Some(Outcome::Refused(refusal)) => {
                Err(FactError::Refused(refusal.code.as_str().to_owned()))
            }
            None => Err(FactError::Engine(SubmitError::Stopped)),
        }
    }
}

/// The envelope of an act of governance by an actor in a role.
pub(crate) fn governance(actor: &crate::identity::User) -> Envelope {
    Envelope {
        activity: GOVERNANCE.to_owned(),
        actor: actor.reference.as_str().to_owned(),
        role: actor.role.code().to_owned(),
        ..Envelope::default()
    }
}

impl FindingSink for Facts {
    fn append(&self, findings: Vec<Finding>) -> Later<'_, Result<(), SubmitError>> {
        Box::pin(async move {
            let now = UnixMillis(self.clock.now());
            let direct = |finding: &Finding| Directed {
                event: finding_event(&self.name, finding, None, now, &*self.random),
                target: Target::Office,
                rows: Vec::new(),
                learnt: None,
            };
            let outcomes = self.engine.record(findings.iter().map(direct).collect());
            all_stand(&outcomes.await?)
        })
    }
}

/// Whether every fact stands. One that the full queue turned away comes back with what it was found in; whatever else refuses a fact of
/// the ledger's own is a fault of the ledger, and nothing is answered that would rest on it.
fn all_stand(outcomes: &[Outcome]) -> Result<(), SubmitError> {
    for outcome in outcomes {
        let Outcome::Refused(refusal) = outcome else {
            continue;
        };
        if refusal.code == RefusalCode::QueueFull {
            let retry_after_s = RETRY_AFTER_S;
            return Err(SubmitError::QueueFull { retry_after_s });
        }
        let code = refusal.code.as_str();
        tracing::error!(code, "the ledger refused a finding of its own");
        return Err(SubmitError::Stopped);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use intake::admit::Refusal;

    use super::*;

    #[test]
    fn a_finding_that_was_turned_away_is_no_success() {
        let check = |code: RefusalCode| {
            let outcome = Outcome::Refused(Refusal::new(code, "", "refused"));
            all_stand(&[outcome])
        };
        assert!(all_stand(&[]).is_ok());
        assert!(matches!(
            check(RefusalCode::QueueFull),
            Err(SubmitError::QueueFull { .. })
        ));
        assert!(matches!(
            check(RefusalCode::IdReused),
            Err(SubmitError::Stopped)
        ));
    }
}
