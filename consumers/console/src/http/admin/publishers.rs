//! Publishers: registered with a token, rotated with an overlap, revoked.
//!
//! Always: at most one registration of a code is valid; an old token ends when its successor's overlap does.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use intake::admit::Token;
use intake::resolve::Target;
use proto::ledger_facts::{self, PublisherScope};
use proto::{PublisherCode, UnixMillis};
use serde::Deserialize;
use serde_json::json;
use vault::{Row, TokenScope};

use super::super::who::Caller;
use super::super::{App, Problem};
use super::{Body, Named, read, turn};
use crate::facts::governance;

/// Seconds that an old token may stay valid beside its successor at most: 90 days.
const OVERLAP_S_MAX: u64 = 90 * 24 * 60 * 60;

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
pub(in crate::http) struct NewPublisher {
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

/// When a token ends that has a successor from now on: with the overlap, and never later than an earlier rotation said.
fn ends(scope: &TokenScope, overlap: UnixMillis) -> UnixMillis {
    scope
        .valid_until
        .map_or(overlap, |until| until.min(overlap))
}

/// `POST /v1/admin/publishers`.
pub(in crate::http) async fn publisher_add(
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
    let _turn = turn(&app, &caller).await?;
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
pub(in crate::http) struct Rotation {
    #[serde(default)]
    overlap_s: u64,
}

/// `POST /v1/admin/publishers/{code}/rotate`.
pub(in crate::http) async fn publisher_rotate(
    State(app): State<App>,
    caller: Caller,
    Named(code): Named<String>,
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
    let _turn = turn(&app, &caller).await?;
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
        .map(|(hash, scope)| Row::TokenRevoked {
            hash: *hash,
            at: ends(scope, until),
        })
        .collect();
    issue(&app, &caller, scope, rows, true).await
}

/// Why a publisher goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Revocation {
    #[serde(default = "unspecified")]
    reason: String,
}

fn unspecified() -> String {
    "unspecified".to_owned()
}

/// `POST /v1/admin/publishers/{code}/revoke`.
pub(in crate::http) async fn publisher_revoke(
    State(app): State<App>,
    caller: Caller,
    Named(code): Named<String>,
    body: Body<Revocation>,
) -> Result<Response, Problem> {
    caller.governs()?;
    let reason = read(body)?.reason;
    let code = code_of(&code)?;
    let _turn = turn(&app, &caller).await?;
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
pub(in crate::http) async fn publisher_list(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_rotation_prolongs_no_token() {
        let mut scope = TokenScope {
            publisher: PublisherCode::new("crm").expect("a good code"),
            sources: Vec::new(),
            families: Vec::new(),
            map_ids: false,
            valid_from: UnixMillis(0),
            valid_until: None,
        };
        assert_eq!(ends(&scope, UnixMillis(900)), UnixMillis(900));
        scope.valid_until = Some(UnixMillis(20));
        assert_eq!(ends(&scope, UnixMillis(900)), UnixMillis(20));
        assert_eq!(ends(&scope, UnixMillis(10)), UnixMillis(10));
    }
}
