//! `counterfoil verify`: this ledger, a copy or a served ledger, or a single file.
//!
//! All judging is the verifier crate's; this ledger is judged by its owner's process, which can open
//! records too, or with `--offline` from the directory without any key. Exit code 1 when it failed.

use std::cell::RefCell;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chain::note::VerifierKey;
use clap::Args;
use ground::{Clock, RealDisk, SharedDisk, SystemClock};
use hyper::Method;
use intake::IntakeError;
use serde_json::{Value, json};
use verifier::served::Source;
use verifier::{Verdict, VerifierError};

use crate::arguments::Globals;
use crate::client::Client;
use crate::door::Door;
use crate::failure::{Failure, with_causes};
use crate::output;
use crate::place::Place;
use crate::table::print_answer;

/// Largest evidence file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Most checkpoints that are read from one directory.
const CHECKPOINTS_MAX: usize = 10_000;

/// Arguments of `verify`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil verify                                  this ledger, records and slots included
  counterfoil verify --offline --key VKEY             this ledger's files, also while it is stopped
  counterfoil verify --ledger https://ledger.example --ca issuer.pem --key VKEY
  counterfoil verify --ledger ./copy --checkpoint kept/ --key VKEY
  counterfoil verify event.foil --key VKEY            a foil, a .tlog-proof or a checkpoint

VKEY is a public key as `init` and `keys show` print it. Without one, a thing can only be consistent
with itself. Exit code 0: nothing is wrong; 1: failed.")]
pub(crate) struct VerifyArguments {
    /// A .foil, .tlog-proof or checkpoint; `-` is standard input
    #[arg(value_name = "FILE", conflicts_with_all = ["ledger", "offline"])]
    file: Option<PathBuf>,
    /// Another ledger: a directory (a ledger's, a journal's, or a copy of what one serves), http://… or https://…
    #[arg(long, value_name = "DIR|URL", conflicts_with = "offline")]
    ledger: Option<String>,
    /// The certificates (PEM) that an https ledger's is to rest on [those the system trusts]
    #[arg(long, value_name = "FILE", requires = "ledger")]
    ca: Option<PathBuf>,
    /// This ledger, straight from its directory
    #[arg(long)]
    offline: bool,
    /// A public key to rest on; may be given more than once
    #[arg(long, value_name = "VKEY", value_parser = key)]
    key: Vec<VerifierKey>,
    /// A checkpoint kept from elsewhere, or a directory of them; may be given more than once
    #[arg(long, value_name = "FILE|DIR")]
    checkpoint: Vec<PathBuf>,
}

fn key(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text.trim()).map_err(|error| error.to_string())
}

/// Verifies.
///
/// # Errors
/// Where it failed, or nothing could be judged.
pub(crate) fn run(globals: &Globals, own: &VerifyArguments) -> Result<(), Failure> {
    match (&own.file, &own.ledger) {
        (Some(path), _) => file(globals, own, path),
        (None, Some(place)) => ledger(globals, own, place),
        (None, None) if own.offline => {
            let place = Place::find(globals)?;
            let config = &place.config;
            directory(globals, own, &config.dir, Some(&config.checkpoints))
        }
        (None, None) => owner(globals),
    }
}

/// Says that what is verified is invented, where a key or the verdict shows it.
fn banner(own: &VerifyArguments, verdict: &Verdict) {
    let of_test = |line: &String| line.split(' ').any(output::is_test_origin);
    let mut keys = own.key.iter().map(VerifierKey::name);
    if keys.any(output::is_test_origin) || verdict.established.iter().any(of_test) {
        output::aside(output::BANNER);
    }
}

fn file(globals: &Globals, own: &VerifyArguments, path: &Path) -> Result<(), Failure> {
    let bytes = if path == Path::new("-") {
        read_limited(std::io::stdin().lock())
    } else {
        std::fs::File::open(path).and_then(read_limited)
    };
    let bytes = bytes.map_err(|error| unreadable(path, &error))?;
    let verdict = verifier::verify_file(&bytes, &own.key);
    banner(own, &verdict);
    show(globals, &verdict)
}

fn read_limited(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("{} cannot be read: {error}", path.display()))
}

/// A ledger named by directory or URL. In a whole ledger's directory the journal lies one deeper, and
/// its own checkpoints beside it.
fn ledger(globals: &Globals, own: &VerifyArguments, place: &str) -> Result<(), Failure> {
    let dir = Path::new(place);
    if dir
        .join("journal")
        .join(verifier::directory::MARKER_FILE)
        .is_file()
    {
        let checkpoints = dir.join("checkpoints");
        return directory(
            globals,
            own,
            dir,
            checkpoints.is_dir().then_some(&*checkpoints),
        );
    }
    let kept = kept(own)?;
    let clock = Stopwatch::start();
    let verdict = match place.starts_with("https://") {
        true => verifier::served::verify_served(&Secured::at(place, own)?, &own.key, &kept),
        false if own.ca.is_some() => {
            return Err(Failure::usage("--ca belongs to an https:// address"));
        }
        false => verifier::verify_ledger(place, &own.key, &kept),
    };
    let verdict = verdict.map(|verdict| clock.stop(verdict));
    if let Ok(verdict) = &verdict {
        banner(own, verdict);
    }
    show_or_refuse(globals, verdict)
}

/// What a ledger serves over TLS, to anyone: nothing of it is believed before it was recomputed, and the certificate is checked first.
struct Secured {
    client: RefCell<Client>,
    prefix: String,
}

impl Secured {
    fn at(url: &str, own: &VerifyArguments) -> Result<Self, Failure> {
        let (host, prefix) = parted(url);
        let door = Door::of_url(host, own.ca.as_deref())?;
        if prefix.contains(['?', '#']) || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::usage(
                "--ledger takes https://host:port, and a path below which the ledger is served",
            ));
        }
        Ok(Self {
            client: RefCell::new(Client::anonymous(door)?),
            prefix: prefix.to_owned(),
        })
    }
}

/// A URL's scheme and host, and the path that a proxy serves the ledger below: empty, or with a stroke before it and none behind it.
fn parted(url: &str) -> (&str, &str) {
    let host_at = url.find("://").map_or(0, |at| at + "://".len());
    let path_at = url.get(host_at..).and_then(|rest| rest.find('/'));
    let (host, prefix) = path_at
        .and_then(|at| url.split_at_checked(host_at + at))
        .unwrap_or((url, ""));
    (host, prefix.trim_end_matches('/'))
}

impl Source for Secured {
    fn get(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut client = self.client.borrow_mut();
        let reply = client.send(Method::GET, &format!("{}/{path}", self.prefix), None);
        let reply = reply.map_err(|error| match client.unreachable(&error) {
            Failure::NotReachable(why) => io::Error::other(why),
            _ => io::ErrorKind::NotConnected.into(),
        })?;
        match reply.status {
            200 => Ok(reply.body.into_inner()),
            404 => Err(io::ErrorKind::NotFound.into()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn directory(
    globals: &Globals,
    own: &VerifyArguments,
    dir: &Path,
    store: Option<&Path>,
) -> Result<(), Failure> {
    let mut checkpoints = kept(own)?;
    let mut beside = Vec::new();
    let disk: SharedDisk = Arc::new(RealDisk);
    if let Some(store) = store {
        match journal::checkpoints::read_checkpoint(&disk, store) {
            Ok(stored) => checkpoints.extend(stored.map(|stored| stored.note)),
            Err(error) => beside.push(coded(&error.into(), store)),
        }
    }
    let vault = dir.join("vault");
    if vault.exists() {
        match vault::check_shelves(&disk, &vault) {
            Ok(true) => {}
            Ok(false) => output::aside(
                "the vault is its owner's while it runs: `counterfoil verify` without --offline checks it",
            ),
            Err(error) => beside.push(coded(&error.into(), &vault)),
        }
    }
    let journal = dir.join("journal");
    let clock = Stopwatch::start();
    let verdict = verifier::verify_directory(&journal, &own.key, &checkpoints, None)
        .map(|verdict| clock.stop(verdict));
    if let (Ok(verdict), false) = (&verdict, own.offline) {
        banner(own, verdict);
    }
    let shown = show_or_refuse(globals, verdict);
    match beside.is_empty() {
        true => shown,
        false => Err(Failure::Refused(beside.join("\n"))),
    }
}

/// A store that is damaged, with the code of its runbook and where it lies.
fn coded(error: &IntakeError, place: &Path) -> String {
    let (code, place) = (error.code(), place.display());
    format!(
        "{code}: {place}: {}; see deploy/runbooks/{code}.md",
        with_causes(error)
    )
}

/// Says of a verdict how long it took.
struct Stopwatch(SystemClock, u64);

impl Stopwatch {
    fn start() -> Self {
        let clock = SystemClock::new();
        let began = clock.monotonic_ns();
        Self(clock, began)
    }

    fn stop(&self, verdict: Verdict) -> Verdict {
        verdict.timed(self.0.monotonic_ns() - self.1)
    }
}

/// The checkpoints that the caller kept.
fn kept(own: &VerifyArguments) -> Result<Vec<Vec<u8>>, Failure> {
    let mut notes = Vec::new();
    for path in &own.checkpoint {
        let error = |error: std::io::Error| unreadable(path, &error);
        if !path.is_dir() {
            let bytes = std::fs::File::open(path).and_then(read_limited);
            let bytes = bytes.map_err(error)?;
            notes.push(verifier::note_in(&bytes).unwrap_or(bytes));
            continue;
        }
        let before = notes.len();
        for entry in std::fs::read_dir(path)
            .map_err(error)?
            .take(CHECKPOINTS_MAX)
        {
            let file = std::fs::File::open(entry.map_err(error)?.path());
            let bytes = file.and_then(read_limited).unwrap_or_default();
            // What is no note is passed over: a directory may hold other files.
            notes.extend(verifier::note_in(&bytes));
        }
        if notes.len() == before {
            return Err(Failure::Usage(format!(
                "{} holds no checkpoint",
                path.display()
            )));
        }
    }
    Ok(notes)
}

fn show_or_refuse(
    globals: &Globals,
    verdict: Result<Verdict, VerifierError>,
) -> Result<(), Failure> {
    match verdict {
        Ok(verdict) => show(globals, &verdict),
        Err(error) => Err(Failure::Usage(with_causes(&error))),
    }
}

fn show(globals: &Globals, verdict: &Verdict) -> Result<(), Failure> {
    let text = output_lines(&verdict.to_text());
    print_answer(globals.format, &text, &verdict.to_json())?;
    if verdict.exit_code() == 0 {
        Ok(())
    } else {
        Err(Failure::Shown)
    }
}

/// This ledger, by its owner.
fn owner(globals: &Globals) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    let mut client = place.client(globals)?;
    let report = client.post("/v1/admin/verify", &json!({}))?.json()?;
    let text = output_lines(&report_text(&report));
    print_answer(globals.format, &text, &report)?;
    let failed = report.get("verdict").and_then(Value::as_str) == Some("failed");
    if failed { Err(Failure::Shown) } else { Ok(()) }
}

/// The owner's report in the form of a verdict's text.
fn report_text(report: &Value) -> String {
    let text = |key: &str| report.get(key).and_then(Value::as_str).unwrap_or_default();
    let lines = |key: &str, mark: &str| {
        let list = report
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let lines = list.filter_map(Value::as_str);
        lines
            .map(|line| format!("  {mark} {line}\n"))
            .collect::<String>()
    };
    let mut out = format!("{}: {}\n", text("subject"), text("verdict"));
    if let Some(damage) = report.get("damage").filter(|damage| !damage.is_null()) {
        out.push_str(&format!("first damage: {}\n", damage_line(damage)));
    }
    out.push_str(&lines("established", "+"));
    out.push_str("what this did not establish:\n");
    out.push_str(&lines("not_established", "-"));
    out
}

fn damage_line(damage: &Value) -> String {
    let text = |key: &str| damage.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut line = text("rule").to_owned();
    if let Some(place) = damage.get("place").filter(|place| !place.is_null()) {
        let number = |key: &str| place.get(key).and_then(Value::as_u64).unwrap_or_default();
        line.push_str(&format!(
            " in segment {}, group {}, offset {}",
            number("segment"),
            number("group"),
            number("offset")
        ));
    }
    if let Some(index) = damage.get("index").and_then(Value::as_u64) {
        line.push_str(&format!(", index {index}"));
    }
    format!(
        "{line}: expected {}, found {}",
        text("expected"),
        text("actual")
    )
}

/// Control characters of what was read never reach the terminal; line feeds are ours.
fn output_lines(text: &str) -> String {
    text.lines()
        .map(|line| output::plain(line) + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_may_be_served_below_a_path() {
        let ledger = "https://ledger.example:7720";
        assert_eq!(parted(ledger), (ledger, ""));
        assert_eq!(parted("https://ledger.example:7720//"), (ledger, ""));
        for url in [
            "https://ledger.example:7720/a/b",
            "https://ledger.example:7720/a/b/",
        ] {
            assert_eq!(parted(url), (ledger, "/a/b"));
        }
        assert_eq!(parted("ledger.example"), ("ledger.example", ""));
    }

    #[test]
    fn a_report_reads_like_a_verdict() {
        let report = json!({
            "verdict": "failed", "subject": "journal", "established": [],
            "not_established": ["anything beyond the first damage"],
            "damage": {"rule": "outer digest", "place": {"segment": 0, "group": 3, "offset": 4608},
                "index": 7, "expected": "aa", "actual": "bb"},
        });
        let text = "journal: failed\n\
            first damage: outer digest in segment 0, group 3, offset 4608, index 7: expected aa, found bb\n\
            what this did not establish:\n  - anything beyond the first damage\n";
        assert_eq!(report_text(&report), text);
    }
}
