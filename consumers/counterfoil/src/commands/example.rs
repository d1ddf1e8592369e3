//! `counterfoil example`: an invented event of a type, or the list of types. Needs no ledger.

use clap::Args;
use proto::{Appender, Fact};
use serde_json::{Value, json};

use crate::arguments::Globals;
use crate::failure::Failure;
use crate::output;
use crate::table::Table;

/// Arguments of `example`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil example
  counterfoil example collection.collected
  counterfoil example uk.counterfoil.consent.given.v1 |
      counterfoil publish - --dry-run --token-file crm.token")]
pub(crate) struct ExampleArguments {
    /// The type, long or short: uk.counterfoil.collection.collected.v1 or collection.collected
    #[arg(value_name = "TYPE")]
    name: Option<String>,
}

/// Prints it.
///
/// # Errors
/// For a type that is not in the catalogue.
pub(crate) fn run(globals: &Globals, own: &ExampleArguments) -> Result<(), Failure> {
    let Some(name) = &own.name else {
        return list(globals);
    };
    let fact = proto::facts()
        .iter()
        .find(|fact| fact.name == name || fact.type_name == name);
    let Some(fact) = fact else {
        return Err(Failure::Usage(format!(
            "no such type; `counterfoil example` lists all {}",
            proto::facts().len()
        )));
    };
    output::aside(output::BANNER);
    output::answer(&proto::example(fact))
}

fn list(globals: &Globals) -> Result<(), Failure> {
    let facts = proto::facts();
    let rows = facts
        .iter()
        .map(|fact| vec![fact.name.to_owned(), who(fact), first_sentence(fact.doc)]);
    let table = Table {
        heads: vec!["type", "who appends it", "what it records"],
        rows: rows.collect(),
    };
    let json: Value = facts
        .iter()
        .map(|fact| json!({ "type": fact.type_name, "name": fact.name, "may_append": who(fact), "doc": fact.doc }))
        .collect();
    table.print(globals.format, &json)
}

fn who(fact: &Fact) -> String {
    let words = fact.may_append.iter().map(|who| match who {
        Appender::Publisher => "publisher",
        Appender::Officer => "officer",
        Appender::Ledger => "ledger",
    });
    words.collect::<Vec<_>>().join(" ")
}

fn first_sentence(doc: &str) -> String {
    let sentence = doc.split(". ").next().unwrap_or(doc);
    sentence.trim_end_matches('.').replace('\n', " ")
}
