//! The publisher's event id: random, or explicitly allowed not to be.
//!
//! It does not look ids up; repeats are the sequencer's. Always: an id that might be a natural
//! key is taken only from a publisher registered with map-ids (design 3); the id itself is
//! personal data and goes into slot 0.

use proto::limits::EVENT_ID_BYTES_MAX;

use super::refusal::{Refusal, RefusalCode};

/// Checks the form of an id.
///
/// # Errors
/// `ATTRIBUTE_INVALID` for a length out of bounds or a control character, `ID_NOT_RANDOM` when
/// the id is no random UUID and `map_ids` is off.
pub fn check_id(id: &str, map_ids: bool) -> Result<(), Refusal> {
    if id.is_empty() || id.len() > EVENT_ID_BYTES_MAX {
        let rule = "an id has 1 to 256 bytes";
        return Err(Refusal::new(RefusalCode::AttributeInvalid, "id", rule));
    }
    if id.bytes().any(|byte| byte.is_ascii_control()) {
        let rule = "an id has no control characters";
        return Err(Refusal::new(RefusalCode::AttributeInvalid, "id", rule));
    }
    if map_ids || is_random_uuid(id) {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalCode::IdNotRandom,
        "id",
        "an id is a random UUID (version 4 or 7), unless the publisher is registered with map-ids",
    ))
}

/// Whether the text is a UUID of version 4 or 7 and the RFC 9562 variant, written with hyphens.
/// Upper and lower case are different ids; the publisher repeats what it sent.
fn is_random_uuid(id: &str) -> bool {
    id.len() == 36
        && uuid::Uuid::try_parse(id).is_ok_and(|id| {
            matches!(id.get_version_num(), 4 | 7) && id.get_variant() == uuid::Variant::RFC4122
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str, map_ids: bool) -> Option<RefusalCode> {
        check_id(id, map_ids).err().map(|refusal| refusal.code)
    }

    #[test]
    fn only_random_uuids_without_map_ids() {
        assert_eq!(check("0b7a1f0e-52d4-4c1b-9a3e-2f6f0d9a7c11", false), None);
        assert_eq!(check("019a8f3e-7c00-7abc-8def-0123456789ab", false), None);
        let not_random = Some(RefusalCode::IdNotRandom);
        // Version 1, a wrong variant, the nil id, no hyphens, braces, a case reference.
        assert_eq!(
            check("c232ab00-9414-11ec-b3c8-9f6bdeced846", false),
            not_random
        );
        assert_eq!(
            check("0b7a1f0e-52d4-4c1b-ca3e-2f6f0d9a7c11", false),
            not_random
        );
        assert_eq!(
            check("00000000-0000-0000-0000-000000000000", false),
            not_random
        );
        assert_eq!(check("0b7a1f0e52d44c1b9a3e2f6f0d9a7c11", false), not_random);
        assert_eq!(
            check("{0b7a1f0e-52d4-4c1b-9a3e-2f6f0d9a7c1}", false),
            not_random
        );
        assert_eq!(check("case-10011", false), not_random);
    }

    #[test]
    fn map_ids_take_any_text_of_the_length() {
        assert_eq!(check("case-10011", true), None);
        assert_eq!(check(&"x".repeat(256), true), None);
        assert_eq!(
            check(&"x".repeat(257), true),
            Some(RefusalCode::AttributeInvalid)
        );
        assert_eq!(check("", true), Some(RefusalCode::AttributeInvalid));
        assert_eq!(check("a\nb", true), Some(RefusalCode::AttributeInvalid));
    }
}
