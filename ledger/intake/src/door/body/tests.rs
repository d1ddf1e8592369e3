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

/// What becomes of a body of so many bytes, one every so many seconds, where there is room.
fn check(bytes: usize, every_s: u64, breaks: bool) -> Result<usize, RefusalCode> {
    check_in(64, bytes, every_s, breaks)
}

fn check_in(room: usize, bytes: usize, every_s: u64, breaks: bool) -> Result<usize, RefusalCode> {
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
        let read = whole_body(&HeaderMap::new(), Body::new(drip), 8, &Room::of(room)).await;
        read.map(|body| body.bytes.len())
            .map_err(|refusal| refusal.code)
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

#[test]
fn a_body_takes_the_room_that_there_is() {
    assert_eq!(check_in(8, 8, 0, false), Ok(8));
    assert_eq!(check_in(5, 8, 0, false), Err(RefusalCode::QueueFull));
    let room = Room::of(8);
    let whole = |bytes: usize| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let body = Body::from(vec![b'x'; bytes]);
        let (runtime, headers) = (runtime.expect("a runtime"), HeaderMap::new());
        let read = runtime.block_on(whole_body(&headers, body, 64, &room));
        read.map_err(|refusal| refusal.code)
    };
    let held = whole(5).map(Whole::parsed).expect("there is room");
    assert_eq!(whole(4).err(), Some(RefusalCode::QueueFull));
    assert!(whole(3).is_ok());
    drop(held);
    assert!(whole(8).is_ok(), "room comes back with the answer");
}
