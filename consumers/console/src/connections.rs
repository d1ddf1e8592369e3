//! Connections: how many are held, what each has time for, and how they end at a stop.
//!
//! Whoever reaches the port can open connections without a token. Each takes a file of the process, and a ledger that cannot open its next
//! segment stops. So files are kept back for the ledger, a connection more than that is closed at once, and each waits for its client only
//! so long: for the handshake, for the head of a request, for its body (`intake::door::whole_body`), for somebody who reads the answer.
//! Not here: what is served. Always: a handler may take as long as it takes, and an answer that moves is not cut off, however slowly.

mod held;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use held::Held;

/// Open files that the process asks the system for.
const FILES_WANTED: u64 = 4_096;
/// Files kept back for segments, run files, shelves, views and backups.
const FILES_OF_LEDGER: u64 = 256;
/// Connections of the command line at once.
const COMMANDS_MAX: usize = 16;
/// Seconds for a TLS handshake.
const HANDSHAKE_S: u64 = 10;
/// Seconds for the head of a request, from the first moment that one could come: also how long a connection may lie idle, since hyper has
/// one clock for both. Twice what proxies keep idle connections for by default (60 s in nginx, 60 s in AWS's balancers) and what Prometheus
/// lets pass between two questions: whoever closes second sends no request into a closed connection.
const HEAD_S: u64 = 120;
/// Bytes that a connection reads or writes ahead, the head of a request among them.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// Seconds in which nothing of an answer could be written, since nobody reads it. The system's own buffer takes bytes again only once a
/// third of it is free: 300 seconds let a client through that reads 5 KB a second.
const STALLED_S: u64 = 300;

/// Places for connections.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
}

impl Places {
    /// For the network: what the system's limit of open files leaves, after it was raised as far as this process may.
    pub(crate) fn of_network() -> Places {
        let files = open_files_max();
        let left = files.saturating_sub(FILES_OF_LEDGER).max(files / 4);
        let left = left.saturating_sub(COMMANDS_MAX as u64).max(1);
        Places::of(usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// For the owner's socket: few.
    pub(crate) fn of_commands() -> Places {
        Places::of(COMMANDS_MAX)
    }

    fn of(count: usize) -> Places {
        Places {
            free: Arc::new(Semaphore::new(count)),
        }
    }

    /// The connection in a place of its own; `None`, and closed, where all are taken.
    fn take<I>(&self, io: I, patience: Patience) -> Option<Held<I>> {
        let place = self.free.clone().try_acquire_owned().ok()?;
        Some(Held::new(io, patience.stalled, place))
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

/// How long a connection waits for its client. A handler is never hurried.
#[derive(Clone, Copy, Debug)]
struct Patience {
    handshake: Duration,
    head: Duration,
    stalled: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            handshake: Duration::from_secs(HANDSHAKE_S),
            head: Duration::from_secs(HEAD_S),
            stalled: Duration::from_secs(STALLED_S),
        }
    }
}

/// Marks requests that came from this machine: over the owner's socket, or from a loopback address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromHere;

/// Where a connection comes from.
pub(crate) trait Peer {
    /// From this machine.
    fn is_here(&self) -> bool;
}

impl Peer for SocketAddr {
    fn is_here(&self) -> bool {
        self.ip().to_canonical().is_loopback()
    }
}

impl Peer for tokio::net::unix::SocketAddr {
    fn is_here(&self) -> bool {
        true
    }
}

/// One address and who is let in there.
pub(crate) struct Listening<L> {
    /// Accepts connections.
    pub(crate) listener: L,
    /// Where they go.
    pub(crate) places: Places,
    /// TLS of our own.
    pub(crate) tls: Option<TlsAcceptor>,
}

impl<L: Listener> Listening<L>
where
    L::Addr: Peer,
{
    /// Serves until the stop; returns when every request that was taken is answered. Dropped earlier, it cuts off what is left.
    pub(crate) async fn serve(mut self, routes: Router, stopping: watch::Receiver<bool>) {
        let routes = routes.with_state::<()>(());
        let near = routes.clone().layer(Extension(FromHere)).with_state(());
        let patience = Patience::default();
        let mut open = JoinSet::new();
        let mut stop = pin!(stopped(stopping.clone()));
        loop {
            let (io, address) = tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
                Some(_) = open.join_next() => continue,
            };
            // Before the handshake: a client that never shakes hands takes a file like any other.
            let Some(held) = self.places.take(io, patience) else {
                continue;
            };
            let connection = Connection {
                routes: if address.is_here() {
                    near.clone()
                } else {
                    routes.clone()
                },
                tls: self.tls.clone(),
                patience,
                stopping: stopping.clone(),
            };
            open.spawn(connection.serve(held));
        }
        drop(self.listener);
        while open.join_next().await.is_some() {}
    }
}

/// What one connection is served with.
struct Connection {
    routes: Router,
    tls: Option<TlsAcceptor>,
    patience: Patience,
    stopping: watch::Receiver<bool>,
}

impl Connection {
    async fn serve<I>(self, held: Held<I>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = self.tls.clone() else {
            return self.exchange(held).await;
        };
        let shaking = tokio::time::timeout(self.patience.handshake, tls.accept(held));
        tokio::select! {
            () = stopped(self.stopping.clone()) => {}
            shaken = shaking => if let Ok(Ok(stream)) = shaken {
                self.exchange(stream).await;
            }
        }
    }

    /// Requests and answers until either side ends. What breaks here is the client's affair and said to nobody.
    async fn exchange<I>(self, io: I)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = TowerToHyperService::new(self.routes);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience.head)
            .max_buf_size(BUFFER_BYTES_MAX)
            // Whoever has said everything and closes that side still gets an answer.
            .half_close(true)
            .serve_connection(TokioIo::new(io), service);
        let mut connection = pin!(connection);
        let mut stop = pin!(stopped(self.stopping));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = &mut stop => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}

/// Returns at the stop.
pub(crate) async fn stopped(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone means stop as well.
    let _ = stopping.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests;
