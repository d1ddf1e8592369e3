//! The message in which a foil travels: protobuf bytes in a `.foil` file, or proto3 JSON.
//!
//! Only the container. What a foil proves, and whether it does, is judged in `chain`.

use prost::Message as _;

pub use crate::stored::Foil;

/// Bytes that are not a foil.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAFoil;

impl std::fmt::Display for NotAFoil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a foil")
    }
}

impl std::error::Error for NotAFoil {}

/// The bytes of a `.foil` file.
pub fn encode(foil: &Foil) -> Vec<u8> {
    foil.encode_to_vec()
}

/// Reads the bytes of a `.foil` file.
///
/// # Errors
/// `NotAFoil` for anything but the bytes that `encode` gives.
pub fn decode(bytes: &[u8]) -> Result<Foil, NotAFoil> {
    let foil = Foil::decode(bytes).map_err(|_| NotAFoil)?;
    if foil.encode_to_vec() == bytes {
        Ok(foil)
    } else {
        Err(NotAFoil)
    }
}

/// A foil as proto3 JSON, bytes in base64.
pub fn to_json(foil: &Foil) -> serde_json::Value {
    serde_json::to_value(foil).expect("a foil is texts, numbers and bytes")
}

/// Reads a foil from proto3 JSON.
///
/// # Errors
/// `NotAFoil` for malformed JSON, unknown or repeated fields.
pub fn from_json(json: &[u8]) -> Result<Foil, NotAFoil> {
    serde_json::from_slice(json).map_err(|_| NotAFoil)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foil_travels_as_bytes_and_as_json() {
        let foil = Foil {
            origin: "test.example/counterfoil".to_owned(),
            chain: 0,
            link: vec![1; 77],
            record: vec![2; 9],
            salt: vec![3; 32],
            path: vec![vec![4; 32]; 2],
            note: "a note\n".to_owned(),
        };
        assert_eq!(decode(&encode(&foil)), Ok(foil.clone()));
        assert_eq!(
            from_json(to_json(&foil).to_string().as_bytes()),
            Ok(foil.clone())
        );
        assert_eq!(
            decode(&[encode(&foil), vec![0x10, 0]].concat()),
            Err(NotAFoil)
        );
        assert_eq!(
            from_json(b"{\"origin\":\"a\",\"origin\":\"b\"}"),
            Err(NotAFoil)
        );
        assert_eq!(from_json(b"{\"other\":1}"), Err(NotAFoil));
    }
}
