//! The commands, one family a file, and the way from the parsed command line to them.
//!
//! Not here: publishing, which has a folder of its own ([`crate::publish`]).

pub(crate) mod admin;
pub(crate) mod ask;
pub(crate) mod backup;
pub(crate) mod check_config;
mod confirm;
pub(crate) mod example;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod proof;
pub(crate) mod publisher;
pub(crate) mod restore;
pub(crate) mod serve;
pub(crate) mod user;
pub(crate) mod vault;
pub(crate) mod verify;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;
use crate::publish;

/// Runs the command that was asked for.
///
/// # Errors
/// Why it did not do what it was asked.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let globals = &arguments.globals;
    match &arguments.command {
        Command::Init(own) => init::run(globals, own),
        Command::Serve(own) => serve::run(globals, own),
        Command::CheckConfig(_) => check_config::run(globals),
        Command::User(own) => user::run(globals, own),
        Command::Publisher(own) => publisher::run(globals, own),
        Command::Keys(own) => keys::run(globals, own),
        Command::Publish(own) => publish::run(globals, own),
        Command::Example(own) => example::run(globals, own),
        Command::Ask(own) => ask::run(globals, own),
        Command::Find(own) => ask::find(globals, own),
        Command::Proof(own) => proof::proof(globals, own),
        Command::Foil(own) => proof::foils(globals, own),
        Command::Verify(own) => verify::run(globals, own),
        Command::Rebuild(own) => admin::rebuild(globals, own),
        Command::Park(own) => admin::park(globals, own),
        Command::Backup(own) => backup::run(globals, own),
        Command::Restore(own) => restore::run(globals, own),
        Command::Vault(own) => vault::run(globals, own),
        Command::Status(_) => admin::status(globals),
    }
}
