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
use crate::run::RETRY_AFTER_S;

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
    /// Where it is recorded.
    receipt: Option<Receipt>,
    problem: Option<Box<Problem>>,
}

impl ItemResult {
    /// Recorded now (201) or before (200).
    pub(super) fn recorded(item: usize, status: u16, receipt: Receipt) -> Self {
        Self {
            item,
            status,
            receipt: Some(receipt),
            problem: None,
        }
    }

    /// Would be recorded (dry run).
    pub(super) fn judged_good(item: usize) -> Self {
        Self {
            item,
            status: 200,
            receipt: None,
            problem: None,
        }
    }

    /// Refused.
    pub(super) fn refused(item: usize, refusal: &Refusal) -> Self {
        Self {
            item,
            status: refusal.code.http_status(),
            receipt: None,
            problem: Some(Box::new(Problem::new(refusal))),
        }
    }
}

/// The answer to a batch.
pub(super) struct Results {
    pub(super) dry_run: bool,
    pub(super) detail: FoilDetail,
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

/// Writes results as JSON. By hand, since foils are four fifths of an answer and their bytes go from
/// their group into the answer without a text of their own between.
struct Pen {
    out: Vec<u8>,
    detail: FoilDetail,
    foils: foil_json::Pen,
}

impl Pen {
    /// A pen with room for these results, whose foils are about as large as the first.
    fn for_results(results: &[ItemResult], detail: FoilDetail) -> Self {
        let first = results.iter().find_map(|result| result.receipt.as_ref());
        let foil = first.map_or(0, |receipt| match detail {
            FoilDetail::None => 0,
            FoilDetail::Note => receipt.shown().note.len(),
            FoilDetail::Full => foil_json::bytes(&receipt.shown()),
        });
        Self {
            out: Vec::with_capacity(RESULT_BYTES + results.len() * (RESULT_BYTES + foil)),
            detail,
            foils: foil_json::Pen::default(),
        }
    }

    fn result(&mut self, result: &ItemResult) {
        let out = &mut self.out;
        out.extend_from_slice(b"{\"item\":");
        put(out, &result.item);
        out.extend_from_slice(b",\"status\":");
        put(out, &result.status);
        if let Some(receipt) = &result.receipt {
            out.extend_from_slice(b",\"index\":");
            put(out, &receipt.index.0);
            match self.detail {
                FoilDetail::None => {}
                FoilDetail::Note => {
                    out.extend_from_slice(b",\"note\":");
                    put(out, &receipt.shown().note);
                }
                FoilDetail::Full => {
                    out.extend_from_slice(b",\"foil\":");
                    self.foils.write(out, &receipt.shown());
                }
            }
        }
        if let Some(problem) = &result.problem {
            out.extend_from_slice(b",\"problem\":");
            put(out, problem);
        }
        out.push(b'}');
    }
}

/// Appends a number, a text or a problem as JSON.
fn put(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value)
        .expect("answers are texts and numbers, and memory takes them");
}

/// The answer to a batch.
pub(super) fn batch(status: u16, results: &Results) -> Response<Body> {
    let mut pen = Pen::for_results(&results.results, results.detail);
    pen.out.extend_from_slice(if results.dry_run {
        b"{\"dry_run\":true,\"results\":["
    } else {
        b"{\"results\":["
    });
    for (place, result) in results.results.iter().enumerate() {
        if place > 0 {
            pen.out.push(b',');
        }
        pen.result(result);
    }
    pen.out.extend_from_slice(b"]}");
    respond(status, "application/json", pen.out)
}

/// The result of a single event: the receipt as JSON, or the problem alone.
pub(super) fn single(result: &ItemResult, detail: FoilDetail) -> Response<Body> {
    match &result.problem {
        Some(problem) => worded(problem),
        None => {
            let mut pen = Pen::for_results(std::slice::from_ref(result), detail);
            pen.result(result);
            respond(result.status, "application/json", pen.out)
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
        RefusalCode::QueueFull => retry_after(&mut response, RETRY_AFTER_S),
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
