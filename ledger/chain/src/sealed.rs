//! The layouts around the two sealed boxes of an event. Layouts only: no key comes here.
//!
//! ```text
//! stored record   class u8 ‖ month u32 ‖ nonce[12] ‖ ciphertext of ( salt[32] ‖ record ) with tag[16]
//! its data        "counterfoil record v1" ‖ origin hash[32] ‖ chain u32 ‖ index u64
//! slot plaintext  seed[32] ‖ length u32 ‖ values ‖ zeros to a multiple of 128
//! stored slot     nonce[12] ‖ ciphertext with tag[16]
//! its data        "counterfoil slot v1" ‖ origin hash[32] ‖ stream[16] ‖ number in stream u64 ‖ slot u32
//! ```
//!
//! Always: each layout has one spelling; padding that is not zero, or longer than needed, is refused.

use proto::Personal;
use proto::ids::{ChainNumber, Index, Month, NumberInStream, SlotNumber, StreamId};

use crate::ChainError;

/// Length of an AES-GCM nonce, in bytes.
pub const NONCE_BYTES: usize = 12;
/// Length of an AES-GCM tag, in bytes.
pub const TAG_BYTES: usize = 16;
/// A slot's plaintext is padded to a multiple of this many bytes.
pub const SLOT_BLOCK_BYTES: usize = 128;
/// Length of the salt before a record, in bytes.
pub const SALT_BYTES: usize = 32;

/// Bytes of a stored record before its ciphertext: class, month, nonce.
pub const RECORD_HEAD_BYTES: usize = 1 + 4 + NONCE_BYTES;

const RECORD_LABEL: &[u8; 21] = b"counterfoil record v1";
const SLOT_LABEL: &[u8; 19] = b"counterfoil slot v1";

/// Associated data of a sealed record.
pub fn record_ad(origin_hash: &[u8; 32], chain: ChainNumber, index: Index) -> [u8; 65] {
    joined(&[
        RECORD_LABEL,
        origin_hash,
        &chain.0.to_be_bytes(),
        &index.0.to_be_bytes(),
    ])
}

/// Associated data of a sealed slot.
pub fn slot_ad(
    origin_hash: &[u8; 32],
    stream: StreamId,
    number: NumberInStream,
    slot: SlotNumber,
) -> [u8; 79] {
    joined(&[
        SLOT_LABEL,
        origin_hash,
        &stream.0,
        &number.0.to_be_bytes(),
        &slot.0.to_be_bytes(),
    ])
}

fn joined<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut rest = bytes.as_mut_slice();
    for part in parts {
        let (field, tail) = rest
            .split_at_mut_checked(part.len())
            .expect("the parts are as long as the array");
        field.copy_from_slice(part);
        rest = tail;
    }
    debug_assert!(rest.is_empty(), "the parts fill the array");
    bytes
}

/// A sealed record as it lies in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredRecord<'a> {
    /// Record class, the number that `proto` gives it.
    pub class: u8,
    /// Month of admission, UTC.
    pub month: Month,
    /// Nonce of the seal.
    pub nonce: [u8; NONCE_BYTES],
    /// Ciphertext of salt and record, with its tag.
    pub ciphertext: &'a [u8],
}

impl<'a> StoredRecord<'a> {
    /// The bytes of this record in a head.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(RECORD_HEAD_BYTES + self.ciphertext.len());
        self.encode_to(&mut bytes);
        bytes
    }

    /// As [`StoredRecord::encode`], behind what is there.
    pub fn encode_to(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.class);
        bytes.extend_from_slice(&self.month.0.to_be_bytes());
        bytes.extend_from_slice(&self.nonce);
        bytes.extend_from_slice(self.ciphertext);
    }

    /// Reads a stored record. Refuses one without room for salt and tag, class 0, and a month that
    /// is no yyyymm.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ChainError> {
        let short = ChainError::malformed("stored record", "shorter than class, month and nonce");
        let ([class], rest) = bytes.split_first_chunk::<1>().ok_or(short)?;
        let (month, rest) = rest.split_first_chunk::<4>().ok_or(short)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(short)?;
        let month = u32::from_be_bytes(*month);
        if *class == 0 {
            return Err(ChainError::malformed("stored record", "class 0"));
        }
        if !(190_001..=999_912).contains(&month) || !(1..=12).contains(&(month % 100)) {
            return Err(ChainError::malformed(
                "stored record",
                "month is not yyyymm",
            ));
        }
        if ciphertext.len() < SALT_BYTES + TAG_BYTES {
            return Err(ChainError::malformed(
                "stored record",
                "no room for salt and tag",
            ));
        }
        Ok(Self {
            class: *class,
            month: Month(month),
            nonce: *nonce,
            ciphertext,
        })
    }
}

/// What a record's seal holds: the salt of its commitment, then the record.
pub fn record_plaintext(salt: &[u8; SALT_BYTES], record: &[u8]) -> Vec<u8> {
    [salt.as_slice(), record].concat()
}

/// Splits an opened record into salt and record.
pub fn split_record_plaintext(plaintext: &[u8]) -> Result<(&[u8; SALT_BYTES], &[u8]), ChainError> {
    plaintext
        .split_first_chunk()
        .ok_or(ChainError::malformed("record plaintext", "no salt"))
}

/// A sealed slot as it lies in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSlot<'a> {
    /// Nonce of the seal.
    pub nonce: [u8; NONCE_BYTES],
    /// Ciphertext of the padded plaintext, with its tag.
    pub ciphertext: &'a [u8],
}

impl<'a> StoredSlot<'a> {
    /// The bytes of this slot in a group.
    pub fn encode(&self) -> Vec<u8> {
        [self.nonce.as_slice(), self.ciphertext].concat()
    }

    /// Reads a stored slot. Refuses a ciphertext that is not whole blocks and a tag.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ChainError> {
        let (nonce, ciphertext) = bytes
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(ChainError::malformed("stored slot", "no nonce"))?;
        let body = ciphertext.len().checked_sub(TAG_BYTES);
        if body.is_none_or(|length| length == 0 || length % SLOT_BLOCK_BYTES != 0) {
            return Err(ChainError::malformed(
                "stored slot",
                "not whole blocks of 128 bytes and a tag",
            ));
        }
        Ok(Self {
            nonce: *nonce,
            ciphertext,
        })
    }
}

/// The padded plaintext of a slot. Refused when the values are longer than 32 bits can count.
pub fn slot_plaintext(seed: &[u8; 32], values: &[u8]) -> Result<Personal<Vec<u8>>, ChainError> {
    let mut bytes = Vec::with_capacity(slot_plaintext_bytes(values.len()));
    put_slot_plaintext(&mut bytes, seed, values)?;
    Ok(Personal::new(bytes))
}

/// The length of a slot's padded plaintext, in bytes.
pub fn slot_plaintext_bytes(values: usize) -> usize {
    (32 + 4 + values).next_multiple_of(SLOT_BLOCK_BYTES)
}

/// As [`slot_plaintext`], behind what is there. The caller has reserved the room, so that no copy is left where the buffer was.
pub fn put_slot_plaintext(
    bytes: &mut Vec<u8>,
    seed: &[u8; 32],
    values: &[u8],
) -> Result<(), ChainError> {
    let length = u32::try_from(values.len())
        .map_err(|_| ChainError::malformed("slot plaintext", "values longer than 32 bits count"))?;
    let end = bytes.len() + slot_plaintext_bytes(values.len());
    bytes.extend_from_slice(seed);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(values);
    bytes.resize(end, 0);
    Ok(())
}

/// Splits an opened slot into seed and values. Refuses padding that is not exactly as
/// [`slot_plaintext`] writes it.
pub fn split_slot_plaintext(plaintext: &[u8]) -> Result<(&[u8; 32], &[u8]), ChainError> {
    let wrong = |rule| ChainError::malformed("slot plaintext", rule);
    let short = wrong("shorter than seed and length");
    let (seed, rest) = plaintext.split_first_chunk::<32>().ok_or(short)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(short)?;
    let length = usize::try_from(u32::from_be_bytes(*length))
        .map_err(|_| wrong("values longer than memory"))?;
    let (values, padding) = rest
        .split_at_checked(length)
        .ok_or(wrong("values longer than the slot"))?;
    if !plaintext.len().is_multiple_of(SLOT_BLOCK_BYTES) || padding.len() >= SLOT_BLOCK_BYTES {
        return Err(wrong("padding is not to the next multiple of 128"));
    }
    if padding.iter().any(|byte| *byte != 0) {
        return Err(wrong("padding is not zero"));
    }
    Ok((seed, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_plaintext_has_one_spelling() {
        for length in [0, 1, 91, 92, 93, 219, 220, 221, 1000] {
            let values = vec![7; length];
            let plain = slot_plaintext(&[1; 32], &values).expect("short");
            let plain = plain.expose().clone();
            assert!(plain.len().is_multiple_of(SLOT_BLOCK_BYTES));
            assert_eq!(split_slot_plaintext(&plain), Ok((&[1; 32], &values[..])));
            let longer = [plain.clone(), vec![0; SLOT_BLOCK_BYTES]].concat();
            assert!(
                split_slot_plaintext(&longer).is_err(),
                "{length} padded twice"
            );
            for at in 36 + length..plain.len() {
                let mut dirty = plain.clone();
                dirty[at] = 1;
                assert!(
                    split_slot_plaintext(&dirty).is_err(),
                    "{length} dirty at {at}"
                );
            }
        }
        assert!(split_slot_plaintext(&[0; 35]).is_err());
        assert!(split_slot_plaintext(&[0xff; 128]).is_err());
    }

    #[test]
    fn stored_record_and_slot_refuse_what_cannot_be_one() {
        let ciphertext = [5; 48];
        let record = StoredRecord {
            class: 3,
            month: Month(202_611),
            nonce: [1; 12],
            ciphertext: &ciphertext,
        };
        let bytes = record.encode();
        assert_eq!(StoredRecord::decode(&bytes), Ok(record));
        assert!(StoredRecord::decode(&bytes[..bytes.len() - 1]).is_err());
        for (at, value) in [(0, 0), (4, 0), (1, 0xff)] {
            let mut wrong = bytes.clone();
            wrong[at] = value;
            assert!(StoredRecord::decode(&wrong).is_err(), "byte {at}");
        }
        let slot = [0; 12 + 128 + 16];
        assert!(StoredSlot::decode(&slot).is_ok());
        assert!(StoredSlot::decode(&slot[..155]).is_err());
        assert!(StoredSlot::decode(&slot[..28]).is_err());
    }
}
