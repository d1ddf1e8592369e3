//! The checkpoint store: the one file in which a ledger keeps the last note it signed.
//!
//! ```text
//! "CFOILCKP" ‖ version u16 = 1 ‖ genesis 32 ‖ chain u32 ‖ size u64 ‖ root 32 ‖ note length u32 ‖ note ‖ CRC of all before
//! ```
//!
//! Only the note is taken: what stands beside it says nothing that the note does not.

use super::Wrong;
use super::take::Take;

/// Longest note, in bytes.
const NOTE_BYTES_MAX: u32 = 64 << 10;

/// The signed note in a checkpoint store's bytes.
pub(crate) fn checkpoint_note(bytes: &[u8]) -> Result<&[u8], Wrong> {
    let mut take = Take::new(bytes, 0);
    take.constant("checkpoint store's magic", b"CFOILCKP")?;
    take.constant("checkpoint store's version", &[0, 1])?;
    let _genesis: [u8; 32] = take.array()?;
    let (_chain, _size) = (take.u32()?, take.u64()?);
    let _root: [u8; 32] = take.array()?;
    let (at, length) = (take.at(), take.u32()?);
    if length > NOTE_BYTES_MAX {
        return Err(Wrong::new("note length", at, NOTE_BYTES_MAX, length));
    }
    let note = take.bytes(length as usize)?;
    let covered = bytes.split_last_chunk::<4>().map_or(bytes, |(all, _)| all);
    take.crc(covered)?;
    let (end, there) = (take.at(), bytes.len());
    if end != there as u64 {
        return Err(Wrong::new("checkpoint store's length", end, end, there));
    }
    Ok(note)
}
