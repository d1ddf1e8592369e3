//! `counterfoil init`: a new ledger, its configuration, and the first token.
//!
//! Order, and what a crash leaves: the configuration (never over an existing one) → the stores, whose
//! completion marker comes last → the token's file. Before the marker, `serve` refuses the directory;
//! without the token's file nobody can ask. Either way nothing is in it yet: remove it, begin again.
//! Always: the token is shown once, here; the ledger keeps its hash.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use console::config::{Config, FILE_NAME};
use ground::{Disk, RealDisk, SystemClock, SystemRandom};
use intake::found::{Founded, found};
use intake::ledger::Ground;
use proto::{ChainNumber, Origin, StaffReference};
use serde_json::json;

use crate::arguments::Globals;
use crate::failure::{Failure, with_causes};
use crate::place::token_path;
use crate::table::print_answer;
use crate::{output, token};

/// Arguments of `init`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil init --origin test.westmere.example/counterfoil --dir ./westmere
  counterfoil init --origin westmere.gov.uk/counterfoil --dir /var/lib/counterfoil \\
      --checkpoints /mnt/other-disk/checkpoints --persons 400000

The origin is in every checkpoint and foil, for good. One that begins with `test.` is for invented
data: every output says so, and persons may be named on the command line.")]
pub(crate) struct InitArguments {
    /// The ledger's public name: the council's domain and a path
    #[arg(long)]
    origin: String,
    /// Where it lives: a local disk; nothing of a ledger may be there yet
    #[arg(long)]
    dir: PathBuf,
    /// Reference of the first actor, the data protection officer: a UUID [a fresh random one]
    #[arg(long, value_name = "REF")]
    dpo: Option<String>,
    /// Where signed checkpoints are kept, best on another disk [DIR/checkpoints]
    #[arg(long, value_name = "DIR")]
    checkpoints: Option<PathBuf>,
    /// Persons to expect over the ledger's life; fixes the vault's shelves
    #[arg(long, value_name = "N", default_value_t = 65_536,
          value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    persons: u64,
    /// Go on where the file system is not known to overwrite in place; erasure is unproven there
    #[arg(long)]
    accept_unproven: bool,
    /// Where HTTP is served; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7720")]
    listen: SocketAddr,
}

/// Makes the ledger.
///
/// # Errors
/// Where something is there already, the place is not fit, or a value is wrong.
pub(crate) fn run(globals: &Globals, own: &InitArguments) -> Result<(), Failure> {
    let origin = Origin::new(own.origin.clone()).map_err(|_| {
        Failure::usage(
            "--origin is a public name: lower-case letters, digits, `.`, `-` and `_`, parts \
             separated by `/`, such as westmere.gov.uk/counterfoil",
        )
    })?;
    output::banner(origin.as_str());
    let dpo = dpo(own.dpo.as_deref())?;
    let (dir, checkpoints) = directories(own)?;
    let text = Config::example(
        origin.as_str(),
        &dir,
        &checkpoints,
        own.persons,
        own.accept_unproven,
        own.listen,
        ChainNumber(0),
    );
    let config_path = dir.join(FILE_NAME);
    write_new(&config_path, &text)?;
    let founded = Config::load(&config_path)
        .map_err(|error| Failure::Usage(error.to_string()))
        .and_then(|config| make(&config, &dpo));
    let founded = match founded {
        Ok(founded) => founded,
        Err(failure) => {
            // It was made by this run, and describes no ledger.
            let _ = fs::remove_file(&config_path);
            return Err(failure);
        }
    };
    token::write(&token_path(&dir), founded.token.reveal())?;
    if own.accept_unproven {
        output::aside(&unproven(&dir));
    }
    print(
        globals,
        &Made {
            origin: &origin,
            dpo: &dpo,
            config: &config_path,
            dir: &dir,
            founded,
        },
    )
}

/// What `--accept-unproven` accepted here, if anything.
fn unproven(dir: &Path) -> String {
    match RealDisk.filesystem(dir) {
        Ok(kind) if kind.overwrites_in_place() => {
            format!(
                "{} overwrites in place: --accept-unproven was not needed here",
                kind.name()
            )
        }
        Ok(kind) => format!(
            "accepted as unproven: {} is not known to overwrite in place, so that erasure is not \
             proven here",
            kind.name()
        ),
        Err(error) => format!("accepted as unproven: the file system is not known: {error}"),
    }
}

struct Made<'a> {
    origin: &'a Origin,
    dpo: &'a StaffReference,
    config: &'a Path,
    dir: &'a Path,
    founded: Founded,
}

fn print(globals: &Globals, made: &Made<'_>) -> Result<(), Failure> {
    let (keys, token) = (&made.founded.keys, made.founded.token.reveal());
    let answer = json!({
        "origin": made.origin.as_str(),
        "config": made.config,
        "dpo": made.dpo.as_str(),
        "token": token,
        "checkpoint_vkey": keys.checkpoint_vkey,
        "foil_vkey": keys.foil_vkey,
    });
    let text = format!(
        "A ledger was made: {origin}

  directory       {dir}
  configuration   {config}
  first actor     {dpo} (role dpo)
  first token     {token}
                  shown this once; also in {token_file}, for this machine's command line

Public keys: hand them to whoever shall verify, by a way of their own.
  checkpoints     {checkpoint}
  foils           {foil}

Next, in {dir}:
  counterfoil serve
  counterfoil publisher add crm --source //crm.example --family collection --token-out crm.token
",
        origin = made.origin,
        dir = made.dir.display(),
        config = made.config.display(),
        dpo = made.dpo,
        token_file = token_path(made.dir).display(),
        checkpoint = keys.checkpoint_vkey,
        foil = keys.foil_vkey,
    );
    print_answer(globals.format, &text, &answer)
}

fn dpo(given: Option<&str>) -> Result<StaffReference, Failure> {
    match given {
        None => Ok(StaffReference::from_random(ground::uuid_v4(&SystemRandom))),
        Some(text) => StaffReference::new(text).map_err(|_| {
            Failure::usage(
                "--dpo is a random UUID, never a name or a login: it stands in clear records. \
                 Leave it out for a fresh one",
            )
        }),
    }
}

/// Both as absolute paths, since `serve` may be started from anywhere.
fn directories(own: &InitArguments) -> Result<(PathBuf, PathBuf), Failure> {
    let dir = private_directory(&own.dir)?;
    private_directory(&dir.join("run"))?;
    let checkpoints = match &own.checkpoints {
        None => dir.join("checkpoints"),
        Some(path) => std::path::absolute(path)
            .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?,
    };
    Ok((dir, checkpoints))
}

/// Makes a directory for its owner alone, where it is missing, and says its absolute path.
///
/// # Errors
/// Where it cannot be made.
pub(super) fn private_directory(dir: &Path) -> Result<PathBuf, Failure> {
    let mut private = fs::DirBuilder::new();
    let made = private
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .and_then(|()| dir.canonicalize());
    made.map_err(|error| Failure::Usage(format!("{} cannot be made: {error}", dir.display())))
}

/// Writes a file that is not there yet.
///
/// # Errors
/// Where it is, or cannot be written.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o640).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::Refused(format!(
            "{} is there already: nothing is made over an existing ledger",
            path.display()
        )),
        _ => Failure::Refused(format!("{} cannot be written: {error}", path.display())),
    })
}

fn make(config: &Config, dpo: &StaffReference) -> Result<Founded, Failure> {
    let ground = Ground {
        disk: Arc::new(RealDisk),
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
    };
    found(&ground, &config.settings(), dpo).map_err(|error| {
        let message = with_causes(&error);
        let hint = if message.contains("file system") {
            "\n  use ext4 (data=ordered) or xfs without reflinks, or accept it with --accept-unproven"
        } else {
            ""
        };
        Failure::Refused(format!("no ledger was made: {message}{hint}"))
    })
}
