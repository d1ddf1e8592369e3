//! `counterfoil-verify`: the verifier as a program of its own, for whoever was handed a file.
//!
//! Exit codes: 0 nothing is wrong, 1 failed, 2 usage or nothing to judge.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use std::{fs, io};

use chain::note::VerifierKey;
use verifier::{Verdict, note_in, verify_file, verify_ledger};

const USAGE: &str = "\
usage: counterfoil-verify FILE [--key VKEY]... [--format text|json]
       counterfoil-verify --ledger DIR|URL [--checkpoint FILE|DIR]... [--key VKEY]... [--format text|json]
FILE is a .foil (bytes or JSON), a .tlog-proof or a checkpoint. Without --key nothing is pinned.
";
/// Largest evidence file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 8 << 20;

#[derive(Default)]
struct Arguments {
    file: Option<String>,
    ledger: Option<String>,
    checkpoints: Vec<String>,
    keys: Vec<VerifierKey>,
    json: bool,
}

impl Arguments {
    fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        while let Some(argument) = given.next() {
            let mut value = || given.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--key" => {
                    let key = VerifierKey::parse(value()?.trim());
                    parsed.keys.push(key.map_err(|error| error.to_string())?);
                }
                "--ledger" => parsed.ledger = Some(value()?),
                "--checkpoint" => parsed.checkpoints.push(value()?),
                "--format" => match value()?.as_str() {
                    "text" => parsed.json = false,
                    "json" => parsed.json = true,
                    _ => return Err("--format is text or json".to_owned()),
                },
                option if option.starts_with("--") => return Err(format!("no option {option}")),
                _ if parsed.file.is_none() => parsed.file = Some(argument),
                _ => return Err("one file at a time".to_owned()),
            }
        }
        match (&parsed.file, &parsed.ledger) {
            (Some(_), None) if parsed.checkpoints.is_empty() => Ok(parsed),
            (None, Some(_)) => Ok(parsed),
            _ => Err("either FILE or --ledger".to_owned()),
        }
    }

    fn run(&self) -> Result<Verdict, String> {
        if let Some(place) = &self.ledger {
            let mut checkpoints = Vec::new();
            for path in &self.checkpoints {
                read_checkpoints(Path::new(path), &mut checkpoints)
                    .map_err(|error| format!("cannot read {path}: {error}"))?;
            }
            let began = clock();
            let verdict = verify_ledger(place, &self.keys, &checkpoints)
                .map(|verdict| verdict.timed(began.elapsed().as_nanos() as u64));
            return verdict.map_err(|error| match std::error::Error::source(&error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            });
        }
        let path = self.file.as_deref().unwrap_or_default();
        let bytes =
            read_file(Path::new(path)).map_err(|error| format!("cannot read {path}: {error}"))?;
        Ok(verify_file(&bytes, &self.keys))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program says how long it took; no verdict rests on it"
)]
fn clock() -> Instant {
    Instant::now()
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    fs::read(path)
}

/// A note, or every note in a directory (files that are none are passed over); a ledger's own
/// checkpoint store counts as the note in it. A directory without any is an error: the verdict would
/// rest on nothing that the caller meant it to.
fn read_checkpoints(path: &Path, into: &mut Vec<Vec<u8>>) -> io::Result<()> {
    if !path.is_dir() {
        let bytes = read_file(path)?;
        into.push(note_in(&bytes).unwrap_or(bytes));
        return Ok(());
    }
    let before = into.len();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_file() {
            into.extend(note_in(&read_file(&path)?));
        }
    }
    if into.len() == before {
        return Err(io::Error::other("no checkpoint is in it"));
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            let _ = write!(io::stderr(), "{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match arguments.run() {
        Ok(verdict) => {
            let text = if arguments.json {
                format!("{:#}\n", verdict.to_json())
            } else {
                verdict.to_text()
            };
            match io::stdout().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::from(verdict.exit_code()),
                Err(_) => ExitCode::from(2),
            }
        }
        Err(message) => {
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(2)
        }
    }
}
