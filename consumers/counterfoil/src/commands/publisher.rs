//! `counterfoil publisher`: which systems may publish, for which sources and families.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::arguments::Globals;
use crate::commands::confirm::confirm;
use crate::commands::user::{done, path_part, show_token};
use crate::failure::Failure;
use crate::place::Place;
use crate::table::{Table, cell};

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum PublisherCommand {
    /// Register a system and make its token
    Add(AddArguments),
    /// Make a new token; the old one lives on for a while
    Rotate(RotateArguments),
    /// Take a system's tokens away
    Revoke(RevokeArguments),
    /// The registered systems
    #[command(after_help = "Example:\n  counterfoil publisher list --format json")]
    List,
}

/// Arguments of `publisher add`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil publisher add crm --source //crm.westmere.example --family collection,notice,consent \\
      --token-out crm.token
  counterfoil publisher add permits --source //permits.example/receipt-phase --family collection --map-ids")]
pub(crate) struct AddArguments {
    /// A short code: a-z, 0-9, `.`, `_`, `-`
    code: String,
    /// The CloudEvents sources it speaks for; comma separated, or given more than once
    #[arg(long, required = true, value_delimiter = ',')]
    source: Vec<String>,
    /// The families of facts it may append: collection, notice, consent, disclosure …
    #[arg(long, required = true, value_delimiter = ',')]
    family: Vec<String>,
    /// Its event ids are its own (1 to 256 bytes), not random UUIDs
    #[arg(long)]
    map_ids: bool,
    /// Write the token into a new file (mode 0600) instead of showing it
    #[arg(long, value_name = "FILE")]
    token_out: Option<PathBuf>,
}

/// Arguments of `publisher rotate`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  counterfoil publisher rotate crm --overlap 86400 --token-out crm.token.new"
)]
pub(crate) struct RotateArguments {
    /// The publisher's code
    code: String,
    /// Seconds for which the old token stays valid
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    overlap: u64,
    /// Write the token into a new file (mode 0600) instead of showing it
    #[arg(long, value_name = "FILE")]
    token_out: Option<PathBuf>,
}

/// Arguments of `publisher revoke`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  counterfoil publisher revoke crm --reason replaced --yes")]
pub(crate) struct RevokeArguments {
    /// The publisher's code
    code: String,
}

/// Runs one of them.
///
/// # Errors
/// What the ledger refuses.
pub(crate) fn run(globals: &Globals, command: &PublisherCommand) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    let mut client = place.client(globals)?;
    match command {
        PublisherCommand::Add(own) => {
            let question = json!({
                "code": own.code,
                "sources": own.source,
                "families": own.family,
                "map_ids": own.map_ids,
            });
            let mut answer = client.post("/v1/admin/publishers", &question)?.json()?;
            name(&mut answer, &own.code);
            show_token(globals, own.token_out.as_deref(), &answer, "publisher")
        }
        PublisherCommand::Rotate(own) => {
            let path = format!("/v1/admin/publishers/{}/rotate", path_part(&own.code)?);
            let mut answer = client
                .post(&path, &json!({ "overlap_s": own.overlap }))?
                .json()?;
            name(&mut answer, &own.code);
            show_token(globals, own.token_out.as_deref(), &answer, "publisher")
        }
        PublisherCommand::Revoke(own) => {
            let code = path_part(&own.code)?;
            let reason = globals
                .reason
                .as_deref()
                .ok_or_else(|| Failure::usage("revoke needs --reason CODE: it is recorded"))?;
            confirm(globals, &format!("revoke every token of publisher {code}"))?;
            let path = format!("/v1/admin/publishers/{code}/revoke");
            let answer = client.post(&path, &json!({ "reason": reason }))?.json()?;
            done(globals, &answer, &format!("publisher {code} is revoked"))
        }
        PublisherCommand::List => {
            let answer = client.get("/v1/admin/publishers")?.json()?;
            table(&answer).print(globals.format, &answer)
        }
    }
}

fn name(answer: &mut Value, code: &str) {
    if let Some(members) = answer.as_object_mut() {
        members.insert("publisher".to_owned(), json!(code));
    }
}

fn table(answer: &Value) -> Table {
    let rows = answer.as_array().into_iter().flatten().map(|row| {
        let tokens = row.get("tokens").and_then(Value::as_array);
        vec![
            cell(row, "code"),
            cell(row, "sources"),
            cell(row, "families"),
            cell(row, "map_ids"),
            tokens.map_or(0, Vec::len).to_string(),
        ]
    });
    Table {
        heads: vec!["code", "sources", "families", "map ids", "tokens"],
        rows: rows.collect(),
    }
}
