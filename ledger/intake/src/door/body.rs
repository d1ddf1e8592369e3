//! The body of a request: whole, within its limit and its time, or the reason why it is not there.
//!
//! It reads no content. Always: a body that is stated to be too long is refused before it is read; one
//! that was cut off is told apart from one that was too long; what drips in for ever is given up.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::LengthLimitError;

use crate::admit::{Refusal, RefusalCode};

/// Seconds that a body has from the end of its headers: 4 MiB over a line of 300 kbit/s.
pub const BODY_SECONDS_MAX: u64 = 120;

/// Reads a body of at most so many bytes.
///
/// # Errors
/// `REQUEST_TOO_LARGE`, `BODY_TIMEOUT`, `BODY_INCOMPLETE`, or `CONTENT_ENCODING_UNSUPPORTED` for one that would have to be unpacked.
pub async fn whole_body(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, Refusal> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).into_iter();
    if encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let rule = "a body is sent as it is, without content-encoding";
        let code = RefusalCode::ContentEncodingUnsupported;
        return Err(Refusal::new(code, "content-encoding", rule));
    }
    let stated = headers.get(header::CONTENT_LENGTH);
    let stated = stated.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    let limit = Duration::from_secs(BODY_SECONDS_MAX);
    match tokio::time::timeout(limit, axum::body::to_bytes(body, bytes_max)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_limit(&error) => Err(too_large(bytes_max)),
        Ok(Err(_)) => {
            let rule = "the body ended before it was whole, or its chunks are malformed; nothing of it was recorded";
            Err(Refusal::new(RefusalCode::BodyIncomplete, "", rule))
        }
        Err(_) => {
            let rule = format!(
                "a body is whole within {BODY_SECONDS_MAX} seconds; nothing of it was recorded"
            );
            Err(Refusal::new(RefusalCode::BodyTimeout, "", rule))
        }
    }
}

/// Wipes a body that has been read, where the door is its only owner. A body that arrived whole with
/// its headers still lies in the connection's buffer, which hyper owns and writes over.
pub fn wipe(body: Bytes) {
    if let Ok(mut own) = body.try_into_mut() {
        own.fill(0);
        zeroize::optimization_barrier(own.as_ref());
    }
}

/// Whether the limit ended the body, and not the connection.
fn is_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn too_large(bytes_max: usize) -> Refusal {
    let rule = format!("a request has at most {bytes_max} bytes");
    Refusal::new(RefusalCode::RequestTooLarge, "", rule)
}

#[cfg(test)]
mod tests;
