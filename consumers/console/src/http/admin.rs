//! Governance over HTTP: publishers and their tokens, users and their roles, views, verification, the test clock. The DPO's alone.
//!
//! Always: the event that records an act and the vault row that makes it true become durable together; a token is shown once, stored by hash.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use intake::admit::Token;
use intake::resolve::Target;
use proto::ledger_facts::{self, PublisherScope};
use proto::{Index, PersonValues, Personal, PublisherCode, StaffReference, UnixMillis};
use questions::Role;
use serde::Deserialize;
use serde_json::json;
use vault::{Row, StaffNameText, TokenScope};

use super::who::Caller;
use super::{App, Problem};
use crate::facts::governance;

/// Seconds that an old token may stay valid beside its successor at most: 90 days.
const OVERLAP_S_MAX: u64 = 90 * 24 * 60 * 60;

type Body<T> = Result<Json<T>, JsonRejection>;

fn read<T>(body: Body<T>) -> Result<T, Problem> {
    body.map(|Json(value)| value).map_err(|_| {
        let rule = "the body is JSON with exactly the fields of this act";
        Problem::new(StatusCode::BAD_REQUEST, "BODY_MALFORMED", rule)
    })
}

fn code_of(text: &str) -> Result<PublisherCode, Problem> {
    let code = PublisherCode::new(text)
        .map_err(|cause| Problem::field("CODE_SHAPE", "code", cause.to_string()))?;
    if code.as_str() == intake::own::LEDGER_PUBLISHER {
        return Err(Problem::field(
            "CODE_RESERVED",
            "code",
            "the ledger itself publishes under this code",
        ));
    }
    Ok(code)
}

/// A publisher to be registered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPublisher {
    code: String,
    sources: Vec<String>,
    families: Vec<String>,
    #[serde(default)]
    map_ids: bool,
}

/// The tokens of a publisher, revoked ones included.
fn tokens_of(app: &App, code: &PublisherCode) -> Vec<([u8; 32], TokenScope)> {
    let tokens = app.records.vault().tokens();
    tokens
        .into_iter()
        .filter(|(_, scope)| scope.publisher == *code)
        .collect()
}

fn is_valid(scope: &TokenScope, now: UnixMillis) -> bool {
    scope.valid_until.is_none_or(|until| until > now)
}

/// `POST /v1/admin/publishers`.
pub(super) async fn publisher_add(
    State(app): State<App>,
    caller: Caller,
    body: Body<NewPublisher>,
) -> Result<Response, Problem> {
    caller.governs()?;
    let new = read(body)?;
    let code = code_of(&new.code)?;
    if let Some(bad) = new
        .sources
        .iter()
        .position(|source| !proto::is_source(source))
    {
        return Err(Problem::field(
            "SOURCE_SHAPE",
            &format!("sources[{bad}]"),
            "a CloudEvents source: a URI reference without spaces",
        ));
    }
    let families: std::collections::BTreeSet<&str> =
        proto::facts().iter().map(proto::Fact::family).collect();
    if let Some(bad) = new
        .families
        .iter()
        .position(|family| !families.contains(family.as_str()))
    {
        return Err(Problem::field(
            "FAMILY_UNKNOWN",
            &format!("families[{bad}]"),
            "a family of the catalogue",
        ));
    }
    let now = UnixMillis(app.clock.now());
    if tokens_of(&app, &code)
        .iter()
        .any(|(_, scope)| is_valid(scope, now))
    {
        let rule = "this publisher is registered; rotate its token or revoke it first";
        return Err(Problem::new(StatusCode::CONFLICT, "PUBLISHER_EXISTS", rule));
    }
    let scope = TokenScope {
        publisher: code,
        sources: new.sources,
        families: new.families,
        map_ids: new.map_ids,
        valid_from: now,
        valid_until: None,
    };
    issue(&app, &caller, scope, Vec::new(), false).await
}

/// Records a scope with a fresh token and answers with the token, once.
async fn issue(
    app: &App,
    caller: &Caller,
    scope: TokenScope,
    mut rows: Vec<Row>,
    changed: bool,
) -> Result<Response, Problem> {
    let token = Token::mint(&*app.random);
    let fact = ledger_facts::publisher_registered(
        governance(&caller.user),
        PublisherScope {
            publisher: scope.publisher.clone(),
            sources: scope.sources.clone(),
            families: scope.families.clone(),
            map_ids: scope.map_ids,
            changed,
        },
    );
    rows.push(Row::Token {
        hash: token.hash().0,
        scope,
    });
    let index = app.facts.append(fact, Target::Office, rows).await?;
    let answer = json!({ "token": token.reveal(), "index": index.0 });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// How long the old token goes on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    #[serde(default)]
    overlap_s: u64,
}

/// `POST /v1/admin/publishers/{code}/rotate`.
pub(super) async fn publisher_rotate(
    State(app): State<App>,
    caller: Caller,
    Path(code): Path<String>,
    body: Body<Rotation>,
) -> Result<Response, Problem> {
    caller.governs()?;
    let overlap_s = read(body)?.overlap_s;
    if overlap_s > OVERLAP_S_MAX {
        return Err(Problem::field(
            "OVERLAP_TOO_LONG",
            "overlap_s",
            format!("at most {OVERLAP_S_MAX} seconds"),
        ));
    }
    let code = code_of(&code)?;
    let now = UnixMillis(app.clock.now());
    let until = UnixMillis(
        now.0
            .saturating_add(i64::try_from(overlap_s * 1_000).unwrap_or(i64::MAX)),
    );
    let valid: Vec<_> = tokens_of(&app, &code)
        .into_iter()
        .filter(|(_, scope)| is_valid(scope, now))
        .collect();
    let Some((_, newest)) = valid.iter().max_by_key(|(_, scope)| scope.valid_from) else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "PUBLISHER_UNKNOWN",
            "no such publisher has a valid token",
        ));
    };
    let scope = TokenScope {
        valid_from: now,
        valid_until: None,
        ..newest.clone()
    };
    let rows = valid
        .iter()
        .map(|(hash, _)| Row::TokenRevoked {
            hash: *hash,
            at: until,
        })
        .collect();
    issue(&app, &caller, scope, rows, true).await
}

/// Why a publisher goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revocation {
    #[serde(default = "unspecified")]
    reason: String,
}

fn unspecified() -> String {
    "unspecified".to_owned()
}

/// `POST /v1/admin/publishers/{code}/revoke`.
pub(super) async fn publisher_revoke(
    State(app): State<App>,
    caller: Caller,
    Path(code): Path<String>,
    body: Body<Revocation>,
) -> Result<Response, Problem> {
    caller.governs()?;
    let reason = read(body)?.reason;
    let code = code_of(&code)?;
    let now = UnixMillis(app.clock.now());
    let valid = tokens_of(&app, &code)
        .into_iter()
        .filter(|(_, scope)| is_valid(scope, now));
    let rows: Vec<Row> = valid
        .map(|(hash, _)| Row::TokenRevoked { hash, at: now })
        .collect();
    if rows.is_empty() {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "PUBLISHER_UNKNOWN",
            "no such publisher has a valid token",
        ));
    }
    let revoked = rows.len();
    let fact = ledger_facts::publisher_revoked(governance(&caller.user), &code, &reason, false);
    let index = app.facts.append(fact, Target::Office, rows).await?;
    Ok(Json(json!({ "index": index.0, "tokens_revoked": revoked })).into_response())
}

/// `GET /v1/admin/publishers`.
pub(super) async fn publisher_list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Response, Problem> {
    caller.governs()?;
    let mut publishers = std::collections::BTreeMap::new();
    for (_, scope) in app.records.vault().tokens() {
        let entry = publishers.entry(scope.publisher.as_str().to_owned()).or_insert_with(|| {
            json!({ "code": scope.publisher.as_str(), "sources": scope.sources, "families": scope.families,
                    "map_ids": scope.map_ids, "tokens": [] })
        });
        if let Some(tokens) = entry
            .get_mut("tokens")
            .and_then(|tokens| tokens.as_array_mut())
        {
            tokens.push(json!({ "valid_from_ms": scope.valid_from.0, "valid_until_ms": scope.valid_until.map(|until| until.0) }));
        }
    }
    Ok(Json(publishers.into_values().collect::<Vec<_>>()).into_response())
}

/// A user to be added.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    #[serde(default)]
    actor: Option<String>,
    role: String,
    #[serde(default)]
    name: Option<String>,
}

/// `POST /v1/admin/users`.
pub(super) async fn user_add(
    State(app): State<App>,
    caller: Caller,
    body: Body<NewUser>,
) -> Result<Response, Problem> {
    caller.governs()?;
    let new = read(body)?;
    let actor = match new.actor {
        Some(actor) => StaffReference::new(actor)
            .map_err(|cause| Problem::field("REFERENCE_SHAPE", "actor", cause.to_string()))?,
        None => StaffReference::from_random(ground::array(&*app.random)),
    };
    let role = Role::ALL.into_iter().find(|role| role.code() == new.role);
    let role = role.ok_or_else(|| {
        let roles: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
        Problem::field(
            "ROLE_UNKNOWN",
            "role",
            format!("one of {}", roles.join(", ")),
        )
    })?;
    let name = new.name.map(Personal::new);
    let person = PersonValues {
        name: name.as_ref().map(Personal::duplicate),
        ..PersonValues::default()
    };
    let token = Token::mint_user(&*app.random);
    let fact =
        ledger_facts::role_granted(governance(&caller.user), &actor, role.code(), "", &person);
    let mut rows = vec![Row::User {
        actor: actor.clone(),
        role: role.code().to_owned(),
        token_hash: token.hash().0,
        disabled: false,
    }];
    if let Some(name) = name {
        rows.push(Row::StaffName {
            actor: actor.clone(),
            name: StaffNameText(name),
        });
    }
    let index = app.facts.append(fact, Target::Office, rows).await?;
    let answer = json!({ "actor": actor.as_str(), "token": token.reveal(), "index": index.0 });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// `POST /v1/admin/users/{actor}/disable`.
pub(super) async fn user_disable(
    State(app): State<App>,
    caller: Caller,
    Path(actor): Path<String>,
) -> Result<Response, Problem> {
    caller.governs()?;
    if caller.user.reference.as_str() == actor {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "OWN_ROLE",
            "nobody disables themselves; another DPO does",
        ));
    }
    let users = app.records.vault().users();
    let user = users
        .into_iter()
        .find(|user| user.actor.as_str() == actor && !user.disabled);
    let user = user.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "USER_UNKNOWN",
            "no such user has a role",
        )
    })?;
    let fact = ledger_facts::role_revoked(
        governance(&caller.user),
        &user.actor,
        &user.role,
        "disabled",
    );
    let row = Row::User {
        actor: user.actor,
        role: user.role,
        token_hash: user.token_hash,
        disabled: true,
    };
    let index = app.facts.append(fact, Target::Office, vec![row]).await?;
    Ok(Json(json!({ "index": index.0 })).into_response())
}

/// `GET /v1/admin/users`.
pub(super) async fn user_list(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    caller.governs()?;
    let users = app.records.vault().users();
    let users: Vec<_> = users
        .iter()
        .map(|user| json!({ "actor": user.actor.as_str(), "role": user.role, "disabled": user.disabled }))
        .collect();
    Ok(Json(users).into_response())
}

/// Which view.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ViewNamed {
    view: String,
}

fn known_view(app: &App, view: &str) -> Result<(), Problem> {
    match app.config.views.iter().any(|known| known == view) {
        true => Ok(()),
        false => Err(Problem::field(
            "VIEW_UNKNOWN",
            "view",
            "one of the views in the configuration",
        )),
    }
}

/// `POST /v1/admin/rebuild`.
pub(super) async fn rebuild(
    State(app): State<App>,
    caller: Caller,
    body: Body<ViewNamed>,
) -> Result<Response, Problem> {
    caller.governs()?;
    known_view(&app, &read(body)?.view)?;
    app.rebuild();
    let note = "the view is rebuilt beside the one that answers and swapped at an equal position; see status";
    Ok((StatusCode::ACCEPTED, Json(json!({ "note": note }))).into_response())
}

/// An event that a view shall pass over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parking {
    view: String,
    index: u64,
    reason: String,
}

/// `POST /v1/admin/park`.
pub(super) async fn park(
    State(app): State<App>,
    caller: Caller,
    body: Body<Parking>,
) -> Result<Response, Problem> {
    caller.governs()?;
    let Parking {
        view,
        index,
        reason,
    } = read(body)?;
    known_view(&app, &view)?;
    let status = app.view_status();
    if status
        .poisoned
        .as_ref()
        .is_none_or(|poison| poison.index != Index(index))
    {
        let rule = "only the event at which the view stopped can be parked";
        return Err(Problem::field("NOT_POISONED", "index", rule));
    }
    let fact = ledger_facts::event_parked(
        governance(&caller.user),
        (app.records.name().chain, Index(index)),
        (&view, status.version),
        &Personal::new(reason),
    );
    let recorded = app.facts.append(fact, Target::Office, Vec::new()).await?;
    Ok(Json(json!({ "index": recorded.0 })).into_response())
}

/// `POST /v1/admin/verify`: everything below the newest checkpoint, read from the files by the verifier's own decoder.
pub(super) async fn verify(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    caller.may(questions::Right::AskStatus)?;
    let shared = app.clone();
    tokio::task::spawn_blocking(move || shared.settle())
        .await
        .map_err(|_| failed())??;
    let report = tokio::task::spawn_blocking(move || crate::verify::running(&app));
    Ok(Json(report.await.map_err(|_| failed())??).into_response())
}

fn failed() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "FAILED",
        "the act did not finish",
    )
}

/// Where the test clock goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockTo {
    now_ms: i64,
}

/// `POST /v1/test/clock`, on `test.` origins only: forward, never back.
pub(super) async fn test_clock(
    State(app): State<App>,
    caller: Caller,
    body: Body<ClockTo>,
) -> Result<Response, Problem> {
    caller.governs()?;
    let to = read(body)?.now_ms;
    match app.move_clock(to) {
        true => Ok(Json(json!({ "now_ms": app.clock.now() })).into_response()),
        false => Err(Problem::field(
            "CLOCK_FORWARD_ONLY",
            "now_ms",
            "later than now, on a server started with --now",
        )),
    }
}
