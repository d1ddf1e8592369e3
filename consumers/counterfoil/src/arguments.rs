//! The command line: what is global, and the commands.
//!
//! Not here: what a command does, or its own arguments ([`crate::commands`]). Always: no argument is a
//! token, and none names a person unless the ledger's data are invented.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{
    admin, ask, backup, check_config, example, init, keys, proof, publisher, restore, serve, user,
    vault, verify,
};
use crate::failure::EXIT_CODES;
use crate::publish;
use crate::when::{self, AsOf};

const EXAMPLES: &str = "\
A ledger of invented data, from nothing:
  counterfoil init --origin test.westmere.example/counterfoil --dir ./westmere
  cd westmere
  counterfoil serve 2>serve.log &
  counterfoil publisher add crm --source //crm.westmere.example --family collection --token-out crm.token
  counterfoil example collection.collected | counterfoil publish - --token-file crm.token
  counterfoil find --purpose demo --name 'Alex Example'
  counterfoil verify";

/// A privacy ledger for councils: who did what with whose data, provable to anyone.
#[derive(Parser, Debug)]
#[command(name = "counterfoil", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Globals {
    /// The ledger's configuration [./counterfoil.toml, then /etc/counterfoil/counterfoil.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How answers are written
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Ask as of an earlier event, instant or day: 1042, 2026-11-02T09:30:00Z, 2026-11-02
    #[arg(long, global = true, value_name = "WHEN", value_parser = when::as_of)]
    pub(crate) as_of: Option<AsOf>,
    /// Answer as if this were today; hidden while no question depends on it
    #[arg(long, global = true, hide = true, value_name = "DATE", value_parser = when::date)]
    pub(crate) today: Option<String>,
    /// Why a person's data are looked at: a code, recorded with the access
    #[arg(long, global = true, value_name = "CODE")]
    pub(crate) purpose: Option<String>,
    /// Why, in words; sealed with the access where it is about a person
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Do what cannot be taken back without asking again
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// A file with the caller's token, mode 0600; `-` asks for it on the terminal [the owner's, in
    /// the ledger's run directory]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// How an answer is written.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs
    Json,
    /// For spreadsheets
    Csv,
}

impl Format {
    /// The word for it on the socket.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

/// Every command.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Make a new ledger
    Init(init::InitArguments),
    /// Run the ledger: the doors, the chain, the views
    Serve(serve::ServeArguments),
    /// Check the configuration and what it points to
    CheckConfig(check_config::CheckConfigArguments),
    /// Who may ask: officers of the ledger
    #[command(subcommand)]
    User(user::UserCommand),
    /// Who may publish: systems of the council
    #[command(subcommand)]
    Publisher(publisher::PublisherCommand),
    /// The ledger's public keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Send events from a file: CloudEvents as JSON, or CSV through a map
    Publish(publish::PublishArguments),
    /// An example event of a type; without one, the types
    Example(example::ExampleArguments),
    /// Ask about a person, one event, or the ledger
    #[command(subcommand)]
    Ask(ask::AskCommand),
    /// Find a person
    Find(ask::FindArguments),
    /// A proof that an event is in the ledger, for anyone to verify
    Proof(proof::ProofArguments),
    /// Foils of events again, by a publisher's own ids (from standard input)
    Foil(proof::FoilArguments),
    /// Verify this ledger, a copy or served ledger, or a single file
    Verify(verify::VerifyArguments),
    /// Fold a view again from the first event
    Rebuild(admin::RebuildArguments),
    /// Let a view go on without an event that it cannot apply
    Park(admin::ParkArguments),
    /// Copy the running ledger
    Backup(backup::BackupArguments),
    /// Make a ledger from a backup
    Restore(restore::RestoreArguments),
    /// The vault's recovery key and its nightly re-key
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    /// How the ledger and its views stand
    Status(admin::StatusArguments),
}
