//! `counterfoil ask` and `find`: questions, answered by the owner of the ledger.
//!
//! Here a question is put and its answer printed as it came; who may ask, the access event and the
//! rendering are the owner's. Always: what names a person travels in the body of a request.

use std::io::IsTerminal;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::arguments::Globals;
use crate::failure::Failure;
use crate::output;
use crate::place::Place;
use crate::terms::{self, TermArguments};
use crate::when::AsOf;

/// The questions.
#[derive(Subcommand, Debug)]
pub(crate) enum AskCommand {
    /// One person across all systems: requests, values held, notices, consents, disclosures
    Person(PersonArguments),
    /// One person's events in order
    Trail(PersonArguments),
    /// One event
    Event(EventArguments),
    /// How the ledger and its views stand
    #[command(after_help = "Example:\n  counterfoil ask status --format json")]
    Status,
}

/// Arguments of `ask person` and `ask trail`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil ask trail --purpose subject-access            asks on the terminal whom
  printf 'name=Ada Underhill\\npostcode=WM1 4AB\\n' | counterfoil ask person --purpose subject-access
  counterfoil ask person --from whom.txt --purpose complaint --as-of 2026-11-02
  counterfoil ask trail --purpose demo --alias crm:C-1000042          (test. origins only)")]
pub(crate) struct PersonArguments {
    #[command(flatten)]
    terms: TermArguments,
    /// Open the sealed values too; recorded as such
    #[arg(long)]
    reveal: bool,
}

/// Arguments of `ask event`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil ask event 1042
  counterfoil ask event 1042 --reveal --purpose accuracy-check")]
pub(crate) struct EventArguments {
    /// The event's index
    index: u64,
    /// Open the sealed values too; recorded as such
    #[arg(long)]
    reveal: bool,
}

/// Arguments of `find`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil find --purpose subject-access                 asks on the terminal whom
  counterfoil find --purpose subject-access --from whom.txt
  counterfoil find --purpose demo --name 'Ada Underhill' --postcode 'WM1 4AB'   (test. origins only)")]
pub(crate) struct FindArguments {
    #[command(flatten)]
    terms: TermArguments,
}

/// Asks one of them.
///
/// # Errors
/// What the ledger refuses.
pub(crate) fn run(globals: &Globals, command: &AskCommand) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    match command {
        AskCommand::Person(own) => about(globals, &place, "person", own),
        AskCommand::Trail(own) => about(globals, &place, "trail", own),
        AskCommand::Event(own) => {
            let mut question = question(globals)?;
            question.insert("index".to_owned(), json!(own.index));
            question.insert("reveal".to_owned(), json!(own.reveal));
            put(globals, &place, "/v1/ask/event", question)
        }
        AskCommand::Status => status(globals, &place),
    }
}

/// `ask status` and `status`.
///
/// # Errors
/// What the ledger refuses.
pub(super) fn status(globals: &Globals, place: &Place) -> Result<(), Failure> {
    let mut question = Map::new();
    question.insert("format".to_owned(), json!(globals.format.word()));
    put(globals, place, "/v1/ask/status", question)
}

fn about(
    globals: &Globals,
    place: &Place,
    what: &str,
    own: &PersonArguments,
) -> Result<(), Failure> {
    let mut question = question(globals)?;
    let terms = own.terms.read(place.is_test())?;
    question.insert("terms".to_owned(), terms::to_json(&terms));
    question.insert("as_of".to_owned(), as_of(globals));
    question.insert("reveal".to_owned(), json!(own.reveal));
    put(globals, place, &format!("/v1/ask/{what}"), question)
}

/// Finds a person.
///
/// # Errors
/// What the ledger refuses.
pub(crate) fn find(globals: &Globals, own: &FindArguments) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    let mut question = question(globals)?;
    let terms = own.terms.read(place.is_test())?;
    question.insert("terms".to_owned(), terms::to_json(&terms));
    question.insert("as_of".to_owned(), as_of(globals));
    put(globals, &place, "/v1/find", question)
}

/// The earlier moment that is asked about; the ledger refuses it where a question has none.
fn as_of(globals: &Globals) -> Value {
    globals.as_of.map_or(Value::Null, AsOf::to_json)
}

/// What every question about data carries.
fn question(globals: &Globals) -> Result<Map<String, Value>, Failure> {
    let mut question = Map::new();
    question.insert("purpose".to_owned(), json!(purpose(globals)?));
    question.insert("reason".to_owned(), json!(globals.reason));
    question.insert("format".to_owned(), json!(globals.format.word()));
    question.insert("today".to_owned(), json!(globals.today));
    Ok(question)
}

fn purpose(globals: &Globals) -> Result<String, Failure> {
    if let Some(purpose) = &globals.purpose {
        return Ok(purpose.clone());
    }
    let needed = || {
        Failure::usage(
            "--purpose CODE is needed: why these data are looked at is recorded before they are \
             shown, such as subject-access, complaint or accuracy-check",
        )
    };
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(needed());
    }
    output::aside_part("Purpose (a code, recorded before anything is shown): ");
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    read.map_err(|error| Failure::refused(&error))?;
    let purpose = line.trim().to_owned();
    if purpose.is_empty() {
        Err(needed())
    } else {
        Ok(purpose)
    }
}

fn put(
    globals: &Globals,
    place: &Place,
    path: &str,
    question: Map<String, Value>,
) -> Result<(), Failure> {
    let reply = place
        .client(globals)?
        .post(path, &Value::Object(question))?;
    output::bytes(reply.body.expose())?;
    if reply.body.expose().ends_with(b"\n") {
        return Ok(());
    }
    output::bytes(b"\n")
}
