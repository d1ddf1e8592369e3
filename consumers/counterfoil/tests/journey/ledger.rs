//! A ledger of invented data in a temporary directory, driven through the real binary alone.
//!
//! Always: a free port, a wait for the ready line and for nothing else, and no process left behind.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_counterfoil");
/// The source that the examples of the catalogue name.
pub(crate) const SOURCE: &str = "//crm.westmere.example";
const ORIGIN: &str = "test.westmere.example/counterfoil";

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The same, once it is sure that the command did what it was asked.
    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}

/// Runs the binary with nothing but these arguments.
pub(crate) fn run(arguments: &[&str], input: &str) -> Said {
    let mut child = Command::new(BINARY)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is built");
    let mut stdin = child.stdin.take().expect("piped");
    // A command that needs no input has closed it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The ledger.
pub(crate) struct Ledger {
    pub(crate) dir: TempDir,
    server: Option<Server>,
}

struct Server {
    child: Child,
    // Held open, or the server would write its last words into a closed pipe.
    _output: BufReader<ChildStdout>,
    ready: Value,
}

impl Ledger {
    /// Made, and not serving.
    pub(crate) fn made(origin: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let ledger = Self { dir, server: None };
        let place = ledger.path("ledger");
        let place = place.to_str().expect("a temporary path is text");
        run(
            &[
                "init",
                "--origin",
                origin,
                "--dir",
                place,
                "--listen",
                "127.0.0.1:0",
                "--persons",
                "1000",
                "--accept-unproven",
            ],
            "",
        )
        .well();
        ledger
    }

    /// Made, serving, and with a publisher `crm` whose token lies in `crm.token`.
    pub(crate) fn serving() -> Self {
        let mut ledger = Self::made(ORIGIN);
        ledger.serve();
        ledger.publisher(
            "crm",
            &["--source", SOURCE, "--family", "collection,notice,consent"],
        );
        ledger
    }

    /// Registers a publisher; its token lies in `CODE.token`.
    pub(crate) fn publisher(&self, code: &str, more: &[&str]) {
        let token = self.path(&format!("{code}.token"));
        let token = token.to_str().expect("text");
        let mut arguments = vec!["publisher", "add", code, "--token-out", token];
        arguments.extend(more);
        self.run(&arguments, "").well();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a command on this ledger.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Said {
        let config = self.path("ledger/counterfoil.toml");
        let mut all = vec!["--config", config.to_str().expect("text")];
        all.extend(arguments);
        run(&all, input)
    }

    /// Publishes what is on its standard input as `crm`.
    pub(crate) fn publish(&self, input: &str, more: &[&str]) -> Said {
        let token = self.path("crm.token");
        let token = token.to_str().expect("text");
        let mut arguments = vec!["publish", "-", "--token-file", token, "--format", "json"];
        arguments.extend(more);
        self.run(&arguments, input)
    }

    /// Serves, and waits for the ready line.
    pub(crate) fn serve(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("log"));
        let mut child = Command::new(BINARY)
            .arg("--config")
            .arg(self.path("ledger/counterfoil.toml"))
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log"))
            .spawn()
            .expect("the binary is built");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("text");
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            panic!("no ready line but {line:?}; {log}")
        });
        self.server = Some(Server {
            child,
            _output: output,
            ready,
        });
    }

    /// The address of its HTTP door.
    pub(crate) fn url(&self) -> String {
        let server = self.server.as_ref().expect("it serves");
        format!(
            "http://{}",
            server.ready["http"].as_str().expect("an address")
        )
    }

    /// As a power cut would, but for the page cache.
    pub(crate) fn kill(&mut self) {
        let mut server = self.server.take().expect("it serves");
        server.child.kill().expect("killed");
        server.child.wait().expect("gone");
    }

    /// SIGTERM, and the exit code that followed.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let mut server = self.server.take().expect("it serves");
        let process = rustix::process::Pid::from_child(&server.child);
        let signal = rustix::process::Signal::TERM;
        rustix::process::kill_process(process, signal).expect("told");
        server.child.wait().expect("gone").code()
    }

    /// The checkpoint key, as an outsider pins it.
    pub(crate) fn checkpoint_key(&self) -> String {
        let keys = self.run(&["keys", "show", "--format", "json"], "").well();
        let keys: Value = serde_json::from_str(&keys.out).expect("JSON");
        keys["checkpoint"][0]["vkey"]
            .as_str()
            .expect("a key")
            .to_owned()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            // It may be gone already.
            let _ = server.child.kill();
            let _ = server.child.wait();
        }
    }
}

/// Turns one bit of a file, at a place that holds something.
pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("readable");
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("writable");
}
