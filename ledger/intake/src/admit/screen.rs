//! Screening of texts before sealing: card numbers, and words of special categories (WL-13, WL-22).
//!
//! It is not a classifier and not a filter of typed fields: it reads free text only, because nothing
//! after the door sees plaintext. Always: a hit is told as a path and a class, never as the words,
//! the number or a digest of either (S-1); the lists are versioned data files with their source.

mod cards;
mod texts;
mod words;

use std::sync::OnceLock;

use proto::{Fact, NumberInStream, PublisherCode};

pub use cards::CardPrefixes;
pub use texts::Texts;
pub use words::SpecialWords;

/// What screening asks the ledger to append beside, or instead of, an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which of the two.
    pub kind: FindingKind,
    /// Who sent the event.
    pub publisher: PublisherCode,
    /// The event's fact.
    pub fact: &'static Fact,
    /// The field, in names of the catalogue: `values[0].value`.
    pub path: String,
    /// Version of the list that hit.
    pub list_version: &'static str,
}

/// The two findings of screening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingKind {
    /// `collection.card-data-blocked`: the event was refused.
    CardDataBlocked,
    /// `collection.special-category-detected`: the event is recorded, the field quarantined.
    SpecialCategory {
        /// The word of `counterfoil.v1.SpecialCategory`.
        category: &'static str,
    },
}

impl Finding {
    /// The CloudEvents type of the fact to append.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            FindingKind::CardDataBlocked => "uk.counterfoil.collection.card-data-blocked.v1",
            FindingKind::SpecialCategory { .. } => {
                "uk.counterfoil.collection.special-category-detected.v1"
            }
        }
    }

    /// The data of the fact to append, as proto3 JSON. `number_in_stream` is where the screened
    /// event lies, once that is known.
    pub fn data(&self, number_in_stream: Option<NumberInStream>) -> serde_json::Value {
        let mut data = serde_json::json!({
            "publisher": self.publisher.as_str(),
            "fieldPath": self.path,
            "eventType": self.fact.type_name,
            "listVersion": self.list_version,
        });
        if let (FindingKind::SpecialCategory { category }, Some(fields)) =
            (&self.kind, data.as_object_mut())
        {
            fields.insert("category".to_owned(), (*category).into());
            if let Some(number) = number_in_stream {
                fields.insert("numberInStream".to_owned(), number.0.to_string().into());
            }
        }
        data
    }
}

/// Why a screening list could not be read. Only a changed data file can cause it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListError(pub String);

impl std::fmt::Display for ListError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "screening list: {}", self.0)
    }
}

impl std::error::Error for ListError {}

/// Both lists, ready to search.
pub struct Screen {
    /// Issuer prefixes of payment cards.
    pub cards: CardPrefixes,
    /// Words of special categories.
    pub words: SpecialWords,
}

impl Screen {
    /// The lists shipped with this build.
    pub fn shipped() -> &'static Screen {
        static SHIPPED: OnceLock<Screen> = OnceLock::new();
        SHIPPED.get_or_init(|| Screen {
            cards: CardPrefixes::parse(include_str!("../../data/card-prefixes.toml"))
                .expect("the shipped list is read by a test"),
            words: SpecialWords::parse(include_str!("../../data/special-categories.toml"))
                .expect("the shipped list is read by a test"),
        })
    }

    /// The versions of both lists, for the record of a screening.
    pub fn versions(&self) -> (&str, &str) {
        (&self.cards.version, &self.words.version)
    }
}

#[cfg(test)]
mod tests;
