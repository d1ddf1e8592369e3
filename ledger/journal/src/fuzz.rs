//! Fuzz bodies: every decoder of bytes from a disk, as a plain function that may refuse but never panics.
//!
//! Not a fuzzer. Always: what is accepted is encoded again and must give the same bytes, where the whole of it was decoded.

use crate::format::{
    Depth, GroupHeader, Marker, SegmentHeader, WatermarkRecord, decode_group, decode_head,
};
use crate::tree_levels::TreePosition;

/// A group, whole or by its header.
pub fn group(bytes: &[u8]) {
    let _ = GroupHeader::decode(bytes);
    for depth in [Depth::Outer, Depth::Full] {
        if let Ok(group) = decode_group(bytes, depth) {
            let start = crate::format::GroupStart {
                place: group.place,
                number: group.number,
                first: group.first,
                time: group.time,
                previous_outer: group.previous_outer,
            };
            let (again, outer) =
                crate::format::encode_group(&start, &group.entries, &group.vault_section);
            assert_eq!(
                outer, group.outer,
                "the same group has the same outer digest"
            );
            assert!(
                !group.slots_whole
                    || bytes.starts_with(again.get(..group.length as usize).unwrap_or_default())
            );
        }
    }
}

/// One head.
pub fn head(bytes: &[u8]) {
    if let Ok((head, used)) = decode_head(bytes) {
        let entry = crate::format::Entry {
            idtag: head.idtag,
            link: head.link,
            record: head.record.to_vec(),
            slots: head
                .slot_lengths
                .iter()
                .map(|length| vec![0; *length])
                .collect(),
        };
        let mut again = Vec::new();
        crate::format::encode_head(&mut again, &entry);
        assert_eq!(
            bytes.get(..used),
            Some(again.as_slice()),
            "a head has one encoding"
        );
    }
}

/// A segment header.
pub fn segment_header(bytes: &[u8]) {
    if let Ok(header) = SegmentHeader::decode(bytes) {
        assert!(
            bytes.starts_with(&header.encode()),
            "a segment header has one encoding"
        );
    }
}

/// The watermark file.
pub fn watermark(bytes: &[u8]) {
    if let Ok(record) = WatermarkRecord::decode(bytes) {
        assert_eq!(record.encode(), bytes, "a watermark has one encoding");
    }
}

/// The completion marker.
pub fn marker(bytes: &[u8]) {
    if let Ok(marker) = Marker::decode(bytes) {
        assert_eq!(marker.encode(), bytes, "a marker has one encoding");
    }
}

/// The stored checkpoint.
pub fn checkpoint(bytes: &[u8]) {
    let _ = crate::checkpoints::decode(bytes);
}

/// A run file.
pub fn run_file(bytes: &[u8]) {
    let _ = crate::runs::check_bytes(bytes);
}

/// The tree's position file.
pub fn tree_position(bytes: &[u8]) {
    if let Ok(position) = TreePosition::decode(bytes) {
        let again = position.encode();
        assert!(
            again.starts_with(bytes) || bytes.starts_with(&again),
            "a position has one encoding"
        );
    }
}
