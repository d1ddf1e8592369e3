//! Fuzz bodies for every parser of outside bytes in this crate: plain functions that must not panic.
//!
//! Each also asserts what must hold of whatever is accepted, so that a wrong acceptance is found too.

use crate::{
    EventId, Fact, Personal, Record, SlotNumber, decode_binary, decode_json, decode_record,
    encode_record, facts, leaves, slot_to_json, split,
};

fn pick(bytes: &[u8]) -> Option<(&'static Fact, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((facts().get(usize::from(*first) % facts().len())?, rest))
}

/// Event data as JSON: the first byte chooses the fact.
pub fn fuzz_json(bytes: &[u8]) {
    let Some((fact, json)) = pick(bytes) else {
        return;
    };
    if let Ok(data) = decode_json(fact, json) {
        fuzz_accepted(fact, data.wire().expose());
    }
}

/// Event data as protobuf: the first byte chooses the fact.
pub fn fuzz_binary(bytes: &[u8]) {
    let Some((fact, binary)) = pick(bytes) else {
        return;
    };
    if let Ok(data) = decode_binary(fact, binary) {
        fuzz_accepted(fact, data.wire().expose());
    }
}

/// What was accepted is stable, and every half of it can be read.
fn fuzz_accepted(fact: &'static Fact, wire: &[u8]) {
    let Ok(again) = decode_binary(fact, wire) else {
        unreachable!("deterministic bytes are accepted again")
    };
    assert!(
        again.wire().expose() == wire,
        "deterministic bytes do not change"
    );
    let split = split(again, &EventId::new(Personal::from("fuzz")));
    let _ = Record {
        header: empty_header(),
        fact,
        body: split.body.clone(),
    }
    .clear();
    for slot in &split.slots {
        let values = slot.values.expose();
        let joined: usize = match leaves(fact, slot.number, values) {
            Ok(leaves) => leaves.iter().map(|leaf| leaf.value.len()).sum(),
            Err(error) => unreachable!("slots that we split have leaves: {error}"),
        };
        assert!(joined <= values.len(), "leaves are parts of the slot");
        assert!(
            slot_to_json(fact, slot.number, values).is_ok(),
            "slots can be shown"
        );
    }
}

fn empty_header() -> crate::RecordHeader {
    crate::RecordHeader {
        publisher: crate::PublisherCode::new("fuzz").expect("fuzz is a code"),
        source: "fuzz".to_owned(),
        time: crate::UnixMillis(0),
        admitted: crate::UnixMillis(0),
        stream: crate::StreamId([0; 16]),
        number: crate::NumberInStream(0),
        previous: None,
        slots: Vec::new(),
        quarantined: Vec::new(),
    }
}

/// Record bytes: whatever is accepted encodes to the same bytes.
pub fn fuzz_record(bytes: &[u8]) {
    if let Ok(record) = decode_record(bytes) {
        let again = encode_record(&record.header, record.fact, &record.body);
        assert!(again == bytes, "a record has one encoding");
        let _ = (record.clear(), record.envelope(), record.to_json());
    }
}

/// Slot values as they come out of an opened slot: first byte the fact, second the slot.
pub fn fuzz_slot(bytes: &[u8]) {
    let Some((fact, rest)) = pick(bytes) else {
        return;
    };
    let Some((slot, values)) = rest.split_first() else {
        return;
    };
    let slot = SlotNumber(u32::from(slot % 3));
    let _ = leaves(fact, slot, values);
    let _ = slot_to_json(fact, slot, values);
}

/// Foil bytes, and a foil as JSON: what is read as bytes encodes to the same bytes.
pub fn fuzz_foil(bytes: &[u8]) {
    if let Ok(foil) = crate::foil::decode(bytes) {
        assert!(
            crate::foil::encode(&foil) == bytes,
            "a foil has one encoding"
        );
    }
    let _ = crate::foil::from_json(bytes);
}
