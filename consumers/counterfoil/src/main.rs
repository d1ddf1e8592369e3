//! `counterfoil`: the one binary. Parse, build, run, stop.
//!
//! Not here: any command ([`commands`]) or anything that a ledger does (the crates below). Always: a
//! command ends with one of the exit codes of [`failure`], and prints through [`output`] alone.

mod arguments;
mod client;
mod commands;
mod door;
mod failure;
mod output;
mod place;
mod problem;
mod publish;
mod table;
mod terms;
mod token;
mod when;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too, with exit code 0; a closed output changes nothing.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match commands::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                output::aside(message);
            }
            ExitCode::from(&failure)
        }
    }
}
