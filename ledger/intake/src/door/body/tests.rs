//! Bodies that are too long, drip, break off or come packed; time is tokio's own, driven, so nothing waits.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::Frame;
use tokio::time::{Interval, interval};

use super::*;

/// A byte every so often; then the end, or an error.
struct Drip {
    every: Interval,
    left: usize,
    breaks: bool,
}

impl http_body::Body for Drip {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        ready!(self.every.poll_tick(context));
        if self.left == 0 {
            let broken = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Poll::Ready(self.breaks.then_some(Err(broken)));
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

/// What becomes of a body of so many bytes, one every so many seconds.
fn check(bytes: usize, every_s: u64, breaks: bool) -> Result<usize, RefusalCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(async {
        let every = Duration::from_secs(every_s).max(Duration::from_millis(1));
        let drip = Drip {
            every: interval(every),
            left: bytes,
            breaks,
        };
        let read = whole_body(&HeaderMap::new(), Body::new(drip), 8).await;
        read.map(|body| body.len()).map_err(|refusal| refusal.code)
    })
}

#[test]
fn a_body_has_its_time_and_no_more() {
    assert_eq!(check(8, 0, false), Ok(8));
    assert_eq!(check(5, 20, false), Ok(5), "slow, but whole in time");
    assert_eq!(check(8, 20, false), Err(RefusalCode::BodyTimeout));
    assert_eq!(check(1_000, 59, false), Err(RefusalCode::BodyTimeout));
}

#[test]
fn what_breaks_off_is_not_what_is_too_long() {
    assert_eq!(check(9, 0, false), Err(RefusalCode::RequestTooLarge));
    assert_eq!(check(3, 0, true), Err(RefusalCode::BodyIncomplete));
    assert_eq!(check(0, 0, true), Err(RefusalCode::BodyIncomplete));
}
