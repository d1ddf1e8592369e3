//! How far the view is behind the ledger, as `/metrics` tells it: asked once a second while a trial
//! runs, and after it until the view has caught up. A thread of its own, since the load has but one.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::machine::pause;
use crate::stopwatch::Stopwatch;

const METRIC: &str = "counterfoil_view_lag_events";
const EVERY: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a view is waited for after a trial, in seconds.
const CATCH_UP_SECONDS_MAX: f64 = 90.0;

/// What was seen of one trial.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lag {
    /// Largest lag during the trial, in events.
    pub(crate) most: u64,
    /// When the last event was answered.
    pub(crate) at_end: u64,
    /// Until it was 0 again, in seconds; `None` where the wait was given up.
    pub(crate) caught_up_seconds: Option<f64>,
}

/// A watch that is being kept.
pub(crate) struct Watch {
    stop: SyncSender<()>,
    watcher: JoinHandle<io::Result<u64>>,
    address: SocketAddr,
}

impl Watch {
    /// Begins to ask.
    pub(crate) fn start(address: SocketAddr) -> Watch {
        let (stop, stopped) = sync_channel(1);
        let watcher = std::thread::spawn(move || {
            let mut most = 0;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                most = most.max(lag(address)?);
            }
            Ok(most)
        });
        Watch {
            stop,
            watcher,
            address,
        }
    }

    /// Ends it, and waits until the view has caught up.
    pub(crate) fn end(self) -> io::Result<Lag> {
        let at_end = lag(self.address)?;
        // The watcher may have ended with an error, which follows.
        let _ = self.stop.send(());
        let most = self
            .watcher
            .join()
            .map_err(|_| io::Error::other("the lag's watcher died"))??;
        let clock = Stopwatch::start();
        let mut now = at_end;
        while now > 0 && clock.seconds() < CATCH_UP_SECONDS_MAX {
            pause(0.2);
            now = lag(self.address)?;
        }
        Ok(Lag {
            most: most.max(at_end),
            at_end,
            caught_up_seconds: (now == 0).then(|| clock.seconds()),
        })
    }
}

/// Asks once.
fn lag(address: SocketAddr) -> io::Result<u64> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    lag_in(&answer).ok_or_else(|| io::Error::other("the metrics do not tell the view's lag"))
}

/// The lag of the view that is furthest behind.
fn lag_in(metrics: &str) -> Option<u64> {
    let values = metrics.lines().filter(|line| line.starts_with(METRIC));
    let values = values.filter_map(|line| line.rsplit_once(' ')?.1.trim().parse().ok());
    values.max()
}

#[test]
fn the_lag_is_read_with_and_without_labels() {
    let text = "# TYPE counterfoil_view_lag_events gauge\ncounterfoil_view_lag_events 17\r\n";
    assert_eq!(lag_in(text), Some(17));
    let two =
        "counterfoil_view_lag_events{view=\"a\"} 3\ncounterfoil_view_lag_events{view=\"b\"} 5";
    assert_eq!(lag_in(two), Some(5));
    assert_eq!(lag_in("counterfoil_events 3"), None);
}
