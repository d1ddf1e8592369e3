//! What the door answers: results with foils, and problems (RFC 9457).
//!
//! It judges nothing. Always: a problem names code, field and rule and nothing else; a foil is the
//! proto3 JSON of `counterfoil.v1.Foil`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::foil_json;
use crate::admit::cloudevent::is_traceparent;
use crate::admit::{Refusal, RefusalCode};
use crate::engine::{Receipt, SubmitError};

/// Seconds after which a draining or stopped ledger may be asked again.
const RETRY_AFTER_STOP_S: u32 = 5;
/// What a result takes without foil and note, in bytes; a guess that saves moves.
const RESULT_BYTES: usize = 64;
/// The same for a problem.
const PROBLEM_BYTES: usize = 512;

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
pub(super) struct ItemResult {
    /// Place in the request, from 0.
    pub(super) item: usize,
    /// The HTTP status that this event alone would have had.
    pub(super) status: u16,
    /// Place in the chain.
    index: Option<u64>,
    foil: Option<chain::foil::Foil>,
    note: Option<String>,
    problem: Option<Problem>,
}

impl ItemResult {
    /// Recorded now (201) or before (200).
    pub(super) fn recorded(item: usize, status: u16, receipt: Receipt, detail: FoilDetail) -> Self {
        let (foil, note) = match detail {
            FoilDetail::None => (None, None),
            FoilDetail::Note => (None, Some(receipt.foil.note)),
            FoilDetail::Full => (Some(receipt.foil), None),
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
pub(super) struct Results {
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

impl ItemResult {
    /// Writes the result as JSON. By hand, since a foil is four fifths of an answer and its bytes go
    /// into the answer without a text of their own between.
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"item\":");
        put(out, &self.item);
        out.extend_from_slice(b",\"status\":");
        put(out, &self.status);
        if let Some(index) = self.index {
            out.extend_from_slice(b",\"index\":");
            put(out, &index);
        }
        if let Some(foil) = &self.foil {
            out.extend_from_slice(b",\"foil\":");
            foil_json::write(out, foil);
        }
        if let Some(note) = &self.note {
            out.extend_from_slice(b",\"note\":");
            put(out, note);
        }
        if let Some(problem) = &self.problem {
            out.extend_from_slice(b",\"problem\":");
            put(out, problem);
        }
        out.push(b'}');
    }

    /// About how many bytes it takes; more only costs a move.
    fn bytes(&self) -> usize {
        let foil = self.foil.as_ref().map_or(0, foil_json::bytes);
        RESULT_BYTES + foil + self.note.as_ref().map_or(0, String::len)
    }
}

/// Appends a number, a text or a problem as JSON.
fn put(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value)
        .expect("answers are texts and numbers, and memory takes them");
}

/// The answer to a batch.
pub(super) fn batch(status: u16, results: &Results) -> Response<Body> {
    let bytes = results.results.iter().map(|result| result.bytes() + 1);
    let mut out = Vec::with_capacity(RESULT_BYTES + bytes.sum::<usize>());
    out.extend_from_slice(if results.dry_run {
        b"{\"dry_run\":true,\"results\":["
    } else {
        b"{\"results\":["
    });
    for (place, result) in results.results.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        result.write(&mut out);
    }
    out.extend_from_slice(b"]}");
    respond(status, "application/json", out)
}

/// The result of a single event: the receipt as JSON, or the problem alone.
pub(super) fn single(result: ItemResult) -> Response<Body> {
    match result.problem {
        Some(problem) => worded(&problem),
        None => {
            let mut out = Vec::with_capacity(result.bytes());
            result.write(&mut out);
            respond(result.status, "application/json", out)
        }
    }
}

fn worded(problem: &Problem) -> Response<Body> {
    let mut out = Vec::with_capacity(PROBLEM_BYTES);
    put(&mut out, problem);
    respond(problem.status, "application/problem+json", out)
}

/// A problem with the whole request.
pub(super) fn problem(refusal: &Refusal) -> Response<Body> {
    let mut response = worded(&Problem::new(refusal));
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

fn respond(status: u16, kind: &'static str, bytes: Vec<u8>) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
