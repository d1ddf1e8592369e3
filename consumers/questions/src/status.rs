//! `ask status`: how the ledger and its views stand. It shows no one, so it records no access.

use fold::ViewStatus;
use serde::Serialize;

use crate::access::{Act, authorise};
use crate::answer::{Answer, AsOf};
use crate::error::QuestionError;
use crate::owner::{Actor, Owner};
use crate::roles::Right;
use crate::sheet::{Sheet, Sheets};

/// One view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewRow {
    /// Name.
    pub name: &'static str,
    /// Version of the rows that answer.
    pub version: u32,
    /// The event that comes next.
    pub next: u64,
    /// Events behind.
    pub lag: u64,
    /// Rows.
    pub rows: u64,
    /// Digest (P-1).
    pub digest: String,
    /// The event at which it stopped, and the rule (P-2).
    pub stopped: Option<String>,
    /// Position of a rebuild under way.
    pub rebuilding: Option<u64>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusAnswer {
    /// Durable events.
    pub events: u64,
    /// Damage that the background check found and that only a restore mends, with its code.
    pub damage: Option<String>,
    /// The views.
    pub views: Vec<ViewRow>,
}

/// Asks how things stand. `views` come from the projections' owner.
///
/// # Errors
/// [`QuestionError::Refused`] without the right.
pub fn ask(
    owner: &dyn Owner,
    actor: &Actor,
    views: &[ViewStatus],
) -> Result<Answer<StatusAnswer>, QuestionError> {
    authorise(
        owner,
        &Act {
            actor,
            right: Right::AskStatus,
            question: "status",
            person: None,
        },
    )?;
    let head = owner.head().0;
    let row = |view: &ViewStatus| ViewRow {
        name: view.name,
        version: view.version,
        next: view.cursor.next.0,
        lag: head.saturating_sub(view.cursor.next.0),
        rows: view.cursor.digest.rows,
        digest: view.cursor.digest.to_string(),
        stopped: view.poisoned.as_ref().map(ToString::to_string),
        rebuilding: view.building.map(|index| index.0),
    };
    let answer = StatusAnswer {
        events: head,
        damage: owner.damage(),
        views: views.iter().map(row).collect(),
    };
    let as_of = AsOf::new(head.checked_sub(1), head, owner.checkpoint(), None);
    Ok(Answer {
        question: "status",
        as_of,
        access_event: None,
        answer,
    })
}

impl Sheets for StatusAnswer {
    fn sheets(&self) -> Vec<Sheet> {
        let mut ledger = Sheet::new("ledger", &["events", "damage"]);
        let damage = self.damage.as_deref().unwrap_or("none found");
        ledger.row([self.events.to_string(), damage.to_owned()]);
        let columns = ["view", "version", "next", "lag", "rows", "state", "digest"];
        let mut views = Sheet::new("views", &columns);
        for view in &self.views {
            let state = match (&view.stopped, view.rebuilding) {
                (Some(stopped), _) => format!("stopped: {stopped}"),
                (None, Some(at)) => format!("rebuilding at {at}"),
                (None, None) => "following".to_owned(),
            };
            views.row([
                view.name.to_owned(),
                view.version.to_string(),
                view.next.to_string(),
                view.lag.to_string(),
                view.rows.to_string(),
                state,
                view.digest.clone(),
            ]);
        }
        vec![ledger, views]
    }
}
