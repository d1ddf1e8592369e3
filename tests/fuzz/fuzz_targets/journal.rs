//! Groups, heads, segment headers, watermark, marker, derived files: the first byte chooses the body.
#![no_main]

static BODIES: [fn(&[u8]); 8] = [
    journal::fuzz::group,
    journal::fuzz::head,
    journal::fuzz::segment_header,
    journal::fuzz::watermark,
    journal::fuzz::marker,
    journal::fuzz::checkpoint,
    journal::fuzz::run_file,
    journal::fuzz::tree_position,
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((first, rest)) = bytes.split_first() {
        BODIES[usize::from(*first) % BODIES.len()](rest);
    }
});
