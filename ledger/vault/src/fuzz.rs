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

/// The plaintexts of a shelf part: its head, and a block of rows.
pub fn shelf_part(bytes: &[u8]) {
    if let Ok(rows) = part::decode_plain(bytes) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use ground::SeededRandom;

    /// Seeded mutations of one good row and of noise, through every body.
    #[test]
    fn no_body_panics_on_mutations() {
        let random = SeededRandom::new(11);
        let tag = crate::keys::FenceTag([7; 32]);
        let good = Row::DestroyedTag { tag, generation: 3 };
        let good = good.encode().expect("encodes").to_vec();
        let part = [&[0, 1, 9, 1, 2, 9, 9][..], &[0, 1, 10]].concat();
        let head = [&[1, 0, 0, 0, 1][..], &[0; 8], &[7; 32]].concat();
        let plain = [&[2, 0, 0, 0, 1][..], &good].concat();
        for round in 0..20_000u64 {
            for seed in [&good, &part, &head, &plain, &vec![0; 512], &vec![0; 1024]] {
                let mut bytes = seed.clone();
                for _ in 0..=round % 4 {
                    let at = usize::try_from(random.below(bytes.len() as u64)).expect("small");
                    bytes[at] = random.next_u64().to_le_bytes()[0];
                }
                let length = usize::try_from(random.below(bytes.len() as u64 + 1)).expect("small");
                if round % 3 == 0 {
                    bytes.truncate(length);
                }
                for body in [row, vault_section, root_slot, shelf_part, shelf_table] {
                    body(&bytes);
                }
            }
        }
    }
}
