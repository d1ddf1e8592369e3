//! What the door answers: results with foils, and problems (RFC 9457).
//!
//! It judges nothing. Always: a problem names code, field and rule and nothing else; a foil is the
//! proto3 JSON of `counterfoil.v1.Foil`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::admit::cloudevent::is_traceparent;
use crate::admit::{Refusal, RefusalCode};
use crate::engine::{Receipt, SubmitError};

/// Seconds after which a draining or stopped ledger may be asked again.
const RETRY_AFTER_STOP_S: u32 = 5;

/// How much of a foil an answer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum FoilDetail {
    /// Only the index.
    None,
    /// The signed note of the group.
    Note,
    /// The whole foil.
    #[default]
    Full,
}

/// What became of one event of a request.
#[derive(Serialize)]
pub(super) struct ItemResult {
    /// Place in the request, from 0.
    pub(super) item: usize,
    /// The HTTP status that this event alone would have had.
    pub(super) status: u16,
    /// Place in the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    foil: Option<FoilJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

impl ItemResult {
    /// Recorded now (201) or before (200).
    pub(super) fn recorded(item: usize, status: u16, receipt: Receipt, detail: FoilDetail) -> Self {
        let (foil, note) = match detail {
            FoilDetail::None => (None, None),
            FoilDetail::Note => (None, Some(receipt.foil.note)),
            FoilDetail::Full => (Some(FoilJson::new(receipt.foil)), None),
        };
        Self {
            item,
            status,
            index: Some(receipt.index.0),
            foil,
            note,
            problem: None,
        }
    }

    /// Would be recorded (dry run).
    pub(super) fn judged_good(item: usize) -> Self {
        Self {
            item,
            status: 200,
            index: None,
            foil: None,
            note: None,
            problem: None,
        }
    }

    /// Refused.
    pub(super) fn refused(item: usize, refusal: &Refusal) -> Self {
        let problem = Some(Problem::new(refusal));
        let status = refusal.code.http_status();
        Self {
            item,
            status,
            index: None,
            foil: None,
            note: None,
            problem,
        }
    }
}

/// The answer to a batch.
#[derive(Serialize)]
pub(super) struct Results {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) dry_run: bool,
    pub(super) results: Vec<ItemResult>,
}

/// `application/problem+json`.
#[derive(Serialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    field: String,
    rule: String,
}

impl Problem {
    fn new(refusal: &Refusal) -> Self {
        let code = refusal.code.as_str();
        let status = refusal.code.http_status();
        let phrase = StatusCode::from_u16(status)
            .ok()
            .and_then(|code| code.canonical_reason());
        Self {
            kind: format!("urn:counterfoil:problem:{}", code.to_ascii_lowercase()),
            title: phrase.unwrap_or("Refused"),
            status,
            code,
            field: refusal.field.to_string(),
            rule: refusal.rule.to_string(),
        }
    }
}

/// proto3 JSON of a foil: bytes in base64, defaults left out.
#[derive(Serialize)]
struct FoilJson {
    origin: String,
    #[serde(skip_serializing_if = "is_zero")]
    chain: u32,
    link: String,
    record: String,
    salt: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<String>,
    note: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form serde asks for")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl FoilJson {
    fn new(foil: chain::foil::Foil) -> Self {
        Self {
            origin: foil.origin.as_str().to_owned(),
            chain: foil.chain.0,
            link: STANDARD.encode(foil.link),
            record: STANDARD.encode(&foil.record),
            salt: STANDARD.encode(foil.salt),
            path: foil
                .path
                .iter()
                .map(|hash| STANDARD.encode(hash.0))
                .collect(),
            note: foil.note,
        }
    }
}

/// The answer to a batch, or to a single event with its own status.
pub(super) fn json(status: u16, body: &impl Serialize) -> Response<Body> {
    respond(status, "application/json", body)
}

/// The result of a single event: the receipt as JSON, or the problem alone.
pub(super) fn single(result: ItemResult) -> Response<Body> {
    match result.problem {
        Some(problem) => respond(problem.status, "application/problem+json", &problem),
        None => json(result.status, &result),
    }
}

/// A problem with the whole request.
pub(super) fn problem(refusal: &Refusal) -> Response<Body> {
    let status = refusal.code.http_status();
    let mut response = respond(status, "application/problem+json", &Problem::new(refusal));
    match refusal.code {
        RefusalCode::Unauthenticated => {
            let value = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, value);
        }
        RefusalCode::Draining | RefusalCode::Stopped => {
            retry_after(&mut response, RETRY_AFTER_STOP_S);
        }
        _ => {}
    }
    response
}

/// The refusal of a submission that was not taken as a whole.
pub(super) fn not_taken(error: SubmitError) -> (Refusal, Response<Body>) {
    let (refusal, seconds) = match error {
        SubmitError::QueueFull { retry_after_s } => {
            let rule = "the queue is full; nothing of this request was recorded, send it again";
            (
                Refusal::new(RefusalCode::QueueFull, "", rule),
                retry_after_s,
            )
        }
        SubmitError::Draining => {
            let rule = "the ledger is stopping; nothing of this request was recorded";
            (
                Refusal::new(RefusalCode::Draining, "", rule),
                RETRY_AFTER_STOP_S,
            )
        }
        SubmitError::Stopped => {
            let rule = "the ledger has stopped writing; send the same events again once it is back, \
                        repeats are found by their ids";
            (
                Refusal::new(RefusalCode::Stopped, "", rule),
                RETRY_AFTER_STOP_S,
            )
        }
    };
    let mut response = problem(&refusal);
    retry_after(&mut response, seconds);
    (refusal, response)
}

/// Repeats the caller's trace in the answer.
pub(super) fn trace(headers: &HeaderMap, response: &mut Response<Body>) {
    let Some(value) = headers.get("traceparent") else {
        return;
    };
    if value.to_str().is_ok_and(is_traceparent) {
        response.headers_mut().insert("traceparent", value.clone());
    }
}

fn retry_after(response: &mut Response<Body>, seconds: u32) {
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
}

fn respond(status: u16, kind: &'static str, body: &impl Serialize) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let bytes = serde_json::to_vec(body).expect("answers are texts, numbers and lists of them");
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
