//! One `serve`: harden the process, open the ledger, listen, drain on SIGTERM, stop in order.
//!
//! Not here: routes (`http`), threads of the ledger (`host`). Always: nothing listens before the ledger is open and recovered;
//! a stop answers every request that was taken, signs a last checkpoint, and only then ends.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use axum_server::tls_rustls::RustlsConfig;
use ground::{Clock, RealDisk, SharedDisk, SystemClock, SystemRandom, TestClock};
use intake::ledger::Ground;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::config::Config;
use crate::connections::{Bounded, BoundedAccept, Places};
use crate::error::ServeError;
use crate::host::{Host, Shared};
use crate::http::{OverSocket, router};

/// How long requests that are open at a stop may take to finish.
const DRAIN_S: u64 = 10;
/// The exit code of a ledger that has stopped, as the command line's.
const EXIT_STOPPED: i32 = 70;
/// How often a served ledger is asked whether it still writes.
const WATCH_MS: u64 = 200;

/// What differs from one `serve` to the next.
#[derive(Default)]
pub struct Options {
    /// Start of the test clock, unix milliseconds; `test.` origins only.
    pub now: Option<i64>,
    /// The disk, where it is not the machine's own (fault injection in tests).
    pub disk: Option<SharedDisk>,
}

/// Where a ready ledger is reached.
pub struct Ready {
    /// The HTTP address, with the port that was taken.
    pub http: SocketAddr,
    /// The command line's socket.
    pub socket: PathBuf,
}

/// Serves until SIGTERM or SIGINT, or until writing fails.
///
/// # Errors
/// `Stopped` after a failed write; anything else before the first request.
pub fn serve(
    config: Config,
    options: Options,
    ready: impl FnOnce(&Ready),
) -> Result<(), ServeError> {
    config
        .check()
        .map_err(|(key, rule)| ServeError::Config(format!("`{key}`: {rule}")))?;
    end_on_panic();
    let hardening = vault::harden_process();
    tracing::info!(
        ?hardening,
        "the process is hardened as far as this machine allows"
    );
    let test_clock = match options.now {
        Some(_) if !config.origin.starts_with("test.") => {
            return Err(ServeError::Config(
                "--now is for `test.` origins only".to_owned(),
            ));
        }
        Some(now) => Some(Arc::new(TestClock::at(now))),
        None => None,
    };
    let clock: Arc<dyn Clock> = match &test_clock {
        Some(clock) => clock.clone(),
        None => Arc::new(SystemClock::new()),
    };
    let ground = Ground {
        disk: options.disk.unwrap_or_else(|| Arc::new(RealDisk)),
        clock,
        random: Arc::new(SystemRandom),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Thread)?;
    let host = Host::start(config, ground, test_clock, runtime.handle().clone())?;
    let outcome = runtime.block_on(listen(&host.shared, ready));
    host.stop();
    runtime.shutdown_timeout(Duration::from_secs(DRAIN_S));
    let live = host.shared.is_live();
    // The socket's file goes with the server; a leftover is replaced at the next start.
    let _ = std::fs::remove_file(host.shared.config.socket());
    outcome?;
    if live {
        Ok(())
    } else {
        Err(ServeError::Stopped)
    }
}

/// A panic anywhere ends the process, as a failed write does: what it left half done would otherwise be gone on with. The message is not
/// logged, since it may hold what was being handled; the place says what broke. Not where a view or its store panics: a rotten file of rows
/// that can be folded again keeps no one from publishing.
fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        if fold::panic_is_contained() {
            tracing::error!(
                place,
                "a view or its store panicked; it is judged and set aside"
            );
            return;
        }
        let code = "PANICKED";
        tracing::error!(
            code,
            place,
            "ended by a broken assertion; see deploy/runbooks/PANICKED.md"
        );
        std::process::exit(EXIT_STOPPED);
    }));
}

async fn listen(shared: &Arc<Shared>, ready: impl FnOnce(&Ready)) -> Result<(), ServeError> {
    let routes = router(shared.clone());
    let tcp = TcpListener::bind(shared.config.listen)
        .await
        .map_err(ServeError::Io("bind the HTTP address"))?;
    let http = tcp
        .local_addr()
        .map_err(ServeError::Io("name the HTTP address"))?;
    let socket = shared.config.socket();
    let unix = bind_socket(&socket)?;
    let (stop, stopping) = watch::channel(false);
    let over_socket = serve_unix(unix, routes.clone(), stopping.clone());
    let over_tcp = serve_tcp(shared, tcp, routes, stopping);
    // Before anyone is told that it runs: a signal without a receiver would end the process at once.
    let signals = Signals::receive().map_err(ServeError::Io("receive signals"))?;
    ready(&Ready { http, socket });
    let ended = async {
        until_stop(shared, signals).await;
        shared.draining.store(true, Ordering::SeqCst);
        tracing::info!("draining: what was taken is answered, nothing new is taken");
        // Receivers live in the two servers; both end on it.
        let _ = stop.send(true);
    };
    let mut both = std::pin::pin!(async { tokio::join!(over_tcp, over_socket) });
    let (tcp, unix) = tokio::select! {
        ended = &mut both => ended,
        () = ended => match tokio::time::timeout(Duration::from_secs(DRAIN_S), both).await {
            Ok(ended) => ended,
            Err(_) => {
                tracing::warn!(DRAIN_S, "a request did not finish in time and is cut off; nothing of it was acknowledged");
                return Ok(());
            }
        },
    };
    tcp.and(unix)
}

/// What an operator stops a process with.
struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn receive() -> std::io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }
}

/// Returns at SIGTERM, SIGINT, or once writing has failed.
async fn until_stop(shared: &Shared, mut signals: Signals) {
    let mut watch = tokio::time::interval(Duration::from_millis(WATCH_MS));
    loop {
        tokio::select! {
            _ = signals.term.recv() => return,
            _ = signals.int.recv() => return,
            _ = watch.tick() => if !shared.is_live() { return },
        }
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone means stop as well.
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn serve_tcp(
    shared: &Shared,
    tcp: TcpListener,
    routes: Router,
    stopping: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let places = Places::of_network();
    let Some(tls) = &shared.config.tls else {
        let listener = tcp.tap_io(|stream| {
            // A stream that refuses is a stream that is already gone.
            let _ = stream.set_nodelay(true);
        });
        return axum::serve(Bounded { listener, places }, routes)
            .with_graceful_shutdown(stopped(stopping))
            .await
            .map_err(ServeError::Io("serve HTTP"));
    };
    // A second install is refused and harmless: it is the same provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = RustlsConfig::from_pem_file(&tls.cert, &tls.key)
        .await
        .map_err(|cause| ServeError::Tls(cause.to_string()))?;
    let handle = axum_server::Handle::new();
    let tcp = tcp
        .into_std()
        .map_err(ServeError::Io("hand over the HTTP address"))?;
    let server = axum_server::from_tcp_rustls(tcp, config)
        .map_err(ServeError::Io("serve HTTPS"))?
        .map(|inner| BoundedAccept { inner, places })
        .handle(handle.clone())
        .serve(routes.into_make_service());
    let end = async {
        stopped(stopping).await;
        handle.graceful_shutdown(Some(Duration::from_secs(DRAIN_S)));
    };
    let (served, ()) = tokio::join!(server, end);
    served.map_err(ServeError::Io("serve HTTPS"))
}

/// The socket of the command line: a directory and a file for the owner alone.
fn bind_socket(path: &Path) -> Result<UnixListener, ServeError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(ServeError::Io("make the socket's directory"))?;
    let owner_only = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(dir, owner_only)
        .map_err(ServeError::Io("protect the socket's directory"))?;
    // The ledger's lock is held: whoever left this file is gone.
    let _ = std::fs::remove_file(path);
    UnixListener::bind(path).map_err(ServeError::Io("bind the command line's socket"))
}

async fn serve_unix(
    unix: UnixListener,
    routes: Router,
    stopping: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let own = rustix::process::geteuid().as_raw();
    let listener = Bounded {
        listener: OwnerOnly { unix, own },
        places: Places::of_commands(),
    };
    axum::serve(listener, routes.layer(axum::Extension(OverSocket)))
        .with_graceful_shutdown(stopped(stopping))
        .await
        .map_err(ServeError::Io("serve the command line's socket"))
}

/// Accepts connections of the owner's uid only; the kernel names the peer.
struct OwnerOnly {
    unix: UnixListener,
    own: u32,
}

impl axum::serve::Listener for OwnerOnly {
    type Io = UnixStream;
    type Addr = tokio::net::unix::SocketAddr;

    async fn accept(&mut self) -> (UnixStream, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.unix.accept().await else {
                // No file is free, most likely: asked again at once it would only take the processor.
                tokio::time::sleep(Duration::from_millis(WATCH_MS)).await;
                continue;
            };
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == self.own => return (stream, address),
                _ => tracing::warn!("a connection of another user was refused at the socket"),
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.unix.local_addr()
    }
}
