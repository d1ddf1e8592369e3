//! Upkeep: views rebuilt and events parked, full verification, the test clock.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use intake::backup::{self, RecoveryPublic};
use intake::resolve::Target;
use proto::ledger_facts;
use proto::{Index, Personal};
use serde::Deserialize;
use serde_json::json;

use super::super::who::Caller;
use super::super::{App, Problem};
use super::{Body, read};
use crate::facts::governance;
use crate::host::Shared;
use crate::projector::FoldedView;

/// Which view.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ViewNamed {
    view: String,
}

fn known_view<'a>(app: &'a App, view: &str) -> Result<&'a FoldedView, Problem> {
    let folded = app.customer.as_deref();
    folded
        .filter(|folded| folded.status().name == view)
        .ok_or_else(|| {
            let rule = "one of `views` in the configuration";
            Problem::field("VIEW_UNKNOWN", "view", rule)
        })
}

/// `POST /v1/admin/rebuild`.
pub(in crate::http) async fn rebuild(
    State(app): State<App>,
    caller: Caller,
    body: Body<ViewNamed>,
) -> Result<Response, Problem> {
    caller.governs()?;
    known_view(&app, &read(body)?.view)?.rebuild();
    let note = "the view is rebuilt beside the one that answers and swapped at an equal position; see status";
    Ok((StatusCode::ACCEPTED, Json(json!({ "note": note }))).into_response())
}

/// An event that a view shall pass over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Parking {
    view: String,
    index: u64,
    reason: String,
}

/// `POST /v1/admin/park`.
pub(in crate::http) async fn park(
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
    let status = known_view(&app, &view)?.status();
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
pub(in crate::http) async fn verify(
    State(app): State<App>,
    caller: Caller,
) -> Result<Response, Problem> {
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

/// `POST /v1/admin/rekey`: the nightly re-key, now.
pub(in crate::http) async fn rekey(
    State(app): State<App>,
    caller: Caller,
) -> Result<Response, Problem> {
    caller.governs()?;
    let generation = tokio::task::spawn_blocking(move || app.rekey()).await;
    let generation = generation.map_err(|_| failed())??;
    Ok(Json(json!({ "generation": generation })).into_response())
}

/// Where the backup goes and for whom.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct BackupTo {
    directory: std::path::PathBuf,
    /// The public half of the recovery key, as text.
    recovery_key: String,
    #[serde(default)]
    expires_on: Option<String>,
}

/// `POST /v1/admin/backup`: journal and vault to files of their own, while the ledger writes. At the socket alone.
pub(in crate::http) async fn backup(
    State(app): State<App>,
    caller: Caller,
    body: Body<BackupTo>,
) -> Result<Response, Problem> {
    caller.governs()?;
    caller.at_socket()?;
    let to = read(body)?;
    let recovery = RecoveryPublic::parse(&to.recovery_key)
        .map_err(|cause| Problem::field("RECOVERY_KEY", "recovery_key", cause.to_string()))?;
    let expires_on = to.expires_on.as_deref().map(str::parse).transpose();
    let expires_on =
        expires_on.map_err(|_| Problem::field("DATE_SHAPE", "expires_on", "a date, YYYY-MM-DD"))?;
    let request = backup::Request {
        dir: to.directory,
        recovery,
        expires_on,
    };
    let shared = app.clone();
    let work = move || backup::take(&shared.ground, source_of(&shared), &request);
    let taken = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| failed())?;
    let taken = taken.map_err(|cause| {
        let (code, why) = (cause.code(), crate::error::Causes(&cause));
        let rule = format!("{why}; see deploy/runbooks/{code}.md");
        Problem::new(StatusCode::CONFLICT, code, rule)
    })?;
    let (name, envelope) = (app.records.name(), governance(&caller.user));
    let directed = backup::backup_taken(&app.ground, name, envelope, &taken)?;
    let index = app.facts.append_directed(directed).await?;
    let (shared, bundle) = (app.clone(), taken.bundle.clone());
    let tail = move || backup::take_tail(&shared.ground, source_of(&shared), &taken);
    let tail = tokio::task::spawn_blocking(tail)
        .await
        .map_err(|_| failed())?;
    if let Err(cause) = &tail {
        let cause = crate::error::Causes(cause);
        tracing::warn!(%cause, "the backup is whole and ends before the event that it was taken: its tail was not written");
    }
    let answer = json!({
        "index": index.0,
        "through": bundle.next.0,
        "journal": bundle.journal(),
        "vault": bundle.vault(),
        "manifest": bundle.manifest(),
        "tail": tail.is_ok().then(|| bundle.tail()),
    });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// The running ledger as a backup reads it.
fn source_of(shared: &Shared) -> backup::Source<'_> {
    backup::Source {
        name: shared.records.name(),
        journal: shared.records.journal(),
        vault: &shared.vault,
        published: &shared.published,
    }
}

/// Where the test clock goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ClockTo {
    now_ms: i64,
}

/// `POST /v1/test/clock`, on `test.` origins only: forward, never back.
pub(in crate::http) async fn test_clock(
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
