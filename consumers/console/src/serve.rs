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
use ground::{Clock, RealDisk, SharedDisk, SystemClock, SystemRandom, TestClock};
use intake::ledger::Ground;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::connections::{Listening, Places};
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
    let tls = acceptor(&shared.config)?;
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
    let over_tcp = serve_tcp(tls, tcp, routes, stopping);
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
    tokio::select! {
        _ = &mut both => {}
        () = ended => if tokio::time::timeout(Duration::from_secs(DRAIN_S), both).await.is_err() {
            tracing::warn!(DRAIN_S, "a request did not finish in time and is cut off; nothing of it was acknowledged");
        },
    }
    Ok(())
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

async fn serve_tcp(
    tls: Option<TlsAcceptor>,
    tcp: TcpListener,
    routes: Router,
    stopping: watch::Receiver<bool>,
) {
    let listener = tcp.tap_io(|stream| {
        // A stream that refuses is a stream that is already gone.
        let _ = stream.set_nodelay(true);
    });
    let places = Places::of_network();
    let listening = Listening {
        listener,
        places,
        tls,
    };
    listening.serve(routes, stopping).await;
}

/// TLS with the certificate and key of the configuration, where it names them.
fn acceptor(config: &Config) -> Result<Option<TlsAcceptor>, ServeError> {
    let Some(tls) = &config.tls else {
        return Ok(None);
    };
    let file = |what, path: &Path, cause: &dyn std::fmt::Display| {
        ServeError::Tls(format!("the {what} in {}: {cause}", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(&tls.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|cause| file("certificate", &tls.cert, &cause))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|cause| file("private key", &tls.key, &cause))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| ServeError::Tls(cause.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|cause| ServeError::Tls(cause.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
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

async fn serve_unix(unix: UnixListener, routes: Router, stopping: watch::Receiver<bool>) {
    let own = rustix::process::geteuid().as_raw();
    let listening = Listening {
        listener: OwnerOnly { unix, own },
        places: Places::of_commands(),
        tls: None,
    };
    let routes = routes.layer(axum::Extension(OverSocket));
    listening.serve(routes, stopping).await;
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
