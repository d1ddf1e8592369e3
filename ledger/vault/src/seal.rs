//! Sealing and opening of records and slots. Layouts and associated data are `chain::sealed`'s.
//!
//! Not here: finding the key (`VaultReader`), splitting events (`proto`), framing (`journal`).
//! Always: what opens is compared with what was committed before anyone sees it (AES-GCM alone does not commit to its key);
//! plaintext exists in memory only, and is wiped.

use chain::link::Link;
use chain::sealed::{self, StoredRecord, StoredSlot};
use ground::Random;
use proto::ids::{ChainNumber, Hash, Index, Month, NumberInStream, SlotNumber, StreamId};
use proto::{Leaf, Personal};
use zeroize::Zeroizing;

use crate::error::{NotOpened, VaultError};
use crate::keys::{Cipher, DataKey, NONCE_BYTES, RecordKey, SEALS_PER_KEY_MAX, TAG_BYTES};

/// Where a record lies: what its seal is bound to.
#[derive(Clone, Copy, Debug)]
pub struct RecordPlace<'a> {
    /// SHA-256 of the ledger's origin text (`chain::origin_hash`).
    pub origin_hash: &'a [u8; 32],
    /// The chain.
    pub chain: ChainNumber,
    /// The index in the chain.
    pub index: Index,
}

/// The record key's name: class (the number that `proto` gives it) and month of admission.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordKeyName {
    /// Record class.
    pub class: u8,
    /// Month of admission, UTC.
    pub month: Month,
}

/// Where a slot lies: what its seal is bound to.
#[derive(Clone, Copy, Debug)]
pub struct SlotPlace<'a> {
    /// SHA-256 of the ledger's origin text (`chain::origin_hash`).
    pub origin_hash: &'a [u8; 32],
    /// The stream that carries the event.
    pub stream: StreamId,
    /// The event's number in that stream.
    pub number: NumberInStream,
    /// The slot within the event.
    pub slot: SlotNumber,
}

/// An opened record: committed to by its link.
pub struct OpenedRecord {
    /// The commitment's salt.
    pub salt: [u8; 32],
    /// The record's bytes; clear facts only.
    pub record: Vec<u8>,
}

/// An opened slot: committed to by its record.
pub struct OpenedSlot {
    /// The slot's seed, from which every field salt is made. Personal data's key: treat like the values.
    pub seed: Zeroizing<[u8; 32]>,
    /// The values, deterministic proto3.
    pub values: Personal<Vec<u8>>,
}

/// A record key made ready for many records: its schedule is made once.
pub struct RecordSealer {
    name: RecordKeyName,
    cipher: Cipher,
}

impl RecordSealer {
    /// Seals under this key.
    #[must_use]
    pub fn new(key: &RecordKey, name: RecordKeyName) -> RecordSealer {
        RecordSealer {
            name,
            cipher: key.0.cipher(),
        }
    }

    /// Seals a record with its salt, in the one buffer that is returned. The caller counts seals per key
    /// (`VaultReader::count_record_seals`).
    pub fn seal(
        &self,
        place: RecordPlace<'_>,
        (salt, record): (&[u8; 32], &[u8]),
        random: &dyn Random,
    ) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = ground::array(random);
        let room = sealed::RECORD_HEAD_BYTES + salt.len() + record.len() + TAG_BYTES;
        let mut stored = Vec::with_capacity(room);
        let head = StoredRecord {
            class: self.name.class,
            month: self.name.month,
            nonce,
            ciphertext: &[],
        };
        head.encode_to(&mut stored);
        stored.extend_from_slice(salt);
        stored.extend_from_slice(record);
        let data = sealed::record_ad(place.origin_hash, place.chain, place.index);
        let (_, plain) = stored.split_at_mut(sealed::RECORD_HEAD_BYTES);
        let tag = self.cipher.seal_apart(nonce, &data, plain);
        stored.extend_from_slice(&tag);
        stored
    }
}

/// Seals one record: see [`RecordSealer::seal`].
pub fn seal_record(
    key: &RecordKey,
    name: RecordKeyName,
    place: RecordPlace<'_>,
    plain: (&[u8; 32], &[u8]),
    random: &dyn Random,
) -> Vec<u8> {
    RecordSealer::new(key, name).seal(place, plain, random)
}

/// Which key a stored record asks for.
///
/// # Errors
/// `NotOpened(Layout)` where the bytes are no stored record.
pub fn record_key_name(stored: &[u8]) -> Result<RecordKeyName, VaultError> {
    let stored = StoredRecord::decode(stored).map_err(|_| layout())?;
    Ok(RecordKeyName {
        class: stored.class,
        month: stored.month,
    })
}

/// Opens a stored record and recomputes its commitment against the link.
///
/// # Errors
/// `NotOpened`: no layout, no authentic bytes for this key and place, or not what the link committed to.
pub fn open_record(
    key: &RecordKey,
    place: RecordPlace<'_>,
    stored: &[u8],
    link: &Link,
) -> Result<OpenedRecord, VaultError> {
    let opened = open_record_uncompared(key, place, stored)?;
    let committed = chain::record_commitment(&opened.salt, &opened.record) == link.commitment
        && link.index == place.index
        && link.chain == place.chain;
    if !committed {
        return Err(VaultError::NotOpened(NotOpened::NotCommitted));
    }
    Ok(opened)
}

/// Opens a stored record without its link, for a verifier that recomputes the commitment itself.
///
/// # Errors
/// `NotOpened`: no layout, or no authentic bytes for this key and place.
pub fn open_record_uncompared(
    key: &RecordKey,
    place: RecordPlace<'_>,
    stored: &[u8],
) -> Result<OpenedRecord, VaultError> {
    StoredRecord::decode(stored).map_err(|_| layout())?;
    let (_, boxed) = stored.split_at_checked(1 + 4).ok_or_else(layout)?;
    let data = sealed::record_ad(place.origin_hash, place.chain, place.index);
    let plain = key.0.open(boxed, &data)?;
    let (salt, record) = sealed::split_record_plaintext(&plain).map_err(|_| layout())?;
    Ok(OpenedRecord {
        salt: *salt,
        record: record.to_vec(),
    })
}

/// Seals one slot: seed, length, values, zeros.
///
/// # Errors
/// `Limit` where the stream has reached the seals of one key, or the values are longer than 32 bits count.
pub fn seal_slot(
    key: &DataKey,
    place: SlotPlace<'_>,
    seed: &[u8; 32],
    values: &Personal<Vec<u8>>,
    random: &dyn Random,
) -> Result<Vec<u8>, VaultError> {
    // One seal under a stream's data key an event: its number in the stream is the count of seals.
    if place.number.0 >= SEALS_PER_KEY_MAX {
        return Err(VaultError::Limit("seals of one stream"));
    }
    let (nonce, values): ([u8; NONCE_BYTES], _) = (ground::array(random), values.expose());
    let padded = sealed::slot_plaintext_bytes(values.len());
    // Encrypted where it is laid out: the room is there, so the buffer never moves and leaves no plaintext behind.
    let mut stored = Vec::with_capacity(NONCE_BYTES + padded + TAG_BYTES);
    stored.extend_from_slice(&nonce);
    sealed::put_slot_plaintext(&mut stored, seed, values)
        .map_err(|_| VaultError::Limit("bytes of one slot"))?;
    key.0.seal_tail(nonce, &mut stored, &slot_data(place));
    Ok(stored)
}

/// Opens a stored slot, recomputes the root of its fields from the opened seed and compares it with the record's.
///
/// # Errors
/// `NotOpened`: no layout, no authentic bytes, or not what the record committed to.
pub fn open_slot(
    key: &DataKey,
    place: SlotPlace<'_>,
    fact: &'static proto::Fact,
    stored: &[u8],
    root: &Hash,
) -> Result<OpenedSlot, VaultError> {
    let plain = open_slot_box(key, place, stored)?;
    let (seed, values) = sealed::split_slot_plaintext(&plain).map_err(|_| layout())?;
    let leaves = proto::leaves(fact, place.slot, values).map_err(|_| not_committed())?;
    committed(seed, values, place.slot, &leaves, root)
}

/// Like [`open_slot`] for a caller that splits the values into leaves itself (another catalogue, a test vector).
///
/// # Errors
/// As [`open_slot`]; `leaves` answers `None` for values that are not of the slot's type.
pub fn open_slot_with(
    key: &DataKey,
    place: SlotPlace<'_>,
    stored: &[u8],
    root: &Hash,
    leaves: impl for<'a> FnOnce(&'a [u8]) -> Option<Vec<Leaf<'a>>>,
) -> Result<OpenedSlot, VaultError> {
    let plain = open_slot_box(key, place, stored)?;
    let (seed, values) = sealed::split_slot_plaintext(&plain).map_err(|_| layout())?;
    let leaves = leaves(values).ok_or_else(not_committed)?;
    committed(seed, values, place.slot, &leaves, root)
}

fn open_slot_box(
    key: &DataKey,
    place: SlotPlace<'_>,
    stored: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    StoredSlot::decode(stored).map_err(|_| layout())?;
    key.0.open(stored, &slot_data(place))
}

fn committed(
    seed: &[u8; 32],
    values: &[u8],
    slot: SlotNumber,
    leaves: &[Leaf<'_>],
    root: &Hash,
) -> Result<OpenedSlot, VaultError> {
    if chain::slot_root(seed, slot, leaves) != *root {
        return Err(not_committed());
    }
    Ok(OpenedSlot {
        seed: Zeroizing::new(*seed),
        values: Personal::new(values.to_vec()),
    })
}

fn slot_data(place: SlotPlace<'_>) -> [u8; 79] {
    sealed::slot_ad(place.origin_hash, place.stream, place.number, place.slot)
}

fn layout() -> VaultError {
    VaultError::NotOpened(NotOpened::Layout)
}

fn not_committed() -> VaultError {
    VaultError::NotOpened(NotOpened::NotCommitted)
}

#[cfg(test)]
mod tests;
