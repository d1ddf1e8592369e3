//! Reading the head of a request: who, which parameters, which attributes.
//!
//! It parses no events and reads no body. Always: what decides is there once; a second token, content
//! type or parameter is refused, not passed over.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, Uri, header};

use super::Door;
use super::answer::FoilDetail;
use crate::admit::{Publisher, Refusal, RefusalCode, authenticate};

/// The parameter by which nothing is recorded.
pub(super) const DRY_RUN: &str = "dry_run";
/// The parameter that says how much of each foil comes back.
pub(super) const FOILS: &str = "foils";

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
    let authorization = only(headers, &header::AUTHORIZATION).map_err(|()| {
        let rule = "a request has one authorization header";
        Refusal::new(RefusalCode::Unauthenticated, "authorization", rule)
    })?;
    authenticate(authorization, door.tokens.as_ref(), door.now())
}

/// The content type of this request, if it has one.
pub(super) fn content_type(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    only(headers, &header::CONTENT_TYPE).map_err(|()| {
        let rule = "a request has one content type";
        Refusal::new(RefusalCode::ContentTypeUnsupported, "content-type", rule)
    })
}

/// Refuses a question that is not stated to be JSON.
pub(super) fn is_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = content_type(headers)?.and_then(|kind| kind.split(';').next());
    if kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let (code, rule) = (
        RefusalCode::ContentTypeUnsupported,
        "the question is application/json",
    );
    Err(Refusal::new(code, "content-type", rule))
}

/// A header's text; refused where it stands twice, since two readers may take two different ones.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(()),
        None => Ok(first.and_then(|value| value.to_str().ok())),
    }
}

/// The parameters of the query, each of them one of these and there once: an unknown or repeated one is
/// refused rather than passed over.
pub(super) fn parameters(uri: &Uri, known: &[&'static str]) -> Result<Parameters, Refusal> {
    let mut parameters = Parameters::default();
    let mut seen = Vec::with_capacity(known.len());
    let pairs = uri.query().unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = known.iter().copied().find(|known| *known == name) else {
            return Err(invalid("query", known));
        };
        if seen.contains(&name) {
            let rule = "a parameter stands in the query once";
            return Err(Refusal::new(RefusalCode::ParameterInvalid, name, rule));
        }
        seen.push(name);
        match (name, value) {
            (DRY_RUN, "" | "true" | "1") => parameters.dry_run = true,
            (DRY_RUN, "false" | "0") => parameters.dry_run = false,
            (FOILS, "none") => parameters.foils = FoilDetail::None,
            (FOILS, "note") => parameters.foils = FoilDetail::Note,
            (FOILS, "full") => parameters.foils = FoilDetail::Full,
            _ => return Err(invalid(name, known)),
        }
    }
    Ok(parameters)
}

fn invalid(field: &'static str, known: &[&'static str]) -> Refusal {
    let values = |name: &&str| match *name {
        DRY_RUN => "dry_run (true, false)",
        _ => "foils (none, note, full)",
    };
    let known: Vec<&str> = known.iter().map(values).collect();
    let rule = format!("the query has {}", known.join(" and "));
    Refusal::new(RefusalCode::ParameterInvalid, field, rule)
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
        parameters(&uri, &[DRY_RUN, FOILS]).map_err(|refusal| refusal.code)
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
        for twice in [
            "?dry_run=true&dry_run=false",
            "?dry_run&dry_run",
            "?foils=note&dry_run&foils=note",
            "?dry%5Frun=true",
        ] {
            assert_eq!(check(twice), Err(RefusalCode::ParameterInvalid), "{twice}");
        }
    }

    #[test]
    fn where_nothing_is_recorded_nothing_is_dry() {
        let uri = "/v1/foils/find?dry_run=true".parse().expect("a path");
        let refused = parameters(&uri, &[FOILS]).expect_err("not a parameter there");
        assert_eq!(refused.rule, "the query has foils (none, note, full)");
    }
}
