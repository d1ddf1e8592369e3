//! A server process of ours: started, waited for until it says where it listens, killed when dropped.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A child that is killed when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    // Held open, or the child would die of writing to a closed pipe.
    _output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts the command and reads its standard output up to a line that holds `listening` (the no-op
    /// door) or `ready` (the ledger) and an address. A child that ends before is an error.
    pub(crate) fn start(command: &mut Command) -> io::Result<Server> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no output to read"))?;
        let mut output = BufReader::new(output);
        let found = address_in(&mut output);
        match found {
            Ok(address) => Ok(Server {
                child,
                address,
                _output: output,
            }),
            Err(error) => {
                let _ = child.kill();
                let status = child.wait()?;
                Err(io::Error::other(format!("{command:?} {status}: {error}")))
            }
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as a power cut would, without a word.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn address_in(output: &mut impl BufRead) -> io::Result<SocketAddr> {
    let mut line = String::new();
    loop {
        line.clear();
        if output.read_line(&mut line)? == 0 {
            return Err(io::Error::other("it ended before it listened"));
        }
        if line.contains("listening") || line.contains("\"ready\":true") {
            // A key and its colon are split off by the quotation marks around them.
            let words = line.split(|c: char| !(c.is_alphanumeric() || "[].:".contains(c)));
            if let Some(address) = words.filter_map(|word| word.parse().ok()).next() {
                return Ok(address);
            }
        }
    }
}

#[test]
fn the_address_is_found_in_a_log_line() {
    let mut log = "starting\n{\"message\":\"listening\",\"on\":\"127.0.0.1:8042\"}\n".as_bytes();
    assert_eq!(address_in(&mut log).ok(), "127.0.0.1:8042".parse().ok());
    let mut ready =
        "{\"ready\":true,\"http\":\"127.0.0.1:41234\",\"socket\":\"/l/run/s\"}\n".as_bytes();
    assert_eq!(address_in(&mut ready).ok(), "127.0.0.1:41234".parse().ok());
    assert!(address_in(&mut "listening soon\n".as_bytes()).is_err());
}
