//! The bench: loads a ledger, a no-op door and PostgreSQL with the same invented events on the same
//! machine, and prints what each reached beside what this disk can do. `make bench` runs `bench all`;
//! the other words run one part of it. It is a client: no crate of the ledger is linked in, so that the
//! load costs the same whatever the ledger becomes.

mod door;
mod events;
mod http_load;
mod lag;
mod long;
mod machine;
mod plan;
mod postgres;
mod probe;
mod process;
mod report;
mod settings;
mod stopwatch;
mod target;
mod trial;
mod verification;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::settings::{Command, Settings};

fn main() -> ExitCode {
    match settings::parse(std::env::args().skip(1)).and_then(run) {
        Ok(code) => code,
        Err(error) => {
            // Nothing can be done about a standard error that is closed.
            let _ = writeln!(io::stderr(), "bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(settings: Settings) -> io::Result<ExitCode> {
    match &settings.command {
        Command::All => plan::all(&settings),
        Command::Raw { journal, bytes } => verification::hash(journal, *bytes),
        Command::Door { answer_bytes } => door::serve(*answer_bytes).map(|()| ExitCode::SUCCESS),
        Command::Story { count, seed } => plan::story(*count, *seed),
        Command::Person { number } => {
            let person = people::Person::of(*number);
            let line = format!("name={}\npostcode={}\n", person.name, person.postcode);
            io::stdout().write_all(line.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Help => {
            io::stdout().write_all(settings::HELP.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
