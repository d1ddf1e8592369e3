//! Rows, sections, root slots, shelves, the table: the first byte chooses the body.
#![no_main]

static BODIES: [fn(&[u8]); 5] = [
    vault::fuzz::row,
    vault::fuzz::vault_section,
    vault::fuzz::root_slot,
    vault::fuzz::shelf_part,
    vault::fuzz::shelf_table,
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((first, rest)) = bytes.split_first() {
        BODIES[usize::from(*first) % BODIES.len()](rest);
    }
});
