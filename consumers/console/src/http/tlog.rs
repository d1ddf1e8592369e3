//! The tree as C2SP tlog-tiles serve it, and proofs, foils and keys for officers.
//!
//! Not here: making checkpoints (`intake::keep`). Always: only what a stored checkpoint covers is served as a tile.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chain::tlog_proof::TlogProof;
use chain::tree::tiles::{self, TileKind, TilePath};
use chain::tree::{self, Place};
use proto::Index;
use questions::Right;
use vault::SigningKind;

use super::given::{self, Named};
use super::who::Caller;
use super::{App, Problem};

fn nothing(what: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", what.to_owned())
}

/// Rot was met: waits until the keeper has built the tree again, and asks once more.
fn mended<T, E: std::error::Error>(
    app: &App,
    cause: &dyn std::error::Error,
    again: impl FnOnce() -> Result<T, E>,
) -> Result<T, Problem> {
    tracing::warn!(cause = %crate::error::Causes(cause), "the tree's files are built again before they are served");
    app.tree.report_rot();
    // A keeper that has ended mends nothing any more; the process is stopping.
    let _ = app.settle();
    again().map_err(|_| being_rebuilt())
}

fn being_rebuilt() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "TREE_REBUILDING",
        "the tree is being built again from the links: try again in a moment",
    )
}

/// `GET /checkpoint`.
pub(super) async fn checkpoint(State(app): State<App>) -> Result<Response, Problem> {
    let signed = app
        .published
        .newest()
        .ok_or_else(|| nothing("no checkpoint yet"))?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, signed.note.clone()).into_response())
}

/// `GET /tile/…`.
pub(super) async fn tile(
    State(app): State<App>,
    Named(path): Named<String>,
) -> Result<Response, Problem> {
    let unknown = || nothing("there is no such tile under the newest checkpoint");
    let path = TilePath::parse(&format!("tile/{path}")).map_err(|_| unknown())?;
    let size = app
        .published
        .newest()
        .map_or(0, |signed| signed.checkpoint.size);
    if !tiles::exists(&path, size) {
        return Err(unknown());
    }
    let work = move || match path.kind {
        // Compared with the signed root before it is handed out: rot in the tree's files is never served.
        TileKind::Hashes(level) => {
            let tile = || app.tree.tile(level, path.number, path.width);
            tile().or_else(|cause| mended(&app, &cause, tile))
        }
        TileKind::Entries => entries(&app, &path),
    };
    let full = path_is_full(&path);
    let bytes = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| unknown())??;
    let cache = if full {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=60"
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, cache),
    ];
    Ok((headers, bytes).into_response())
}

fn path_is_full(path: &TilePath) -> bool {
    path.width == tiles::TILE_WIDTH
}

/// The links of an entry bundle.
fn entries(app: &App, path: &TilePath) -> Result<Vec<u8>, Problem> {
    let first = path.number * u64::from(tiles::TILE_WIDTH);
    let end = first + u64::from(path.width);
    let mut links = Vec::with_capacity(usize::from(path.width));
    for group in app.records.journal().groups_from(Index(first)) {
        let group = group.map_err(intake::IntakeError::from)?;
        let skip = usize::try_from(first.saturating_sub(group.first.0)).unwrap_or(usize::MAX);
        let wanted = usize::from(path.width) - links.len();
        links.extend(
            group
                .entries
                .iter()
                .skip(skip)
                .take(wanted)
                .map(|entry| entry.link),
        );
        if group.next().0 >= end {
            break;
        }
    }
    Ok(tiles::bundle(&links))
}

/// `GET /v1/proof/{index}`: a `.tlog-proof` of the event's link under the newest checkpoint.
pub(super) async fn proof(
    State(app): State<App>,
    caller: Caller,
    Named(index): Named<String>,
) -> Result<Response, Problem> {
    caller.may(Right::AskEvent)?;
    let index = given::index(&index)?;
    let signed = app
        .published
        .newest()
        .ok_or_else(|| nothing("no checkpoint yet"))?;
    let size = signed.checkpoint.size;
    if index >= size {
        return Err(nothing(
            "the newest checkpoint does not cover that index yet",
        ));
    }
    let entry = app
        .records
        .journal()
        .entry(Index(index))
        .map_err(intake::IntakeError::from)?;
    let place = Place { index, size };
    let leaf = chain::leaf_hash(&entry.entry.link);
    let (of, root) = (app.clone(), signed.checkpoint.root);
    let work = move || {
        let proven = || {
            let path = tree::inclusion_proof(place, &of.tree)?;
            tree::verify_inclusion(&leaf, place, &path, &root).map(|()| path)
        };
        proven().or_else(|cause| mended(&of, &cause, proven))
    };
    let path = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| being_rebuilt())??;
    let proof = TlogProof {
        link: entry.entry.link,
        shown: None,
        index,
        path,
        checkpoint: signed.note.clone(),
    };
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((headers, proof.encode()).into_response())
}

/// `GET /v1/foils/{index}`: the foil again, for an officer.
pub(super) async fn foil(
    State(app): State<App>,
    caller: Caller,
    Named(index): Named<String>,
) -> Result<Response, Problem> {
    caller.may(Right::AskEvent)?;
    let index = given::index(&index)?;
    let receipt = app.records.receipt(Index(index))?;
    Ok((
        [(header::CONTENT_TYPE, "application/octet-stream")],
        receipt.foil().encode(),
    )
        .into_response())
}

fn keys_of(app: &App, kind: SigningKind) -> Vec<serde_json::Value> {
    let keys = app.records.vault().signing_keys(kind);
    keys.iter()
        .map(|key| serde_json::json!({ "from": key.from.0, "vkey": key.vkey }))
        .collect()
}

/// `GET /v1/keys`: the verifier keys with the index from which each is in force.
pub(super) async fn keys(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    caller.may(Right::AskStatus)?;
    Ok(Json(serde_json::json!({
        "checkpoint": keys_of(&app, SigningKind::Checkpoint),
        "foil": keys_of(&app, SigningKind::Foil),
    }))
    .into_response())
}

/// `GET /vkeys`: the verifier keys in force, a line each. Pin them out of band: keys from the same server pin nothing.
pub(super) async fn vkeys(State(app): State<App>) -> Response {
    let vault = app.records.vault();
    let of = |kind| {
        vault
            .signing_keys(kind)
            .into_iter()
            .map(|key| key.vkey + "\n")
    };
    let text: String = of(SigningKind::Checkpoint)
        .chain(of(SigningKind::Foil))
        .collect();
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
