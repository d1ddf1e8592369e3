//! `counterfoil rebuild`, `park` and `status`: views and how everything stands.

use clap::Args;
use serde_json::json;

use crate::arguments::Globals;
use crate::commands::ask;
use crate::commands::confirm::confirm;
use crate::commands::user::done;
use crate::failure::Failure;
use crate::place::Place;

/// Arguments of `rebuild`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  counterfoil rebuild customer

The new copy is folded beside the old one and takes its place when both stand at the same event.")]
pub(crate) struct RebuildArguments {
    /// The view
    view: String,
}

/// Arguments of `park`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  counterfoil park 1042 --view customer --reason unknown-form

A view that cannot apply an event stops there. Parking lets it go on without that event; who did it,
when and why is an event of its own, and every answer of the view says so.")]
pub(crate) struct ParkArguments {
    /// The event's index
    index: u64,
    /// The view
    #[arg(long, default_value = "customer")]
    view: String,
}

/// Arguments of `status`: only the global ones.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  counterfoil status --format json")]
pub(crate) struct StatusArguments {}

/// Rebuilds a view.
///
/// # Errors
/// What the ledger refuses.
pub(crate) fn rebuild(globals: &Globals, own: &RebuildArguments) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    let question = json!({ "view": own.view });
    let answer = place
        .client(globals)?
        .post("/v1/admin/rebuild", &question)?
        .json()?;
    done(
        globals,
        &answer,
        &format!("view {} is being folded again", own.view),
    )
}

/// Parks an event.
///
/// # Errors
/// What the ledger refuses.
pub(crate) fn park(globals: &Globals, own: &ParkArguments) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    let Some(reason) = &globals.reason else {
        return Err(Failure::usage("park needs --reason: it is recorded"));
    };
    confirm(
        globals,
        &format!("let view {} go on without event {}", own.view, own.index),
    )?;
    let question = json!({ "view": own.view, "index": own.index, "reason": reason });
    let answer = place
        .client(globals)?
        .post("/v1/admin/park", &question)?
        .json()?;
    done(
        globals,
        &answer,
        &format!("event {} is parked for view {}", own.index, own.view),
    )
}

/// Shows how everything stands.
///
/// # Errors
/// What the ledger refuses.
pub(crate) fn status(globals: &Globals) -> Result<(), Failure> {
    ask::status(globals, &Place::find(globals)?)
}
