//! The vault section of a journal group: all vault changes of the group in one box.
//!
//! ```text
//! section = intake key id[16] ‖ nonce[12] ‖ AES-256-GCM( plain ) with tag[16]         a multiple of 1,024 bytes, or empty
//! plain   = version u8 (=2) ‖ count u32 ‖ rows (rows/codec/named.rs) ‖ zeros
//! data    = origin hash[32] ‖ chain u32 ‖ group u64 ‖ first index u64
//! ```
//!
//! Always: rows are shuffled, and at least 304 bytes a new stream are taken, so that neither order nor length tells a person with many
//! aliases from one with few. A group without rows has an empty section (THREATS.md says what that shows).

use ground::Random;
use proto::ids::{ChainNumber, Index};

use crate::error::VaultError;
use crate::keys::{Key32, NONCE_BYTES, TAG_BYTES};
use crate::rows::{Cut, NamedIn, NamedOut, Row};

/// Room that every new stream takes in a section, in bytes: a new person's first stream with two aliases and all five kinds of values
/// (284 bytes), codes of its own included.
pub const SECTION_BYTES_PER_STREAM: usize = 304;
/// A section's length is a multiple of this, in bytes.
pub const SECTION_BLOCK_BYTES: usize = 1024;

/// 1 had index rows of the family name, and hashes of other normal forms: no ledger holds them, and none is read.
const VERSION: u8 = 2;
const PLAIN_HEAD_BYTES: usize = 1 + 4;
const KEY_ID_BYTES: usize = 16;
const AROUND_BYTES: usize = KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES;

/// What a section is bound to.
#[derive(Clone, Copy)]
pub(crate) struct SectionPlace<'a> {
    pub(crate) origin_hash: &'a [u8; 32],
    pub(crate) chain: ChainNumber,
    pub(crate) group: u64,
    pub(crate) first: Index,
}

impl SectionPlace<'_> {
    fn data(&self) -> [u8; 52] {
        let mut data = [0; 52];
        let fields = [
            &self.origin_hash[..],
            &self.chain.0.to_be_bytes(),
            &self.group.to_be_bytes(),
            &self.first.0.to_be_bytes(),
        ];
        for (to, from) in data.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        data
    }
}

/// Seals the rows of one group. No rows, no section.
///
/// # Errors
/// `Limit` for a row that is too long.
pub(crate) fn seal(
    key: (&[u8; 16], &Key32),
    place: SectionPlace<'_>,
    rows: &[Row],
    new_streams: u32,
    random: &dyn Random,
) -> Result<Vec<u8>, VaultError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut shuffled: Vec<&Row> = rows.iter().collect();
    shuffle(&mut shuffled, random);
    let share = usize::try_from(new_streams)
        .unwrap_or(usize::MAX)
        .saturating_mul(SECTION_BYTES_PER_STREAM);
    let room = share.saturating_add(PLAIN_HEAD_BYTES + SECTION_BLOCK_BYTES);
    let mut plain = NamedOut::with_room(&shuffled, room);
    plain.put_raw(&[VERSION]);
    let count = u32::try_from(rows.len()).map_err(|_| VaultError::Limit("rows of a group"))?;
    plain.put_raw(&count.to_be_bytes());
    for row in shuffled {
        plain.put_row(row)?;
    }
    let mut plain = plain.bytes();
    let taken = plain.len().max(PLAIN_HEAD_BYTES + share);
    let padded = (AROUND_BYTES + taken).next_multiple_of(SECTION_BLOCK_BYTES) - AROUND_BYTES;
    plain.resize(padded, 0);
    let (id, key) = key;
    let mut section = id.to_vec();
    section.extend_from_slice(&key.seal(random, &plain, &place.data()));
    Ok(section)
}

/// Which intake key a section asks for; `None` for an empty section.
pub(crate) fn key_id(section: &[u8]) -> Result<Option<[u8; 16]>, VaultError> {
    if section.is_empty() {
        return Ok(None);
    }
    let whole = section.len().is_multiple_of(SECTION_BLOCK_BYTES);
    match section.first_chunk() {
        Some(id) if whole => Ok(Some(*id)),
        _ => Err(VaultError::Malformed("vault section")),
    }
}

/// Opens a section under the key that it named.
pub(crate) fn open(
    key: &Key32,
    place: SectionPlace<'_>,
    section: &[u8],
) -> Result<Vec<Row>, VaultError> {
    let (_, boxed) = section
        .split_at_checked(KEY_ID_BYTES)
        .ok_or(VaultError::Malformed("vault section"))?;
    decode_plain(&key.open(boxed, &place.data())?)
}

/// Reads an opened section; anything but rows and zeros is refused.
pub(crate) fn decode_plain(plain: &[u8]) -> Result<Vec<Row>, VaultError> {
    const WRONG: VaultError = VaultError::Malformed("vault section");
    const OTHER_VERSION: VaultError = VaultError::Malformed("vault section of another version");
    let mut cut = Cut(plain);
    if cut.byte().ok_or(WRONG)? != VERSION {
        return Err(OTHER_VERSION);
    }
    let count = cut.u32().ok_or(WRONG)?;
    let mut named = NamedIn::new(cut.0);
    let mut rows = Vec::new();
    for _ in 0..count {
        rows.push(named.take_row().ok_or(WRONG)?);
    }
    if named.rest().iter().any(|byte| *byte != 0) {
        return Err(WRONG);
    }
    Ok(rows)
}

fn shuffle(rows: &mut [&Row], random: &dyn Random) {
    for last in (1..rows.len()).rev() {
        let bound = u128::try_from(last + 1).expect("a usize fits");
        let drawn = u128::from(u64::from_be_bytes(ground::array(random)));
        let other = usize::try_from((drawn * bound) >> 64).expect("below the bound");
        rows.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{RowBytes, StreamPlace, encoded};
    use ground::SeededRandom;
    use proto::ids::StreamId;

    fn rows(count: u8) -> Vec<Row> {
        let place = StreamPlace::Case(1);
        let row = |n| Row::StreamShelf {
            stream: StreamId([n; 16]),
            place,
        };
        (0..count).map(row).collect()
    }

    fn bytes(rows: &[Row]) -> Vec<RowBytes> {
        let encode = |row| encoded(row).expect("encodes");
        rows.iter().map(encode).collect()
    }

    fn place(origin_hash: &[u8; 32]) -> SectionPlace<'_> {
        SectionPlace {
            origin_hash,
            chain: ChainNumber(0),
            group: 7,
            first: Index(100),
        }
    }

    #[test]
    fn a_section_comes_back_shuffled_and_only_at_its_place() {
        let (random, key, origin) = (SeededRandom::new(3), Key32::new([1; 32]), [2; 32]);
        let mut put = rows(40);
        put.extend(crate::rows::tests::one_of_each());
        let section = seal((&[5; 16], &key), place(&origin), &put, 1, &random).expect("seals");
        assert_eq!(key_id(&section).expect("whole"), Some([5; 16]));
        let opened = bytes(&open(&key, place(&origin), &section).expect("opens"));
        assert_ne!(opened, bytes(&put), "shuffled");
        let sorted = |mut rows: Vec<RowBytes>| {
            rows.sort_unstable_by(|a, b| a.as_slice().cmp(b.as_slice()));
            rows
        };
        assert_eq!(sorted(opened), sorted(bytes(&put)));
        let elsewhere = SectionPlace {
            group: 8,
            ..place(&origin)
        };
        assert!(open(&key, elsewhere, &section).is_err());
        assert!(open(&Key32::new([9; 32]), place(&origin), &section).is_err());
    }

    #[test]
    fn length_tells_new_streams_and_kibibytes_only() {
        let (random, key, origin) = (SeededRandom::new(3), Key32::new([1; 32]), [2; 32]);
        let length = |count, streams| {
            let rows = rows(count);
            let sealed = seal((&[5; 16], &key), place(&origin), &rows, streams, &random);
            sealed.expect("seals").len()
        };
        assert_eq!(length(0, 0), 0);
        assert_eq!((length(1, 1), length(12, 1)), (1024, 1024));
        assert_eq!((length(1, 10), length(120, 10)), (4096, 4096));
    }

    /// The fixed share is not smaller, and hardly larger, than what the largest ordinary new person needs.
    #[test]
    fn a_new_person_with_all_kinds_of_values_fits_the_share() {
        let person = crate::rows::PersonRef {
            shelf: 70_000,
            person: [3; 16],
        };
        let hash = |n: u8| crate::rows::FindingHash([n; 16]);
        let stream = StreamId([4; 16]);
        let code = |text: String| proto::ids::ActivityCode::new(text).expect("a code");
        let mut rows = vec![
            Row::Person {
                person,
                label_key: Key32::new([1; 32]),
            },
            Row::Stream {
                person,
                stream,
                activity: code("a".repeat(12)),
                party: proto::ids::PartyCode::new("p".repeat(10)).expect("a code"),
                secret: crate::keys::StreamSecret::new([2; 32]),
                alone: false,
                given: 1,
            },
            Row::StreamShelf {
                stream,
                place: StreamPlace::Person(person),
            },
        ];
        rows.extend((0..2).map(|n| Row::Alias {
            hash: hash(n),
            person,
            stream,
        }));
        let kinds = [
            crate::rows::IndexKind::Name,
            crate::rows::IndexKind::DateOfBirth,
            crate::rows::IndexKind::Postcode,
            crate::rows::IndexKind::Email,
            crate::rows::IndexKind::Telephone,
        ];
        rows.extend(kinds.into_iter().map(|kind| Row::Index {
            kind,
            hash: hash(9 + kind as u8),
            person,
            stream,
        }));
        let all: Vec<&Row> = rows.iter().collect();
        let mut out = NamedOut::with_room(&all, 0);
        rows.iter().for_each(|row| out.put_row(row).expect("fits"));
        let taken = out.bytes().len();
        assert!((272..=SECTION_BYTES_PER_STREAM).contains(&taken), "{taken}");
    }

    #[test]
    fn what_is_no_section_is_refused() {
        assert!(key_id(&[0; 1023]).is_err() && key_id(&[0; 8]).is_err());
        for plain in [&[][..], &[VERSION, 0, 0, 0, 1], &[VERSION, 0, 0, 0, 0, 1]] {
            let refused = decode_plain(plain).expect_err("no rows and zeros");
            assert_eq!(refused.to_string(), "malformed vault section");
        }
        for other in [1, 3] {
            let refused = decode_plain(&[other, 0, 0, 0, 0]).expect_err("not read");
            assert!(refused.to_string().contains("another version"));
        }
        assert!(
            decode_plain(&[VERSION, 0, 0, 0, 0, 0, 0])
                .expect("zeros")
                .is_empty()
        );
    }
}
