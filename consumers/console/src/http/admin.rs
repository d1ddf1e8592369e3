//! Governance over HTTP: publishers and their tokens, users and their roles, upkeep. The DPO's alone.
//!
//! Always: the event that records an act and the vault row that makes it true become durable together; a token is shown once, stored by hash.

mod publishers;
mod upkeep;
mod users;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;

use super::Problem;

pub(super) use publishers::{publisher_add, publisher_list, publisher_revoke, publisher_rotate};
pub(super) use upkeep::{backup, park, rebuild, rekey, test_clock, verify};
pub(super) use users::{user_add, user_disable, user_list};

type Body<T> = Result<Json<T>, JsonRejection>;

fn read<T>(body: Body<T>) -> Result<T, Problem> {
    body.map(|Json(value)| value).map_err(|_| {
        let rule = "the body is JSON with exactly the fields of this act";
        Problem::new(StatusCode::BAD_REQUEST, "BODY_MALFORMED", rule)
    })
}
