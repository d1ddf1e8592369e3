//! The sealed record and the sealed slot of vectors.json, and what is refused.

use chain::link::Link;
use ground::Random;

use super::*;
use crate::keys::{Key32, StreamSecret};

const ORIGIN: &str = "test.westmere.example/counterfoil";

/// Gives the nonce of the vectors: 0, 1, 2, ...
struct Counting;

impl Random for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for (at, byte) in buffer.iter_mut().enumerate() {
            *byte = u8::try_from(at).expect("nonces are short");
        }
    }
}

fn origin_hash() -> [u8; 32] {
    chain::origin_hash(&proto::ids::Origin::new(ORIGIN).expect("an origin"))
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digit).collect()
}

const SEALED_RECORD: &str = "0300031773000102030405060708090a0b388710729763519b54a43b95435970f0d88caca2d5f37ea9851712604857fff49709314d5560efcac46556fc456ede32850f03ba721d4ac9";
const SEALED_SLOT: &str = "000102030405060708090a0b3a14b333a8eae312a8c925330859da7727f1f0e44a28cf3997bd5342b5ec7d4b2706de447946b39a12d200966ea3450e86a2b1ac012e66a0e2c1a662f0c9ccb2cfe450640522891f28fa0ebb5804411c14b24003fac9d4bd6243149fade07c4e079b97773f63681411862005dbd39604dacc03a368458916e0dde7cf76251041ccf31be5ba57cffdcb85a245e86e1263";
const VALUES: &str = "0a0b416461204578616d706c65120f0a0d312048696768205374726565741a0c3031363332203936303030311a0c303136333220393630303032";
const SLOT_ROOT: &str = "e5b582ac18c0db4590b4c1ec7831f0d603e630669b92a0536381c87d55a1c577";

fn record_link(index: u64, salt: &[u8; 32], record: &[u8]) -> Link {
    Link {
        chain: ChainNumber(0),
        index: Index(index),
        prev: Hash([0; 32]),
        commitment: chain::record_commitment(salt, record),
    }
}

#[test]
fn the_sealed_record_of_the_vectors() {
    let key = RecordKey(Key32::new([4; 32]));
    let origin_hash = origin_hash();
    let place = RecordPlace {
        origin_hash: &origin_hash,
        chain: ChainNumber(0),
        index: Index(2),
    };
    let name = RecordKeyName {
        class: 3,
        month: Month(202_611),
    };
    let sealed = seal_record(&key, name, place, (&[3; 32], b"record 2"), &Counting);
    assert_eq!(sealed, unhex(SEALED_RECORD));
    assert_eq!(record_key_name(&sealed).expect("layout"), name);

    let link = record_link(2, &[3; 32], b"record 2");
    let opened = open_record(&key, place, &sealed, &link).expect("opens");
    assert_eq!(
        (opened.salt, opened.record.as_slice()),
        ([3; 32], &b"record 2"[..])
    );

    let elsewhere = RecordPlace {
        index: Index(3),
        ..place
    };
    assert!(open_record(&key, elsewhere, &sealed, &link).is_err());
    let other = record_link(2, &[3; 32], b"record 3");
    assert!(matches!(
        open_record(&key, place, &sealed, &other),
        Err(VaultError::NotOpened(NotOpened::NotCommitted))
    ));
    for at in 5..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        assert!(
            open_record(&key, place, &flipped, &link).is_err(),
            "byte {at}"
        );
    }
}

fn slot_place(origin_hash: &[u8; 32]) -> SlotPlace<'_> {
    SlotPlace {
        origin_hash,
        stream: StreamId(std::array::from_fn(|at| {
            16 + u8::try_from(at).expect("below 16")
        })),
        number: NumberInStream(1),
        slot: SlotNumber(0),
    }
}

/// The leaves of the vector's slot, cut by hand: name, address line, telephones, one absent.
fn vector_leaves(values: &[u8]) -> Option<Vec<Leaf<'_>>> {
    let (name, rest) = values.split_at_checked(13)?;
    let (_, rest) = rest.split_at_checked(2)?;
    let (line, telephones) = rest.split_at_checked(15)?;
    Some(vec![
        Leaf {
            path: &[1],
            value: name,
        },
        Leaf {
            path: &[2, 1],
            value: line,
        },
        Leaf {
            path: &[3],
            value: telephones,
        },
        Leaf {
            path: &[4],
            value: &[],
        },
    ])
}

#[test]
fn the_sealed_slot_of_the_vectors() {
    let key = StreamSecret::new([9; 32]).data_key();
    let origin_hash = origin_hash();
    let place = slot_place(&origin_hash);
    let seed: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).expect("below 32"));
    let values = Personal::new(unhex(VALUES));
    let sealed = seal_slot(&key, place, &seed, &values, &Counting).expect("seals");
    assert_eq!(sealed, unhex(SEALED_SLOT));

    let root = Hash(unhex(SLOT_ROOT).try_into().expect("32 bytes"));
    let opened = open_slot_with(&key, place, &sealed, &root, vector_leaves).expect("opens");
    assert_eq!(*opened.seed, seed);
    assert!(opened.values.expose() == values.expose());

    let wrong = open_slot_with(&key, place, &sealed, &Hash([0; 32]), vector_leaves);
    assert!(matches!(
        wrong,
        Err(VaultError::NotOpened(NotOpened::NotCommitted))
    ));
    let elsewhere = SlotPlace {
        number: NumberInStream(2),
        ..place
    };
    assert!(open_slot_with(&key, elsewhere, &sealed, &root, vector_leaves).is_err());
    let other = StreamSecret::new([8; 32]).data_key();
    assert!(open_slot_with(&other, place, &sealed, &root, vector_leaves).is_err());
}

#[test]
fn a_key_seals_only_so_many_slots() {
    let origin_hash = origin_hash();
    let full = SlotPlace {
        number: NumberInStream(SEALS_PER_KEY_MAX),
        ..slot_place(&origin_hash)
    };
    let key = StreamSecret::new([9; 32]).data_key();
    let values = Personal::new(Vec::new());
    let refused = seal_slot(&key, full, &[0; 32], &values, &Counting);
    assert!(matches!(refused, Err(VaultError::Limit(_))));
}
