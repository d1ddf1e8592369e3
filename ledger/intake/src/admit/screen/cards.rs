//! Card numbers in text: issuer prefix, length and check digit, in digits of any script that at most three blanks or marks part.
//!
//! It reads no typed fields and judges no issuer's validity. Always: digits of every script and width are digits, what nobody sees
//! parts nothing; a candidate begins and ends at the edge of a group of digits, so that a long reference is not searched for a card
//! inside it; groups that are a date are no part of a card, and what is parted by more than blanks and dashes is one only in the groups
//! that cards are printed in.

use proto::decimal_digit;
use serde::Deserialize;
use unicode_normalization::char::decompose_compatible;

use super::ListError;

/// Fewest digits of any card number.
const DIGITS_MIN: usize = 12;
/// Most digits of any card number.
const DIGITS_MAX: usize = 19;
/// Most separator characters between two groups of digits of one number: a dash between blanks.
const SEPARATORS_MAX: usize = 3;

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
        let mut scan = Scan::default();
        for character in text.chars() {
            let mut found = false;
            match character.is_ascii() {
                true => found = scan.read(character, self),
                false => decompose_compatible(character, |part| found |= scan.read(part, self)),
            }
            if found {
                return true;
            }
        }
        self.found_in_groups(&scan.groups)
    }

    /// Whether some run of whole groups is a card number.
    fn found_in_groups(&self, groups: &[Group]) -> bool {
        let mut digits = Vec::with_capacity(DIGITS_MAX);
        runs(groups).any(|(run, length)| {
            if length < DIGITS_MIN {
                return false;
            }
            digits.clear();
            digits.extend(run.iter().flat_map(|group| &group.digits));
            self.is_card(&digits) && is_written_as_card(run)
        })
    }

    /// Whether exactly these digits (values 0-9) are a card number.
    pub fn is_card(&self, digits: &[u8]) -> bool {
        (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len())
            && self.ranges.iter().any(|range| range.holds(digits))
            && luhn(digits)
    }

    /// How many groups of digits a text has that nothing ends, and how many runs of them are looked at.
    #[cfg(test)]
    pub(super) fn looked_at(&self, text: &str) -> (usize, usize) {
        let mut scan = Scan::default();
        for character in text.chars() {
            scan.read(character, self);
        }
        (scan.groups.len(), runs(&scan.groups).count())
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

/// Digits that stand together.
#[derive(Default)]
struct Group {
    digits: Vec<u8>,
    /// Parted from the group before by more than blanks and dashes.
    loosely: bool,
}

/// Every run of whole groups that is no longer than a card, and how many digits it has: so many for each group and no more, however
/// many groups there are.
fn runs(groups: &[Group]) -> impl Iterator<Item = (&[Group], usize)> {
    (0..groups.len()).flat_map(move |first| {
        let rest = groups.get(first..).unwrap_or_default();
        let lengths = rest.iter().scan(0, |digits, group| {
            *digits += group.digits.len();
            Some(*digits)
        });
        let lengths = lengths.take_while(|digits| *digits <= DIGITS_MAX);
        let runs = lengths.enumerate();
        runs.filter_map(move |(place, digits)| Some((rest.get(..=place)?, digits)))
    })
}

/// What was read of a text since the last character that ends a number.
#[derive(Default)]
struct Scan {
    groups: Vec<Group>,
    in_digits: bool,
    separators: usize,
    loosely: bool,
}

impl Scan {
    /// Takes one character; true once what it ends holds a card number.
    fn read(&mut self, character: char, cards: &CardPrefixes) -> bool {
        if let Some(digit) = decimal_digit(character) {
            if !self.in_digits {
                let loosely = std::mem::take(&mut self.loosely);
                self.groups.push(Group {
                    digits: Vec::new(),
                    loosely,
                });
            }
            if let Some(group) = self.groups.last_mut() {
                group.digits.push(digit);
            }
            (self.in_digits, self.separators) = (true, 0);
            return false;
        }
        if is_unseen(character) {
            return false;
        }
        self.in_digits = false;
        self.separators += 1;
        self.loosely |= is_loose(character);
        if (is_separator(character) || is_loose(character)) && self.separators <= SEPARATORS_MAX {
            return false;
        }
        let found = cards.found_in_groups(&self.groups);
        self.groups.clear();
        self.loosely = false;
        found
    }
}

/// Whether these groups are how a card number may be written.
fn is_written_as_card(groups: &[Group]) -> bool {
    let lengths: Vec<usize> = groups.iter().map(|group| group.digits.len()).collect();
    let loosely = groups.iter().skip(1).any(|group| group.loosely);
    !groups.windows(3).any(is_date) && (!loosely || is_printed(&lengths))
}

/// The groups of printed cards: all of one length but the last, or 4-6-4 and 4-6-5.
fn is_printed(lengths: &[usize]) -> bool {
    let Some((last, [first, rest @ ..])) = lengths.split_last() else {
        return true;
    };
    let even = rest.iter().all(|length| length == first) && last <= first.max(&4);
    even || matches!(lengths, [4, 6, 4 | 5])
}

/// A day, a month and a year, or the year first.
fn is_date(groups: &[Group]) -> bool {
    let number = |group: &Group, most: usize| {
        let short = (1..=most).contains(&group.digits.len());
        short.then(|| {
            group
                .digits
                .iter()
                .fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit))
        })
    };
    let [first, middle, last] = groups else {
        return false;
    };
    let (year, day) = match (first.digits.len(), last.digits.len()) {
        (4, _) => (first, last),
        (_, 4) => (last, first),
        _ => return false,
    };
    let known = number(year, 4).zip(number(middle, 2)).zip(number(day, 2));
    known.is_some_and(|((year, middle), day)| {
        (1900..2100).contains(&year)
            && (1..=31).contains(&middle)
            && (1..=31).contains(&day)
            && middle.min(day) <= 12
    })
}

/// Blanks and dashes of any width.
fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// What else stands between the groups of a number that is written by hand, and between other numbers too.
fn is_loose(character: char) -> bool {
    matches!(
        character,
        '.' | '/' | '\\' | '_' | ':' | '|' | '*' | '\u{b7}' | '\u{2022}' | '\u{2044}' | '\u{2215}'
    )
}

/// Joiners, soft hyphens, marks over a digit: they part nothing.
fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}
