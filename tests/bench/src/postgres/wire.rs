//! As much of PostgreSQL's protocol 3.0 as the baseline needs: start over a Unix socket that trusts its
//! owner, simple queries, one prepared statement executed with two binary parameters. Not a client
//! library: any answer but success is an error with the server's text.

use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

const PROTOCOL: u32 = 3 << 16;
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// One connection.
pub(super) struct Connection {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
    out: Vec<u8>,
}

impl Connection {
    /// Connects as `user` to `database` through the socket file.
    pub(super) fn open(socket: &Path, user: &str, database: &str) -> io::Result<Connection> {
        let writer = UnixStream::connect(socket)?;
        let reader = BufReader::with_capacity(4096, writer.try_clone()?);
        let mut connection = Connection {
            reader,
            writer,
            out: Vec::new(),
        };
        let mut start = PROTOCOL.to_be_bytes().to_vec();
        for text in ["user", user, "database", database, ""] {
            start.extend_from_slice(text.as_bytes());
            start.push(0);
        }
        let length = (start.len() + 4) as u32;
        connection.out.extend_from_slice(&length.to_be_bytes());
        connection.out.extend_from_slice(&start);
        connection.exchange()?;
        Ok(connection)
    }

    /// Runs statements that answer nothing of interest.
    pub(super) fn run(&mut self, sql: &str) -> io::Result<()> {
        self.message(b'Q', |out| put_text(out, sql));
        self.exchange().map(drop)
    }

    /// Runs a query and gives its first column as text, the last row's where there are several.
    pub(super) fn value(&mut self, sql: &str) -> io::Result<String> {
        self.message(b'Q', |out| put_text(out, sql));
        let value = self.exchange()?.unwrap_or_default();
        String::from_utf8(value).map_err(|_| io::Error::other("the answer is not text"))
    }

    /// Prepares the unnamed statement.
    pub(super) fn prepare(&mut self, sql: &str) -> io::Result<()> {
        self.message(b'P', |out| {
            put_text(out, "append");
            put_text(out, sql);
            out.extend_from_slice(&0_u16.to_be_bytes());
        });
        self.message(b'S', |_| {});
        self.exchange().map(drop)
    }

    /// Executes the prepared statement in a transaction of its own with a text and an array of jsonb,
    /// and gives the first column of its last row.
    pub(super) fn append(&mut self, token: &str, bodies: &[Vec<u8>]) -> io::Result<Vec<u8>> {
        self.message(b'B', |out| {
            put_text(out, "");
            put_text(out, "append");
            out.extend_from_slice(&[0, 1, 0, 1]); // every parameter is binary
            out.extend_from_slice(&2_u16.to_be_bytes());
            out.extend_from_slice(&(token.len() as u32).to_be_bytes());
            out.extend_from_slice(token.as_bytes());
            put_jsonb_array(out, bodies);
            out.extend_from_slice(&[0, 1, 0, 1]); // and so is the answer
        });
        self.message(b'E', |out| out.extend_from_slice(&[0; 5]));
        self.message(b'S', |_| {});
        self.exchange()?
            .ok_or_else(|| io::Error::other("no receipt"))
    }

    fn message(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(kind);
        let at = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        body(&mut self.out);
        let length = (self.out.len() - at) as u32;
        self.out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Sends what was composed and reads until the server is ready again.
    fn exchange(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.writer.write_all(&self.out)?;
        self.out.clear();
        let (mut value, mut failure) = (None, None);
        loop {
            let (kind, body) = self.read_message()?;
            match kind {
                b'Z' => break,
                b'D' => value = first_column(&body),
                b'E' => failure = Some(String::from_utf8_lossy(&body).replace('\0', " ")),
                b'R' if body.get(..4) != Some(&[0; 4]) => {
                    return Err(io::Error::other("the server asks for a password"));
                }
                _ => {}
            }
        }
        failure.map_or(Ok(value), |text| Err(io::Error::other(text)))
    }

    fn read_message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.reader.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = u32::from_be_bytes(length) as usize;
        if !(4..=MESSAGE_BYTES_MAX).contains(&length) {
            return Err(io::Error::other("a message of an impossible length"));
        }
        let mut body = vec![0; length - 4];
        self.reader.read_exact(&mut body)?;
        Ok((kind, body))
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

/// A one-dimensional array of jsonb in PostgreSQL's binary format, with its length in front.
fn put_jsonb_array(out: &mut Vec<u8>, bodies: &[Vec<u8>]) {
    const JSONB_OID: u32 = 3802;
    const JSONB_VERSION: u8 = 1;
    let values: usize = bodies.iter().map(|body| body.len() + 5).sum();
    let mut put = |number: u32| out.extend_from_slice(&number.to_be_bytes());
    put((20 + values) as u32);
    for number in [1, 0, JSONB_OID, bodies.len() as u32, 1] {
        put(number);
    }
    for body in bodies {
        out.extend_from_slice(&(body.len() as u32 + 1).to_be_bytes());
        out.push(JSONB_VERSION);
        out.extend_from_slice(body);
    }
}

/// The first column of a data row.
fn first_column(row: &[u8]) -> Option<Vec<u8>> {
    let length = u32::from_be_bytes(row.get(2..6)?.try_into().ok()?) as usize;
    row.get(6..6 + length).map(<[u8]>::to_vec)
}
