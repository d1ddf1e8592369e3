//! Evidence files, the journal's own decoder, served answers: the first byte chooses the body.
#![no_main]

use verifier::fuzz::BODIES;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((first, rest)) = bytes.split_first() {
        let (_, body) = BODIES[usize::from(*first) % BODIES.len()];
        body(rest);
    }
});
