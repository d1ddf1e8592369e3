//! A foil, checked from section 5 of the design alone.
//!
//! Not its encodings. Always: a foil that passes proves its record to whoever holds the foil key.

use super::bytes::Rest;
use super::note::{self, Key};
use super::tree::{Hash, leaf_hash, root_of_path};
use super::{Finding, Verdict, sealed};

/// What a publisher holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Foil {
    /// The link.
    pub link: [u8; 77],
    /// The record, opened.
    pub record: Vec<u8>,
    /// Its salt.
    pub salt: [u8; 32],
    /// From the leaf to the root of the group.
    pub path: Vec<Hash>,
    /// The signed note of the group.
    pub note: String,
}

/// The stream that a record names: field 5, 16 bytes, among its first fields.
pub fn stream_of(record: &[u8]) -> Verdict<[u8; 16]> {
    const VARINT: u64 = 0;
    const LENGTH: u64 = 2;
    let mut rest = Rest(record);
    let mut field = || -> Option<(u64, &[u8])> {
        let tag = rest.varint()?;
        match tag & 7 {
            VARINT => rest.varint().map(|_| (tag >> 3, &[] as &[u8])),
            LENGTH => {
                let length = usize::try_from(rest.varint()?).ok()?;
                Some((tag >> 3, rest.take(length)?))
            }
            _ => None,
        }
    };
    let stream = loop {
        match field() {
            Some((5, stream)) => break stream.try_into().ok(),
            Some(_) => {}
            None => break None,
        }
    };
    stream.ok_or_else(|| Finding::new("C-2", "a foil's record names no stream"))
}

/// Checks everything that a foil claims; returns the index it is about.
pub fn check(foil: &Foil, key: &Key, origin: &str, chain: u32) -> Verdict<u64> {
    let wrong = |what: &str| Finding::new("C-2", format!("a foil {what}"));
    sealed::check_commitment(&foil.link, &foil.salt, &foil.record)?;
    let mut link = Rest(&foil.link);
    if (link.array(), link.u32()) != (Some([1]), Some(chain)) {
        return Err(wrong("has a link of another chain"));
    }
    let index = link.u64().ok_or_else(|| wrong("has no index"))?;
    let text = note::open(&foil.note, key)?;
    let lines: Vec<&str> = text.lines().collect();
    let [name, kind, first, count, root, time] = lines.as_slice() else {
        return Err(wrong("has a note of another length"));
    };
    if *name != format!("{origin}/{chain}/foil")
        || *kind != "counterfoil foil v1"
        || time.parse::<i64>().is_err()
    {
        return Err(wrong("has a note of another kind"));
    }
    let (Ok(first), Ok(count)) = (first.parse::<u64>(), count.parse::<u64>()) else {
        return Err(wrong("has a note without places"));
    };
    let place = index
        .checked_sub(first)
        .ok_or_else(|| wrong("has an index before its group"))?;
    let reached = root_of_path(leaf_hash(&foil.link), place, count, &foil.path);
    if reached.is_none() || reached.map(Vec::from) != note::base64(root) {
        return Err(wrong("has a path that does not lead to the signed root"));
    }
    Ok(index)
}
