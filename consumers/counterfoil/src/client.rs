//! Requests to a ledger: HTTP/1.1 over its Unix socket, or over TCP or TLS for publishers elsewhere.
//!
//! One connection, one request at a time, opened again when it broke. Not here: where the ledger is
//! ([`crate::door`]), retries ([`crate::publish`]) and what answers mean ([`crate::problem`]). Always:
//! the token travels in a header, never in a URL; a body that came back is wiped when it is dropped.

use std::io;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use proto::Personal;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::door::Door;
use crate::failure::Failure;
use crate::problem;

/// Largest answer that is read, in bytes: a batch of 1,000 events with whole foils has about 4 MiB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Seconds until somebody elsewhere has taken a connection, and for the TLS handshake on it.
const CONNECT_S: u64 = 30;
/// Seconds for the head of an answer from elsewhere, and for its body, where it is shown to anyone: files that lie ready.
const FILE_S: u64 = 60;
/// The same where the ledger has something to do: to make a batch of 4 MiB durable that came over a slow line, to judge a proof.
const WORK_S: u64 = 300;

/// How long an answer is waited for. Of the owner's own process as long as it takes: it checks, re-keys and copies whole ledgers.
#[derive(Clone, Copy, Debug)]
struct Patience {
    connect: Duration,
    answer: Option<Duration>,
}

impl Patience {
    fn with(door: &Door, seconds: u64) -> Self {
        let answer = match door {
            Door::Socket(_) => None,
            Door::Http(_) | Door::Https { .. } => Some(Duration::from_secs(seconds)),
        };
        let connect = Duration::from_secs(CONNECT_S);
        Self { connect, answer }
    }

    /// What the other side does within the time that it has.
    async fn wait<T>(
        limit: Option<Duration>,
        coming: impl Future<Output = T>,
    ) -> Result<T, ClientError> {
        match limit {
            None => Ok(coming.await),
            Some(limit) => tokio::time::timeout(limit, coming)
                .await
                .map_err(|_| ClientError::Silent(limit)),
        }
    }
}

/// What came back.
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Seconds after which to try again, where the answer names them.
    pub(crate) retry_after_s: Option<u64>,
    /// The body, which may hold personal values.
    pub(crate) body: Personal<Vec<u8>>,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Errors
    /// Where it is none.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(self.body.expose())
            .map_err(|_| Failure::Refused("the ledger's answer is not JSON".to_owned()))
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// Nobody listens there, or not to us.
    Connect(io::Error),
    /// Somebody listens, and no trusted connection came about.
    Tls(io::Error),
    /// What answers does not speak HTTP.
    NotHttp,
    /// The connection ended before the whole answer came: it may have been acted on or not.
    Broken,
    /// Nothing came for so long: it may have been acted on or not.
    Silent(Duration),
}

/// A connection to one ledger as one caller.
pub(crate) struct Client {
    runtime: Runtime,
    door: Door,
    patience: Patience,
    authorization: Option<HeaderValue>,
    connection: Option<Connection>,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    // Drives the connection while an answer is waited for; ends with it.
    _driver: JoinSet<()>,
}

impl Client {
    /// A client that connects at its first request.
    ///
    /// # Errors
    /// Where the token cannot stand in a header.
    pub(crate) fn new(door: Door, token: Personal<String>) -> Result<Self, Failure> {
        let header = Personal::new(format!("Bearer {}", token.expose()));
        let mut authorization = HeaderValue::from_str(header.expose())
            .map_err(|_| Failure::usage("the token has characters that no token has"))?;
        authorization.set_sensitive(true);
        Self::over(door, Some(authorization))
    }

    /// A client for what a ledger shows to anyone.
    ///
    /// # Errors
    /// Where no runtime can be had.
    pub(crate) fn anonymous(door: Door) -> Result<Self, Failure> {
        Self::over(door, None)
    }

    fn over(door: Door, authorization: Option<HeaderValue>) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::refused(&error))?;
        let seconds = if authorization.is_some() {
            WORK_S
        } else {
            FILE_S
        };
        Ok(Self {
            runtime,
            patience: Patience::with(&door, seconds),
            door,
            authorization,
            connection: None,
        })
    }

    /// Where it goes.
    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    /// Asks, and gives back whatever the answer is.
    ///
    /// # Errors
    /// Where there is no whole answer.
    pub(crate) fn send(
        &mut self,
        method: Method,
        path: &str,
        content: Option<(&str, Bytes)>,
    ) -> Result<Reply, ClientError> {
        let (door, slot) = (&self.door, &mut self.connection);
        let (authorization, patience) = (self.authorization.clone(), self.patience);
        let reply = self.runtime.block_on(async {
            let connection = match slot.take().filter(|open| !open.sender.is_closed()) {
                Some(open) => slot.insert(open),
                None => {
                    let limit = Some(patience.connect);
                    slot.insert(Patience::wait(limit, connect(door)).await??)
                }
            };
            let mut request = Request::builder()
                .method(method)
                .uri(path)
                .header(HOST, door.host());
            if let Some(authorization) = authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            if let Some((kind, _)) = &content {
                request = request.header(CONTENT_TYPE, *kind);
            }
            let body = content.map_or_else(Bytes::new, |(_, body)| body);
            let request = request
                .body(Full::new(body))
                .map_err(|_| ClientError::Broken)?;
            exchange(&mut connection.sender, request, patience).await
        });
        if reply.is_err() {
            self.connection = None;
        }
        reply
    }

    /// Waits for so many seconds.
    pub(crate) fn wait(&self, seconds: u64) {
        let pause = std::time::Duration::from_secs(seconds);
        self.runtime
            .block_on(async { tokio::time::sleep(pause).await });
    }

    /// Asks and takes success alone.
    ///
    /// # Errors
    /// What the answer says, or that nobody answers.
    pub(crate) fn get(&mut self, path: &str) -> Result<Reply, Failure> {
        let reply = self.send(Method::GET, path, None);
        problem::judged(reply.map_err(|error| self.unreachable(&error))?)
    }

    /// Posts JSON and takes success alone. A body that names a person is in the connection's buffers
    /// until this short process ends.
    ///
    /// # Errors
    /// What the answer says, or that nobody answers.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Result<Reply, Failure> {
        let bytes = Bytes::from(body.to_string());
        let reply = self.send(Method::POST, path, Some(("application/json", bytes)));
        problem::judged(reply.map_err(|error| self.unreachable(&error))?)
    }

    /// The failure for an exchange without an answer.
    pub(crate) fn unreachable(&self, error: &ClientError) -> Failure {
        let door = &self.door;
        Failure::NotReachable(match error {
            ClientError::Connect(cause) => {
                format!("no ledger answers at {door}: {cause}\n  {}", door.hint())
            }
            ClientError::Tls(cause) => format!(
                "no trusted connection to {door}: {cause}\n  \
                 --ca FILE names the certificate that the ledger's is to rest on: its issuer's, or \
                 its own where that says CA:FALSE"
            ),
            ClientError::NotHttp => format!(
                "what answers at {door} does not speak HTTP; a ledger with TLS is reached by https://"
            ),
            ClientError::Broken => {
                format!("the ledger at {door} ended the connection before it answered")
            }
            ClientError::Silent(limit) => format!(
                "nothing came from {door} for {} seconds; what was asked for may have been done or not",
                limit.as_secs()
            ),
        })
    }
}

async fn connect(door: &Door) -> Result<Connection, ClientError> {
    match door {
        Door::Socket(path) => opened(open_socket(path).await?).await,
        Door::Http(host) => opened(open_tcp(host).await?).await,
        Door::Https { host, name, trust } => {
            let stream = open_tcp(host).await?;
            let connector = TlsConnector::from(trust.clone());
            let secured = connector.connect(name.clone(), stream).await;
            opened(secured.map_err(ClientError::Tls)?).await
        }
    }
}

async fn open_tcp(host: &str) -> Result<TcpStream, ClientError> {
    let stream = TcpStream::connect(host).await;
    let stream = stream.map_err(ClientError::Connect)?;
    stream.set_nodelay(true).map_err(ClientError::Connect)?;
    Ok(stream)
}

async fn open_socket(path: &Path) -> Result<UnixStream, ClientError> {
    UnixStream::connect(path)
        .await
        .map_err(ClientError::Connect)
}

async fn opened<S>(stream: S) -> Result<Connection, ClientError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let made = handshake(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(|_| ClientError::Broken)?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // How the connection ended is told to whoever waits for an answer on it.
        let _ = connection.await;
    });
    Ok(Connection {
        sender,
        _driver: driver,
    })
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    patience: Patience,
) -> Result<Reply, ClientError> {
    sender.ready().await.map_err(|_| ClientError::Broken)?;
    let response = Patience::wait(patience.answer, sender.send_request(request)).await?;
    let response = response.map_err(|error| {
        if error.is_parse() {
            ClientError::NotHttp
        } else {
            ClientError::Broken
        }
    })?;
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after_s = retry_after
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok());
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
    let body = Patience::wait(patience.answer, body).await?;
    let body = body.map_err(|_| ClientError::Broken)?.to_bytes();
    Ok(Reply {
        status,
        retry_after_s,
        body: Personal::new(body.into()),
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn who_answers_nothing_is_not_waited_for() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let socket = Patience::with(&Door::Socket("x".into()), FILE_S);
        assert!(socket.answer.is_none(), "the owner's process is waited for");
        let mut client = Client::anonymous(Door::Http(address)).expect("a client");
        assert_eq!(client.patience.answer, Some(Duration::from_secs(FILE_S)));
        client.patience.answer = Some(Duration::ZERO);
        let silent = |client: &mut Client| {
            let sent = client.send(Method::GET, "/checkpoint", None);
            matches!(sent, Err(ClientError::Silent(_)))
        };
        // The system takes the connection; nobody reads it.
        assert!(silent(&mut client));
        drop(listener);
    }

    #[test]
    fn a_body_that_stops_is_not_waited_for() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(1 << 10);
            let mut connection = opened(near).await.expect("a connection");
            let answering = async {
                let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab";
                far.read_u8().await.expect("a request");
                far.write_all(begun).await.expect("it is open");
                std::future::pending::<()>().await;
            };
            let request = Request::builder().uri("/checkpoint");
            let request = request.body(Full::new(Bytes::new())).expect("a request");
            let answer = Some(Duration::from_secs(FILE_S));
            let connect = Duration::ZERO;
            let patience = Patience { connect, answer };
            let reply = tokio::select! {
                reply = exchange(&mut connection.sender, request, patience) => reply,
                () = answering => panic!("it never ends"),
            };
            assert!(matches!(reply, Err(ClientError::Silent(_))));
        });
    }

    #[test]
    fn nobody_there_is_exit_code_69() {
        let dir = tempfile::tempdir().expect("a directory");
        let door = Door::Socket(dir.path().join("none.sock"));
        let token = Personal::new("cfu_x".to_owned());
        let mut client = Client::new(door, token).expect("a client");
        let failure = client.get("/v1/status").err().expect("nobody is there");
        assert!(matches!(failure, Failure::NotReachable(_)), "{failure:?}");
    }
}
