//! Rows that no run holds yet: one sorted set for the writer, layers for those who read beside it.
//!
//! What it is: each batch is a layer; a layer that is not twice as long as the one on top of it is merged
//! with it, so that there are few and each row is moved a few times. Layers never change: whoever holds
//! them reads one position, whatever is put meanwhile, and the writer copies nothing for them.
//! What always holds: the layers, newest first, say the same of every key as the set.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::pages::Change;

/// One row, shared by set and layers; ordered by its key alone.
#[derive(Clone, Debug)]
pub(super) struct Held(Arc<Change>);

impl Held {
    pub(super) fn key(&self) -> &[u8] {
        &self.0.0
    }

    /// Its value; `None`: the row is gone.
    pub(super) fn value(&self) -> Option<&Vec<u8>> {
        self.0.1.as_ref()
    }

    fn bytes(&self) -> usize {
        self.key().len() + self.value().map_or(0, Vec::len)
    }
}

impl Borrow<[u8]> for Held {
    fn borrow(&self) -> &[u8] {
        self.key()
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(other.key())
    }
}

/// Rows in the order of their keys, each key once.
pub(super) type Layer = Arc<Vec<Held>>;

/// What a layer says of a key: nothing, that it is gone, or its value.
pub(super) fn get_in(layer: &Layer, key: &[u8]) -> Option<Option<Vec<u8>>> {
    let found = layer.binary_search_by(|held| held.key().cmp(key)).ok()?;
    layer.get(found).map(|held| held.value().cloned())
}

/// Rows in memory.
#[derive(Default)]
pub(super) struct Memory {
    rows: BTreeSet<Held>,
    bytes: usize,
    /// Oldest first.
    layers: Vec<Layer>,
}

impl Memory {
    /// Keys and values, in bytes; shared ones once.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What it says of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        self.rows.get(key).map(|held| held.value().cloned())
    }

    /// Puts one batch: keys in any order, each once.
    pub(super) fn put(&mut self, batch: impl IntoIterator<Item = Change>) {
        let mut layer: Vec<Held> = batch
            .into_iter()
            .map(|change| Held(Arc::new(change)))
            .collect();
        layer.sort_unstable();
        for held in &layer {
            self.bytes += held.bytes();
            if let Some(before) = self.rows.replace(held.clone()) {
                self.bytes -= before.bytes();
            }
        }
        while let Some(below) = self.layers.pop_if(|below| below.len() < 2 * layer.len()) {
            layer = merged(&below, layer);
        }
        if !layer.is_empty() {
            self.layers.push(Arc::new(layer));
        }
    }

    /// The layers, newest first.
    pub(super) fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().rev()
    }

    /// Everything as one layer.
    pub(super) fn frozen(self) -> Layer {
        Arc::new(self.rows.into_iter().collect())
    }
}

/// Two layers as one; of two rows with one key, the newer.
fn merged(older: &[Held], newer: Vec<Held>) -> Vec<Held> {
    let mut both = Vec::with_capacity(older.len() + newer.len());
    let mut older = older.iter().peekable();
    for held in newer {
        while let Some(before) = older.next_if(|before| **before < held) {
            both.push(before.clone());
        }
        older.next_if(|before| **before == held);
        both.push(held);
    }
    both.extend(older.cloned());
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_say_what_the_set_says_and_those_that_were_taken_do_not_change() {
        let mut memory = Memory::default();
        let mut taken: Vec<Layer> = Vec::new();
        let key = |n: u32| vec![(n * 37 % 101) as u8];
        for n in 0..500_u32 {
            let gone = n.is_multiple_of(5);
            let value = (!gone).then(|| n.to_be_bytes().to_vec());
            let first = (key(n), value);
            memory.put([first, (vec![200, (n % 7) as u8], Some(vec![n as u8]))]);
            if n == 250 {
                taken = memory.layers().cloned().collect();
            }
            assert!(memory.layers().count() < 12);
        }
        let by_layers =
            |layers: &[Layer], key: &[u8]| layers.iter().find_map(|layer| get_in(layer, key));
        let now: Vec<Layer> = memory.layers().cloned().collect();
        for n in 0..101 {
            assert_eq!(by_layers(&now, &[n]), memory.get(&[n]), "{n}");
        }
        // The key of n = 249 was put again later; those who read at 250 do not see it.
        assert_eq!(
            by_layers(&taken, &key(249)),
            Some(Some(249_u32.to_be_bytes().to_vec()))
        );
        assert_ne!(memory.get(&key(249)), by_layers(&taken, &key(249)));
        assert_eq!(memory.get(b"none"), None);
        let bytes = memory.bytes();
        let frozen = memory.frozen();
        assert!(frozen.is_sorted() && frozen.len() == 108);
        assert_eq!(bytes, frozen.iter().map(Held::bytes).sum::<usize>());
    }
}
