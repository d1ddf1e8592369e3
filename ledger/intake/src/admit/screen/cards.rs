//! Card numbers in text: issuer prefix, length and check digit, with blanks or dashes between.
//!
//! It reads no typed fields and judges no issuer's validity. Always: a candidate begins and ends at
//! the edge of a group of digits, so that a long reference is not searched for a card inside it.

use serde::Deserialize;

use super::ListError;

/// Fewest digits of any card number.
const DIGITS_MIN: usize = 12;
/// Most digits of any card number.
const DIGITS_MAX: usize = 19;
/// Most separator characters between two groups of digits of one number.
const SEPARATORS_MAX: usize = 2;

/// The issuer prefix ranges.
pub struct CardPrefixes {
    /// Version of the list.
    pub version: String,
    ranges: Vec<Range>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    version: String,
    #[serde(rename = "source")]
    _source: String,
    range: Vec<Range>,
}

/// One range of prefixes, both ends included, both of the same number of digits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    #[serde(rename = "network")]
    _network: String,
    from: String,
    to: String,
    lengths: Vec<usize>,
}

impl CardPrefixes {
    /// Reads a list.
    ///
    /// # Errors
    /// When the file has another form, or a range is empty or beyond the lengths of a card.
    pub fn parse(text: &str) -> Result<Self, ListError> {
        let list: List = toml::from_str(text).map_err(|error| ListError(error.to_string()))?;
        for range in &list.range {
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let ordered = range.from.len() == range.to.len() && range.from <= range.to;
            let lengths = range
                .lengths
                .iter()
                .all(|n| (DIGITS_MIN..=DIGITS_MAX).contains(n));
            if !(digits(&range.from) && digits(&range.to) && ordered && lengths)
                || range.from.is_empty()
            {
                return Err(ListError(format!("range {}-{}", range.from, range.to)));
            }
        }
        Ok(Self {
            version: list.version,
            ranges: list.range,
        })
    }

    /// Whether the text holds a card number.
    pub fn found_in(&self, text: &str) -> bool {
        // Most texts have fewer digits than a card; they are done here.
        if text.bytes().filter(u8::is_ascii_digit).count() < DIGITS_MIN && text.is_ascii() {
            return false;
        }
        let mut groups: Vec<Vec<u8>> = Vec::new();
        let mut separators = 0;
        let mut in_digits = false;
        for character in text.chars() {
            if let Some(digit) = digit_of(character) {
                match groups.last_mut() {
                    Some(group) if in_digits => group.push(digit),
                    _ => groups.push(vec![digit]),
                }
                in_digits = true;
                separators = 0;
            } else {
                in_digits = false;
                separators += 1;
                if !is_separator(character) || separators > SEPARATORS_MAX {
                    if self.found_in_groups(&groups) {
                        return true;
                    }
                    groups.clear();
                }
            }
        }
        self.found_in_groups(&groups)
    }

    /// Whether some run of whole groups is a card number.
    fn found_in_groups(&self, groups: &[Vec<u8>]) -> bool {
        let mut digits = Vec::with_capacity(DIGITS_MAX);
        (0..groups.len()).any(|first| {
            digits.clear();
            groups.iter().skip(first).any(|group| {
                digits.extend_from_slice(group);
                self.is_card(&digits)
            })
        })
    }

    /// Whether exactly these digits (values 0-9) are a card number.
    pub fn is_card(&self, digits: &[u8]) -> bool {
        (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len())
            && self.ranges.iter().any(|range| range.holds(digits))
            && luhn(digits)
    }

    /// Every (prefix, length) of the list, for tests.
    #[cfg(test)]
    pub(super) fn samples(&self) -> Vec<(String, usize)> {
        self.ranges
            .iter()
            .flat_map(|range| {
                [&range.from, &range.to]
                    .into_iter()
                    .flat_map(|prefix| range.lengths.iter().map(|n| (prefix.clone(), *n)))
            })
            .collect()
    }
}

impl Range {
    fn holds(&self, digits: &[u8]) -> bool {
        let Some(prefix) = digits.get(..self.from.len()) else {
            return false;
        };
        let prefix = prefix.iter().map(|digit| digit + b'0');
        self.lengths.contains(&digits.len())
            && prefix.clone().ge(self.from.bytes())
            && prefix.le(self.to.bytes())
    }
}

/// The check digit of ISO/IEC 7812-1 (Luhn), over digit values.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let doubled = u32::from(*digit) << (place % 2);
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The value of an ASCII or full-width digit.
fn digit_of(character: char) -> Option<u8> {
    match character {
        '0'..='9' => u8::try_from(u32::from(character) - u32::from('0')).ok(),
        '\u{ff10}'..='\u{ff19}' => u8::try_from(u32::from(character) - 0xff10).ok(),
        _ => None,
    }
}

/// Blanks and dashes of any width.
fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '-' | '\u{2010}'
                ..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' | '\u{200b}' | '\u{ad}'
        )
}
