//! What the bench is asked to do, read from its arguments. No environment, no files.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use crate::verification::Bytes;

/// Printed by `bench help`.
pub(crate) const HELP: &str = "\
bench all     [--out DIR] [--work DIR] [--seconds N] [--people N] [--counterfoil FILE] [--only LIST]
              [--long-events N]
bench door    [--answer-bytes N]
bench raw     --journal DIR [--blake3-bytes N] [--sha256-bytes N]
bench story   [--count N] [--seed N]
bench person  [--number N]

all     the comparison: probe, ledger, no-op door, PostgreSQL; report.txt and report.json in --out.
        --only is a list of ledger,door,postgres,long,verify; --work lies on the disk that is measured.
door    the no-op door alone, until killed.
raw     bytes of a journal's segments through the bare hash functions; the seconds as JSON.
story   the demo's events, a CloudEvent a line, for `counterfoil publish`.
person  name and postcode of an invented person, a line each, for `counterfoil find --from`.
";

/// The whole of it.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) command: Command,
    /// Where the report goes.
    pub(crate) out: PathBuf,
    /// Where everything that is measured stores its data; removed afterwards.
    pub(crate) work: PathBuf,
    /// Length of one trial.
    pub(crate) seconds: f64,
    /// Persons that the load is about.
    pub(crate) people: u64,
    /// Events of the long run.
    pub(crate) long_events: u64,
    /// The ledger's binary.
    pub(crate) counterfoil: PathBuf,
    /// Parts to run; empty for all.
    pub(crate) only: Vec<String>,
}

/// Which part.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    All,
    Door { answer_bytes: usize },
    Raw { journal: PathBuf, bytes: Bytes },
    Story { count: u64, seed: u64 },
    Person { number: u64 },
    Help,
}

impl Settings {
    /// Whether this part is wanted.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| word == part)
    }
}

/// Reads the arguments. An unknown one is refused by name.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> io::Result<Settings> {
    let word = arguments.next().unwrap_or_else(|| "help".to_owned());
    let mut settings = Settings {
        command: Command::Help,
        out: PathBuf::from("target/bench"),
        work: PathBuf::from(format!("/var/tmp/counterfoil-bench-{}", std::process::id())),
        seconds: 10.0,
        people: 50_000,
        long_events: 5_000_000,
        counterfoil: PathBuf::from("target/release/counterfoil"),
        only: Vec::new(),
    };
    let (mut journal, mut bytes) = (PathBuf::new(), Bytes::default());
    let (mut answer_bytes, mut count, mut seed, mut number_of) = (1_500, 20_000, 1, 0);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| refused(&name, "needs a value"))?;
        match name.as_str() {
            "--out" => settings.out = PathBuf::from(value),
            "--work" => settings.work = PathBuf::from(value),
            "--seconds" => settings.seconds = number(&name, &value)?,
            "--people" => settings.people = number(&name, &value)?,
            "--long-events" => settings.long_events = number(&name, &value)?,
            "--counterfoil" => settings.counterfoil = PathBuf::from(value),
            "--only" => settings.only = value.split(',').map(str::to_owned).collect(),
            "--answer-bytes" => answer_bytes = number(&name, &value)?,
            "--journal" => journal = PathBuf::from(value),
            "--blake3-bytes" => bytes.blake3 = number(&name, &value)?,
            "--sha256-bytes" => bytes.sha256 = number(&name, &value)?,
            "--count" => count = number(&name, &value)?,
            "--seed" => seed = number(&name, &value)?,
            "--number" => number_of = number(&name, &value)?,
            _ => return Err(refused(&name, "is not known; see bench help")),
        }
    }
    settings.command = match word.as_str() {
        "all" => Command::All,
        "door" => Command::Door { answer_bytes },
        "raw" => Command::Raw { journal, bytes },
        "story" => Command::Story { count, seed },
        "person" => Command::Person { number: number_of },
        "help" | "--help" => Command::Help,
        other => return Err(refused(other, "is not known; see bench help")),
    };
    Ok(settings)
}

fn number<T: FromStr>(name: &str, value: &str) -> io::Result<T> {
    value.parse().map_err(|_| refused(name, "cannot be that"))
}

fn refused(name: &str, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{name} {why}"))
}

#[test]
fn unknown_words_are_refused_and_known_ones_taken() {
    let parse = |line: &str| super::settings::parse(line.split(' ').map(str::to_owned));
    assert!(parse("all --seconds").is_err());
    assert!(parse("all --secs 3").is_err());
    assert!(parse("every").is_err());
    let settings = parse("all --seconds 2.5 --only door,postgres").expect("these are known");
    assert!(settings.wants("door") && !settings.wants("ledger"));
    assert_eq!(settings.seconds, 2.5);
}
