//! Bodies that are too long, drip, break off or come packed; time is tokio's own, driven, so nothing waits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use http_body::{Frame, SizeHint};
use proto::PublisherCode;
use proto::limits::REQUEST_BYTES_MAX;
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

/// A body of stated length that counts what is read of it.
struct Stated {
    left: usize,
    heard: Arc<AtomicUsize>,
}

impl http_body::Body for Stated {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.heard.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

/// How a body of stated length ends where there is room for so many bytes, and how much of it was read.
fn heard(room: usize, bytes: usize, expects: bool) -> (Result<usize, RefusalCode>, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let heard = Arc::new(AtomicUsize::new(0));
    let stated = Stated {
        left: bytes,
        heard: heard.clone(),
    };
    let mut headers = HeaderMap::new();
    if expects {
        let value = header::HeaderValue::from_static("100-continue");
        headers.insert(header::EXPECT, value);
    }
    let (body, room) = (Body::new(stated), Room::of(room));
    let read = runtime
        .expect("a runtime")
        .block_on(whole_body(&headers, body, 64, &room));
    let outcome = read.map(|body| body.bytes.len());
    let outcome = outcome.map_err(|refusal| refusal.code);
    (outcome, heard.load(Ordering::Relaxed))
}

#[test]
fn a_body_without_room_is_heard_to_its_end_unless_it_waits_to_be_asked_for() {
    let full = Err(RefusalCode::QueueFull);
    assert_eq!(heard(64, 40, false), (Ok(40), 40));
    assert_eq!(heard(64, 40, true), (Ok(40), 40));
    assert_eq!(heard(39, 40, false), (full, 40), "drained");
    assert_eq!(heard(39, 40, true), (full, 0), "told before it is sent");
    let too_large = Err(RefusalCode::RequestTooLarge);
    assert_eq!(heard(999, 65, false), (too_large, 0));
    // One that drips into a full room is given up in time, and told of the room.
    assert_eq!(
        check_in(0, 1_000, 59, false),
        Err(RefusalCode::QueueFull),
        "the reason is the first one"
    );
}

/// Pieces of which nobody said how many bytes they have.
struct Frames(std::vec::IntoIter<Bytes>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.next().map(|part| Ok(Frame::data(part))))
    }
}

#[test]
fn a_body_in_pieces_is_what_was_sent() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.expect("a runtime");
    for lengths in [&[1_u8, 2, 3, 30, 28][..], &[64], &[33, 31], &[1; 64], &[]] {
        let sent: Vec<u8> = (0..lengths.iter().sum::<u8>()).collect();
        let mut rest = sent.clone();
        let frames = lengths.iter().map(|length| {
            let after = rest.split_off(usize::from(*length));
            let part = std::mem::replace(&mut rest, after);
            Bytes::from(part)
        });
        let frames: Vec<_> = frames.collect();
        let body = Body::new(Frames(frames.into_iter()));
        let room = Room::of(64);
        let read = runtime.block_on(whole_body(&HeaderMap::new(), body, 64, &room));
        let read = read.map(|body| body.bytes.to_vec());
        assert_eq!(read, Ok(sent));
    }
}

#[test]
fn one_publisher_leaves_the_others_half_of_the_room() {
    let of = |room: &Room, code| {
        let code = PublisherCode::new(code).expect("a code");
        room.of_publisher(&code)
    };
    let take = |room: &Room, bytes| {
        let mut taken = Taken::default();
        room.take(bytes, &mut taken).ok().map(|()| taken)
    };
    let room = Room::of(4 * REQUEST_BYTES_MAX);
    let one = take(&of(&room, "crm"), REQUEST_BYTES_MAX).expect("there is room");
    let two = take(&of(&room, "crm"), REQUEST_BYTES_MAX).expect("half is its own");
    assert!(take(&of(&room, "crm"), 1).is_none(), "and no more");
    let other = take(&of(&room, "portal"), 2 * REQUEST_BYTES_MAX);
    assert!(other.is_some(), "the others' half");
    drop(one);
    assert!(take(&of(&room, "crm"), REQUEST_BYTES_MAX).is_some());
    drop((two, other));
    // The smallest room takes one whole request of anyone.
    let small = Room::of(REQUEST_BYTES_MAX);
    assert!(take(&of(&small, "crm"), REQUEST_BYTES_MAX).is_some());
}
