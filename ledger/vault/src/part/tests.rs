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

/// Rows with the locators that a shelf would give them: by their first differing byte.
fn located(rows: &[Vec<u8>]) -> Vec<([u8; 16], &[u8])> {
    rows.iter()
        .map(|row| {
            let mut locator = [0; 16];
            locator[12] = row[21];
            (locator, row.as_slice())
        })
        .collect()
}

fn sealed(seals: u64) -> Result<Vec<u8>, VaultError> {
    let random = SeededRandom::new(1);
    seal(
        &key(1),
        place(),
        &Blocks::spread(located(&rows())),
        seals,
        &random,
    )
}

#[test]
fn a_part_comes_back_and_only_at_its_place() {
    let stored = sealed(5).expect("seals");
    assert_eq!(generation_of(&stored).expect("there"), 3);
    let (opened, parts) = open(&key(1), place(), None, &stored).expect("opens");
    let mut all: Vec<&[u8]> = opened.iter().collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(rows().iter().map(Vec::as_slice)));
    assert_eq!((opened.len(), opened.seals, parts), (301, 5 + 17, 4));
    assert!(open(&key(2), place(), None, &stored).is_err());
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
        assert!(open(&key(1), place, None, &stored).is_err(), "{place:?}");
    }
    let any = PartPlace {
        parts: 0,
        ..place()
    };
    assert_eq!(open(&key(1), any, None, &stored).expect("opens").1, 4);
    assert!(
        stored.len() < 301 * 40,
        "{} bytes: prefixes are shared",
        stored.len()
    );
}

#[test]
fn a_look_up_opens_the_block_of_its_locator_alone() {
    let stored = sealed(0).expect("seals");
    let rows = rows();
    let all = located(&rows);
    let (locator, _) = all
        .iter()
        .find(|(_, row)| row.starts_with(&[2]))
        .expect("one");
    let (opened, _) = open(&key(1), place(), Some(locator), &stored).expect("opens");
    let mine = all.iter().filter(|(of, _)| of[12] & 15 == locator[12] & 15);
    assert!(
        opened.iter().eq(mine.map(|(_, row)| *row)),
        "sorted, and no other"
    );
    assert!(opened.len() < 60);
    let prefix = [&[2; 20][..], &u16::from(locator[12]).to_be_bytes()].concat();
    assert_eq!(opened.with_prefix(&prefix).count(), 7);
    assert_eq!(opened.with_prefix(&[4]).count(), 0);
    assert_eq!(opened.with_prefix(&[]).count(), opened.len());
}

/// Blocks of one key and place cannot be moved from one writing of the part to another: the head names their tags.
#[test]
fn a_part_with_any_other_byte_does_not_open() {
    let stored = sealed(0).expect("seals");
    for at in (8..stored.len()).step_by(11) {
        let mut flipped = stored.clone();
        flipped[at] ^= 1;
        assert!(open(&key(1), place(), None, &flipped).is_err(), "byte {at}");
    }
    for length in (0..stored.len()).step_by(7) {
        assert!(open(&key(1), place(), None, &stored[..length]).is_err());
    }
    let random = SeededRandom::new(2);
    let rows = rows();
    let blocks = Blocks::spread(located(&rows));
    let again = seal(&key(1), place(), &blocks, 0, &random).expect("seals");
    assert_eq!(again.len(), stored.len());
    let mixed = [&stored[..stored.len() - 400], &again[stored.len() - 400..]].concat();
    assert!(open(&key(1), place(), None, &mixed).is_err());
}

#[test]
fn a_key_seals_only_so_often() {
    let limit = SEALS_PER_KEY_MAX / 5;
    assert!(sealed(limit - 17).is_ok());
    assert!(matches!(sealed(limit - 16), Err(VaultError::Limit(_))));
}

#[test]
fn a_block_has_one_spelling() {
    let all = rows();
    let plain = rows::fold(all.iter().map(Vec::as_slice));
    assert_eq!(decode_plain(&plain).expect("reads").len(), 301);
    // Descending rows, a prefix shorter than it could be, a length spelled longer, a prefix of nothing, cut rows.
    for body in [
        &[0, 1, 9, 0, 1, 8][..],
        &[0, 1, 9, 0, 2, 9, 9],
        &[0, 0x81, 0, 9, 0, 1, 10],
        &[1, 1, 9, 0, 1, 10],
        &[0, 1, 9, 0, 1],
        &[0],
    ] {
        assert!(decode_plain(body).is_err(), "{body:?}");
    }
    assert!(decode_plain(&[0, 1, 9, 0, 1, 10]).is_ok());
    // More alike than one byte counts: what comes behind the 255 decides.
    let long = |last: &[u8]| [&[7; 300][..], last].concat();
    let alike = [long(&[1]), long(&[2]), long(&[2, 0])];
    let plain = rows::fold(alike.iter().map(Vec::as_slice));
    let read = decode_plain(&plain).expect("reads");
    assert!(read.iter().eq(alike.iter().map(Vec::as_slice)));
    let same = [alike[0].clone(), alike[0].clone()];
    assert!(decode_plain(&rows::fold(same.iter().map(Vec::as_slice))).is_err());
}

#[test]
fn what_came_lately_lies_over_what_was_there() {
    // Kind 22 has a key of 17 bytes; the rest is its value.
    let row = |key: u8, value: u8| [&[22][..], &[key; 16], &[value; 5]].concat();
    let block = |rows: &[Vec<u8>]| {
        let plain = rows::fold(rows.iter().map(Vec::as_slice));
        decode_plain(&plain).expect("reads")
    };
    let before = block(&[row(1, 1), row(3, 1), row(5, 1), row(7, 1)]);
    let later = block(&[row(0, 2), row(3, 2), row(4, 2), row(7, 2), row(8, 2)]);
    let both = before.overlaid(&later).expect("rows");
    let expected = [(0, 2), (1, 1), (3, 2), (4, 2), (5, 1), (7, 2), (8, 2)];
    let expected: Vec<Vec<u8>> = expected.iter().map(|(k, v)| row(*k, *v)).collect();
    assert!(both.iter().eq(expected.iter().map(Vec::as_slice)));
    assert_eq!(both.with_prefix(&[&[22][..], &[3; 16]].concat()).count(), 1);
    let empty = block(&[]);
    assert!(
        empty
            .overlaid(&later)
            .expect("rows")
            .iter()
            .eq(later.iter())
    );
    assert!(
        later
            .overlaid(&empty)
            .expect("rows")
            .iter()
            .eq(later.iter())
    );
}

#[test]
fn what_is_no_head_is_refused() {
    let head = |version: u8, part: u8, parts: u8| {
        [&[version, 0, part, 0, parts][..], &[0; 8], &[0; 32]].concat()
    };
    assert_eq!(decode_head(&head(1, 0, 2)).expect("a head").blocks.len(), 1);
    let late = [&[1, 0xff, 0xff, 0, 4][..], &[0; 8], &[0; 32]].concat();
    assert_eq!(decode_head(&late).expect("a head").part, LATE);
    for wrong in [head(2, 0, 2), head(1, 2, 2), head(1, 0, 3), head(1, 0, 0)] {
        assert!(decode_head(&wrong).is_err());
    }
    assert!(decode_head(&head(1, 0, 2)[..40]).is_err() && decode_head(&[]).is_err());
}

/// Opens a part at the front of bytes that go on behind it, as raw pages do, if the key opens it; whatever part it is.
pub(crate) fn open_prefix(key: &ShelfKey, place: PartPlace, bytes: &[u8]) -> Option<PartRows> {
    let (generation, log) = (generation_of(bytes).ok()?, *bytes.get(8)?);
    if generation != key.generation || log > 4 {
        return None;
    }
    let head_bytes = NONCE_BYTES + HEAD_BYTES + (BLOCK_ENTRY_BYTES << log) + TAG_BYTES;
    let head = bytes.get(9..9 + head_bytes)?;
    let data = shelf_data(place.level, place.shelf, key.generation);
    let head = decode_head(&key.key.open(head, &data).ok()?).ok()?;
    let length: usize = head.blocks.iter().map(|block| block.length).sum();
    let place = PartPlace {
        part: head.part,
        ..place
    };
    let stored = bytes.get(..9 + head_bytes + length)?;
    Some(open(key, place, None, stored).ok()?.0)
}
