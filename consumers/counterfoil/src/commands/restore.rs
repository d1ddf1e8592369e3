//! `counterfoil restore`: a ledger from a backup, or with `--verify` the rehearsal of it.
//!
//! Everything is the intake crate's; here are the choice of the backup, the configuration that follows
//! it, and the words. Always: nothing is written into a directory that holds anything; where
//! acknowledged events are missing, the command writes nothing and says how many, unless it is told to
//! close the chain; without any checkpoint the chain is closed too, since nobody knows what was signed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use console::config::{Config, FILE_NAME};
use ground::{RealDisk, SystemClock, SystemRandom};
use intake::append::Name;
use intake::backup::{self, BackupError, Bundle, Closing, Known, RecoverySecret, RestoreVerdict};
use intake::ledger::{Ground, Places, Settings};
use proto::Origin;
use serde_json::{Value, json};

use crate::arguments::Globals;
use crate::commands::init::{private_directory, write_new};
use crate::failure::{Failure, with_causes};
use crate::table::print_answer;
use crate::{output, token};

/// A restored vault has the shelves of the lost one, whatever its configuration expects.
const PERSONS_EXPECTED: u64 = 65_536;

/// Arguments of `restore`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil restore /mnt/backup --origin westmere.gov.uk/counterfoil --secret recovery.secret \\
      --checkpoint /mnt/other-disk/checkpoints --dir /var/lib/counterfoil
  counterfoil restore /mnt/backup --origin … --secret recovery.secret --close-chain \\
      --checkpoint /mnt/other-disk/checkpoints --dir /var/lib/counterfoil
  counterfoil restore /mnt/backup --origin … --secret recovery.secret --nothing-newer \\
      --dir /var/tmp/rehearsal --verify

What was acknowledged after the backup and its tail is lost; a ledger at rest loses nothing. The newest
signed checkpoint shows how much: where there is more than they have, nothing is restored and the code
is RESTORE_SHORTER. --close-chain goes on all the same: the chain ends with the backup, a new one opens
behind it under new keys, and ledger.restored records both. Publishers send again what they hold foils for.
With --verify everything is restored, opened and compared, and then removed again: nothing is appended,
and no vault that opens is left behind. Tokens are those of the lost ledger.")]
pub(crate) struct RestoreArguments {
    /// The directory with backups; the newest is taken
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// Where the ledger goes: an empty or missing directory
    #[arg(long, value_name = "TO")]
    dir: PathBuf,
    /// The ledger's origin
    #[arg(long)]
    origin: String,
    /// The file with the recovery key's secret half, mode 0600
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
    /// The newest checkpoint that anyone has: a signed note, or the lost ledger's own directory
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "nothing_newer")]
    checkpoint: Option<PathBuf>,
    /// Rehearse without looking for a newer checkpoint; only with --verify
    #[arg(long, requires = "verify")]
    nothing_newer: bool,
    /// Go on although acknowledged events are or may be missing, under a new chain number and new keys
    #[arg(long, conflicts_with = "verify")]
    close_chain: bool,
    /// Take the backup of the first N events instead of the newest
    #[arg(long, value_name = "N")]
    through: Option<u64>,
    /// Where signed checkpoints will be kept [TO/checkpoints]
    #[arg(long, value_name = "DIR")]
    checkpoints: Option<PathBuf>,
    /// Rehearse: restore, verify everything, remove it again
    #[arg(long)]
    verify: bool,
    /// Go on where the file system is not known to overwrite in place
    #[arg(long)]
    accept_unproven: bool,
    /// Where HTTP will be served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7720")]
    listen: SocketAddr,
}

/// Restores.
///
/// # Errors
/// What does not belong together, is damaged or is missing.
pub(crate) fn run(globals: &Globals, own: &RestoreArguments) -> Result<(), Failure> {
    let origin = Origin::new(own.origin.clone())
        .map_err(|_| Failure::usage("--origin is the ledger's, as in its configuration"))?;
    output::banner(origin.as_str());
    let secret = token::read(&own.secret)?;
    let secret = RecoverySecret::parse(secret.expose()).map_err(failed)?;
    let ground = Ground {
        disk: Arc::new(RealDisk),
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
    };
    let known = known(&ground, own)?;
    let bundle = bundle(&ground, own)?;
    let dir = private_directory(&own.dir)?;
    let checkpoints = match &own.checkpoints {
        None => dir.join("checkpoints"),
        Some(path) => std::path::absolute(path).map_err(|error| Failure::refused(&error))?,
    };
    let name = Name {
        origin,
        chain: backup::chain_of(&ground.disk, &bundle).map_err(failed)?,
    };
    let places = Places { dir, checkpoints };
    let settings = Settings::new(name, places, own.accept_unproven, PERSONS_EXPECTED);
    let recovery = Recovery {
        ground: &ground,
        bundle: &bundle,
        secret: &secret,
        settings: &settings,
        known: &known,
    };
    if own.verify {
        recovery.rehearse(globals)
    } else {
        recovery.restore(globals, own)
    }
}

/// All that belongs to one restore.
struct Recovery<'a> {
    ground: &'a Ground,
    bundle: &'a Bundle,
    secret: &'a RecoverySecret,
    settings: &'a Settings,
    known: &'a Known,
}

impl Recovery<'_> {
    fn restore(&self, globals: &Globals, own: &RestoreArguments) -> Result<(), Failure> {
        let (ground, bundle, secret) = (self.ground, self.bundle, self.secret);
        let (settings, known) = (self.settings, self.known);
        let closing = if own.close_chain {
            let closed = backup::restore_closing(ground, bundle, secret, settings, known);
            Some(closed.map_err(failed)?.1)
        } else {
            // Before anything is written: a ledger that may not go on is no use to its operator.
            let (_, verdict) =
                backup::inspect(ground, bundle, secret, settings, known).map_err(failed)?;
            judged(verdict)?;
            backup::restore(ground, bundle, secret, settings, known).map_err(failed)?;
            None
        };
        let config = self.configure(own, closing.as_ref())?;
        let closed = closing.as_ref().map_or_else(String::new, |closing| {
            format!(
                "chain {} is closed: its last event is {}, and {}\nchain {} is open: pin its keys, `counterfoil keys show`\n",
                closing.closed.0,
                bundle.next.0.saturating_sub(1),
                lost_words(closing.lost, known),
                closing.opened.0,
            )
        });
        let next = format!(
            "restored.\n{closed}Tokens are those it had: commands need --token-file, or the owner's in run/token.\n\
             Next: counterfoil --config {} serve",
            config.display()
        );
        let chains = closing.map(|closing| {
            json!({
                "closed": closing.closed.0,
                "opened": closing.opened.0,
                "lost": closing.lost,
            })
        });
        self.say(
            globals,
            &next,
            json!({ "config": config, "chains": chains }),
        )
    }

    /// The configuration that follows a restore.
    fn configure(
        &self,
        own: &RestoreArguments,
        closing: Option<&Closing>,
    ) -> Result<PathBuf, Failure> {
        let Places { dir, checkpoints } = &self.settings.places;
        let name = &self.settings.name;
        let config = dir.join(FILE_NAME);
        let text = Config::example(
            name.origin.as_str(),
            dir,
            checkpoints,
            PERSONS_EXPECTED,
            own.accept_unproven,
            own.listen,
            closing.map_or(name.chain, |closing| closing.opened),
        );
        write_new(&config, &text)?;
        Ok(config)
    }

    fn rehearse(&self, globals: &Globals) -> Result<(), Failure> {
        let rehearsed = backup::rehearse(
            self.ground,
            self.bundle,
            self.secret,
            self.settings,
            self.known,
        );
        let removed = self.remove();
        let (restored, report) = rehearsed.map_err(failed)?;
        let text = format!(
            "rehearsed and removed again: {} events in {} groups are whole; {} records and {} slots \
             were opened and are what was committed to; {} records and {} slots are gone with their keys",
            report.events,
            report.groups,
            report.records_opened,
            report.slots_opened,
            report.records_gone,
            report.slots_gone,
        );
        let json = json!({
            "events": report.events,
            "groups": report.groups,
            "records_opened": report.records_opened,
            "records_gone": report.records_gone,
            "slots_opened": report.slots_opened,
            "slots_gone": report.slots_gone,
        });
        self.say(globals, &text, json)?;
        removed?;
        judged(restored.verdict)
    }

    /// What a rehearsal leaves: its root is overwritten already, the rest is sealed boxes.
    fn remove(&self) -> Result<(), Failure> {
        let Places { dir, checkpoints } = &self.settings.places;
        for place in [dir, checkpoints] {
            if let Err(error) = std::fs::remove_dir_all(place)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                let place = place.display();
                return Err(Failure::Refused(format!(
                    "{place} cannot be removed: {error}"
                )));
            }
        }
        Ok(())
    }

    fn say(&self, globals: &Globals, text: &str, more: Value) -> Result<(), Failure> {
        let (through, manifest) = (self.bundle.next.0, self.bundle.manifest());
        let answer = json!({ "through": through, "manifest": manifest, "done": more });
        let manifest = manifest.display();
        let text = format!("the backup of the first {through} events, {manifest}, is {text}");
        print_answer(globals.format, &text, &answer)
    }
}

fn judged(verdict: RestoreVerdict) -> Result<(), Failure> {
    match verdict {
        RestoreVerdict::Complete => Ok(()),
        RestoreVerdict::Shorter { restored, known } => {
            Err(failed(BackupError::Shorter { restored, known }))
        }
    }
}

/// What is known of the loss, honestly.
fn lost_words(lost: u64, known: &Known) -> String {
    match known {
        Known::Note(_) => format!("{lost} acknowledged events behind it are lost"),
        Known::NothingNewer => {
            "how many acknowledged events behind it are lost is not known: foils show them"
                .to_owned()
        }
    }
}

fn failed(error: BackupError) -> Failure {
    let code = error.code();
    Failure::Refused(format!(
        "{code}: {}; see deploy/runbooks/{code}.md",
        with_causes(&error)
    ))
}

fn known(ground: &Ground, own: &RestoreArguments) -> Result<Known, Failure> {
    match &own.checkpoint {
        Some(path) if path.is_dir() => backup::known_in(&ground.disk, path).map_err(failed),
        Some(path) => std::fs::read(path)
            .map(Known::Note)
            .map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", path.display()))),
        None if own.nothing_newer || own.close_chain => Ok(Known::NothingNewer),
        None => Err(Failure::usage(
            "restore needs the newest checkpoint that anyone has (--checkpoint FILE|DIR), so that it \
             sees what is missing; where there is none, --close-chain goes on under a new chain number",
        )),
    }
}

fn bundle(ground: &Ground, own: &RestoreArguments) -> Result<Bundle, Failure> {
    let found = backup::list(&ground.disk, &own.from).map_err(failed)?;
    let wanted = |bundle: &Bundle| own.through.is_none_or(|through| bundle.next.0 == through);
    found
        .into_iter()
        .rfind(wanted)
        .ok_or_else(|| Failure::Usage(format!("{} has no such backup", own.from.display())))
}
