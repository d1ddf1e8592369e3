//! Everything that answers over HTTP, one file a kind. The same router serves the TCP address and the Unix socket.
//!
//! Not here: what events are (`intake::door`), what questions mean (`questions`). Always: no name of a person in a URL; errors are
//! `application/problem+json` with a code; deny by default.

mod admin;
mod ask;
mod given;
mod health;
mod problem;
mod refusals;
mod tlog;
mod who;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};

use crate::host::Shared;

pub(crate) use problem::Problem;
use refusals::Asked;
pub(crate) use who::OverSocket;

/// State of every handler.
pub(crate) type App = Arc<Shared>;

/// The whole router.
pub(crate) fn router(shared: App) -> Router {
    let door = intake::door::router(shared.door());
    let own = Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/vkeys", get(tlog::vkeys))
        .route("/checkpoint", get(tlog::checkpoint))
        .route("/tile/{*path}", get(tlog::tile))
        .route("/v1/schemas/{type}", get(health::schema));
    own.merge(questions(&shared))
        .merge(commands(&shared))
        .method_not_allowed_fallback(problem::other_method)
        .route_layer(from_fn(given::no_query))
        .fallback(problem::nowhere)
        .with_state(shared)
        .merge(door)
}

/// What an officer may ask. Questions about persons record their own refusals.
fn questions(app: &App) -> Router<App> {
    let asks = |code, handler| refusals::recorded(app, Asked::Question(code), handler);
    Router::new()
        .route("/v1/ask/person", post(ask::person))
        .route("/v1/ask/trail", post(ask::trail))
        .route("/v1/ask/event", post(ask::event))
        .route("/v1/ask/status", post(ask::status))
        .route("/v1/find", post(ask::find))
        .route("/v1/proof/{index}", asks("proof", get(tlog::proof)))
        .route("/v1/foils/{index}", asks("foil", get(tlog::foil)))
        .route("/v1/keys", asks("keys", get(tlog::keys)))
}

/// What an officer may do.
fn commands(app: &App) -> Router<App> {
    let does = |code, handler| refusals::recorded(app, Asked::Command(code), handler);
    let list = does("publisher-list", get(admin::publisher_list));
    let publishers = does("publisher-add", post(admin::publisher_add)).merge(list);
    let list = does("user-list", get(admin::user_list));
    let users = does("user-add", post(admin::user_add)).merge(list);
    let mut commands = Router::new()
        .route("/v1/admin/publishers", publishers)
        .route("/v1/admin/users", users);
    let acts = [
        (
            "publishers/{code}/rotate",
            "publisher-rotate",
            post(admin::publisher_rotate),
        ),
        (
            "publishers/{code}/revoke",
            "publisher-revoke",
            post(admin::publisher_revoke),
        ),
        (
            "users/{actor}/disable",
            "user-disable",
            post(admin::user_disable),
        ),
        ("rebuild", "rebuild", post(admin::rebuild)),
        ("park", "park", post(admin::park)),
        ("verify", "verify", post(admin::verify)),
        ("rekey", "rekey", post(admin::rekey)),
        ("backup", "backup", post(admin::backup)),
    ];
    for (path, code, handler) in acts {
        commands = commands.route(&format!("/v1/admin/{path}"), does(code, handler));
    }
    if app.records.name().origin.is_test() {
        let clock = does("test-clock", post(admin::test_clock));
        commands = commands.route("/v1/test/clock", clock);
    }
    commands
}
