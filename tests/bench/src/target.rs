//! The ledger under test, started as an operator starts it: `counterfoil init`, which writes a
//! configuration, `serve` on a free port of the loopback, a publisher with a token. Everything the bench knows of the
//! product's command line is in this file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

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
        let (token, server) = (String::new(), None);
        let mut ledger = Ledger {
            folder,
            binary,
            config,
            token,
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

    /// Resident memory of the serving process in bytes.
    pub(crate) fn resident_bytes(&self) -> io::Result<u64> {
        let id = self.server.as_ref().map_or(0, Server::id);
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap_or_default();
        let kilobytes = line
            .split_whitespace()
            .nth(1)
            .and_then(|word| word.parse::<u64>().ok());
        Ok(kilobytes.unwrap_or(0) * 1024)
    }

    /// Bytes on disk of everything but the views.
    pub(crate) fn stored_bytes(&self) -> io::Result<u64> {
        folder_bytes(&self.folder)
    }

    /// `init` writes the configuration; the bench changes what it measures without and keeps the log short.
    fn initialise(&self, views: Views) -> io::Result<()> {
        let mut command = Command::new(&self.binary);
        command.args(["init", "--origin", ORIGIN, "--listen", "127.0.0.1:0"]);
        command.args(["--accept-unproven", "--dir"]);
        answer(command.arg(self.folder.join("ledger")))?;
        let mut text = fs::read_to_string(&self.config)?;
        text = replaced(&text, "log = \"info\"", "log = \"warn\"")?;
        if views == Views::Off {
            text = replaced(&text, "views = [\"customer\"]", "views = []")?;
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

/// What a command that succeeds says on standard output.
fn answer(command: &mut Command) -> io::Result<String> {
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
