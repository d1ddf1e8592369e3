//! `counterfoil backup`: a copy of the running ledger, taken by its owner.

use std::path::PathBuf;

use clap::Args;
use intake::backup::RecoveryPublic;
use serde_json::json;

use crate::arguments::Globals;
use crate::failure::{Failure, with_causes};
use crate::place::Place;
use crate::table::{cell, print_answer};
use crate::when;

/// Arguments of `backup`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  counterfoil backup -o /mnt/backup --recovery-key recovery.pub --expires-on 2026-12-31

Journal and vault go into files of their own, true for the same event, while the ledger writes on. The
vault's is sealed to the recovery key (`vault recovery-key` makes one); no root key is in either.")]
pub(crate) struct BackupArguments {
    /// A directory for backups
    #[arg(short = 'o', long, value_name = "DIR")]
    output: PathBuf,
    /// The file with the recovery key's public half
    #[arg(long, value_name = "FILE")]
    recovery_key: PathBuf,
    /// The day on which the recovery key is to be destroyed
    #[arg(long, value_name = "DATE", value_parser = when::date)]
    expires_on: Option<String>,
}

/// Takes a backup.
///
/// # Errors
/// What the ledger refuses.
pub(crate) fn run(globals: &Globals, own: &BackupArguments) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    let path = &own.recovery_key;
    let key = std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", path.display())))?;
    // Judged here, so that a secret half never leaves this process.
    let key = RecoveryPublic::parse(key.trim())
        .map_err(|error| Failure::Usage(format!("{}: {}", path.display(), with_causes(&error))))?;
    // The owner's process has another working directory.
    let directory = std::path::absolute(&own.output)
        .map_err(|error| Failure::Usage(format!("{}: {error}", own.output.display())))?;
    let question = json!({
        "directory": directory,
        "recovery_key": key.to_string(),
        "expires_on": own.expires_on,
    });
    let answer = place
        .client(globals)?
        .post("/v1/admin/backup", &question)?
        .json()?;
    // A backup is whole without its tail; then the ledger's log says why there is none.
    let tail = match answer["tail"].as_str() {
        Some(tail) => format!("  {tail}\n"),
        None => String::new(),
    };
    let text = format!(
        "a backup of the first {} events (taking it is event {})\n  {}\n  {}\n  {}\n{tail}",
        cell(&answer, "through"),
        cell(&answer, "index"),
        cell(&answer, "manifest"),
        cell(&answer, "journal"),
        cell(&answer, "vault"),
    );
    print_answer(globals.format, &text, &answer)
}
