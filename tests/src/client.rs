//! HTTP/1.1 by hand over TCP or the Unix socket: exactly the bytes that a test wants to send.
//!
//! Not a client for anyone else. Always: one request at a time on a connection; a broken connection is an error, never a retry,
//! because whether a request was taken is what the journeys are about.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// How long a test waits for an answer before it fails, in seconds.
const ANSWER_S: u64 = 120;
/// The longest answer that is read, in bytes.
const BODY_BYTES_MAX: u64 = 256 << 20;

/// Both directions of a connection.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One connection.
pub struct Client {
    stream: BufReader<Box<dyn Stream>>,
    token: Option<String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; `Null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(given, _)| given == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The code of a problem.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// This answer, if it has the status.
    ///
    /// # Panics
    /// With the answer's text, otherwise.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

impl Client {
    /// A connection over TCP.
    ///
    /// # Errors
    /// The system's.
    pub fn tcp(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(ANSWER_S)))?;
        Ok(Client::over(Box::new(stream)))
    }

    /// A connection over the owner's socket.
    ///
    /// # Errors
    /// The system's.
    pub fn unix(path: &Path) -> io::Result<Client> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(Duration::from_secs(ANSWER_S)))?;
        Ok(Client::over(Box::new(stream)))
    }

    /// A connection over anything.
    pub fn over(stream: Box<dyn Stream>) -> Client {
        Client {
            stream: BufReader::new(stream),
            token: None,
        }
    }

    /// The same connection, speaking for this token.
    pub fn with(mut self, token: &str) -> Client {
        self.token = Some(token.to_owned());
        self
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// Where the connection breaks before the answer is whole.
    pub fn post(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        self.send(
            "POST",
            path,
            "application/json",
            body.to_string().as_bytes(),
        )
    }

    /// Asks.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, "", b"")
    }

    /// Sends any bytes.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: ledger\r\ncontent-length: {}\r\n",
            body.len()
        );
        if !kind.is_empty() {
            head.push_str(&format!("content-type: {kind}\r\n"));
        }
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.raw(&bytes)
    }

    /// Sends bytes that are a request already, and reads the answer.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<Answer> {
        // A server that refuses early may close before it has read everything: its answer counts, not the broken pipe.
        let sent = self
            .stream
            .get_mut()
            .write_all(bytes)
            .and_then(|()| self.stream.get_mut().flush());
        match self.read() {
            Ok(answer) => Ok(answer),
            Err(cause) => Err(sent.err().unwrap_or(cause)),
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    fn read(&mut self) -> io::Result<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
                None => break,
            }
        }
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        if let Some(length) = answer
            .header("content-length")
            .and_then(|text| text.parse::<u64>().ok())
        {
            answer.body = self.take(length)?;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = self.chunks()?;
        }
        Ok(answer)
    }

    fn take(&mut self, length: u64) -> io::Result<Vec<u8>> {
        if length > BODY_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = Vec::new();
        (&mut self.stream).take(length).read_to_end(&mut bytes)?;
        match bytes.len() as u64 == length {
            true => Ok(bytes),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let length = u64::from_str_radix(&line, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            body.extend(self.take(length)?);
            self.line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }
}
