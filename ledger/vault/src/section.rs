//! The vault section of a journal group: all vault changes of the group in one box.
//!
//! ```text
//! section = intake key id[16] ‖ nonce[12] ‖ AES-256-GCM( plain ) with tag[16]         a multiple of 1,024 bytes, or empty
//! plain   = version u8 (=1) ‖ count u32 ‖ count × ( length u16 ‖ row ) ‖ zeros
//! data    = origin hash[32] ‖ chain u32 ‖ group u64 ‖ first index u64
//! ```
//!
//! Always: rows are shuffled, and at least 640 bytes a new stream are taken, so that neither order nor length tells a person with many
//! aliases from one with few. A group without rows has an empty section (THREATS.md says what that shows).

use ground::Random;
use proto::ids::{ChainNumber, Index};
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::keys::{Key32, NONCE_BYTES, TAG_BYTES};
use crate::rows::{Cut, Row, RowBytes};

/// Room that every new stream takes in a section, in bytes: a new person's stream with two aliases and five index rows.
pub const SECTION_BYTES_PER_STREAM: usize = 640;
/// A section's length is a multiple of this, in bytes.
pub const SECTION_BLOCK_BYTES: usize = 1024;

const VERSION: u8 = 1;
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
pub(crate) fn seal(
    key: (&[u8; 16], &Key32),
    place: SectionPlace<'_>,
    mut rows: Vec<RowBytes>,
    new_streams: u32,
    random: &dyn Random,
) -> Vec<u8> {
    if rows.is_empty() {
        return Vec::new();
    }
    shuffle(&mut rows, random);
    let used: usize = rows.iter().map(|row| 2 + row.len()).sum();
    let share = usize::try_from(new_streams)
        .unwrap_or(usize::MAX)
        .saturating_mul(SECTION_BYTES_PER_STREAM);
    let plain_bytes = 1 + 4 + used.max(share);
    let padded = (AROUND_BYTES + plain_bytes).next_multiple_of(SECTION_BLOCK_BYTES) - AROUND_BYTES;
    let mut plain = Zeroizing::new(Vec::with_capacity(padded));
    plain.push(VERSION);
    let count = u32::try_from(rows.len()).expect("a group of 8 MiB has fewer rows");
    plain.extend_from_slice(&count.to_be_bytes());
    for row in &rows {
        let length = u16::try_from(row.len()).expect("the row codec refuses longer rows");
        plain.extend_from_slice(&length.to_be_bytes());
        plain.extend_from_slice(row);
    }
    plain.resize(padded, 0);
    let (id, key) = key;
    let mut section = id.to_vec();
    section.extend_from_slice(&key.seal(random, &plain, &place.data()));
    section
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
    let mut cut = Cut(plain);
    if cut.byte() != Some(VERSION) {
        return Err(WRONG);
    }
    let count = cut.u32().ok_or(WRONG)?;
    let mut rows = Vec::new();
    for _ in 0..count {
        let length = usize::from(cut.u16().ok_or(WRONG)?);
        rows.push(Row::decode(cut.slice(length).ok_or(WRONG)?)?);
    }
    if cut.0.iter().any(|byte| *byte != 0) {
        return Err(WRONG);
    }
    Ok(rows)
}

fn shuffle(rows: &mut [RowBytes], random: &dyn Random) {
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
    use crate::rows::encoded;
    use ground::SeededRandom;
    use proto::ids::StreamId;

    fn rows(count: u8) -> Vec<RowBytes> {
        let place = crate::rows::StreamPlace::Case(1);
        (0..count)
            .map(|n| Row::StreamShelf {
                stream: StreamId([n; 16]),
                place,
            })
            .map(|row| encoded(&row).expect("encodes"))
            .collect()
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
        let section = seal((&[5; 16], &key), place(&origin), rows(40), 1, &random);
        assert_eq!(key_id(&section).expect("whole"), Some([5; 16]));
        let opened = open(&key, place(&origin), &section).expect("opens");
        let bytes: Vec<_> = opened
            .iter()
            .map(|row| encoded(row).expect("encodes"))
            .collect();
        assert_ne!(bytes, rows(40), "shuffled");
        let mut sorted = bytes;
        sorted.sort_unstable_by(|a, b| a.as_slice().cmp(b.as_slice()));
        assert_eq!(sorted, rows(40));
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
            seal(
                (&[5; 16], &key),
                place(&origin),
                rows(count),
                streams,
                &random,
            )
            .len()
        };
        assert_eq!(length(0, 0), 0);
        assert_eq!((length(1, 1), length(12, 1)), (1024, 1024));
        assert_eq!((length(1, 10), length(90, 10)), (7168, 7168));
    }

    #[test]
    fn what_is_no_section_is_refused() {
        assert!(key_id(&[0; 1023]).is_err() && key_id(&[0; 8]).is_err());
        for plain in [
            &[][..],
            &[2, 0, 0, 0, 0],
            &[1, 0, 0, 0, 1],
            &[1, 0, 0, 0, 0, 1],
        ] {
            assert!(decode_plain(plain).is_err());
        }
        assert!(
            decode_plain(&[1, 0, 0, 0, 0, 0, 0])
                .expect("zeros")
                .is_empty()
        );
    }
}
