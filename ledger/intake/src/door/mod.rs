//! The HTTP door: where publishers hand events in and ask for their foils again.
//!
//! It decides nothing about events ([`crate::admit`]) and writes nothing ([`crate::engine`]): it
//! reads a request within its limits, asks both, and words the answer. Always: a caller is known
//! before its body is read; no answer is given before what it says is durable (C-2); an answer holds
//! codes, paths and rules, never a value (S-1).

mod answer;
mod body;
mod events;
mod foil_json;
mod foils;
mod request;
mod seeds;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::routing::post;
use ground::{Clock, Random};
use proto::UnixMillis;

use crate::admit::{Finding, Refusal, RefusalCode, RefusalCounts, TokenStore};
use crate::engine::{EngineHandle, Later, SubmitError};

pub use body::{BODY_SECONDS_MAX, Kept, Room, Whole, whole_body};

/// Where a refusal goes that the ledger itself records, such as `card-data-blocked`.
pub trait FindingSink: Send + Sync {
    /// Appends the findings; returns once they are durable.
    fn append(&self, findings: Vec<Finding>) -> Later<'_, Result<(), SubmitError>>;
}

/// All that the door needs; one value shared by all requests.
#[derive(Clone)]
pub struct Door {
    /// The ledger.
    pub engine: EngineHandle,
    /// Where findings about refused events go.
    pub findings: Arc<dyn FindingSink>,
    /// Tokens of publishers, by hash.
    pub tokens: Arc<dyn TokenStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Seeds of slots.
    pub random: Arc<dyn Random>,
    /// Refusals by code.
    pub counts: Arc<RefusalCounts>,
    /// Memory for publishers' bodies, and nobody else's.
    pub room: Room,
    /// Set once at SIGTERM: nothing new is taken, what was taken is answered.
    pub draining: Arc<AtomicBool>,
}

impl Door {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.now())
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// `POST /v1/events` and `POST /v1/foils/find`.
pub fn router(door: Door) -> Router {
    Router::new()
        .route("/v1/events", post(events::post))
        .route("/v1/foils/find", post(foils::find))
        .method_not_allowed_fallback(other_method)
        .with_state(door)
}

/// Both addresses take POST alone.
async fn other_method(State(door): State<Door>) -> Response<Body> {
    let rule = "this address takes POST";
    let refusal = Refusal::new(RefusalCode::MethodNotAllowed, "", rule);
    door.counts.count(refusal.code);
    answer::problem(&refusal)
}
