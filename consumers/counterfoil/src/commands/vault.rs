//! `counterfoil vault`: the key that backups are sealed to, and the nightly re-key out of turn.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ground::SystemRandom;
use intake::backup::recovery_key_pair;
use serde_json::json;

use crate::arguments::Globals;
use crate::commands::user::done;
use crate::failure::Failure;
use crate::place::Place;
use crate::table::print_answer;
use crate::token;

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum VaultCommand {
    /// Make a recovery key: the public half for the ledger, the secret half for a safe
    RecoveryKey(RecoveryKeyArguments),
    /// Seal the finding shelves under new keys and drop the old ones, as every night
    #[command(after_help = "Example:\n  counterfoil vault rekey")]
    Rekey,
}

/// Arguments of `vault recovery-key`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example, on a machine that is not the ledger's:
  counterfoil vault recovery-key --public recovery.pub --secret recovery.secret

Backups are sealed to the public half; only the secret half opens them. Keep it away from the ledger
and destroy it when the last backup that it opens has expired: then nothing opens them any more.")]
pub(crate) struct RecoveryKeyArguments {
    /// Where the public half goes: a new file
    #[arg(long, value_name = "FILE")]
    public: PathBuf,
    /// Where the secret half goes: a new file, mode 0600
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
}

/// Runs one of them.
///
/// # Errors
/// Where a file is there already, or what the ledger refuses.
pub(crate) fn run(globals: &Globals, command: &VaultCommand) -> Result<(), Failure> {
    match command {
        VaultCommand::RecoveryKey(own) => {
            let (public, secret) = recovery_key_pair(&SystemRandom);
            token::write(&own.secret, &secret.expose())?;
            token::write(&own.public, &public.to_string())?;
            let id = public.id().to_string();
            let answer =
                json!({ "id": id, "public": public.to_string(), "secret_file": own.secret });
            let text = format!("recovery key {id}\n  {public}");
            print_answer(globals.format, &text, &answer)
        }
        VaultCommand::Rekey => {
            let place = Place::find(globals)?;
            let answer = place
                .client(globals)?
                .post("/v1/admin/rekey", &json!({}))?
                .json()?;
            let generation = crate::table::cell(&answer, "generation");
            done(
                globals,
                &answer,
                &format!("the vault is at generation {generation}"),
            )
        }
    }
}
