//! Reading a request: who, which parameters, which body, in that order and within limits.
//!
//! It parses no events. Always: the token is judged before a byte of the body is read, and the
//! stated length before the rest.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Uri, header};
use proto::limits::REQUEST_BYTES_MAX;

use super::Door;
use super::answer::FoilDetail;
use crate::admit::{Publisher, Refusal, RefusalCode, authenticate};

/// What the caller may ask for in the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Parameters {
    /// Judge, and record nothing.
    pub(super) dry_run: bool,
    /// How much of each foil the answer carries.
    pub(super) foils: FoilDetail,
}

/// The publisher that sends this request.
pub(super) fn publisher(door: &Door, headers: &HeaderMap) -> Result<Arc<Publisher>, Refusal> {
    if door.is_draining() {
        let rule = "the ledger is stopping; send this again to the next instance";
        return Err(Refusal::new(RefusalCode::Draining, "", rule));
    }
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    authenticate(authorization, door.tokens.as_ref(), door.now())
}

/// The parameters of the query; an unknown one is refused rather than passed over.
pub(super) fn parameters(uri: &Uri) -> Result<Parameters, Refusal> {
    let mut parameters = Parameters::default();
    for pair in uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("dry_run", "" | "true" | "1") => parameters.dry_run = true,
            ("dry_run", "false" | "0") => parameters.dry_run = false,
            ("foils", "none") => parameters.foils = FoilDetail::None,
            ("foils", "note") => parameters.foils = FoilDetail::Note,
            ("foils", "full") => parameters.foils = FoilDetail::Full,
            (name, _) => {
                let field = ["dry_run", "foils"]
                    .into_iter()
                    .find(|known| *known == name);
                let rule = "the query has dry_run (true, false) and foils (none, note, full)";
                let field = field.unwrap_or("query");
                return Err(Refusal::new(RefusalCode::ParameterInvalid, field, rule));
            }
        }
    }
    Ok(parameters)
}

/// The whole body, at most [`REQUEST_BYTES_MAX`].
pub(super) async fn body(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let stated = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if stated.and_then(|text| text.parse::<u64>().ok()) > Some(REQUEST_BYTES_MAX as u64) {
        return Err(too_large());
    }
    // The error does not say whether the limit or the connection ended the body; a caller whose
    // connection broke reads no answer.
    axum::body::to_bytes(body, REQUEST_BYTES_MAX)
        .await
        .map_err(|_| too_large())
}

/// Wipes a body that has been read, where the door is its only owner. A body that arrived whole with
/// its headers still lies in the connection's buffer, which hyper owns and writes over.
pub(super) fn wipe(body: Bytes) {
    if let Ok(mut own) = body.try_into_mut() {
        own.fill(0);
        zeroize::optimization_barrier(own.as_ref());
    }
}

fn too_large() -> Refusal {
    let rule = format!("a request has at most {REQUEST_BYTES_MAX} bytes");
    Refusal::new(RefusalCode::RequestTooLarge, "", rule)
}

/// The `ce-` headers, names without their prefix.
pub(super) fn attributes(headers: &HeaderMap) -> Result<Vec<(String, String)>, Refusal> {
    let attributes = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("ce-")?;
        Some((name, value.to_str()))
    });
    attributes
        .map(|(name, value)| match value {
            Ok(value) => Ok((name.to_owned(), value.to_owned())),
            Err(_) => Err(Refusal::new(
                RefusalCode::AttributeInvalid,
                "ce-",
                "a header has printable ASCII; other characters are percent-encoded",
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str) -> Result<Parameters, RefusalCode> {
        let uri = format!("/v1/events{query}").parse().expect("a path");
        parameters(&uri).map_err(|refusal| refusal.code)
    }

    #[test]
    fn unknown_parameters_are_refused() {
        let full = Parameters::default();
        assert_eq!(check(""), Ok(full));
        assert_eq!(
            check("?dry_run"),
            Ok(Parameters {
                dry_run: true,
                ..full
            })
        );
        assert_eq!(
            check("?dry_run=false&foils=note"),
            Ok(Parameters {
                foils: FoilDetail::Note,
                ..full
            })
        );
        assert_eq!(check("?dryrun"), Err(RefusalCode::ParameterInvalid));
        assert_eq!(check("?foils=some"), Err(RefusalCode::ParameterInvalid));
    }
}
