//! A PostgreSQL 15 cluster of our own: made in a folder beside what is measured, reachable through a Unix
//! socket in that folder alone, stopped and removed when dropped. PostgreSQL refuses to run as root; then
//! its programs run as the `postgres` user that the Debian package made.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use super::wire::Connection;

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
const PORT: &str = "5432"; // names the socket file; no TCP port is opened
const DATABASE: &str = "postgres";

/// What is set away from the defaults: durability as shipped, memory and WAL room so that the baseline is
/// not slowed by a small cache or by checkpoints within a trial.
const SETTINGS: &str = "
listen_addresses = ''
port = 5432
max_connections = 100
synchronous_commit = on
fsync = on
full_page_writes = on
shared_buffers = 512MB
wal_buffers = 16MB
max_wal_size = 8GB
checkpoint_timeout = 30min
";

/// A running cluster with an empty ledger.
pub(super) struct Cluster {
    folder: PathBuf,
    as_user: Option<&'static str>,
}

impl Cluster {
    /// Makes and starts a cluster in `folder`, which must not exist, on the disk that is measured. The
    /// path must be short enough for a socket name (about 90 bytes).
    pub(super) fn start(folder: &Path) -> io::Result<Cluster> {
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let as_user = rustix::process::geteuid().is_root().then_some("postgres");
        if let Some(user) = as_user {
            check(Command::new("chown").arg(user).arg(&folder))?;
            let reachable = Command::new("runuser")
                .args(["-u", user, "--", "test", "-w"])
                .arg(&folder)
                .status()?;
            if !reachable.success() {
                let text = format!("{} cannot write to {}", user, folder.display());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
        }
        let cluster = Cluster { folder, as_user };
        let data = cluster.data();
        check(cluster.program("initdb").arg("-D").arg(&data).args([
            "--auth=trust",
            "--username=bench",
            "--encoding=UTF8",
            "--locale=C",
        ]))?;
        let settings = data.join("postgresql.conf");
        let sockets = format!("unix_socket_directories = '{}'", cluster.folder.display());
        let text = format!("{}{SETTINGS}{sockets}\n", fs::read_to_string(&settings)?);
        fs::write(&settings, text)?;
        check(
            cluster
                .control("start")
                .arg("-l")
                .arg(cluster.folder.join("log")),
        )?; // else it would hold our pipe
        Ok(cluster)
    }

    /// A connection as the cluster's owner.
    pub(super) fn connect(&self) -> io::Result<Connection> {
        let socket = self.folder.join(format!(".s.PGSQL.{PORT}"));
        Connection::open(&socket, "bench", DATABASE)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn control(&self, action: &str) -> Command {
        let mut command = self.program("pg_ctl");
        command.arg(action).arg("-w").arg("-D").arg(self.data());
        command
    }

    fn program(&self, name: &str) -> Command {
        let path = format!("{PROGRAMS}/{name}");
        let mut command = match self.as_user {
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--", &path]);
                command
            }
            None => Command::new(path),
        };
        command.current_dir(&self.folder);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Best effort: a cluster that does not stop is left with its folder, which the next run names.
        if check(self.control("stop").args(["-m", "fast"])).is_ok() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Runs a command quietly; its last words become the error.
fn check(command: &mut Command) -> io::Result<()> {
    let program = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!(
        "{program}: {} {words}",
        output.status
    )))
}
