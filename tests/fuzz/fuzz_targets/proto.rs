//! Event data as JSON and protobuf, records, slots, foils: the first byte chooses the body.
#![no_main]

static BODIES: [fn(&[u8]); 5] = [
    proto::fuzz::fuzz_json,
    proto::fuzz::fuzz_binary,
    proto::fuzz::fuzz_record,
    proto::fuzz::fuzz_slot,
    proto::fuzz::fuzz_foil,
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((first, rest)) = bytes.split_first() {
        BODIES[usize::from(*first) % BODIES.len()](rest);
    }
});
