//! A process that serves a ledger: started, awaited by its ready line, asked, told to stop, killed.
//!
//! Always: its log goes to a file beside the ledger and can be searched; it is killed when the value goes.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::client::Client;
use crate::ledger::Ledger;

/// What runs.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    /// Open files that it may have, where fewer than usual.
    files: Option<u32>,
    arguments: Vec<String>,
}

impl Program {
    /// The real binary.
    pub fn counterfoil(path: &Path) -> Program {
        Program {
            path: path.to_owned(),
            files: None,
            arguments: vec!["serve".to_owned()],
        }
    }

    /// The tests' own server, on a disk with this fault: `write:17:eio`, `sync:3:enospc`, `none`.
    pub fn faulty(path: &str, fault: &str) -> Program {
        Program {
            path: path.into(),
            files: None,
            arguments: vec![fault.to_owned()],
        }
    }

    /// The same with a limit of open files.
    pub fn with_files(self, files: u32) -> Program {
        Program {
            files: Some(files),
            ..self
        }
    }

    fn command(&self) -> Command {
        let Some(files) = self.files else {
            return Command::new(&self.path);
        };
        let mut shell = Command::new("sh");
        shell.arg("-c");
        shell.arg(format!("ulimit -n {files} && exec \"$0\" \"$@\""));
        shell.arg(&self.path);
        shell
    }
}

/// A running process.
pub struct Served {
    child: Child,
    /// Where it answers.
    pub http: SocketAddr,
    /// Its socket for the command line.
    pub socket: PathBuf,
    log: PathBuf,
    token: String,
}

/// A process that ended before it was ready.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// What it said on standard error.
    pub log: String,
}

/// Starts a process and does not wait for anything.
///
/// # Panics
/// Where it cannot be started.
pub fn start(program: &Program, ledger: &Ledger, log: &Path) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(log)
        .expect("the log's place is ours");
    program
        .command()
        .arg("--config")
        .arg(ledger.config_path())
        .args(&program.arguments)
        .current_dir(ledger.home())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the program can be started")
}

/// Serves a ledger; returns when it is ready, or has ended.
///
/// # Errors
/// [`Ended`].
///
/// # Panics
/// Where the process cannot be started, or its ready line is not the documented one.
pub fn serve(program: &Program, ledger: &Ledger) -> Result<Served, Ended> {
    let log = ledger.home().join("serve.log");
    let from = std::fs::metadata(&log).map_or(0, |known| known.len());
    let mut child = start(program, ledger, &log);
    let stdout = child.stdout.take().expect("it was asked for");
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("a pipe can be read");
    if line.is_empty() {
        let status = child.wait().expect("it is our child");
        return Err(Ended {
            status,
            log: log_from(&log, from),
        });
    }
    let ready: Value = serde_json::from_str(&line).expect("the ready line is JSON");
    assert_eq!(ready["ready"], json!(true), "{line}");
    let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
    Ok(Served {
        child,
        http: text("http").parse().expect("an address and a port"),
        socket: PathBuf::from(text("socket")),
        log,
        token: ledger.token.clone(),
    })
}

fn log_from(path: &Path, from: u64) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let from = usize::try_from(from).unwrap_or_default().min(bytes.len());
    String::from_utf8_lossy(&bytes[from..]).into_owned()
}

impl Served {
    /// A connection without a token.
    ///
    /// # Errors
    /// The system's.
    pub fn connect(&self) -> io::Result<Client> {
        Client::tcp(self.http)
    }

    /// The DPO's connection.
    ///
    /// # Panics
    /// Where nobody listens.
    pub fn dpo(&self) -> Client {
        self.connect().expect("it listens").with(&self.token)
    }

    /// The DPO's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All its log so far, and that of those before it on this ledger.
    pub fn log(&self) -> String {
        log_from(&self.log, 0)
    }

    /// Where its log lies, for when it has ended.
    pub fn log_file(&self) -> PathBuf {
        self.log.clone()
    }

    /// Registers a publisher; its token.
    ///
    /// # Panics
    /// Where the ledger refuses.
    pub fn publisher(&self, code: &str, sources: &[&str], families: &[&str]) -> String {
        let body =
            json!({ "code": code, "sources": sources, "families": families, "map_ids": false });
        let answer = self
            .dpo()
            .post("/v1/admin/publishers", &body)
            .expect("it answers")
            .expect(201);
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    /// Adds an actor; its token.
    ///
    /// # Panics
    /// Where the ledger refuses.
    pub fn user(&self, role: &str) -> String {
        let answer = self.dpo().post("/v1/admin/users", &json!({ "role": role }));
        let answer = answer.expect("it answers").expect(201);
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    /// How the ledger stands, once the view has folded everything.
    ///
    /// # Panics
    /// Where the view stops at an event.
    pub fn folded(&self) -> Value {
        let mut dpo = self.dpo();
        loop {
            let answer = dpo.post("/v1/ask/status", &json!({ "format": "json" }));
            let answer = answer.expect("it answers").expect(200).json();
            let view = &answer["answer"]["views"][0];
            assert!(view["stopped"].is_null(), "{answer}");
            if view["lag"] == json!(0) && view["rebuilding"].is_null() {
                return answer["answer"].clone();
            }
        }
    }

    /// Full verification by the owner: the report.
    ///
    /// # Panics
    /// Where there is no answer.
    pub fn verify(&self) -> Value {
        let answer = self.dpo().post("/v1/admin/verify", &json!({}));
        answer.expect("it answers").expect(200).json()
    }

    /// SIGKILL, and waits until the process is gone.
    ///
    /// # Panics
    /// Where it is not our child.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        self.child.wait().expect("it is our child");
    }

    /// SIGTERM, and how it ended.
    ///
    /// # Panics
    /// Where it is not our child.
    pub fn stop(mut self) -> ExitStatus {
        self.terminate();
        self.child.wait().expect("it is our child")
    }

    /// SIGTERM, without waiting.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGKILL, without waiting: for threads that only share this.
    pub fn strike(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        let raw = i32::try_from(self.child.id()).ok();
        if let Some(pid) = raw.and_then(Pid::from_raw) {
            // A process that has ended needs no signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// Where it is not our child.
    pub fn ended(mut self) -> ExitStatus {
        self.child.wait().expect("it is our child")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that ended already refuses, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
