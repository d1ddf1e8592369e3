//! `counterfoil user`: who may ask, in which role.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use proto::Personal;
use serde_json::{Value, json};

use crate::arguments::Globals;
use crate::commands::confirm::confirm;
use crate::failure::Failure;
use crate::place::Place;
use crate::table::{Table, cell, print_answer};
use crate::{output, token};

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum UserCommand {
    /// Give someone a role and a token
    Add(AddArguments),
    /// The actors and their roles
    #[command(after_help = "Example:\n  counterfoil user list --format json")]
    List,
    /// Take someone's token away
    Disable(DisableArguments),
}

/// Arguments of `user add`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil user add --role officer --token-out officer.token
  echo 'Invented Name' | counterfoil user add --role auditor --name-from - --token-out a.token

Roles: dpo, officer, auditor, front-desk, approver.")]
pub(crate) struct AddArguments {
    /// The role
    #[arg(long)]
    role: String,
    /// A reference for the actor: a random UUID [a fresh one]
    #[arg(long, value_name = "REF")]
    actor: Option<String>,
    /// A file whose first line is the person's name, kept sealed; `-` is standard input
    #[arg(long, value_name = "FILE")]
    name_from: Option<PathBuf>,
    /// Write the token into a new file (mode 0600) instead of showing it
    #[arg(long, value_name = "FILE")]
    token_out: Option<PathBuf>,
}

/// Arguments of `user disable`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  counterfoil user disable 7b1e5a0c94d24b3f8f1d6a2c0e9b4d57 --yes"
)]
pub(crate) struct DisableArguments {
    /// The actor's reference
    actor: String,
}

/// Runs one of them.
///
/// # Errors
/// What the ledger refuses.
pub(crate) fn run(globals: &Globals, command: &UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::Add(own) => add(globals, own),
        UserCommand::List => list(globals),
        UserCommand::Disable(own) => disable(globals, own),
    }
}

fn add(globals: &Globals, own: &AddArguments) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    let name = own.name_from.as_deref().map(first_line).transpose()?;
    let question = json!({
        "actor": own.actor,
        "role": own.role,
        "name": name.as_ref().map(Personal::expose),
    });
    let answer = place
        .client(globals)?
        .post("/v1/admin/users", &question)?
        .json()?;
    show_token(globals, own.token_out.as_deref(), &answer, "actor")
}

fn first_line(path: &Path) -> Result<Personal<String>, Failure> {
    let mut line = Personal::new(String::new());
    let read = if path == Path::new("-") {
        std::io::stdin().read_line(line.expose_mut())
    } else {
        std::fs::read_to_string(path).map(|text| {
            let length = text.len();
            line = Personal::new(text);
            length
        })
    };
    read.map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", path.display())))?;
    Ok(line.map(|text| text.lines().next().unwrap_or_default().trim().to_owned()))
}

fn list(globals: &Globals) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    let answer = place.client(globals)?.get("/v1/admin/users")?.json()?;
    let keys = ["actor", "role", "disabled"];
    let rows = answer.as_array().into_iter().flatten();
    let table = Table {
        heads: keys.to_vec(),
        rows: rows
            .map(|row| keys.iter().map(|key| cell(row, key)).collect())
            .collect(),
    };
    table.print(globals.format, &answer)
}

fn disable(globals: &Globals, own: &DisableArguments) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    let actor = path_part(&own.actor)?;
    confirm(globals, &format!("disable actor {actor}"))?;
    let path = format!("/v1/admin/users/{actor}/disable");
    let answer = place.client(globals)?.post(&path, &json!({}))?.json()?;
    done(globals, &answer, &format!("actor {actor} is disabled"))
}

/// Says what was done, with the index of the event that records it.
///
/// # Errors
/// Where standard output cannot be written.
pub(super) fn done(globals: &Globals, answer: &Value, what: &str) -> Result<(), Failure> {
    let index = cell(answer, "index");
    let recorded = if index.is_empty() {
        String::new()
    } else {
        format!(" (event {index})")
    };
    print_answer(globals.format, &format!("{what}{recorded}"), answer)
}

/// Shows a new token once, or puts it into a file.
///
/// # Errors
/// Where there is none in the answer, or the file cannot be made.
pub(super) fn show_token(
    globals: &Globals,
    file: Option<&Path>,
    answer: &Value,
    whose: &str,
) -> Result<(), Failure> {
    let mut shown = answer.clone();
    let token = cell(answer, "token");
    if token.is_empty() {
        return Err(Failure::Refused(
            "the ledger's answer has no token".to_owned(),
        ));
    }
    if let Some(path) = file {
        if let Err(failure) = token::write(path, &token) {
            // It exists nowhere else: better seen than lost.
            output::aside(failure.message().unwrap_or_default());
            return output::answer(&token);
        }
        if let Some(members) = shown.as_object_mut() {
            members.remove("token");
            members.insert("token_file".to_owned(), json!(path));
        }
    }
    let mut text = String::new();
    for (key, label) in [
        (whose, whose),
        ("role", "role"),
        ("token", "token"),
        ("token_file", "token file"),
        ("index", "event"),
    ] {
        let value = cell(&shown, key);
        if !value.is_empty() {
            text.push_str(&format!("{label:<12}{}\n", output::plain(&value)));
        }
    }
    if file.is_none() {
        output::aside("the token is shown this once; the ledger keeps its hash alone");
    }
    print_answer(globals.format, &text, &shown)
}

/// A code or reference that stands in a path.
///
/// # Errors
/// For what neither is.
pub(super) fn path_part(text: &str) -> Result<&str, Failure> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !text.is_empty() && text.bytes().all(fits) {
        return Ok(text);
    }
    Err(Failure::usage(
        "a code or reference has letters, digits, `.`, `_` and `-`",
    ))
}
