//! `POST /v1/events`: one event or a batch in, a result for each out.
//!
//! Not here: what makes an event good ([`crate::admit`]). Always: events of one request keep their
//! order; one refused event loses none of the others; findings about refused events are durable
//! before the refusal is told.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use proto::limits::REQUEST_BYTES_MAX;

use super::answer::{self, ItemResult, Results};
use super::request::{self, Parameters};
use super::seeds::Seeds;
use super::{Door, body};
use crate::admit::cloudevent::{self, Event, Events};
use crate::admit::{Admitted, Finding, Publisher, Refusal, admit};
use crate::engine::{Outcome, SubmitError};

/// Events judged before the task lets others run.
const EVENTS_PER_TURN: usize = 32;

/// The handler.
pub(super) async fn post(
    State(door): State<Door>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let mut response = match taken(&door, &uri, &headers, body).await {
        Ok(response) => response,
        Err(refusal) => {
            door.counts.count(refusal.code);
            answer::problem(&refusal)
        }
    };
    answer::trace(&headers, &mut response);
    response
}

/// Reads, judges and submits; `Err` is a problem with the whole request.
async fn taken(
    door: &Door,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, Refusal> {
    let publisher = request::publisher(door, headers)?;
    let parameters = request::parameters(uri, &[request::DRY_RUN, request::FOILS])?;
    let attributes = request::attributes(headers)?;
    let room = door.room.of_publisher(&publisher.code);
    let body = body::whole_body(headers, body, REQUEST_BYTES_MAX, &room).await?;
    let judged = judge(door, &publisher, headers, &attributes, &body.bytes).await;
    // The room is given back with the answer.
    let _room = body.parsed();
    let judged = judged?;
    let (batch, findings) = (judged.batch, judged.findings);
    if !parameters.dry_run
        && !findings.is_empty()
        && let Err(error) = door.findings.append(findings).await
    {
        return Ok(not_taken(door, error));
    }
    let results = match settle(door, parameters, judged.items).await {
        Ok(results) => results,
        Err(error) => return Ok(not_taken(door, error)),
    };
    Ok(worded(batch, parameters, results))
}

/// A request's events after admission, in order.
struct Judged {
    batch: bool,
    items: Vec<Result<Box<Admitted>, Refusal>>,
    findings: Vec<Finding>,
}

async fn judge(
    door: &Door,
    publisher: &Publisher,
    headers: &HeaderMap,
    attributes: &[(String, String)],
    body: &[u8],
) -> Result<Judged, Refusal> {
    let request = cloudevent::Request {
        content_type: request::content_type(headers)?,
        attributes,
        body,
    };
    let mut judged = Judged {
        batch: false,
        items: Vec::new(),
        findings: Vec::new(),
    };
    match cloudevent::read(&request)? {
        Events::One(event) => {
            let seeds = Seeds::for_events(door.random.as_ref(), 1);
            take(door, publisher, *event, &seeds, &mut judged);
        }
        Events::Batch(items) => {
            judged.batch = true;
            judged.items.reserve_exact(items.len());
            let seeds = Seeds::for_events(door.random.as_ref(), items.len());
            for (place, item) in items.into_iter().enumerate() {
                if place % EVENTS_PER_TURN == EVENTS_PER_TURN - 1 {
                    tokio::task::yield_now().await;
                }
                let event = cloudevent::structured(item);
                take(door, publisher, event, &seeds, &mut judged);
            }
        }
    }
    Ok(judged)
}

/// Admits one event and keeps the outcome.
fn take(
    door: &Door,
    publisher: &Publisher,
    event: Result<Event<'_>, Refusal>,
    seeds: &Seeds<'_>,
    judged: &mut Judged,
) {
    let item = event.and_then(|event| {
        admit(event, publisher, door.now(), seeds).map_err(|refused| {
            judged.findings.extend(refused.finding);
            refused.refusal
        })
    });
    if let Err(refusal) = &item {
        door.counts.count(refusal.code);
    }
    judged.items.push(item);
}

/// Submits what was admitted and puts the outcomes back into the order of the request.
async fn settle(
    door: &Door,
    parameters: Parameters,
    items: Vec<Result<Box<Admitted>, Refusal>>,
) -> Result<Vec<ItemResult>, SubmitError> {
    let mut results = Vec::with_capacity(items.len());
    let mut admitted = Vec::with_capacity(items.len());
    let mut places = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        match item {
            Err(refusal) => results.push(ItemResult::refused(place, &refusal)),
            Ok(_) if parameters.dry_run => results.push(ItemResult::judged_good(place)),
            Ok(event) => {
                admitted.push(event);
                places.push(place);
            }
        }
    }
    if !admitted.is_empty() {
        let outcomes = door.engine.submit(admitted).await?;
        assert_eq!(
            outcomes.len(),
            places.len(),
            "the engine answers every event it was given"
        );
        for (place, outcome) in places.into_iter().zip(outcomes) {
            results.push(match outcome {
                Outcome::Recorded(receipt) => ItemResult::recorded(place, 201, receipt),
                Outcome::Repeated(receipt) => ItemResult::recorded(place, 200, receipt),
                Outcome::Refused(refusal) => {
                    door.counts.count(refusal.code);
                    ItemResult::refused(place, &refusal)
                }
            });
        }
        results.sort_unstable_by_key(|result| result.item);
    }
    Ok(results)
}

/// One event answers with its own status. A batch answers 200 with a status for each event, unless
/// every one of them was refused: then with their common status, or 422 where they differ.
fn worded(batch: bool, parameters: Parameters, mut results: Vec<ItemResult>) -> Response<Body> {
    if !batch && let Some(result) = results.pop() {
        return answer::single(&result, parameters.foils);
    }
    let first = results.first().map_or(422, |result| result.status);
    let status = if results.iter().any(|result| result.status < 400) {
        200
    } else if results.iter().all(|result| result.status == first) {
        first
    } else {
        422
    };
    answer::batch(
        status,
        &Results {
            dry_run: parameters.dry_run,
            detail: parameters.foils,
            results,
        },
    )
}

fn not_taken(door: &Door, error: SubmitError) -> Response<Body> {
    let (refusal, response) = answer::not_taken(error);
    door.counts.count(refusal.code);
    response
}
