//! Everything that answers over HTTP, one file a kind. The same router serves the TCP address and the Unix socket.
//!
//! Not here: what events are (`intake::door`), what questions mean (`questions`). Always: no name of a person in a URL; errors are
//! `application/problem+json` with a code; deny by default.

mod admin;
mod ask;
mod health;
mod problem;
mod tlog;
mod who;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::host::Shared;

pub(crate) use problem::Problem;
pub(crate) use who::OverSocket;

/// State of every handler.
pub(crate) type App = Arc<Shared>;

/// The whole router.
pub(crate) fn router(shared: App) -> Router {
    let door = intake::door::router(shared.door());
    let mut own = Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/vkeys", get(tlog::vkeys))
        .route("/checkpoint", get(tlog::checkpoint))
        .route("/tile/{*path}", get(tlog::tile))
        .route("/v1/schemas/{type}", get(health::schema))
        .route("/v1/ask/person", post(ask::person))
        .route("/v1/ask/trail", post(ask::trail))
        .route("/v1/ask/event", post(ask::event))
        .route("/v1/ask/status", post(ask::status))
        .route("/v1/find", post(ask::find))
        .route("/v1/proof/{index}", get(tlog::proof))
        .route("/v1/foils/{index}", get(tlog::foil))
        .route("/v1/keys", get(tlog::keys))
        .route(
            "/v1/admin/publishers",
            post(admin::publisher_add).get(admin::publisher_list),
        )
        .route(
            "/v1/admin/publishers/{code}/rotate",
            post(admin::publisher_rotate),
        )
        .route(
            "/v1/admin/publishers/{code}/revoke",
            post(admin::publisher_revoke),
        )
        .route(
            "/v1/admin/users",
            post(admin::user_add).get(admin::user_list),
        )
        .route("/v1/admin/users/{actor}/disable", post(admin::user_disable))
        .route("/v1/admin/rebuild", post(admin::rebuild))
        .route("/v1/admin/park", post(admin::park))
        .route("/v1/admin/verify", post(admin::verify))
        .route("/v1/admin/rekey", post(admin::rekey))
        .route("/v1/admin/backup", post(admin::backup));
    if shared.records.name().origin.is_test() {
        own = own.route("/v1/test/clock", post(admin::test_clock));
    }
    own.fallback(problem::nowhere)
        .with_state(shared)
        .merge(door)
}
