//! Foils as proto3 JSON, written straight into an answer: bytes in base64, defaults left out.
//!
//! It reads none (`proto::foil` does). Always: the same text as `proto::foil::to_json` writes.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::append::ShownFoil;

/// Writes the foils of one answer. Those of one group carry the same note: it is escaped once.
#[derive(Default)]
pub(super) struct Pen {
    /// The last note, and where its text lies in the answer.
    note: Option<(Box<str>, Range<usize>)>,
}

impl Pen {
    /// Appends a foil to an answer, always the same one.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, foil: &ShownFoil<'_>) {
        out.extend_from_slice(b"{\"origin\":");
        text(out, foil.origin.as_str());
        if foil.chain.0 != 0 {
            out.extend_from_slice(format!(",\"chain\":{}", foil.chain.0).as_bytes());
        }
        for (name, bytes) in [
            (&b",\"link\":"[..], foil.link.as_slice()),
            (b",\"record\":", foil.record),
            (b",\"salt\":", foil.salt),
        ] {
            out.extend_from_slice(name);
            base64(out, bytes);
        }
        if !foil.path.is_empty() {
            out.extend_from_slice(b",\"path\":");
            let mut before = b'[';
            for hash in foil.path.iter() {
                out.push(before);
                base64(out, &hash.0);
                before = b',';
            }
            out.push(b']');
        }
        out.extend_from_slice(b",\"note\":");
        self.note(out, foil.note);
        out.push(b'}');
    }

    fn note(&mut self, out: &mut Vec<u8>, note: &str) {
        match &self.note {
            Some((known, at)) if **known == *note => out.extend_from_within(at.clone()),
            _ => {
                let start = out.len();
                text(out, note);
                self.note = Some((note.into(), start..out.len()));
            }
        }
    }
}

/// How many bytes it takes, or a few more.
pub(super) fn bytes(foil: &ShownFoil<'_>) -> usize {
    let names_and_fixed = 320;
    let path = foil.path.len() * 47;
    let record = foil.record.len().div_ceil(3) * 4;
    names_and_fixed + path + record + foil.origin.as_str().len() + foil.note.len()
}

fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, b'=');
    let room = out.get_mut(start..).unwrap_or_default();
    let written = STANDARD.encode_slice(bytes, room);
    written.expect("padded base64 has 4 letters for every 3 bytes");
    out.push(b'"');
}

fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a text is written to memory");
}

#[cfg(test)]
mod tests {
    use chain::foil::Foil;
    use proto::{ChainNumber, Hash, Origin};

    use super::*;

    fn check(chain: u32, record: usize, path: usize) {
        let foil = Foil {
            origin: Origin::new("test.westmere.example/counterfoil").expect("an origin"),
            chain: ChainNumber(chain),
            link: [251; 77],
            record: vec![254; record],
            salt: [3; 32],
            path: vec![Hash([4; 32]); path],
            note: "a \"note\"\n\n\u{2014} key \\ \n".to_owned(),
        };
        let (mut out, mut pen) = (Vec::new(), Pen::default());
        pen.write(&mut out, &ShownFoil::of(&foil));
        let first = out.len();
        pen.write(&mut out, &ShownFoil::of(&foil));
        assert!(out.split_off(first) == out, "the note again is the same");
        let message = proto::foil::from_json(&out).expect("our own foil");
        let expected = proto::foil::Foil {
            origin: foil.origin.as_str().to_owned(),
            chain,
            link: foil.link.to_vec(),
            record: foil.record.clone(),
            salt: foil.salt.to_vec(),
            path: foil.path.iter().map(|hash| hash.0.to_vec()).collect(),
            note: foil.note.clone(),
        };
        assert_eq!(message, expected);
        let again: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(again, proto::foil::to_json(&expected));
        assert!(out.len() <= bytes(&ShownFoil::of(&foil)) + 16);
    }

    #[test]
    fn a_foil_is_written_as_proto_writes_it() {
        for (chain, record, path) in [(0, 1, 0), (0, 330, 6), (7, 2, 1), (u32::MAX, 3, 64)] {
            check(chain, record, path);
        }
    }
}
