//! Round trips and refusals of the shelf part.

use ground::SeededRandom;

use super::*;
use crate::error::VaultError;

fn key(n: u8) -> ShelfKey {
    ShelfKey {
        key: Key32::new([n; 32]),
        generation: 3,
    }
}

fn place() -> PartPlace {
    PartPlace {
        level: Level::Person,
        shelf: 9,
        part: 1,
        parts: 4,
    }
}

fn rows() -> Vec<Vec<u8>> {
    let mut rows: Vec<Vec<u8>> = (0..300u16)
        .map(|n| {
            [
                &[2; 20][..],
                &(n / 7).to_be_bytes(),
                &[7; 200][..],
                &n.to_be_bytes(),
            ]
            .concat()
        })
        .collect();
    rows.push(vec![3; 400]);
    rows.sort();
    rows
}

fn sealed(seals: u64) -> Result<Vec<u8>, VaultError> {
    let rows = rows();
    seal(
        &key(1),
        place(),
        rows.iter().map(Vec::as_slice),
        seals,
        &SeededRandom::new(1),
    )
}

#[test]
fn a_part_comes_back_and_only_at_its_place() {
    let stored = sealed(5).expect("seals");
    assert_eq!(generation_of(&stored).expect("there"), 3);
    let (opened, parts) = open(&key(1), place(), &stored).expect("opens");
    assert!(opened.iter().eq(rows().iter().map(Vec::as_slice)));
    assert_eq!((opened.len(), opened.seals, parts), (301, 6, 4));
    assert!(open(&key(2), place(), &stored).is_err());
    let elsewhere = [
        PartPlace { part: 2, ..place() },
        PartPlace {
            parts: 2,
            ..place()
        },
        PartPlace {
            shelf: 8,
            ..place()
        },
        PartPlace {
            level: Level::Case,
            ..place()
        },
    ];
    for place in elsewhere {
        assert!(open(&key(1), place, &stored).is_err(), "{place:?}");
    }
    let any = PartPlace {
        parts: 0,
        ..place()
    };
    assert_eq!(open(&key(1), any, &stored).expect("opens").1, 4);
    assert!(
        stored.len() < 301 * 40,
        "{} bytes: prefixes are shared",
        stored.len()
    );
}

#[test]
fn rows_are_found_by_prefix() {
    let (opened, _) = open(&key(1), place(), &sealed(0).expect("seals")).expect("opens");
    let prefix = [&[2; 20][..], &5u16.to_be_bytes()].concat();
    assert_eq!(opened.with_prefix(&prefix).count(), 7);
    assert_eq!(opened.with_prefix(&[3]).count(), 1);
    assert_eq!(opened.with_prefix(&[4]).count(), 0);
    assert_eq!(opened.with_prefix(&[]).count(), 301);
}

#[test]
fn a_key_seals_only_so_often() {
    let limit = SEALS_PER_KEY_MAX / 4;
    assert!(sealed(limit - 1).is_ok());
    assert!(matches!(sealed(limit), Err(VaultError::Limit(_))));
}

#[test]
fn what_is_no_part_is_refused() {
    let all = rows();
    let plain = encode_plain(place(), all.iter().map(Vec::as_slice), 1).expect("encodes");
    assert!(decode_plain(&plain).is_ok());
    for length in 0..plain.len() {
        assert!(decode_plain(&plain[..length]).is_err(), "cut to {length}");
    }
    assert!(decode_plain(&[&plain[..], &[0]].concat()).is_err());
    let head = |part: u8, parts: u8| [&[1, 0, part, 0, parts][..], &[0; 8], &[0, 0, 0, 2]].concat();
    // Descending rows, a prefix shorter than it could be, a length spelled longer, a part beyond the parts.
    for (head, body) in [
        (head(0, 1), &[0, 1, 9, 0, 1, 8][..]),
        (head(0, 1), &[0, 1, 9, 0, 2, 9, 9]),
        (head(0, 1), &[0, 0x81, 0, 9, 0, 1, 10]),
        (head(1, 1), &[0, 1, 9, 0, 1, 10]),
        (head(0, 3), &[0, 1, 9, 0, 1, 10]),
        (head(0, 1), &[1, 1, 9, 0, 1, 10]),
    ] {
        assert!(decode_plain(&[head, body.to_vec()].concat()).is_err());
    }
    assert!(decode_plain(&[head(0, 1), vec![0, 1, 9, 0, 1, 10]].concat()).is_ok());
}
