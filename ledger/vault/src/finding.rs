//! How a person is found: normal forms of values, and their keyed hashes.
//!
//! | value | normal form |
//! |---|---|
//! | alias | system and local id as given, white space around the id dropped; ids are compared as written |
//! | name | lower case, words with one space between them, order kept; full stops and commas are spaces |
//! | family name | the last word of the name's normal form |
//! | date of birth | `YYYY-MM-DD`; `D/M/YYYY` is turned; anything else is no date |
//! | postcode | upper case, letters and digits only |
//! | e-mail | lower case, without white space |
//! | telephone | digits only; a leading `+44` or `0044`, with or without `(0)`, becomes `0` |
//!
//! ```text
//! hash = first 16 bytes of BLAKE3 keyed( finding key, domain u8 ‖ fields, each but the last with u64 length )
//! ```
//!
//! Always: an indexed value with an empty normal form has no hash and finds nobody; equal names never join two persons, only an alias does.

use proto::ids::StreamId;
use zeroize::Zeroizing;

use crate::keys::Key32;
use crate::rows::{FindingHash, IndexKind};

const DOMAIN_ALIAS: u8 = 1;
const DOMAIN_STREAM: u8 = 2;
const DOMAIN_INDEX: u8 = 16;

/// The hash of an alias. That neither field is empty is the catalogue's rule.
pub(crate) fn alias_hash(key: &Key32, system: &str, local_id: &str) -> FindingHash {
    let length = (system.len() as u64).to_be_bytes();
    let id = local_id.trim();
    keyed(
        key,
        DOMAIN_ALIAS,
        &[&length, system.as_bytes(), id.as_bytes()],
    )
}

/// The hash of a value that a blind index finds by; `None` where it has no normal form.
pub(crate) fn index_hash(key: &Key32, kind: IndexKind, value: &str) -> Option<FindingHash> {
    let normal = normal_form(kind, value)?;
    Some(keyed(key, DOMAIN_INDEX + kind as u8, &[normal.as_bytes()]))
}

/// Where the rows of a stream lie among the finding shelves.
pub(crate) fn stream_hash(key: &Key32, stream: StreamId) -> FindingHash {
    keyed(key, DOMAIN_STREAM, &[&stream.0])
}

fn keyed(key: &Key32, domain: u8, fields: &[&[u8]]) -> FindingHash {
    let mut hasher = blake3::Hasher::new_keyed(key.expose());
    hasher.update(&[domain]);
    for field in fields {
        hasher.update(field);
    }
    let hash = hasher.finalize();
    FindingHash(
        *hash
            .as_bytes()
            .first_chunk()
            .expect("32 bytes begin with 16"),
    )
}

/// The form in which a value is compared; `None` where nothing is left of it.
#[must_use]
pub fn normal_form(kind: IndexKind, value: &str) -> Option<Zeroizing<String>> {
    let normal = Zeroizing::new(match kind {
        IndexKind::Name => words(value),
        IndexKind::FamilyName => {
            let name = Zeroizing::new(words(value));
            name.rsplit(' ').next().unwrap_or_default().to_owned()
        }
        IndexKind::DateOfBirth => date(value)?,
        IndexKind::Postcode => value
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_uppercase(),
        IndexKind::Email => value.split_whitespace().collect::<String>().to_lowercase(),
        IndexKind::Telephone => telephone(value),
    });
    (!normal.is_empty()).then_some(normal)
}

fn words(value: &str) -> String {
    let lower = Zeroizing::new(value.to_lowercase());
    let mut name = String::with_capacity(lower.len());
    let parts = lower.split(|c: char| c.is_whitespace() || matches!(c, '.' | ','));
    for word in parts.filter(|word| !word.is_empty()) {
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(word);
    }
    name
}

fn date(value: &str) -> Option<String> {
    let value = value.trim();
    let turned = value.contains('/');
    let mut parts = value.split(['-', '/']);
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    let (year, month, day) = if turned { (c, b, a) } else { (a, b, c) };
    let number = |text: &str, digits: usize| {
        let plain = text.len() <= digits && !text.is_empty();
        let plain = plain && text.bytes().all(|byte| byte.is_ascii_digit());
        if plain {
            text.parse::<u16>().ok()
        } else {
            None
        }
    };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let sound = parts.next().is_none() && (1..=12).contains(&month) && (1..=31).contains(&day);
    (sound && year >= 1000).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn telephone(value: &str) -> String {
    let digits = Zeroizing::new(
        value
            .chars()
            .filter(char::is_ascii_digit)
            .collect::<String>(),
    );
    let abroad = match value.trim_start().starts_with('+') {
        true => digits.strip_prefix("44"),
        false => digits.strip_prefix("0044"),
    };
    match abroad {
        Some(rest) => format!("0{}", rest.strip_prefix('0').unwrap_or(rest)),
        None => digits.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: IndexKind, values: &[&str], normal: &str) {
        for value in values {
            let found = normal_form(kind, value);
            assert_eq!(
                found.as_deref().map_or("", String::as_str),
                normal,
                "{value:?}"
            );
        }
    }

    #[test]
    fn equal_values_have_one_normal_form() {
        check(
            IndexKind::Name,
            &["Alex  Example", " alex EXAMPLE ", "Alex, Example."],
            "alex example",
        );
        check(
            IndexKind::FamilyName,
            &["Alex J. Example", "example"],
            "example",
        );
        check(
            IndexKind::DateOfBirth,
            &["1980-02-09", "9/2/1980", " 09/02/1980"],
            "1980-02-09",
        );
        check(
            IndexKind::DateOfBirth,
            &["1980", "1980-13-01", "x", "1980-01-01-01", "80-1-1"],
            "",
        );
        check(
            IndexKind::Postcode,
            &["ln1 1yz", "LN11YZ", " Ln1-1Yz "],
            "LN11YZ",
        );
        check(
            IndexKind::Email,
            &["Alex@Example.org ", "alex@example.org"],
            "alex@example.org",
        );
        let forms = [
            "01632 960001",
            "+44 1632 960001",
            "+44 (0)1632 960001",
            "0044 1632 960001",
        ];
        check(IndexKind::Telephone, &forms, "01632960001");
        check(IndexKind::Telephone, &["+33 1 23", "33123"], "33123");
        for kind in [
            IndexKind::Name,
            IndexKind::Postcode,
            IndexKind::Email,
            IndexKind::Telephone,
        ] {
            check(kind, &["", "  "], "");
        }
    }

    #[test]
    fn hashes_differ_by_key_kind_and_boundary() {
        let (key, other) = (Key32::new([1; 32]), Key32::new([2; 32]));
        let hash = alias_hash;
        assert_eq!(hash(&key, "crm", "17"), hash(&key, "crm", " 17 "));
        assert_ne!(hash(&key, "crm", "17"), hash(&other, "crm", "17"));
        assert_ne!(hash(&key, "crm1", "7"), hash(&key, "crm", "17"));
        let name = index_hash(&key, IndexKind::Name, "Example");
        assert_ne!(name, index_hash(&key, IndexKind::FamilyName, "Example"));
    }
}
