//! The slot tree: one commitment per personal value, so that one can be shown and the next withheld.
//!
//! ```text
//! path             = slot number u32 ‖ field number u32 ‖ …      big-endian
//! field salt       = BLAKE3 keyed( seed of the slot, path )
//! field commitment = SHA-256( 0x21 ‖ field salt ‖ u16 length of path ‖ path ‖ present u8 ‖ value )
//! slot root        = RFC 6962 root, leaves SHA-256( 0x00 ‖ field commitment ), in path order
//! ```
//!
//! Always: absent fields are committed to like present ones, and a salt shown for one field says
//! nothing about another. A [`ShownField`] holds a personal value; the root and the proof do not.

use proto::ids::SlotNumber;
use proto::{Hash, Leaf, Personal};

use crate::ChainError;
use crate::digest::{Padded, SHORT_BYTES_MAX, Short, sha256_parts};
use crate::lanes::{BLOCK_BYTES, SALTS, keyed_hashes};
use crate::tree;

const FIELD_PREFIX: u8 = 0x21;
/// Bytes of a field's message before its path: prefix, salt and the path's length.
const FIELD_HEAD_BYTES: usize = 1 + 32 + 2;
/// A leaf before its commitment is written behind the prefix of RFC 6962.
const LEAF: Padded<1> = Padded::of_length(0x00, 1 + 32);
/// Fields that are laid out before the first of them is hashed, since a message that was only just
/// written stalls the compression that reads it; their salts are made together.
const FIELDS_AT_ONCE: usize = SALTS;
/// Most field numbers in one path; nested messages are never this deep.
pub const PATH_FIELDS_MAX: usize = 16;

/// The bytes of a path: the slot's number and the field numbers down to the leaf field.
pub fn path_bytes(slot: SlotNumber, path: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + 4 * path.len());
    bytes.extend_from_slice(&slot.0.to_be_bytes());
    for field in path {
        bytes.extend_from_slice(&field.to_be_bytes());
    }
    bytes
}

/// The salt of one field. It exists only for whoever holds the slot's seed.
pub fn field_salt(seed: &[u8; 32], path: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(seed, path).as_bytes()
}

/// The commitment to one field; an empty value is an absent one.
pub fn field_commitment(salt: &[u8; 32], path: &[u8], value: &[u8]) -> Hash {
    sha256_parts(&[
        &[FIELD_PREFIX],
        salt,
        &length_of(path),
        path,
        &[u8::from(!value.is_empty())],
        value,
    ])
}

/// The root over all leaf fields of the slot's type, which the caller gives in path order.
pub fn slot_root(seed: &[u8; 32], slot: SlotNumber, leaves: &[Leaf<'_>]) -> Hash {
    tree::root_of(&hashes(seed, slot, leaves))
}

/// The tree's leaves, each field committed to under its own salt.
fn hashes(seed: &[u8; 32], slot: SlotNumber, leaves: &[Leaf<'_>]) -> Vec<Hash> {
    let mut hashes = Vec::with_capacity(leaves.len());
    let mut inputs = [LEAF; FIELDS_AT_ONCE];
    for fields in leaves.chunks(FIELDS_AT_ONCE) {
        let paths = Paths::of(slot, fields);
        let salts = keyed_hashes(seed, &paths.bytes, paths.lengths);
        let mut messages = [const { Short::EMPTY }; FIELDS_AT_ONCE];
        let mut long = [None; FIELDS_AT_ONCE];
        for (place, leaf) in fields.iter().enumerate() {
            let laid = paths.get(place).zip(salts.get(place));
            let laid = laid
                .zip(messages.get_mut(place))
                .and_then(|((path, salt), message)| lay_out(salt, path, leaf.value, message));
            if let (None, Some(long)) = (laid, long.get_mut(place)) {
                let path = path_bytes(slot, leaf.path);
                let salt = field_salt(seed, &path);
                *long = Some(field_commitment(&salt, &path, leaf.value));
            }
        }
        for ((input, message), long) in inputs.iter_mut().zip(&messages).zip(long) {
            write_leaf(input, &long.unwrap_or_else(|| message.hash()));
        }
        hashes.extend(inputs.iter().take(fields.len()).map(Padded::hash));
    }
    hashes
}

/// The paths of a few fields, each at the front of a block.
struct Paths {
    bytes: [[u8; BLOCK_BYTES]; FIELDS_AT_ONCE],
    /// Bytes of each; 0 where there is no field, or its path is longer than a block.
    lengths: [u32; FIELDS_AT_ONCE],
}

impl Paths {
    fn of(slot: SlotNumber, fields: &[Leaf<'_>]) -> Paths {
        let mut paths = Paths {
            bytes: [[0; BLOCK_BYTES]; FIELDS_AT_ONCE],
            lengths: [0; FIELDS_AT_ONCE],
        };
        let places = paths.bytes.iter_mut().zip(&mut paths.lengths);
        for (leaf, (bytes, length)) in fields.iter().zip(places) {
            let words = bytes.as_chunks_mut().0;
            if leaf.path.len() >= words.len() {
                continue;
            }
            let numbers = std::iter::once(&slot.0).chain(leaf.path);
            for (place, number) in words.iter_mut().zip(numbers) {
                *place = number.to_be_bytes();
                *length += 4;
            }
        }
        paths
    }

    fn get(&self, place: usize) -> Option<&[u8]> {
        let length = *self.lengths.get(place)? as usize;
        self.bytes
            .get(place)?
            .get(..length)
            .filter(|path| !path.is_empty())
    }
}

/// Writes the message of [`field_commitment`] where it is short; `None` where it is not.
#[inline]
fn lay_out(salt: &[u8; 32], path: &[u8], value: &[u8], message: &mut Short) -> Option<()> {
    let length = FIELD_HEAD_BYTES + path.len() + 1 + value.len();
    if length > SHORT_BYTES_MAX {
        return None;
    }
    let (head, rest) = message
        .bytes()
        .split_first_chunk_mut::<FIELD_HEAD_BYTES>()?;
    let (path_room, rest) = rest.split_at_mut_checked(path.len())?;
    let (present, rest) = rest.split_first_mut()?;
    let (prefix, salt_and_length) = head.split_first_mut()?;
    let (salt_room, length_room) = salt_and_length.split_at_mut_checked(32)?;
    *prefix = FIELD_PREFIX;
    salt_room.copy_from_slice(salt);
    length_room.copy_from_slice(&length_of(path));
    path_room.copy_from_slice(path);
    *present = u8::from(!value.is_empty());
    rest.split_at_mut_checked(value.len())?
        .0
        .copy_from_slice(value);
    message.close(length);
    Some(())
}

fn length_of(path: &[u8]) -> [u8; 2] {
    let length = u16::try_from(path.len()).expect("a path has at most 16 fields of 4 bytes");
    length.to_be_bytes()
}

fn write_leaf(leaf: &mut Padded<1>, commitment: &Hash) {
    let (_, body) = leaf.bytes().split_at_mut(1);
    let (room, _) = body.split_at_mut(commitment.0.len());
    room.copy_from_slice(&commitment.0);
}

fn field_leaf(commitment: &Hash) -> Hash {
    let mut leaf = LEAF;
    write_leaf(&mut leaf, commitment);
    leaf.hash()
}

/// One field of a slot, shown with what proves it against the slot's root.
///
/// `position` and `count` are where the slot's type has the field: a verifier that knows the
/// catalogue checks them against it.
pub struct ShownField {
    /// The slot within its event.
    pub slot: SlotNumber,
    /// Field numbers from the slot's message down to the leaf field.
    pub path: Vec<u32>,
    /// Deterministic proto3 of that field alone, tag included; empty when absent.
    pub value: Personal<Vec<u8>>,
    /// The field's own salt.
    pub salt: [u8; 32],
    /// Place of the field among the leaf fields of the slot's type.
    pub position: u64,
    /// Number of leaf fields of the slot's type.
    pub count: u64,
    /// RFC 6962 path from the field to the slot's root.
    pub proof: Vec<Hash>,
}

/// Shows the field at `position` of `leaves`; `None` when there is no such field.
pub fn show_field(
    seed: &[u8; 32],
    slot: SlotNumber,
    leaves: &[Leaf<'_>],
    position: usize,
) -> Option<ShownField> {
    let leaf = leaves.get(position)?;
    Some(ShownField {
        slot,
        path: leaf.path.to_vec(),
        value: Personal::new(leaf.value.to_vec()),
        salt: field_salt(seed, &path_bytes(slot, leaf.path)),
        position: position as u64,
        count: leaves.len() as u64,
        proof: tree::path_of(&hashes(seed, slot, leaves), position as u64),
    })
}

impl ShownField {
    /// Proves that this value was committed to under `root`.
    pub fn verify(&self, root: &Hash) -> Result<(), ChainError> {
        if self.path.is_empty() || self.path.len() > PATH_FIELDS_MAX {
            return Err(ChainError::malformed(
                "shown field",
                "a path has 1 to 16 fields",
            ));
        }
        let path = path_bytes(self.slot, &self.path);
        let leaf = field_leaf(&field_commitment(&self.salt, &path, self.value.expose()));
        let place = tree::Place {
            index: self.position,
            size: self.count,
        };
        tree::verify_inclusion(&leaf, place, &self.proof, root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAVES: [Leaf<'static>; 3] = [
        Leaf {
            path: &[1],
            value: b"one",
        },
        Leaf {
            path: &[2, 1],
            value: b"",
        },
        Leaf {
            path: &[3],
            value: b"three",
        },
    ];

    #[test]
    fn paths_of_every_length_are_committed_to_alike() {
        let (seed, slot) = ([9; 32], SlotNumber(2));
        const NUMBERS: &[u32; PATH_FIELDS_MAX] = &[3; PATH_FIELDS_MAX];
        let leaf = |length| Leaf {
            path: &NUMBERS[..length],
            value: b"v",
        };
        let leaves: Vec<Leaf<'_>> = (1..=NUMBERS.len()).map(leaf).collect();
        let one_by_one = |leaf: &Leaf<'_>| {
            let path = path_bytes(slot, leaf.path);
            field_leaf(&field_commitment(&field_salt(&seed, &path), &path, b"v"))
        };
        let expected: Vec<Hash> = leaves.iter().map(one_by_one).collect();
        assert_eq!(hashes(&seed, slot, &leaves), expected);
    }

    #[test]
    fn values_of_every_length_are_committed_to_alike() {
        let (seed, slot) = ([9; 32], SlotNumber(2));
        let bytes = [5; 150];
        let leaves: Vec<Leaf<'_>> = (0..bytes.len())
            .map(|length| Leaf {
                path: &[7, 1, 2],
                value: bytes.get(..length).unwrap_or_default(),
            })
            .collect();
        let path = path_bytes(slot, &[7, 1, 2]);
        let one_by_one = |leaf: &Leaf<'_>| {
            let commitment = field_commitment(&field_salt(&seed, &path), &path, leaf.value);
            crate::digest::sha256(&[&[0], commitment.0.as_slice()].concat())
        };
        let expected: Vec<Hash> = leaves.iter().map(one_by_one).collect();
        assert_eq!(hashes(&seed, slot, &leaves), expected);
    }

    #[test]
    fn one_field_is_shown_and_nothing_else_is_believed() {
        let (seed, slot) = ([9; 32], SlotNumber(2));
        let root = slot_root(&seed, slot, &LEAVES);
        for position in 0..LEAVES.len() {
            let shown = || show_field(&seed, slot, &LEAVES, position).expect("a leaf");
            assert_eq!(shown().verify(&root), Ok(()));
            let changes: [fn(&mut ShownField); 6] = [
                |f| f.value = Personal::new(b"other".to_vec()),
                |f| f.salt[31] ^= 1,
                |f| f.path.push(1),
                |f| f.slot = SlotNumber(3),
                |f| f.position = (f.position + 1) % f.count,
                |f| f.count += 2,
            ];
            for (number, change) in changes.iter().enumerate() {
                let mut changed = shown();
                change(&mut changed);
                assert!(changed.verify(&root).is_err(), "change {number}");
            }
        }
        assert!(show_field(&seed, slot, &LEAVES, 3).is_none());
    }
}
