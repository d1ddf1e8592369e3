//! What publishers keep: the foil of every event that was acknowledged to them.
//!
//! Always: a foil is compared as the answer spelled it, every field.

use std::collections::BTreeMap;

use proto::limits::BATCH_EVENTS_MAX;
use serde_json::{Value, json};

use crate::client::{Answer, Client};

/// Foils by the publisher's id.
#[derive(Default)]
pub struct Foils {
    kept: BTreeMap<String, (u64, Value)>,
}

impl Foils {
    /// How many.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &String> {
        self.kept.keys()
    }

    /// The highest acknowledged index.
    pub fn last(&self) -> Option<u64> {
        self.kept.values().map(|(index, _)| *index).max()
    }

    /// Keeps what an answer to these ids acknowledges; how many it did.
    ///
    /// # Panics
    /// Where an id comes back with another foil, or an index is given twice.
    pub fn keep(&mut self, ids: &[String], answer: &Answer) -> usize {
        let body = answer.json();
        let results = body["results"]
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![body.clone()]);
        let mut kept = 0;
        for (place, result) in results.iter().enumerate() {
            let Some(index) = result["index"].as_u64() else {
                continue;
            };
            let item = result["item"]
                .as_u64()
                .map_or(place, |item| usize::try_from(item).unwrap_or(place));
            let id = ids
                .get(item)
                .expect("an answer has no more items than its request");
            let foil = result["foil"].clone();
            assert!(foil.is_object(), "acknowledged without a foil: {result}");
            if let Some(before) = self.kept.insert(id.clone(), (index, foil.clone())) {
                assert_eq!(before, (index, foil), "another foil for the same event");
            }
            kept += 1;
        }
        kept
    }

    /// Takes in another store's foils.
    pub fn join(&mut self, other: Foils) {
        self.kept.extend(other.kept);
    }

    /// Asks for these ids again: each must be there with the foil that was kept.
    ///
    /// # Panics
    /// Where one is lost, or its foil is another.
    pub fn assert_kept(&self, client: &mut Client, source: &str, ids: &[&String]) {
        for chunk in ids.chunks(BATCH_EVENTS_MAX) {
            let answer = client.post("/v1/foils/find", &json!({ "source": source, "ids": chunk }));
            let answer = answer.expect("it answers").expect(200).json();
            let results = answer["results"].as_array().expect("a result for each id");
            assert_eq!(results.len(), chunk.len());
            for (id, result) in chunk.iter().zip(results) {
                let (index, foil) = self.kept.get(*id).expect("asked for what was kept");
                assert_eq!(
                    result["status"],
                    json!(200),
                    "event {index} was acknowledged and is lost: {result}"
                );
                assert_eq!(&result["foil"], foil, "another foil for event {index}");
            }
        }
    }

    /// [`Foils::assert_kept`] for all.
    pub fn assert_all_kept(&self, client: &mut Client, source: &str) {
        self.assert_kept(client, source, &self.ids().collect::<Vec<_>>());
    }

    /// Verifies every foil against the key that the ledger was founded with.
    ///
    /// # Panics
    /// Where one does not verify.
    pub fn assert_all_verify(&self, foil_vkey: &str) {
        let key = chain::note::VerifierKey::parse(foil_vkey).expect("our own key");
        for (index, foil) in self.kept.values() {
            let verdict =
                verifier::verify_file(foil.to_string().as_bytes(), std::slice::from_ref(&key));
            assert_eq!(
                verdict.word,
                verifier::Word::Pinned,
                "foil of {index}: {}",
                verdict.to_text()
            );
        }
    }
}
