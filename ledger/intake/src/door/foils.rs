//! `POST /v1/foils/find`: a publisher asks for the foils of its own events again, by source and id.
//!
//! It finds by id alone and lists nothing. Always: ids come in the body, never in a URL; only the
//! sources that the publisher is registered for are answered.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use proto::Personal;
use proto::limits::{BATCH_EVENTS_MAX, REQUEST_BYTES_MAX, SOURCE_BYTES_MAX};

use super::answer::{self, ItemResult, Results};
use super::{Door, body, request};
use crate::admit::json::{self, Rules};
use crate::admit::{Refusal, RefusalCode, id};

/// What a question for foils may look like.
const RULES: Rules = Rules {
    depth_max: 2,
    nameable: |key| matches!(key, "source" | "ids"),
};

/// The handler.
pub(super) async fn find(
    State(door): State<Door>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let mut response = match found(&door, &uri, &headers, body).await {
        Ok(response) => response,
        Err(refusal) => {
            door.counts.count(refusal.code);
            answer::problem(&refusal)
        }
    };
    answer::trace(&headers, &mut response);
    response
}

async fn found(
    door: &Door,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, Refusal> {
    let publisher = request::publisher(door, headers)?;
    let parameters = request::parameters(uri, &[request::FOILS])?;
    request::is_json(headers)?;
    let room = door.room.of_publisher(&publisher.code);
    let body = body::whole_body(headers, body, REQUEST_BYTES_MAX, &room).await?;
    let question = Question::parse(&body.bytes);
    // The room is given back with the answer.
    let _room = body.parsed();
    let question = question?;
    if !publisher.sources.contains(&question.source) {
        let rule = "the publisher is not registered to speak for this source";
        return Err(Refusal::new(RefusalCode::SourceNotAllowed, "source", rule));
    }
    let receipts = match door
        .engine
        .find_foils(&question.source, &question.ids)
        .await
    {
        Ok(receipts) => receipts,
        Err(error) => {
            let (refusal, response) = answer::not_taken(error);
            door.counts.count(refusal.code);
            return Ok(response);
        }
    };
    let not_found = Refusal::new(
        RefusalCode::NotFound,
        "",
        "no event with this source and id can be found within the dedup horizon",
    );
    let results = receipts
        .into_iter()
        .enumerate()
        .map(|(item, receipt)| match receipt {
            Some(receipt) => ItemResult::recorded(item, 200, receipt),
            None => ItemResult::refused(item, &not_found),
        });
    Ok(answer::batch(
        200,
        &Results {
            dry_run: false,
            detail: parameters.foils,
            results: results.collect(),
        },
    ))
}

/// `{"source": "...", "ids": ["...", ...]}`.
struct Question {
    source: String,
    ids: Vec<Personal<String>>,
}

impl Question {
    fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let (mut source, mut ids) = (None, None);
        for (place, member) in json::object(body, RULES)?.into_iter().enumerate() {
            match &*member.key {
                "source" => {
                    source = json::text(member.value).filter(|t| t.len() <= SOURCE_BYTES_MAX)
                }
                "ids" => ids = Some(texts(member.value)?),
                _ => {
                    let field = format!("(member {})", place + 1);
                    let rule = "a question for foils has source and ids";
                    return Err(Refusal::new(RefusalCode::UnknownField, field, rule));
                }
            }
        }
        let missing = |field: &'static str, rule: &'static str| {
            Refusal::new(RefusalCode::WrongType, field, rule)
        };
        Ok(Self {
            source: source
                .ok_or_else(|| missing("source", "source is a text"))?
                .into_owned(),
            ids: ids.ok_or_else(|| missing("ids", "ids is a list of 1 to 1,000 ids"))?,
        })
    }
}

fn texts(value: &[u8]) -> Result<Vec<Personal<String>>, Refusal> {
    let wrong = |field: String| {
        Refusal::new(
            RefusalCode::WrongType,
            field,
            "ids is a list of 1 to 1,000 ids",
        )
    };
    let items = json::array_items(value, BATCH_EVENTS_MAX)?;
    if items.is_empty() {
        return Err(wrong("ids".to_owned()));
    }
    let mut ids = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        let text = json::text(item).ok_or_else(|| wrong(format!("ids[{place}]")))?;
        id::check_id(&text, true).map_err(|fault| Refusal {
            field: format!("ids[{place}]").into(),
            ..fault
        })?;
        ids.push(Personal::new(text.into_owned()));
    }
    Ok(ids)
}
