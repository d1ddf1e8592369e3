//! Clients that drip, stall, lie idle or never shake hands, over pipes in memory, on a clock that is driven: nothing waits.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;

/// Bytes of an answer that is longer than every buffer between it and its reader.
const LONG_BYTES: usize = 1 << 20;
/// Bytes that a pipe holds.
const PIPE_BYTES: usize = 1 << 10;

/// An address that takes pipes.
struct Pipes(mpsc::Receiver<DuplexStream>);

impl Listener for Pipes {
    type Io = DuplexStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (DuplexStream, SocketAddr) {
        match self.0.recv().await {
            Some(pipe) => (pipe, SocketAddr::from((Ipv4Addr::LOCALHOST, 1))),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
    }
}

/// A served address.
struct Address {
    pipes: mpsc::Sender<DuplexStream>,
    stop: watch::Sender<bool>,
    serving: JoinSet<()>,
}

impl Address {
    fn with(places: usize, tls: Option<TlsAcceptor>) -> Address {
        let (pipes, accepted) = mpsc::channel(8);
        let (stop, stopping) = watch::channel(false);
        let listening = Listening {
            listener: Pipes(accepted),
            places: Places::of(places),
            tls,
        };
        let mut serving = JoinSet::new();
        serving.spawn(listening.serve(routes(), stopping));
        Address {
            pipes,
            stop,
            serving,
        }
    }

    async fn connect(&self) -> DuplexStream {
        let (near, far) = duplex(PIPE_BYTES);
        self.pipes.send(far).await.expect("it is served");
        near
    }

    async fn stopped(mut self) {
        self.stop.send(true).expect("it is served");
        while self.serving.join_next().await.is_some() {}
    }
}

fn routes() -> Router {
    let slow = || async {
        passes(3_600).await;
        "at last"
    };
    let body = |headers: HeaderMap, body: Body| async move {
        let room = intake::door::Room::of(64);
        match intake::door::whole_body(&headers, body, 64, &room).await {
            Ok(body) => format!("{} bytes", body.bytes.len()),
            Err(refusal) => refusal.code.as_str().to_owned(),
        }
    };
    Router::new()
        .route("/", get(|| async { "here" }))
        .route("/slow", get(slow))
        .route(
            "/long",
            get(|| async { Bytes::from(vec![b'x'; LONG_BYTES]) }),
        )
        .route("/body", post(body))
}

/// The clock goes on by so much, as soon as nobody has anything left to do.
async fn passes(seconds: u64) {
    let nothing = std::future::pending::<()>();
    let _ = tokio::time::timeout(Duration::from_secs(seconds), nothing).await;
}

async fn send(pipe: &mut DuplexStream, request: &str) {
    pipe.write_all(request.as_bytes())
        .await
        .expect("it is open");
}

/// All that comes until the other side closes.
async fn rest(pipe: &mut DuplexStream) -> String {
    let mut answer = Vec::new();
    // An end by an error is an end.
    let _ = pipe.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads what has come of an answer, which must be that.
async fn answered(pipe: &mut DuplexStream, text: &str) {
    let mut answer = String::new();
    let mut bytes = [0; PIPE_BYTES];
    while !answer.ends_with(text) {
        let count = pipe.read(&mut bytes).await.expect("it is open");
        assert!(count > 0, "closed after {answer:?}");
        answer.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driven clock of the test's runtime"
)]
fn now() -> Instant {
    Instant::now()
}

const HEAD: &str = "GET / HTTP/1.1\r\nhost: x\r\n";

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_has_its_time_and_no_more() {
    let address = Address::with(1, None);
    let mut pipe = address.connect().await;
    let began = now();
    let mut sent = 0;
    while pipe
        .write_all(&HEAD.as_bytes()[sent % HEAD.len()..][..1])
        .await
        .is_ok()
    {
        sent += 1;
        passes(7).await;
        assert!(sent < 100, "it is held for ever");
    }
    let lasted = began.elapsed().as_secs();
    assert!((HEAD_S..HEAD_S + 8).contains(&lasted), "{lasted} s");
    let mut next = address.connect().await;
    send(&mut next, &format!("{HEAD}\r\n")).await;
    answered(&mut next, "here").await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_lies_idle_ends() {
    let address = Address::with(1, None);
    let mut pipe = address.connect().await;
    send(&mut pipe, &format!("{HEAD}\r\n")).await;
    answered(&mut pipe, "here").await;
    // Longer than a proxy keeps an idle connection by default: a request on one that it still holds is answered.
    passes(75).await;
    send(&mut pipe, &format!("{HEAD}\r\n")).await;
    answered(&mut pipe, "here").await;
    let began = now();
    assert_eq!(rest(&mut pipe).await, "");
    assert_eq!(began.elapsed().as_secs(), HEAD_S);
}

#[tokio::test(start_paused = true)]
async fn a_head_longer_than_the_buffer_is_refused() {
    let address = Address::with(1, None);
    for (length, status) in [
        (BUFFER_BYTES_MAX / 2, "HTTP/1.1 200 "),
        (2 * BUFFER_BYTES_MAX, "HTTP/1.1 431 "),
    ] {
        let mut pipe = address.connect().await;
        let long = format!(
            "{HEAD}connection: close\r\nx: {}\r\n\r\n",
            "x".repeat(length)
        );
        // One that is refused is not read to its end.
        let _ = pipe.write_all(long.as_bytes()).await;
        let answer = rest(&mut pipe).await;
        assert!(answer.starts_with(status), "{length}: {answer}");
        passes(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_told_so() {
    let address = Address::with(1, None);
    let mut pipe = address.connect().await;
    send(
        &mut pipe,
        "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n",
    )
    .await;
    let began = now();
    for _ in 0..11 {
        passes(10).await;
        send(&mut pipe, "x").await;
    }
    let answer = rest(&mut pipe).await;
    assert!(answer.ends_with("BODY_TIMEOUT"), "{answer}");
    let lasted = began.elapsed().as_secs();
    assert!(
        lasted <= intake::door::BODY_SECONDS_MAX + HEAD_S,
        "{lasted} s"
    );
}

#[tokio::test(start_paused = true)]
async fn chunks_that_break_off_are_told_so() {
    let address = Address::with(1, None);
    for broken in ["5\r\nab", "zz\r\nabc\r\n", "5\r\nabcdefgh\r\n0\r\n\r\n"] {
        let mut pipe = address.connect().await;
        send(
            &mut pipe,
            "POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
        )
        .await;
        send(&mut pipe, broken).await;
        pipe.shutdown().await.expect("it is open");
        let answer = rest(&mut pipe).await;
        assert!(answer.ends_with("BODY_INCOMPLETE"), "{broken:?}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_said_everything_still_gets_an_answer() {
    let address = Address::with(1, None);
    let mut pipe = address.connect().await;
    send(&mut pipe, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    pipe.shutdown().await.expect("it is open");
    assert!(rest(&mut pipe).await.ends_with("at last"));
    let mut next = address.connect().await;
    send(&mut next, &format!("{HEAD}\r\n")).await;
    answered(&mut next, "here").await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_not_hurried() {
    let address = Address::with(1, None);
    let mut pipe = address.connect().await;
    send(&mut pipe, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    answered(&mut pipe, "at last").await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_moves_is_not_cut_off_and_one_that_nobody_reads_is() {
    let address = Address::with(1, None);
    let mut pipe = address.connect().await;
    send(
        &mut pipe,
        "GET /long HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    let (mut bytes, mut read) = ([0; PIPE_BYTES], 0);
    loop {
        passes(STALLED_S - 1).await;
        match pipe.read(&mut bytes).await.expect("it is open") {
            0 => break,
            count => read += count,
        }
    }
    assert!(read > LONG_BYTES, "cut off after {read} bytes");

    let mut pipe = address.connect().await;
    send(&mut pipe, "GET /long HTTP/1.1\r\nhost: x\r\n\r\n").await;
    passes(STALLED_S + 1).await;
    let left = rest(&mut pipe).await.len();
    assert!(left <= PIPE_BYTES, "{left} bytes came although nobody read");
}

/// Has no certificate: a handshake gets as far as its client lets it.
#[derive(Debug)]
struct Nobody;

impl ResolvesServerCert for Nobody {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

fn tls() -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider's own versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Nobody));
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_holds_a_place_for_ten_seconds() {
    let address = Address::with(1, Some(tls()));
    let mut silent = address.connect().await;
    // The head of a client hello of 512 bytes that never comes.
    silent
        .write_all(&[22, 3, 1, 2, 0, 1])
        .await
        .expect("it is open");
    let mut refused = address.connect().await;
    assert_eq!(rest(&mut refused).await, "", "one place, and it is taken");
    let began = now();
    assert_eq!(rest(&mut silent).await, "");
    assert_eq!(began.elapsed().as_secs(), HANDSHAKE_S);
    let mut next = address.connect().await;
    send(&mut next, &format!("{HEAD}\r\n")).await;
    assert!(
        !rest(&mut next).await.contains("here"),
        "plain HTTP at a TLS address"
    );
}

#[tokio::test(start_paused = true)]
async fn one_connection_too_many_is_closed_and_a_place_comes_back() {
    let address = Address::with(1, None);
    let held = address.connect().await;
    let mut refused = address.connect().await;
    assert_eq!(rest(&mut refused).await, "");
    drop(held);
    passes(1).await;
    let mut next = address.connect().await;
    send(&mut next, &format!("{HEAD}\r\n")).await;
    answered(&mut next, "here").await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_answers_what_was_taken_and_closes_what_lies_idle() {
    let address = Address::with(3, None);
    let (mut idle, mut busy) = (address.connect().await, address.connect().await);
    send(&mut busy, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    passes(1).await;
    let began = now();
    let (answer, nothing, ()) = tokio::join!(rest(&mut busy), rest(&mut idle), address.stopped());
    assert!(answer.ends_with("at last"), "{answer}");
    assert_eq!(nothing, "");
    assert!(began.elapsed().as_secs() <= 3_600);
}

#[test]
fn files_are_kept_back_for_the_ledger() {
    let places = Places::of_network();
    let free = places.free.available_permits() as u64;
    assert!(free >= 1 && free < open_files_max());
}
