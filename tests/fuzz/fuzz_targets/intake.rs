//! CloudEvents in three modes, CSV, maps, tokens, backup files: the first byte chooses the body.
#![no_main]

static BODIES: [fn(&[u8]); 9] = [
    intake::admit::fuzz::structured,
    intake::admit::fuzz::batch,
    intake::admit::fuzz::binary,
    intake::admit::fuzz::csv,
    intake::admit::fuzz::map,
    intake::admit::fuzz::bearer,
    intake::backup::fuzz::manifest,
    intake::backup::fuzz::key_text,
    intake::backup::fuzz::journal_file,
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((first, rest)) = bytes.split_first() {
        BODIES[usize::from(*first) % BODIES.len()](rest);
    }
});
