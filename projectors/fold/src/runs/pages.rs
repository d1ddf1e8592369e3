//! What the run store writes into the store below it.
//!
//! ```text
//! 0 ‖ "r"                     root      from which all others are checked (`root.rs`)
//! 1 ‖ batch u64 ‖ piece u16   waiting   changes that no run holds yet, in the order of arrival
//! 2 ‖ run u64 ‖ block u32     block     rows of one run, ascending, about 8 KiB
//! 3 ‖ run u64 ‖ page u32      finders   for 64 blocks: first key, filter of keys and of names, check
//! 4                           list      which runs there are, newest first
//!
//! row    = length varint ‖ key ‖ (0 when the row is gone, else length + 1) varint ‖ value
//! finder = length varint ‖ first key ‖ length varint ‖ filter ‖ check of the block [8]
//! list   = version u8 (=2) ‖ next run ‖ first waiting batch ‖ waiting check before it [8]
//!          ‖ n ‖ n (run ‖ level ‖ blocks ‖ check of its pages of finders [8])
//!          ‖ m ‖ m (run that is to be removed)                      numbers are varints
//! ```
//!
//! What always holds: equal contents give equal bytes, numbers in keys are big-endian so that keys
//! ascend as they do, and a reader refuses what does not end where it should.

use super::root::{Check, check_of};
use crate::error::StoreError;

/// Blocks that share one row of finders.
pub(super) const PAGE_BLOCKS: usize = 64;
/// Rows are often asked for by what their keys begin with: a table and a name of 16 bytes. Filters hold
/// these beginnings too. Stores written with another number must be built again.
pub(super) const NAME_BYTES: usize = if cfg!(test) { 2 } else { 17 };
/// Bits of a filter for each key: one look-up in a hundred reads a block in vain.
const FILTER_KEY_BITS: usize = 10;
const FILTER_PROBES: u32 = 6;
const LIST_VERSION: u8 = 2;

/// A row on its way: its value, or nothing when it is gone.
pub(super) type Change = (Vec<u8>, Option<Vec<u8>>);
/// A row as it lies in a block.
type Lying<'a> = (&'a [u8], Option<&'a [u8]>);

pub(super) const WAITING: u8 = 1;
pub(super) const BLOCKS: u8 = 2;
pub(super) const FINDERS: u8 = 3;
pub(super) const LIST_KEY: [u8; 1] = [4];

pub(super) fn broken(what: &str) -> StoreError {
    StoreError::Broken(what.to_owned())
}

/// The key of one piece of a waiting batch.
pub(super) fn waiting_key(batch: u64, piece: u16) -> Vec<u8> {
    let mut key = vec![WAITING];
    key.extend_from_slice(&batch.to_be_bytes());
    key.extend_from_slice(&piece.to_be_bytes());
    key
}

/// The batch that a waiting row belongs to.
pub(super) fn waiting_batch(key: &[u8]) -> Result<u64, StoreError> {
    number_in(key).ok_or_else(|| broken("a waiting row has another key"))
}

/// What the keys of a run's blocks or finders begin with.
pub(super) fn run_prefix(kind: u8, run: u64) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&run.to_be_bytes());
    key
}

/// The key of one block or one row of finders.
pub(super) fn page_key(kind: u8, run: u64, place: u32) -> Vec<u8> {
    let mut key = run_prefix(kind, run);
    key.extend_from_slice(&place.to_be_bytes());
    key
}

/// The number behind the first byte of a key.
pub(super) fn number_in(key: &[u8]) -> Option<u64> {
    let bytes = key.get(1..9)?.try_into().ok()?;
    Some(u64::from_be_bytes(bytes))
}

pub(super) fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn check(bytes: &mut &[u8]) -> Option<Check> {
    take(bytes, 8)?.try_into().ok()
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    bytes.split_off(..usize::try_from(length).ok()?)
}

/// Appends one row.
pub(super) fn put_row(bytes: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    put_varint(bytes, key.len() as u64);
    bytes.extend_from_slice(key);
    put_varint(bytes, value.map_or(0, |value| value.len() as u64 + 1));
    bytes.extend_from_slice(value.unwrap_or_default());
}

/// Takes one row off the bytes.
///
/// # Errors
/// [`StoreError::Broken`] when they end within it.
pub(super) fn take_row<'a>(bytes: &mut &'a [u8]) -> Result<Lying<'a>, StoreError> {
    let mut row = || {
        let length = varint(bytes)?;
        let key = take(bytes, length)?;
        let value = match varint(bytes)?.checked_sub(1) {
            Some(length) => Some(take(bytes, length)?),
            None => None,
        };
        Some((key, value))
    };
    row().ok_or_else(|| broken("a block ends within a row"))
}

/// What finds a block: its first key, and a filter over all its keys; and what it must come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finder {
    pub(super) first: Box<[u8]>,
    pub(super) filter: Box<[u8]>,
    pub(super) check: Check,
}

impl Finder {
    /// Whether this is the block that was written.
    ///
    /// # Errors
    /// [`StoreError::Broken`] for any other bytes.
    pub(super) fn check_block(&self, block: &[u8]) -> Result<(), StoreError> {
        match check_of(block) == self.check {
            true => Ok(()),
            false => Err(broken("a block is not the one that was written")),
        }
    }
}

/// Finders of some blocks in one row.
pub(super) fn encode_finders(finders: &[Finder]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for finder in finders {
        for part in [&finder.first, &finder.filter] {
            put_varint(&mut bytes, part.len() as u64);
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(&finder.check);
    }
    bytes
}

/// The reverse of [`encode_finders`].
///
/// # Errors
/// [`StoreError::Broken`] when the bytes end within one.
pub(super) fn decode_finders(mut bytes: &[u8]) -> Result<Vec<Finder>, StoreError> {
    let mut finders = Vec::new();
    while !bytes.is_empty() {
        let mut part = || {
            let length = varint(&mut bytes)?;
            take(&mut bytes, length).map(Box::from)
        };
        let (first, filter) = (part(), part());
        let (Some(first), Some(filter), Some(check)) = (first, filter, check(&mut bytes)) else {
            return Err(broken("a page of finders ends within one"));
        };
        finders.push(Finder {
            first,
            filter,
            check,
        });
    }
    Ok(finders)
}

/// A filter over keys given by their [`spread`].
pub(super) fn filter_of(spreads: &[u64]) -> Box<[u8]> {
    let mut filter = vec![0_u8; (spreads.len() * FILTER_KEY_BITS).div_ceil(8).max(1)];
    for &spread in spreads {
        for bit in bits_of(spread, filter.len()) {
            if let Some(byte) = filter.get_mut(bit / 8) {
                *byte |= 1 << (bit % 8);
            }
        }
    }
    filter.into()
}

/// False when the key is certainly not among those of the filter.
pub(super) fn may_hold(filter: &[u8], spread: u64) -> bool {
    bits_of(spread, filter.len()).all(|bit| {
        filter
            .get(bit / 8)
            .is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
    })
}

fn bits_of(spread: u64, filter_bytes: usize) -> impl Iterator<Item = usize> {
    let (mut at, step) = (spread as u32, (spread >> 32) as u32 | 1);
    (0..FILTER_PROBES).map(move |_| {
        at = at.wrapping_add(step);
        // A multiplication in place of a division; the product's upper half is below the length.
        ((u64::from(at) * (filter_bytes as u64 * 8)) >> 32) as usize
    })
}

/// 64 bits that differ for different keys. Not against a liar: it only saves reading.
pub(super) fn spread(key: &[u8]) -> u64 {
    let mut mixed = (key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for chunk in key.chunks(8) {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        mixed = (mixed ^ u64::from_le_bytes(word)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^= mixed >> 29;
    }
    mixed = mixed.wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 32)
}

/// One run in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) run: u64,
    pub(super) level: u64,
    pub(super) blocks: u32,
    /// Of its pages of finders.
    pub(super) check: Check,
}

/// Which runs there are; written whole, in the batch that makes it true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// Runs from here on are not in it.
    pub(super) next_run: u64,
    /// Batches below lie in a run.
    pub(super) first_waiting: u64,
    /// The waiting check before that batch.
    pub(super) waiting_before: Check,
    /// Newest first.
    pub(super) runs: Vec<Listed>,
    /// Replaced by others, or being built when this was written.
    pub(super) dead: Vec<u64>,
}

impl List {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![LIST_VERSION];
        put_varint(&mut bytes, self.next_run);
        put_varint(&mut bytes, self.first_waiting);
        bytes.extend_from_slice(&self.waiting_before);
        put_varint(&mut bytes, self.runs.len() as u64);
        for one in &self.runs {
            put_varint(&mut bytes, one.run);
            put_varint(&mut bytes, one.level);
            put_varint(&mut bytes, u64::from(one.blocks));
            bytes.extend_from_slice(&one.check);
        }
        put_varint(&mut bytes, self.dead.len() as u64);
        for run in &self.dead {
            put_varint(&mut bytes, *run);
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut rest = bytes;
        let list = Self::decode_from(&mut rest).filter(|list| list.encode() == bytes);
        list.ok_or_else(|| broken("the list of runs does not hold together"))
    }

    fn decode_from(rest: &mut &[u8]) -> Option<Self> {
        if *rest.split_off_first()? != LIST_VERSION {
            return None;
        }
        let mut list = Self {
            next_run: varint(rest)?,
            first_waiting: varint(rest)?,
            waiting_before: check(rest)?,
            ..Self::default()
        };
        for _ in 0..varint(rest)? {
            list.runs.push(Listed {
                run: varint(rest)?,
                level: varint(rest)?,
                blocks: u32::try_from(varint(rest)?).ok()?,
                check: check(rest)?,
            });
        }
        for _ in 0..varint(rest)? {
            list.dead.push(varint(rest)?);
        }
        Some(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_what_is_cut_is_refused() {
        let mut block = Vec::new();
        put_row(&mut block, b"key", Some(b"value"));
        put_row(&mut block, b"keys", None);
        let mut rest = block.as_slice();
        let first = take_row(&mut rest).expect("ours");
        assert_eq!(first, (&b"key"[..], Some(&b"value"[..])));
        assert_eq!(take_row(&mut rest).expect("ours"), (&b"keys"[..], None));
        assert!(rest.is_empty());
        for length in 0..10 {
            assert!(take_row(&mut &block[..length]).is_err(), "{length}");
        }
        let list = List {
            next_run: 300,
            first_waiting: 7,
            waiting_before: [6; 8],
            runs: vec![Listed {
                run: 299,
                level: 1,
                blocks: 1000,
                check: [5; 8],
            }],
            dead: vec![1, 200],
        };
        let bytes = list.encode();
        assert_eq!(List::decode(&bytes).expect("ours"), list);
        for length in 0..bytes.len() {
            assert!(List::decode(&bytes[..length]).is_err(), "{length}");
        }
        assert!(List::decode(&[bytes, vec![0]].concat()).is_err());
    }

    #[test]
    fn a_filter_never_denies_a_key_and_seldom_admits_another() {
        let key = |n: u32| [&[1][..], &n.to_be_bytes(), &[0; 20]].concat();
        let spreads: Vec<u64> = (0..500).map(|n| spread(&key(n))).collect();
        let filter = filter_of(&spreads);
        assert!(spreads.iter().all(|one| may_hold(&filter, *one)));
        let admitted = (500..10_500)
            .filter(|n| may_hold(&filter, spread(&key(*n))))
            .count();
        assert!(admitted < 300, "{admitted} of 10000");
    }
}
