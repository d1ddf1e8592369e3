//! How a person is found: normal forms of values, and their keyed hashes.
//!
//! | value | normal form |
//! |---|---|
//! | alias | system and local id as given, white space around the id dropped; ids are compared as written |
//! | name | folded; accents and apostrophes dropped; letters that have no accent to drop spelled out (ł is l, æ is ae, þ is th); words with one space between them, order kept; full stops, commas and hyphens are spaces |
//! | date of birth | `YYYY-MM-DD`; `D/M/YYYY` is turned; digits of any script; anything else is no date |
//! | postcode | folded, upper case, letters A-Z and digits only |
//! | e-mail | folded, without white space; accents stay, since they are another mailbox |
//! | telephone | digits of any script only; a leading `+44` or `0044`, itself in brackets or not, with or without `(0)`, becomes `0` |
//!
//! *Folded*: decomposed by compatibility (Unicode NFKD), so that one text has one form however it was composed or how wide it was typed;
//! then without case (ß is ss); characters that nobody sees are dropped. A change of Unicode's tables moves no assigned character: normal
//! forms are stable by its policy, and so are the hashes.
//!
//! ```text
//! hash = first 16 bytes of BLAKE3 keyed( finding key, domain u8 ‖ fields, each but the last with u64 length )
//! ```
//!
//! Always: an indexed value with an empty normal form has no hash and finds nobody; equal names never join two persons, only an alias does.

use proto::decimal_digit;
use proto::ids::StreamId;
use unicode_normalization::UnicodeNormalization;
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
        IndexKind::DateOfBirth => date(&plain(value))?,
        IndexKind::Postcode => {
            let letters = folded(value);
            let plain = letters.chars().filter(char::is_ascii_alphanumeric);
            plain.map(|letter| letter.to_ascii_uppercase()).collect()
        }
        IndexKind::Email => folded(value).split_whitespace().collect(),
        IndexKind::Telephone => telephone(&plain(value)),
    });
    (!normal.is_empty()).then_some(normal)
}

/// The one form of all texts that read the same: decomposed, without case, without what nobody sees.
fn folded(value: &str) -> Zeroizing<String> {
    // Down, up and down again: ẞ and ß are both ss, and σ is ς.
    let letters = value.nfkd().filter(|letter| !is_unseen(*letter));
    let down = letters.flat_map(char::to_lowercase);
    let down = down.flat_map(char::to_uppercase);
    Zeroizing::new(down.flat_map(char::to_lowercase).nfkd().collect())
}

/// The same text with the digits 0 to 9 for those of any script and any width.
fn plain(value: &str) -> Zeroizing<String> {
    let digit = |letter| match decimal_digit(letter) {
        Some(value) => char::from(b'0' + value),
        None => letter,
    };
    let letters = value.nfkd().filter(|letter| !is_unseen(*letter));
    Zeroizing::new(letters.map(digit).collect())
}

/// Soft hyphens, joiners, marks of direction: they come along when a text is copied.
fn is_unseen(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The accents of Latin, Greek and Cyrillic letters. Marks of other scripts are letters and stay.
fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}')
}

fn is_apostrophe(letter: char) -> bool {
    matches!(
        letter,
        '\'' | '`'
            | '\u{b4}'
            | '\u{2b9}'
            | '\u{2bc}'
            | '\u{2018}'
            | '\u{2019}'
            | '\u{2032}'
            | '\u{ff07}'
    )
}

/// How whoever has no such key types a letter that no decomposition takes apart; ß is ss already.
fn spelled_out(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ł' => "l",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        _ => return None,
    })
}

/// Not a letter of a name: what stands between its words.
fn is_between(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(
            letter,
            '.' | ',' | '-' | '\u{2010}'..='\u{2015}' | '\u{2212}'
        )
}

fn words(value: &str) -> String {
    // Before it is decomposed by compatibility, since an acute accent alone becomes a space and a mark.
    let seen = value.nfd().filter(|letter| !is_apostrophe(*letter));
    let seen: Zeroizing<String> = Zeroizing::new(seen.collect());
    let bare = folded(&seen);
    // Again, since ŉ has an apostrophe inside.
    let stays = |letter: &char| !is_accent(*letter) && !is_apostrophe(*letter);
    // No spelling is longer than its letter in UTF-8.
    let mut plain = Zeroizing::new(String::with_capacity(bare.len()));
    for letter in bare.chars().filter(stays) {
        match spelled_out(letter) {
            Some(letters) => plain.push_str(letters),
            None => plain.push(letter),
        }
    }
    let bare = plain;
    let mut name = String::with_capacity(bare.len());
    for word in bare.split(is_between).filter(|word| !word.is_empty()) {
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
    let opens = |letter: char| letter.is_whitespace() || letter == '(';
    let abroad = match value.trim_start_matches(opens).starts_with('+') {
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
            &[
                "Alex  Example",
                " alex EXAMPLE ",
                "Alex, Example.",
                "Alex\u{a0}Example",
            ],
            "alex example",
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
            "(+44) 1632 960001",
            " ( +44 ) (0)1632 960001",
            "(0044) 1632 960001",
            "0044 1632 960001",
        ];
        check(IndexKind::Telephone, &forms, "01632960001");
        check(IndexKind::Telephone, &["+33 1 23", "33123"], "33123");
        check(
            IndexKind::Telephone,
            &[
                "０１６３２　９６０００１",
                "＋44 1632 960001",
                "٠١٦٣٢٩٦٠٠٠١",
            ],
            "01632960001",
        );
        check(
            IndexKind::Postcode,
            &["ＬＮ１ １ｙｚ", "LN1\u{a0}1YZ", "LN1\u{200b}1YZ"],
            "LN11YZ",
        );
        check(
            IndexKind::DateOfBirth,
            &["１９８０-02-09", "٩/٢/١٩٨٠"],
            "1980-02-09",
        );
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
    fn a_name_is_found_however_it_was_typed() {
        // Composed and decomposed, and by whoever has no such key.
        check(
            IndexKind::Name,
            &["Zo\u{eb} Example", "Zoe\u{308} Example", "ZOE EXAMPLE"],
            "zoe example",
        );
        check(
            IndexKind::Name,
            &["\u{c5}sa", "\u{212b}sa", "A\u{30a}sa"],
            "asa",
        );
        let forms = [
            "Kim O'Example",
            "Kim O\u{2019}Example",
            "Kim O\u{2bc}Example",
            "kim o\u{b4}example",
        ];
        check(IndexKind::Name, &forms, "kim oexample");
        let forms = [
            "Kim Example-Test",
            "Kim Example\u{2011}Test",
            "Kim Example Test",
            "Kim Exam\u{ad}ple-Test",
        ];
        check(IndexKind::Name, &forms, "kim example test");
        check(
            IndexKind::Name,
            &["Strau\u{df}", "STRAUSS", "STRAU\u{1e9e}"],
            "strauss",
        );
        check(
            IndexKind::Name,
            &["Ｋｉｍ", "\u{1d40a}im", "Ki\u{200d}m"],
            "kim",
        );
        check(IndexKind::Name, &["ΟΔΥΣΣΕΥΣ", "Οδυσσεύς"], "οδυσσευσ");
        check(
            IndexKind::Email,
            &["Ａlex@Example.org", "ALEX@EXAMPLE.ORG"],
            "alex@example.org",
        );
        let (one, other) = ("zo\u{eb}@example.org", "zoe@example.org");
        assert_ne!(
            normal_form(IndexKind::Email, one),
            normal_form(IndexKind::Email, other)
        );
        let decomposed = "zoe\u{308}@example.org";
        assert_eq!(
            normal_form(IndexKind::Email, one),
            normal_form(IndexKind::Email, decomposed)
        );
    }

    #[test]
    fn a_letter_that_nothing_takes_apart_is_spelled_out() {
        for (typed, plain) in [
            ("Łukasz", "Lukasz"),
            ("Søren", "Soren"),
            ("Đorđe", "Dorde"),
            ("Għarb", "Gharb"),
            ("Ægir", "Aegir"),
            ("Œuvre", "Oeuvre"),
            ("Þór", "Thor"),
            ("Guðrún", "Gudrun"),
            ("Weiß", "Weiss"),
            ("Ǿrn Ǽ", "Orn Ae"),
        ] {
            check(
                IndexKind::Name,
                &[typed, &typed.to_uppercase(), plain],
                &plain.to_lowercase(),
            );
        }
    }

    #[test]
    fn a_normal_form_is_its_own_normal_form() {
        let kinds = [
            IndexKind::Name,
            IndexKind::Postcode,
            IndexKind::Email,
            IndexKind::Telephone,
        ];
        let letters = (0..=0x2_ffff_u32).filter_map(char::from_u32);
        for letter in letters {
            let text = format!("a{letter}7");
            let (composed, decomposed): (String, String) =
                (text.nfc().collect(), text.nfd().collect());
            for kind in kinds {
                let once = normal_form(kind, &text);
                let twice = once.as_ref().and_then(|once| normal_form(kind, once));
                assert_eq!(once, twice, "{letter:?}");
                assert_eq!(once, normal_form(kind, &composed), "{letter:?}");
                assert_eq!(once, normal_form(kind, &decomposed), "{letter:?}");
            }
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
        assert_ne!(name, index_hash(&key, IndexKind::Email, "Example"));
    }
}
