//! The configuration: the first byte chooses the body.
#![no_main]

static BODIES: [fn(&[u8]); 1] = [console::fuzz::config];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((first, rest)) = bytes.split_first() {
        BODIES[usize::from(*first) % BODIES.len()](rest);
    }
});
