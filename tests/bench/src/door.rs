//! The no-op door: the ledger's HTTP stack with nothing behind it. It reads the body, checks the bearer
//! token and answers 201 with as many bytes as the ledger answers for one event, times the events in the
//! request. What it reaches is the most that any door of this stack can reach on this machine.
#![expect(
    clippy::print_stdout,
    reason = "the address goes to whoever started the process"
)]

use std::io::{self, Write};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

/// The token that the no-op door accepts.
pub(crate) const TOKEN: &str = "cf_noop_0123456789abcdef0123456789abcdef";

/// Serves on a free port of the loopback until the process is killed. Prints `listening ADDRESS` first.
pub(crate) fn serve(answer_bytes: usize) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("listening {}", listener.local_addr()?);
        io::stdout().flush()?;
        let answer = Bytes::from(format!(
            "{{\"x\":\"{}\"}}",
            "0".repeat(answer_bytes.max(8) - 8)
        ));
        let router = Router::new()
            .route("/v1/events", post(take))
            .with_state(answer);
        let listener = listener.tap_io(|stream| {
            // A socket that refuses is a socket that is already gone.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await
    })
}

async fn take(State(answer): State<Bytes>, headers: HeaderMap, body: Bytes) -> Response {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if token.and_then(|value| value.strip_prefix("Bearer ")) != Some(TOKEN) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if body.is_empty() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::CREATED, kind, answer).into_response()
}
