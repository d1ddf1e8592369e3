//! Fuzz bodies: every parser of stored or received bytes, as plain functions that must not panic.
//!
//! Always: what is accepted is written back byte for byte (one spelling), so that a fuzzer finds a second spelling too.

use crate::rows::Row;
use crate::{part, root, section, table};

/// One row.
pub fn row(bytes: &[u8]) {
    if let Ok(row) = Row::decode(bytes) {
        let again = row.encode().expect("a row that was read is not too long");
        assert_eq!(again.as_slice(), bytes, "a row has one spelling");
    }
}

/// The plaintext of a vault section, and its outer form.
pub fn vault_section(bytes: &[u8]) {
    let _ = section::key_id(bytes);
    let _ = section::decode_plain(bytes);
}

/// One root slot.
pub fn root_slot(bytes: &[u8]) {
    let _ = root::decodes(bytes);
}

/// The plaintext of a shelf part.
pub fn shelf_part(bytes: &[u8]) {
    if let Ok((rows, ..)) = part::decode_plain(bytes) {
        let mut before: Option<&[u8]> = None;
        for row in rows.iter() {
            assert!(before.is_none_or(|before| before < row), "rows ascend");
            before = Some(row);
        }
    }
}

/// The plaintext of a shelf table.
pub fn shelf_table(bytes: &[u8]) {
    let _ = table::decode(bytes, u64::MAX);
}
