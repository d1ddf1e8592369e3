//! The ledger under test, started as an operator starts it: `counterfoil init`, which writes a
//! configuration, `serve` on a free port of the loopback, a publisher with a token. Everything the bench knows of the
//! product's command line is in this file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::http_load::Endpoint;
use crate::process::Server;

const ORIGIN: &str = "test.westmere.example/counterfoil";
const PUBLISHER: &str = "crm";

/// Whether the ledger folds its views while it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Views {
    /// At low priority, as an operator has it.
    On,
    /// Not at all.
    Off,
}

/// A ledger of its own in a folder of its own.
#[derive(Debug)]
pub(crate) struct Ledger {
    folder: PathBuf,
    binary: PathBuf,
    config: PathBuf,
    token: String,
    /// The key that signs checkpoints.
    vkey: String,
    server: Option<Server>,
}

impl Ledger {
    /// Makes a ledger in `folder`, registers the publisher and serves.
    pub(crate) fn start(binary: &Path, folder: &Path, views: Views) -> io::Result<Ledger> {
        let binary = binary.canonicalize().map_err(|error| {
            io::Error::other(format!("{} is not built: {error}", binary.display()))
        })?;
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let config = folder.join("ledger").join("counterfoil.toml");
        let (token, vkey, server) = (String::new(), String::new(), None);
        let mut ledger = Ledger {
            folder,
            binary,
            config,
            token,
            vkey,
            server,
        };
        ledger.initialise(views)?;
        ledger.restart()?;
        ledger.register()?;
        Ok(ledger)
    }

    /// Where the load goes.
    pub(crate) fn endpoint(&self) -> io::Result<Endpoint> {
        let server = self
            .server
            .as_ref()
            .ok_or_else(|| io::Error::other("it is not running"))?;
        let (name, token) = ("ledger".to_owned(), self.token.clone());
        Ok(Endpoint {
            name,
            address: server.address,
            token,
            names_items: true,
        })
    }

    /// Kills the process and starts it again on the same folder.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.server = None;
        let mut command = self.command();
        self.server = Some(Server::start(command.arg("serve"))?);
        Ok(())
    }

    /// Kills the process as a power cut would.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.server
            .take()
            .map_or(Ok(()), |mut server| server.kill())
    }

    /// Id of the serving process.
    pub(crate) fn process(&self) -> u32 {
        self.server.as_ref().map_or(0, Server::id)
    }

    /// The journal's directory.
    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.join("ledger").join("journal")
    }

    /// `counterfoil verify` of the files alone, on one core: the verdict as JSON. An answer that does not
    /// say that everything was verified with the ledger's own key is an error.
    pub(crate) fn verify(&self) -> io::Result<Value> {
        let mut command = on_one_core(&self.binary);
        command.arg("--config").arg(&self.config);
        command.args(["--format", "json", "verify", "--offline", "--key"]);
        let said = answer(command.arg(&self.vkey))?;
        let verdict: Value = serde_json::from_str(&said).map_err(io::Error::other)?;
        match verdict.get("verdict").and_then(Value::as_str) {
            Some("verified with pinned keys") => Ok(verdict),
            other => Err(io::Error::other(format!("verify said {other:?}"))),
        }
    }

    /// Most memory that the serving process has had resident so far, in bytes.
    pub(crate) fn resident_bytes(&self) -> io::Result<u64> {
        let id = self.process();
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap_or_default();
        let kilobytes = line
            .split_whitespace()
            .nth(1)
            .and_then(|word| word.parse::<u64>().ok());
        Ok(kilobytes.unwrap_or(0) * 1024)
    }

    /// Bytes on disk of everything but the views and the log.
    pub(crate) fn stored_bytes(&self) -> io::Result<u64> {
        folder_bytes(&self.folder)
    }

    /// `init` writes the configuration; the bench changes what it measures without and keeps the log short.
    fn initialise(&mut self, views: Views) -> io::Result<()> {
        let mut command = Command::new(&self.binary);
        command.args(["init", "--origin", ORIGIN, "--listen", "127.0.0.1:0"]);
        command.args(["--accept-unproven", "--dir"]);
        let said = answer(command.arg(self.folder.join("ledger")))?;
        self.vkey = said
            .lines()
            .find_map(|line| line.trim().strip_prefix("checkpoints"))
            .ok_or_else(|| io::Error::other("init named no key for checkpoints"))?
            .trim()
            .to_owned();
        let mut text = fs::read_to_string(&self.config)?;
        text = replaced(&text, "log = \"info\"", "log = \"warn\"")?;
        if views == Views::Off {
            text = without_views(&text)?;
        }
        fs::write(&self.config, text)
    }

    fn register(&mut self) -> io::Result<()> {
        let mut command = self.command();
        command.args(["publisher", "add", PUBLISHER, "--source", people::SOURCE]);
        command.args(["--family", "collection,notice", "--format", "json"]);
        let said = answer(&mut command)?;
        let token = said.split('"').find(|word| word.starts_with("cfp_"));
        self.token = token
            .ok_or_else(|| io::Error::other("publisher add gave no token"))?
            .to_owned();
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg("--config")
            .arg(&self.config)
            .current_dir(&self.folder);
        command
    }
}

/// A configuration with one line changed; a line that is not there is an error, not a run of another kind.
fn replaced(text: &str, line: &str, by: &str) -> io::Result<String> {
    if text.contains(line) {
        return Ok(text.replace(line, by));
    }
    Err(io::Error::other(format!("the configuration has no {line}")))
}

/// The configuration with no view in it.
fn without_views(text: &str) -> io::Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_views = |line: &&str| line.starts_with("views = ");
    if lines.iter().filter(|line| is_views(line)).count() != 1 {
        return Err(io::Error::other(
            "the configuration has no one line of views",
        ));
    }
    let line = |line: &&str| if is_views(line) { "views = []" } else { *line }.to_owned();
    Ok(lines.iter().map(|text| line(text) + "\n").collect())
}

/// A command that stays on the first core, where the machine has `taskset`.
pub(crate) fn on_one_core(program: &Path) -> Command {
    let has_taskset = Path::new("/usr/bin/taskset").exists();
    if !has_taskset {
        return Command::new(program);
    }
    let mut command = Command::new("/usr/bin/taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

/// What a command that succeeds says on standard output.
pub(crate) fn answer(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(io::Error::other(format!(
            "{command:?}: {} {words}",
            output.status
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Allocated bytes below a folder, except in folders named `views`. What vanishes meanwhile counts 0.
fn folder_bytes(folder: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    const SECTOR_BYTES: u64 = 512; // st_blocks counts these, whatever the file system
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() && entry.file_name() != "views" {
            bytes += folder_bytes(&entry.path())?;
        } else if metadata.is_file() {
            bytes += metadata.blocks() * SECTOR_BYTES;
        }
    }
    Ok(bytes)
}
