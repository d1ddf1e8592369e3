//! Whether the process lives, whether it takes events, what it counts, and the schemas of the catalogue.
//!
//! Always: names and numbers only; no person, publisher or value is in a metric.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use questions::Right;

use super::given::Named;
use super::who::Caller;
use super::{App, Problem};
use crate::connections::FromHere;

/// The process runs and has not stopped after a failure.
pub(super) async fn livez(State(app): State<App>) -> Response {
    match app.is_live() {
        true => (StatusCode::OK, "live\n").into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "stopped\n").into_response(),
    }
}

/// Events are taken; where damage is the reason that they are not, its code and place.
pub(super) async fn readyz(State(app): State<App>) -> Response {
    if let Some(damage) = app.damage() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {damage}\n"),
        )
            .into_response();
    }
    let draining = app.draining.load(Ordering::SeqCst);
    match app.is_live() && !draining {
        true => (StatusCode::OK, "ready\n").into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

/// Prometheus text: to whoever may ask how the ledger stands, and without a token on this machine itself. A proxy's connections come from
/// this machine too, whoever is behind it: with `behind_proxy` everyone needs a token, and so does what says that a proxy passed it on.
pub(super) async fn metrics(
    State(app): State<App>,
    caller: Option<Caller>,
    here: Option<Extension<FromHere>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match caller {
        Some(caller) => caller.may(Right::AskStatus)?,
        None if here.is_some() && !app.config.behind_proxy && !is_passed_on(&headers) => {}
        None => return Err(Problem::unauthenticated()),
    }
    Ok(counted(&app))
}

/// Whether a proxy says that somebody else sent this.
fn is_passed_on(headers: &HeaderMap) -> bool {
    let said = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    said.iter().any(|name| headers.contains_key(*name))
}

fn counted(app: &App) -> Response {
    let counts = app.engine.counts();
    let mark = app.records.journal().watermark();
    let view = app.customer.as_ref().map(|view| view.status());
    let checkpoint = app
        .published
        .newest()
        .map_or(0, |signed| signed.checkpoint.size);
    let mut text = String::new();
    let mut line = |name, kind, help, value| put(&mut text, name, kind, help, value);
    line(
        "events_recorded_total",
        "counter",
        "Events recorded since the start.",
        counts.events.load(Ordering::Relaxed),
    );
    line(
        "groups_total",
        "counter",
        "Groups made durable since the start.",
        counts.groups.load(Ordering::Relaxed),
    );
    line(
        "repeats_total",
        "counter",
        "Repeats answered with their foil.",
        app.engine.repeats(),
    );
    line("events", "gauge", "Durable events.", mark.next.0);
    line(
        "checkpoint_size",
        "gauge",
        "Events under the newest checkpoint.",
        checkpoint,
    );
    line(
        "live",
        "gauge",
        "1 while events are acknowledged.",
        u64::from(app.is_live()),
    );
    put_views(&mut text, view.as_deref(), mark.next.0);
    put_health_of_files(&mut text, app);
    text.push_str("# HELP counterfoil_refusals_total Refusals by code.\n# TYPE counterfoil_refusals_total counter\n");
    for (code, count) in app.refusals.all() {
        let _ = writeln!(
            text,
            "counterfoil_refusals_total{{code=\"{}\"}} {count}",
            code.as_str()
        );
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// The views; without one there is no lag. The lag is that of this moment, also while the projector waits for its turn.
fn put_views(text: &mut String, view: Option<&fold::ViewStatus>, events: u64) {
    let help = "Views that this process folds.";
    put(text, "views", "gauge", help, u64::from(view.is_some()));
    let Some(view) = view else { return };
    put(
        text,
        "view_lag_events",
        "gauge",
        "Durable events that the customer view has not folded yet.",
        events.saturating_sub(view.cursor.next.0),
    );
    put(
        text,
        "view_poisoned",
        "gauge",
        "1 while the view stopped at an event it cannot apply.",
        u64::from(view.poisoned.is_some()),
    );
}

/// What rotted and was made again, and what only a restore mends.
fn put_health_of_files(text: &mut String, app: &App) {
    put(
        text,
        "tree_rebuilt_total",
        "counter",
        "Times that rotten files of the tree were built again since the start.",
        app.tree.rebuilt(),
    );
    put(
        text,
        "offsets_corrected_total",
        "counter",
        "Rotten rows of the offsets that were made again since the start.",
        app.records.journal().offsets_corrected(),
    );
    put(
        text,
        "damaged",
        "gauge",
        "1 once damage was found that only a restore mends.",
        u64::from(app.damage().is_some()),
    );
}

fn put(text: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "# HELP counterfoil_{name} {help}\n# TYPE counterfoil_{name} {kind}\ncounterfoil_{name} {value}"
    );
}

/// `GET /v1/schemas/{type}`: JSON Schema of a type's data.
pub(super) async fn schema(Named(type_name): Named<String>) -> Result<Response, Problem> {
    let fact = proto::fact_by_type(&type_name).or_else(|| proto::fact_by_name(&type_name));
    let fact = fact.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "TYPE_UNKNOWN",
            "the catalogue has no such type",
        )
    })?;
    let kind = [(header::CONTENT_TYPE, "application/schema+json")];
    Ok((kind, Json(proto::schema(fact))).into_response())
}
