//! The load over HTTP: one thread, one connection a client, each sending its next request when the last
//! was answered. HTTP/1.1 is written and read by hand, since whatever the load costs is taken from the
//! two cores that the target runs on. Events are made on the fly; making one costs about a microsecond.

use std::cell::RefCell;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use memchr::memmem::Finder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use crate::events::Events;
use crate::machine::cpu_seconds;
use crate::stopwatch::Stopwatch;
use crate::trial::{Shape, Trial};

const ANSWER_BYTES_MAX: usize = 8 << 20;
const ANSWER_SHOWN_BYTES: usize = 300;
/// How the door says of an event in a batch that it was recorded, now and not before.
const RECORDED: &[u8] = b"\"status\":201,";

/// Where the events go and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    /// Whether the answer names what became of each event; then each must have been recorded.
    pub(crate) names_items: bool,
}

/// Sends events until the shape's seconds are over or there are none left, and gives the rest of the
/// events back; `answered` is told of each request's events. An answer other than 201, and one in which
/// not every event was recorded, ends the trial with its first words.
pub(crate) fn run<E: Events + 'static>(
    endpoint: &Endpoint,
    shape: &Shape,
    events: E,
    answered: impl FnMut(u64) + 'static,
) -> io::Result<(Trial, E)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let source = Rc::new(RefCell::new((events, answered)));
    let (clock, cpu) = (Stopwatch::start(), cpu_seconds(std::process::id()));
    let outcomes = LocalSet::new().block_on(&runtime, async {
        let mut clients = JoinSet::new();
        for _ in 0..shape.clients {
            let client = Client::new(endpoint, shape, Rc::clone(&source), clock);
            clients.spawn_local(client.run());
        }
        clients.join_all().await
    });
    let mut trial = Trial::new(&endpoint.name, shape);
    let (mut answered, mut bytes) = (0, 0);
    for outcome in outcomes {
        let (latencies, answer_bytes) = outcome?;
        answered += latencies.len() as u64;
        bytes += answer_bytes;
        trial.add_all(latencies);
    }
    trial.answer_bytes = bytes / answered.max(1);
    trial.load_cpu_seconds = cpu_seconds(std::process::id()) - cpu;
    let trial = trial.finished(clock.seconds());
    let source = Rc::into_inner(source).ok_or_else(|| io::Error::other("a client still runs"))?;
    Ok((trial, source.into_inner().0))
}

/// One connection and its buffers.
struct Client<E, A> {
    endpoint: Endpoint,
    shape: Shape,
    source: Rc<RefCell<(E, A)>>,
    clock: Stopwatch,
    body: Vec<u8>,
    request: Vec<u8>,
    answer: Vec<u8>,
    recorded: Finder<'static>,
}

impl<E: Events, A: FnMut(u64)> Client<E, A> {
    fn new(
        endpoint: &Endpoint,
        shape: &Shape,
        source: Rc<RefCell<(E, A)>>,
        clock: Stopwatch,
    ) -> Client<E, A> {
        let (body, request, answer) = (Vec::new(), Vec::new(), Vec::new());
        let (endpoint, shape) = (endpoint.clone(), shape.clone());
        Client {
            endpoint,
            shape,
            source,
            clock,
            body,
            request,
            answer,
            recorded: Finder::new(RECORDED),
        }
    }

    /// Latencies in microseconds, and the bytes of all answers' bodies.
    async fn run(mut self) -> io::Result<(Vec<u32>, u64)> {
        let mut stream = TcpStream::connect(self.endpoint.address).await?;
        stream.set_nodelay(true)?;
        let (mut latencies, mut answer_bytes) = (Vec::new(), 0);
        while self.clock.seconds() < self.shape.seconds {
            let events = self.compose()?;
            if events == 0 {
                break;
            }
            let sent = self.clock.micros();
            stream.write_all(&self.request).await?;
            let body = self.read_answer(&mut stream).await?;
            latencies.push((self.clock.micros() - sent) as u32);
            answer_bytes += (self.answer.len() - body) as u64;
            self.all_recorded(body, events)?;
            (self.source.borrow_mut().1)(events);
        }
        Ok((latencies, answer_bytes))
    }

    /// The next request: one event, or a JSON array of them. Gives how many; 0 when none is left.
    fn compose(&mut self) -> io::Result<u64> {
        let count = self.shape.events_per_request;
        let kind = if count == 1 {
            "cloudevents"
        } else {
            "cloudevents-batch"
        };
        self.body.clear();
        let mut composed = 0;
        let mut source = self.source.borrow_mut();
        for number in 0..count {
            if count > 1 {
                self.body.push(if number == 0 { b'[' } else { b',' });
            }
            if !source.0.write_next(&mut self.body) {
                self.body.pop();
                break;
            }
            composed += 1;
        }
        if count > 1 {
            self.body.push(b']');
        }
        self.request.clear();
        write!(
            self.request,
            "POST /v1/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/{kind}+json\r\nContent-Length: {}\r\n\r\n",
            self.endpoint.address,
            self.endpoint.token,
            self.body.len()
        )?;
        self.request.extend_from_slice(&self.body);
        Ok(composed)
    }

    /// Reads one answer whole and gives where its body begins.
    async fn read_answer(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        self.answer.clear();
        let mut lengths = None;
        loop {
            if lengths.is_none() {
                lengths = answer_lengths(&self.answer, self.shape.events_per_request == 1)?;
            }
            if let Some((head, body)) = lengths {
                if self.answer.len() >= head + body {
                    return Ok(head);
                }
                self.answer.reserve(head + body - self.answer.len());
            }
            if stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
        }
    }

    /// Counts the events that the answer says were recorded; one too few is an error.
    fn all_recorded(&self, body: usize, events: u64) -> io::Result<()> {
        if !self.endpoint.names_items || self.shape.events_per_request == 1 {
            return Ok(());
        }
        let body = self.answer.get(body..).unwrap_or_default();
        let recorded = self.recorded.find_iter(body).count() as u64;
        if recorded == events {
            return Ok(());
        }
        let start = String::from_utf8_lossy(body.get(..ANSWER_SHOWN_BYTES).unwrap_or(body));
        Err(io::Error::other(format!(
            "{recorded} of {events} events were recorded: {start}"
        )))
    }
}

/// Lengths of the head and the body of the answer that begins the bytes, once its head is whole.
fn answer_lengths(bytes: &[u8], is_single: bool) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
    let status = head.split(' ').nth(1).unwrap_or_default();
    // One event that is answered 200 was recorded before: no load of the bench sends an event twice. A
    // batch has a status for each of its events.
    let is_good = match is_single {
        true => status == "201",
        false => status.starts_with('2'),
    };
    if !is_good {
        return Err(io::Error::other(format!(
            "answered {}",
            String::from_utf8_lossy(bytes)
        )));
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok());
    match length {
        Some(length) if length <= ANSWER_BYTES_MAX => Ok(Some((end + 4, length))),
        _ => Err(io::Error::other("an answer without a believable length")),
    }
}

#[test]
fn an_answer_is_measured_and_a_refusal_is_an_error() {
    let lengths = |text: &str| answer_lengths(text.as_bytes(), true);
    assert_eq!(lengths("HTTP/1.1 201 Created\r\nconte").ok(), Some(None));
    let whole = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(lengths(whole).ok(), Some(Some((43, 2))));
    assert!(lengths("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n").is_err());
    assert!(lengths("HTTP/1.1 201 Created\r\n\r\n").is_err());
    let repeat = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    assert!(lengths(repeat).is_err());
    let batch = answer_lengths(repeat.as_bytes(), false);
    assert_eq!(batch.ok(), Some(Some((38, 2))));
}
