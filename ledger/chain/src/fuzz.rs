//! Fuzz bodies for every parser of outside bytes: plain functions that must not panic.
//!
//! Each also asserts what the parser promises: what it accepts, it writes back byte for byte. The
//! tests run them over a corpus and seeded mutations; a fuzzer can wrap the same functions.

use crate::checkpoint::Checkpoint;
use crate::foil::{Foil, FoilNote};
use crate::link::Link;
use crate::note::{self, VerifierKey};
use crate::sealed::{self, StoredRecord, StoredSlot};
use crate::tlog_proof::TlogProof;
use crate::tree::tiles::{self, TilePath};

/// A named fuzz body.
pub type Body = (&'static str, fn(&[u8]));

/// All of them, by name.
pub const BODIES: [Body; 11] = [
    ("link", link),
    ("note", note),
    ("vkey", vkey),
    ("checkpoint", checkpoint),
    ("foil", foil),
    ("foil_note", foil_note),
    ("tlog_proof", tlog_proof),
    ("tile_path", tile_path),
    ("entry_bundle", entry_bundle),
    ("stored_record", stored_record),
    ("slot_plaintext", slot_plaintext),
];

fn text(bytes: &[u8], body: impl FnOnce(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        body(text);
    }
}

/// A link.
pub fn link(bytes: &[u8]) {
    if let Ok(link) = Link::decode(bytes) {
        assert_eq!(link.encode(), bytes);
    }
}

/// A signed note.
pub fn note(bytes: &[u8]) {
    if let Ok(parsed) = note::parse(bytes) {
        assert!(bytes.starts_with(parsed.text.as_bytes()));
        assert!(!parsed.signatures.is_empty());
    }
}

/// A verifier key.
pub fn vkey(bytes: &[u8]) {
    text(bytes, |vkey| {
        if let Ok(parsed) = VerifierKey::parse(vkey) {
            assert_eq!(parsed.to_string(), vkey);
        }
    });
}

/// A signed checkpoint.
pub fn checkpoint(bytes: &[u8]) {
    if let Ok(checkpoint) = Checkpoint::parse(bytes) {
        assert!(bytes.starts_with(checkpoint.body().as_bytes()));
    }
}

/// A foil file, and the same bytes as JSON; also the consistency check.
pub fn foil(bytes: &[u8]) {
    if let Ok(foil) = Foil::from_json(bytes) {
        let again = Foil::from_json(foil.to_json().as_bytes());
        assert_eq!(again, Ok(foil));
    }
    if let Ok(foil) = Foil::decode(bytes) {
        assert_eq!(foil.encode(), bytes);
        let _ = foil.check();
    }
}

/// The text of a foil's note.
pub fn foil_note(bytes: &[u8]) {
    text(bytes, |text| {
        if let Ok(note) = FoilNote::parse_text(text) {
            assert_eq!(note.text(), text);
        }
    });
}

/// A proof file; also its consistency check.
pub fn tlog_proof(bytes: &[u8]) {
    if let Ok(proof) = TlogProof::parse(bytes) {
        assert_eq!(proof.encode().as_bytes(), bytes);
        let _ = proof.check();
    }
}

/// A tile path.
pub fn tile_path(bytes: &[u8]) {
    text(bytes, |path| {
        if let Ok(parsed) = TilePath::parse(path) {
            assert_eq!(parsed.to_string(), path);
        }
    });
}

/// An entry bundle; the first two bytes are its width.
pub fn entry_bundle(bytes: &[u8]) {
    if let Some((width, bytes)) = bytes.split_first_chunk::<2>()
        && let Ok(links) = tiles::read_bundle(bytes, u16::from_be_bytes(*width))
    {
        assert_eq!(tiles::bundle(&links), bytes);
    }
}

/// A stored record, and the same bytes as a stored slot.
pub fn stored_record(bytes: &[u8]) {
    if let Ok(record) = StoredRecord::decode(bytes) {
        assert_eq!(record.encode(), bytes);
    }
    if let Ok(slot) = StoredSlot::decode(bytes) {
        assert_eq!(slot.encode(), bytes);
    }
}

/// An opened slot, and the same bytes as an opened record.
pub fn slot_plaintext(bytes: &[u8]) {
    if let Ok((seed, values)) = sealed::split_slot_plaintext(bytes) {
        let again = sealed::slot_plaintext(seed, values).expect("shorter than what was read");
        assert_eq!(again.expose().as_slice(), bytes);
    }
    if let Ok((salt, record)) = sealed::split_record_plaintext(bytes) {
        assert_eq!(sealed::record_plaintext(salt, record), bytes);
    }
}
