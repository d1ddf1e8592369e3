//! A foil as proto3 JSON: the names of `counterfoil.v1.Foil`, bytes as base64.
//!
//! Always: unknown and duplicate names are refused; absent ones have proto3's defaults, except that
//! a foil without origin, link or salt is none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chain::ChainError;
use chain::foil::Foil;
use proto::{ChainNumber, Hash, Origin};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Form {
    origin: String,
    chain: u32,
    link: String,
    record: String,
    salt: String,
    path: Vec<String>,
    note: String,
}

/// Writes a foil as JSON.
pub fn to_json(foil: &Foil) -> String {
    let form = Form {
        origin: foil.origin.as_str().to_owned(),
        chain: foil.chain.0,
        link: STANDARD.encode(foil.link),
        record: STANDARD.encode(&foil.record),
        salt: STANDARD.encode(foil.salt),
        path: foil
            .path
            .iter()
            .map(|hash| STANDARD.encode(hash.0))
            .collect(),
        note: foil.note.clone(),
    };
    serde_json::to_string(&form).expect("texts and numbers are always JSON")
}

/// Reads a foil from JSON.
///
/// # Errors
/// When it is not the form that [`to_json`] writes. No text of the input is repeated.
pub fn from_json(json: &[u8]) -> Result<Foil, ChainError> {
    let wrong = |rule| ChainError::Malformed { what: "foil", rule };
    if json.len() > 2 * chain::foil::FOIL_BYTES_MAX {
        return Err(wrong("longer than 4 MiB"));
    }
    let form: Form = serde_json::from_slice(json).map_err(|_| wrong("not the JSON of a foil"))?;
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| wrong("not base64"));
    let fixed = |text: &str| {
        let bytes = bytes(text)?;
        <[u8; 32]>::try_from(bytes).map_err(|_| wrong("a hash or salt has 32 bytes"))
    };
    Ok(Foil {
        origin: Origin::new(form.origin).map_err(|_| wrong("not an origin"))?,
        chain: ChainNumber(form.chain),
        link: bytes(&form.link)?
            .try_into()
            .map_err(|_| wrong("a link has 77 bytes"))?,
        record: bytes(&form.record)?,
        salt: fixed(&form.salt)?,
        path: form
            .path
            .iter()
            .map(|hash| fixed(hash).map(Hash))
            .collect::<Result<_, _>>()?,
        note: form.note,
    })
}
