//! `counterfoil keys show`: what outsiders verify with.

use clap::Subcommand;
use serde_json::Value;

use crate::arguments::Globals;
use crate::failure::Failure;
use crate::place::Place;
use crate::table::{Table, cell};

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum KeysCommand {
    /// The public keys, each with the index from which it signs
    #[command(after_help = "\
Examples:
  counterfoil keys show
  counterfoil verify event.tlog-proof --key \"$(counterfoil keys show --format csv | sed -n 's/^checkpoint,0,//p' | tr -d '\\r')\"")]
    Show,
}

/// Shows them.
///
/// # Errors
/// What the ledger refuses.
pub(crate) fn run(globals: &Globals, command: &KeysCommand) -> Result<(), Failure> {
    let KeysCommand::Show = command;
    let place = Place::find(globals)?;
    let answer = place.client(globals)?.get("/v1/keys")?.json()?;
    let mut rows = Vec::new();
    for kind in ["checkpoint", "foil"] {
        for key in answer
            .get(kind)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            rows.push(vec![kind.to_owned(), cell(key, "from"), cell(key, "vkey")]);
        }
    }
    let heads = vec!["signs", "from event", "public key"];
    Table { heads, rows }.print(globals.format, &answer)
}
