//! Words and phrases of special categories in text.
//!
//! It stems nothing by itself and knows no grammar: whole words, in order, in lower case; a stem is
//! written with a star in the list. Always: it answers with the class, never with the word.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use super::ListError;

/// Letters of a stem that must be there, and length of the key that words are found by, in bytes.
const KEY_BYTES: usize = 4;

type Key = [u8; KEY_BYTES];

/// The word list, found by the first letters of each phrase.
pub struct SpecialWords {
    /// Version of the list.
    pub version: String,
    classes: Vec<String>,
    phrases: HashMap<Key, Vec<Phrase>>,
}

struct Phrase {
    words: Vec<String>,
    /// The last word is a stem.
    stem: bool,
    class: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    version: String,
    #[serde(rename = "source")]
    _source: String,
    class: Vec<Class>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    code: String,
    #[serde(rename = "clause")]
    _clause: String,
    words: Vec<String>,
}

impl SpecialWords {
    /// Reads a list.
    ///
    /// # Errors
    /// When the file has another form, a phrase is not in lower-case words, or a stem is too short.
    pub fn parse(text: &str) -> Result<Self, ListError> {
        let list: List = toml::from_str(text).map_err(|error| ListError(error.to_string()))?;
        let mut phrases: HashMap<Key, Vec<Phrase>> = HashMap::new();
        let mut classes = Vec::new();
        for (class, entry) in list.class.into_iter().enumerate() {
            for line in &entry.words {
                let phrase = Phrase::parse(line, class)
                    .ok_or_else(|| ListError(format!("phrase {line:?} of {}", entry.code)))?;
                let first = phrase.words.first().map_or("", String::as_str);
                phrases.entry(key_of(first)).or_default().push(phrase);
            }
            classes.push(entry.code);
        }
        Ok(Self {
            version: list.version,
            classes,
            phrases,
        })
    }

    /// Classes the text has words of, each once, in the order of the list.
    pub fn classes_in(&self, text: &str) -> Vec<&str> {
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let mut found = BTreeSet::new();
        for at in 0..words.len() {
            let rest = words.get(at..).unwrap_or_default();
            let Some(candidates) = rest
                .first()
                .and_then(|word| self.phrases.get(&key_of(word)))
            else {
                continue;
            };
            found.extend(
                candidates
                    .iter()
                    .filter(|phrase| phrase.begins(rest))
                    .map(|phrase| phrase.class),
            );
        }
        found
            .into_iter()
            .filter_map(|class| self.classes.get(class))
            .map(String::as_str)
            .collect()
    }

    /// All classes of the list.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().map(String::as_str)
    }
}

impl Phrase {
    fn parse(line: &str, class: usize) -> Option<Self> {
        let (line, stem) = match line.strip_suffix('*') {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let plain = |word: &String| {
            !word.is_empty()
                && word
                    .chars()
                    .all(|c| c.is_alphanumeric() && !c.is_uppercase())
        };
        let long = !stem || words.last().is_some_and(|word| word.len() >= KEY_BYTES);
        (words.iter().all(plain) && long).then_some(Self { words, stem, class })
    }

    /// Whether the words begin with this phrase.
    fn begins(&self, words: &[&str]) -> bool {
        let Some(words) = words.get(..self.words.len()) else {
            return false;
        };
        let last = self.words.len() - 1;
        self.words
            .iter()
            .zip(words)
            .enumerate()
            .all(|(place, (ours, theirs))| {
                if self.stem && place == last {
                    theirs.starts_with(ours.as_str())
                } else {
                    ours == theirs
                }
            })
    }
}

/// The first bytes of a word, filled with zeros.
fn key_of(word: &str) -> Key {
    let mut key = Key::default();
    for (place, byte) in key.iter_mut().zip(word.bytes()) {
        *place = byte;
    }
    key
}
