//! Fuzz bodies for every parser of outside bytes in this crate: plain functions that must not panic.
//!
//! Tests run them over a corpus and seeded mutations on stable; cargo-fuzz wraps the same functions.
//! Always: a verdict has its word, and a list of what it did not establish that is not empty.

use crate::journal::{
    Entries, GroupHeader, Marker, SegmentHeader, Watermark, checkpoint_note, decode_body,
};
use crate::{served, verify_file};

/// A named fuzz body.
pub type Body = (&'static str, fn(&[u8]));

/// All of them, by name.
pub const BODIES: [Body; 7] = [
    ("evidence", evidence),
    ("journal_group", journal_group),
    ("journal_segment_header", journal_segment_header),
    ("journal_marker", journal_marker),
    ("journal_watermark", journal_watermark),
    ("checkpoint_store", checkpoint_store),
    ("http_answer", http_answer),
];

/// Any file that is handed in as evidence, and its verdict in both forms.
pub fn evidence(bytes: &[u8]) {
    let verdict = verify_file(bytes, &[]);
    assert!(!verdict.not_established.is_empty(), "never empty");
    assert!(verdict.to_text().contains(verdict.word.as_str()));
    assert_eq!(verdict.to_json()["verdict"], verdict.word.as_str());
}

/// A group: its header, then all of it. What is accepted names places within itself.
pub fn journal_group(bytes: &[u8]) {
    let Some(header) = bytes.first_chunk() else {
        return;
    };
    let Ok(header) = GroupHeader::decode(header) else {
        return;
    };
    let Some(group) = bytes.get(..header.length as usize) else {
        return;
    };
    let mut entries = Entries::default();
    if decode_body(&header, group, &mut entries).is_ok() {
        assert_eq!(entries.links.len(), header.count as usize);
        assert_eq!(entries.entries.len(), entries.links.len());
        for entry in &entries.entries {
            assert!(!entry.record(group).is_empty(), "no record is empty");
        }
        let slots: usize = entries.slots(group).flatten().map(<[u8]>::len).sum();
        assert!(slots < group.len(), "slots are a part of the group");
    }
}

/// A segment's header.
pub fn journal_segment_header(bytes: &[u8]) {
    if let Some(header) = bytes.first_chunk() {
        let _ = SegmentHeader::decode(header);
    }
}

/// The completion marker.
pub fn journal_marker(bytes: &[u8]) {
    let _ = Marker::decode(bytes);
}

/// The watermark.
pub fn journal_watermark(bytes: &[u8]) {
    if let Some(mark) = bytes.first_chunk() {
        let _ = Watermark::decode(mark);
    }
}

/// A ledger's own checkpoint store.
pub fn checkpoint_store(bytes: &[u8]) {
    if let Ok(note) = checkpoint_note(bytes) {
        assert!(note.len() < bytes.len(), "the note is a part of the file");
    }
}

/// What a server answers.
pub fn http_answer(bytes: &[u8]) {
    if let Ok(body) = served::split_answer(bytes) {
        assert!(bytes.ends_with(&body), "the body is the answer's end");
    }
}
