//! The body of a request: whole, within its limit and its time, or the reason why it is not there.
//!
//! It reads no content. Always: a body that is stated to be too long is refused before it is read; one
//! that was cut off is told apart from one that was too long; what drips in for ever is given up.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, header};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admit::{Refusal, RefusalCode};

/// Seconds that a body has from the end of its headers: 4 MiB over a line of 300 kbit/s.
pub const BODY_SECONDS_MAX: u64 = 120;

/// Memory for the bodies of all requests that are open, so that many at once find the door shut and not the machine out of memory.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

impl Room {
    /// Room for so many bytes.
    pub fn of(bytes: usize) -> Room {
        Room(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }
}

/// A body that was read, and the room that it takes until the request is answered.
pub struct Whole {
    /// The bytes.
    pub bytes: Bytes,
    taken: Option<OwnedSemaphorePermit>,
}

impl Whole {
    /// Wipes the body, and keeps the room: what was made of it lives until the answer.
    pub(super) fn parsed(self) -> Option<OwnedSemaphorePermit> {
        wipe(self.bytes);
        self.taken
    }
}

/// Reads a body of at most so many bytes, as far as there is room.
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
    if stated.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    let limit = Duration::from_secs(BODY_SECONDS_MAX);
    match tokio::time::timeout(limit, read(body, bytes_max, room)).await {
        Ok(read) => read,
        Err(_) => {
            let rule = format!(
                "a body is whole within {BODY_SECONDS_MAX} seconds; nothing of it was recorded"
            );
            Err(Refusal::new(RefusalCode::BodyTimeout, "", rule))
        }
    }
}

async fn read(mut body: Body, bytes_max: usize, room: &Room) -> Result<Whole, Refusal> {
    let mut whole = Whole {
        bytes: Bytes::new(),
        taken: None,
    };
    let mut parts = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers are no part of a body.
        let Ok(part) = frame.map_err(|_| incomplete())?.into_data() else {
            continue;
        };
        if part.len() > bytes_max - whole.bytes.len().max(parts.len()) {
            return Err(too_large(bytes_max));
        }
        whole.taken = Some(take(room, part.len(), whole.taken)?);
        if whole.bytes.is_empty() && parts.is_empty() {
            // Most bodies come whole, and are not copied.
            whole.bytes = part;
            continue;
        }
        if parts.is_empty() {
            parts.extend_from_slice(&whole.bytes);
            wipe(std::mem::take(&mut whole.bytes));
        }
        parts.extend_from_slice(&part);
        wipe(part);
    }
    if !parts.is_empty() {
        whole.bytes = Bytes::from(parts);
    }
    Ok(whole)
}

/// Room for so many bytes more.
fn take(
    room: &Room,
    bytes: usize,
    taken: Option<OwnedSemaphorePermit>,
) -> Result<OwnedSemaphorePermit, Refusal> {
    let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
    let more = room
        .0
        .clone()
        .try_acquire_many_owned(permits)
        .map_err(|_| {
            let rule =
                "too many bodies are open at once; nothing of this one was recorded, send it again";
            Refusal::new(RefusalCode::QueueFull, "", rule)
        })?;
    Ok(match taken {
        None => more,
        Some(mut taken) => {
            taken.merge(more);
            taken
        }
    })
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

/// Wipes a body that has been read, where the door is its only owner. A body that arrived whole with
/// its headers still lies in the connection's buffer, which hyper owns and writes over.
pub fn wipe(body: Bytes) {
    if let Ok(mut own) = body.try_into_mut() {
        own.fill(0);
        zeroize::optimization_barrier(own.as_ref());
    }
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
