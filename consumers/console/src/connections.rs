//! How many connections a server holds, and for how long one may say nothing.
//!
//! Whoever reaches the port can open connections without a token. Each takes a file of the process, and a ledger that cannot open its next
//! segment stops. So files are kept back for the ledger, and a connection more than that is closed at once.
//! Not here: what is served. Always: a held connection gives its place back when it is dropped; one on which nothing moves ends.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use axum_server::accept::Accept;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Open files that the process asks the system for.
const FILES_WANTED: u64 = 4_096;
/// Files kept back for segments, run files, shelves, views and backups.
const FILES_OF_LEDGER: u64 = 256;
/// Seconds after which a connection over the network ends on which no byte moved; at most twice that.
const SILENT_S: u64 = 120;
/// Connections of the command line at once.
const COMMANDS_MAX: usize = 16;

/// Places for connections.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    silent: Option<Duration>,
}

impl Places {
    /// For the network: what the system's limit of open files leaves, after it was raised as far as this process may.
    pub(crate) fn of_network() -> Places {
        let files = open_files_max();
        let left = files.saturating_sub(FILES_OF_LEDGER).max(files / 4);
        let left = left.saturating_sub(COMMANDS_MAX as u64).max(1);
        Places {
            free: Arc::new(Semaphore::new(usize::try_from(left).unwrap_or(usize::MAX))),
            silent: Some(Duration::from_secs(SILENT_S)),
        }
    }

    /// For the owner's socket: few, and as slow as their commands are.
    pub(crate) fn of_commands() -> Places {
        Places {
            free: Arc::new(Semaphore::new(COMMANDS_MAX)),
            silent: None,
        }
    }

    /// The connection in a place of its own; `None`, and closed, where all are taken.
    fn take<I>(&self, io: I) -> Option<Held<I>> {
        let place = self.free.clone().try_acquire_owned().ok()?;
        let silence = self.silent.map(|limit| Silence {
            limit,
            ends: Box::pin(tokio::time::sleep(limit)),
            moved: false,
        });
        Some(Held {
            io,
            silence,
            _place: place,
        })
    }
}

/// The process's limit of open files, raised as far as allowed.
fn open_files_max() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(u64::MAX).min(FILES_WANTED);
    match current {
        Some(files) if files < wanted => {
            let raised = Rlimit {
                current: Some(wanted),
                maximum,
            };
            match setrlimit(Resource::Nofile, raised) {
                Ok(()) => wanted,
                Err(_) => files,
            }
        }
        Some(files) => files.min(FILES_WANTED),
        None => FILES_WANTED,
    }
}

/// A listener that holds no more connections than there are places.
pub(crate) struct Bounded<L> {
    /// Accepts them.
    pub(crate) listener: L,
    /// Where they go.
    pub(crate) places: Places,
}

impl<L: Listener> Listener for Bounded<L>
where
    L::Io: Unpin,
{
    type Io = Held<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (io, address) = self.listener.accept().await;
            if let Some(held) = self.places.take(io) {
                return (held, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// The same where TLS is ours: before the handshake.
#[derive(Clone)]
pub(crate) struct BoundedAccept<A> {
    /// Shakes hands.
    pub(crate) inner: A,
    /// Where connections go.
    pub(crate) places: Places,
}

impl<I, S, A> Accept<I, S> for BoundedAccept<A>
where
    A: Accept<Held<I>, S>,
    A::Future: Send + 'static,
    A::Stream: 'static,
    A::Service: 'static,
{
    type Stream = A::Stream;
    type Service = A::Service;
    type Future =
        Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send + 'static>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        match self.places.take(stream) {
            Some(held) => Box::pin(self.inner.accept(held, service)),
            None => Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) }),
        }
    }
}

/// A connection in its place.
pub(crate) struct Held<I> {
    io: I,
    silence: Option<Silence>,
    _place: OwnedSemaphorePermit,
}

/// Ends a connection on which nothing moves. Looked at only where it waits, so that moving costs a flag.
struct Silence {
    limit: Duration,
    ends: Pin<Box<Sleep>>,
    moved: bool,
}

impl<I> Held<I> {
    /// Hands on what moved; what did not is an error once it lasted too long.
    fn watch<T>(
        &mut self,
        moving: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        let Some(silence) = &mut self.silence else {
            return moving;
        };
        if moving.is_ready() {
            silence.moved = true;
            return moving;
        }
        loop {
            ready!(silence.ends.as_mut().poll(context));
            if !std::mem::take(&mut silence.moved) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            silence.ends = Box::pin(tokio::time::sleep(silence.limit));
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Held<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let moving = Pin::new(&mut self.io).poll_read(context, into);
        self.watch(moving, context)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Held<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let moving = Pin::new(&mut self.io).poll_write(context, bytes);
        self.watch(moving, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let moving = Pin::new(&mut self.io).poll_write_vectored(context, pieces);
        self.watch(moving, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn places(count: usize, silent_ms: u64) -> Places {
        Places {
            free: Arc::new(Semaphore::new(count)),
            silent: Some(Duration::from_millis(silent_ms)),
        }
    }

    fn on_runtime(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(test);
    }

    #[test]
    fn one_connection_too_many_is_closed_and_a_place_comes_back() {
        on_runtime(async {
            let places = places(1, 60_000);
            let (near, _far) = duplex(8);
            let held = places.take(near).expect("a free place");
            let (near, mut far) = duplex(8);
            assert!(places.take(near).is_none());
            let mut bytes = [0; 1];
            assert_eq!(far.read(&mut bytes).await.expect("closed"), 0);
            drop(held);
            let (near, mut far) = duplex(8);
            let mut held = places.take(near).expect("the place came back");
            far.write_all(b"a").await.expect("writes");
            held.read_exact(&mut bytes).await.expect("reads");
            assert_eq!(&bytes, b"a");
        });
    }

    #[test]
    fn a_connection_on_which_nothing_moves_ends() {
        on_runtime(async {
            let (near, _far) = duplex(8);
            let mut held = places(1, 1).take(near).expect("a free place");
            let mut bytes = [0; 1];
            let read = held.read(&mut bytes).await;
            assert!(read.is_err_and(|cause| cause.kind() == io::ErrorKind::TimedOut));
            // An answer that nobody reads: eight bytes fit, the next waits.
            let (near, _far) = duplex(8);
            let mut held = places(1, 1).take(near).expect("a free place");
            let written = held.write_all(&[0; 64]).await;
            assert!(written.is_err_and(|cause| cause.kind() == io::ErrorKind::TimedOut));
        });
    }

    #[test]
    fn files_are_kept_back_for_the_ledger() {
        let places = Places::of_network();
        let free = places.free.available_permits() as u64;
        assert!(free >= 1 && free < open_files_max());
    }
}
