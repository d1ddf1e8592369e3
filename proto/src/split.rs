//! The split of one event into a clear body and sealed slots.

use crate::{EnvelopeClear, EventId, Fact, FactData, Personal, SlotError, SlotNumber};

/// A natural identifier of a person in one system.
pub struct Alias {
    /// Registered code of the system.
    pub system: String,
    /// The person's id there.
    pub local_id: Personal<String>,
}

/// By what a person can be found: aliases decide who it is, the rest is only searched by.
#[derive(Default)]
pub struct SubjectReference {
    /// Aliases; the only thing that joins.
    pub aliases: Vec<Alias>,
    /// Names.
    pub names: Vec<Personal<String>>,
    /// Dates of birth, `YYYY-MM-DD`.
    pub dates_of_birth: Vec<Personal<String>>,
    /// Postcodes.
    pub postcodes: Vec<Personal<String>>,
    /// E-mail addresses.
    pub emails: Vec<Personal<String>>,
    /// Telephone numbers.
    pub telephones: Vec<Personal<String>>,
}

/// The values of one slot, deterministic proto3.
pub struct SlotValues {
    /// Slot number.
    pub number: SlotNumber,
    /// The bytes.
    pub values: Personal<Vec<u8>>,
}

/// An event in two: what the record says, and what is sealed.
pub struct Split {
    /// The fact.
    pub fact: &'static Fact,
    /// Clear fields, clear envelope included, deterministic proto3.
    pub body: Vec<u8>,
    /// The clear envelope, typed.
    pub clear: EnvelopeClear,
    /// Slot 0 first, then one per mention.
    pub slots: Vec<SlotValues>,
    /// By what the subject can be found.
    pub subject: SubjectReference,
    /// The same for each mention, in the order of `slots[1..]`.
    pub mentions: Vec<SubjectReference>,
}

/// One leaf field of a slot.
pub struct Leaf<'a> {
    /// Field numbers down to the leaf, without the slot number.
    pub path: &'static [u32],
    /// Its bytes, tag included; empty: absent.
    pub value: &'a [u8],
}

/// Splits an event.
pub fn split(_data: FactData, _id: &EventId) -> Split {
    unimplemented!("follows")
}

/// All leaf fields of a slot in path order, absent ones included.
///
/// # Errors
/// `SlotError` where the bytes are not deterministic values of that slot.
pub fn leaves<'a>(
    _fact: &'static Fact,
    _slot: SlotNumber,
    _values: &'a [u8],
) -> Result<Vec<Leaf<'a>>, SlotError> {
    unimplemented!("follows")
}

/// The values of a slot as JSON.
///
/// # Errors
/// As [`leaves`].
pub fn slot_to_json(
    _fact: &'static Fact,
    _slot: SlotNumber,
    _values: &[u8],
) -> Result<Personal<String>, SlotError> {
    unimplemented!("follows")
}
