//! The body of a request: whole, within its limit and its time, or the reason why it is not there.
//!
//! It reads no content. Always: a body that is stated to be too long, or that there is no room for, is refused before it is read; one
//! that was cut off is told apart from one that was too long; what drips in for ever is given up; what was read is wiped when it is
//! dropped, however reading it ended.

mod room;

use std::ops::Deref;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, HeaderName, header};
use http_body_util::BodyExt;
use zeroize::Zeroize;

use crate::admit::{Refusal, RefusalCode};
use room::Taken;

pub use room::Room;

/// Seconds that a body has from the end of its headers: 4 MiB over a line of 300 kbit/s.
pub const BODY_SECONDS_MAX: u64 = 120;

/// Bytes of a body, wiped when they are dropped, where the door is their only owner. A body that arrived whole with its headers still
/// lies in the connection's buffer, which hyper owns and writes over.
#[derive(Default)]
pub struct Kept(Bytes);

impl Deref for Kept {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Ok(mut own) = std::mem::take(&mut self.0).try_into_mut() {
            own.fill(0);
            zeroize::optimization_barrier(own.as_ref());
        }
    }
}

/// A body that was read, and the room that it takes until the request is answered.
pub struct Whole {
    /// The bytes.
    pub bytes: Kept,
    taken: Taken,
}

impl Whole {
    /// Wipes the body, and keeps the room: what was made of it lives until the answer.
    pub(super) fn parsed(self) -> Taken {
        self.taken
    }
}

/// Reads a body of at most so many bytes, as far as there is room. One without room is heard to its end all the same, and not kept: who
/// is still sending when the connection closes would not see the answer. Only who waits to be asked for the body is told at once.
///
/// # Errors
/// `REQUEST_TOO_LARGE`, `QUEUE_FULL`, `BODY_TIMEOUT`, `BODY_INCOMPLETE`, or `CONTENT_ENCODING_UNSUPPORTED` for one that would have to
/// be unpacked.
pub async fn whole_body(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    room: &Room,
) -> Result<Whole, Refusal> {
    plain(headers, &header::CONTENT_ENCODING, "identity")?;
    plain(headers, &header::TRANSFER_ENCODING, "chunked")?;
    let stated = headers.get(header::CONTENT_LENGTH);
    let stated = stated.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let stated = stated.or_else(|| body.size_hint().exact());
    if stated.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    let mut reading = Reading {
        body,
        bytes_max,
        room,
        taken: Taken::default(),
        whole: Kept::default(),
        parts: Parts::default(),
        is_refused: false,
    };
    if let Some(bytes) = stated.and_then(|bytes| usize::try_from(bytes).ok())
        && reading.reserve(bytes).is_err()
    {
        if headers.contains_key(header::EXPECT) {
            return Err(no_room());
        }
        reading.is_refused = true;
    }
    let limit = Duration::from_secs(BODY_SECONDS_MAX);
    let in_time = tokio::time::timeout(limit, reading.read()).await;
    in_time.unwrap_or_else(|_| Err(reading.late()))
}

/// A body as far as it has come.
struct Reading<'a> {
    body: Body,
    bytes_max: usize,
    room: &'a Room,
    taken: Taken,
    /// All of it, where it came in one piece.
    whole: Kept,
    parts: Parts,
    /// There was no room: what still comes is not kept.
    is_refused: bool,
}

impl Reading<'_> {
    async fn read(&mut self) -> Result<Whole, Refusal> {
        let mut heard = 0;
        while let Some(frame) = self.body.frame().await {
            // Trailers are no part of a body.
            let Ok(part) = frame
                .map_err(|_| self.or_no_room(incomplete()))?
                .into_data()
            else {
                continue;
            };
            let part = Kept(part);
            if part.len() > self.bytes_max - heard {
                return Err(self.or_no_room(too_large(self.bytes_max)));
            }
            heard += part.len();
            if !self.is_refused && self.keep(part).is_err() {
                self.is_refused = true;
                self.parts = Parts::default();
                self.taken = Taken::default();
            }
        }
        if self.is_refused {
            return Err(no_room());
        }
        let mut bytes = std::mem::take(&mut self.whole);
        if !self.parts.0.is_empty() {
            bytes = Kept(Bytes::from(std::mem::take(&mut self.parts.0)));
        }
        Ok(Whole {
            bytes,
            taken: std::mem::take(&mut self.taken),
        })
    }

    /// Room for so many bytes of this body in all.
    fn reserve(&mut self, bytes: usize) -> Result<(), room::Full> {
        let more = bytes.saturating_sub(self.taken.bytes());
        self.room.take(more, &mut self.taken)
    }

    fn keep(&mut self, part: Kept) -> Result<(), room::Full> {
        let bytes = self.parts.0.len() + part.len();
        if bytes > self.taken.bytes() {
            self.reserve(bytes.next_power_of_two().min(self.bytes_max))?;
        } else if bytes == self.taken.bytes() && self.parts.0.is_empty() {
            // Most bodies come whole, and are not copied.
            self.whole = part;
            return Ok(());
        }
        self.parts.put(&part, self.taken.bytes());
        Ok(())
    }

    fn or_no_room(&self, fault: Refusal) -> Refusal {
        if self.is_refused { no_room() } else { fault }
    }

    fn late(&self) -> Refusal {
        let rule = format!(
            "a body is whole within {BODY_SECONDS_MAX} seconds; nothing of it was recorded"
        );
        self.or_no_room(Refusal::new(RefusalCode::BodyTimeout, "", rule))
    }
}

/// A body that is put together. It grows by hand, since a vector that grows by itself leaves what it held behind.
#[derive(Default)]
struct Parts(Vec<u8>);

impl Parts {
    /// Adds a part, in memory for at most so many bytes.
    fn put(&mut self, part: &[u8], room: usize) {
        if self.0.capacity() - self.0.len() < part.len() {
            let mut larger = Vec::with_capacity(room.max(self.0.len() + part.len()));
            larger.extend_from_slice(&self.0);
            self.0.as_mut_slice().zeroize();
            self.0 = larger;
        }
        self.0.extend_from_slice(part);
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// Refuses a body that is encoded otherwise.
fn plain(headers: &HeaderMap, name: &'static HeaderName, only: &str) -> Result<(), Refusal> {
    let mut encodings = headers.get_all(name).into_iter();
    if encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(only.as_bytes())) {
        return Ok(());
    }
    let rule = "a body is sent as it is, neither compressed nor encoded";
    let code = RefusalCode::ContentEncodingUnsupported;
    Err(Refusal::new(code, name.as_str(), rule))
}

fn no_room() -> Refusal {
    let rule = "too many bodies are open at once; nothing of this one was recorded, send it again";
    Refusal::new(RefusalCode::QueueFull, "", rule)
}

fn incomplete() -> Refusal {
    let rule = "the body ended before it was whole, or its chunks are malformed; nothing of it was recorded";
    Refusal::new(RefusalCode::BodyIncomplete, "", rule)
}

fn too_large(bytes_max: usize) -> Refusal {
    let rule = format!("a request has at most {bytes_max} bytes");
    Refusal::new(RefusalCode::RequestTooLarge, "", rule)
}

#[cfg(test)]
mod tests;
