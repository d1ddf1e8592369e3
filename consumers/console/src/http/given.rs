//! What a request gives beside its token: a body of JSON, a part of its address, and no query.
//!
//! axum's own readers answer with text of theirs, which quotes what it could not read. Always: a refusal names the place and the rule and
//! repeats nothing that came from outside (S-1); a body is read within the door's limits of bytes and time, and wiped.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use intake::door::whole_body;
use serde::de::DeserializeOwned;

use super::{App, OverSocket, Problem};

/// The longest body of a question or an act: texts of at most `TEXT_BYTES_MAX`, a few of them.
const BODY_BYTES_MAX: usize = 1 << 20;

/// A body of JSON with exactly the fields of `T`.
pub(super) struct Posted<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Posted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        is_json(&head)?;
        let room = match head.extensions.get::<OverSocket>() {
            Some(OverSocket) => &app.room_of_owner,
            None => &app.room_of_officers,
        };
        let body = whole_body(&head.headers, body, BODY_BYTES_MAX, room).await?;
        let value = serde_json::from_slice(&body.bytes);
        drop(body);
        // serde's own words repeat what they could not read.
        value.map(Posted).map_err(|_| {
            let rule =
                "the body is JSON with exactly the fields of this question or act, each once";
            Problem::new(StatusCode::BAD_REQUEST, "BODY_MALFORMED", rule)
        })
    }
}

fn is_json(head: &Parts) -> Result<(), Problem> {
    let mut kinds = head.headers.get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    let is_json = kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if is_json && kinds.next().is_none() {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "CONTENT_TYPE_UNSUPPORTED",
        "the body is application/json",
    ))
}

/// The index of an address: digits as this ledger writes them, so that one page has one address.
pub(super) fn index(text: &str) -> Result<u64, Problem> {
    let index = text.parse::<u64>().ok();
    index
        .filter(|index| index.to_string() == text)
        .ok_or_else(malformed)
}

fn malformed() -> Problem {
    let rule = "a part of the address is not of its form: an index is a number, a name is UTF-8";
    Problem::new(StatusCode::BAD_REQUEST, "ADDRESS_MALFORMED", rule)
}

/// The part of the address that names something.
pub(super) struct Named<T>(pub(super) T);

impl<T, S> FromRequestParts<S> for Named<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        read.map(|Path(value)| Named(value))
            .map_err(|_| malformed())
    }
}

/// Nothing here is asked by a query: one is refused rather than passed over.
pub(super) async fn no_query(request: Request<Body>, next: Next) -> Response {
    match request.uri().query() {
        None | Some("") => next.run(request).await,
        Some(_) => {
            let rule = "this address takes no query";
            Problem::new(StatusCode::BAD_REQUEST, "PARAMETER_INVALID", rule).into_response()
        }
    }
}
