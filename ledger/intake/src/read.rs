//! Reading back: what lies at an index, opened with the vault's keys and compared with what its link committed to.
//!
//! Not here: who may see it (questions). Always: nothing is returned that is not committed to; values stay in `Personal`;
//! only durable events are seen (the journal's reader stops at the watermark).

use std::sync::Arc;

use chain::foil::Foil;
use chain::link::{Link, leaf_hash, link_hash, origin_hash};
use chain::note::SigningKey;
use chain::tree;
use journal::{Group, Reader};
use proto::{Hash, Index, Personal, Record, SlotNumber};
use vault::seal::{OpenedSlot, RecordPlace, SlotPlace, open_record, open_slot, record_key_name};
use vault::{SigningKind, StreamSecret, VaultError, VaultReader};

use crate::admit::Admitted;
use crate::append::{GroupLinks, Name, sign_note};
use crate::engine::Receipt;
use crate::error::IntakeError;

/// One event as it lies in the ledger.
pub struct Stored {
    /// Its place.
    pub index: Index,
    /// BLAKE3 of its link.
    pub link_hash: Hash,
    /// The record; `None` once its key is destroyed.
    pub record: Option<Record>,
    /// The record's bytes and the salt of its commitment, with the record.
    pub committed: Option<(Vec<u8>, [u8; 32])>,
    /// The sealed slots, as stored.
    pub slots: Vec<Vec<u8>>,
}

/// How an arrival compares with what is recorded under its id (C-3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sameness {
    /// Equal publisher-given fields and equal values.
    Same,
    /// Something differs.
    Other,
    /// Fenced, or slot or record gone: nobody can tell any more.
    Gone,
}

/// Opens what the journal holds. Cheap to clone; any thread.
#[derive(Clone)]
pub struct Records {
    name: Name,
    origin_hash: [u8; 32],
    journal: Reader,
    vault: VaultReader,
}

impl Records {
    /// Reads this ledger.
    pub fn new(name: Name, journal: Reader, vault: VaultReader) -> Records {
        Records {
            origin_hash: origin_hash(&name.origin),
            name,
            journal,
            vault,
        }
    }

    /// The journal below.
    pub fn journal(&self) -> &Reader {
        &self.journal
    }

    /// The vault's reader.
    pub fn vault(&self) -> &VaultReader {
        &self.vault
    }

    /// Whose ledger it is.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The event at an index.
    ///
    /// # Errors
    /// `Journal(Beyond)` past the watermark; `NotCommitted` where bytes were exchanged.
    pub fn at(&self, index: Index) -> Result<Stored, IntakeError> {
        let group = self.journal.group_of(index)?;
        self.in_group(&group, index)
    }

    /// All events of a group that begin at or after `from`.
    ///
    /// # Errors
    /// As [`Records::at`].
    pub fn of_group(&self, group: &Group, from: Index) -> Result<Vec<Stored>, IntakeError> {
        let first = group.first.0.max(from.0);
        (first..group.next().0)
            .map(|index| self.in_group(group, Index(index)))
            .collect()
    }

    fn in_group(&self, group: &Group, index: Index) -> Result<Stored, IntakeError> {
        let beyond = IntakeError::Journal(journal::JournalError::Beyond(index));
        let position = index.0.checked_sub(group.first.0).map(|at| at as usize);
        let Some(entry) = position.and_then(|at| group.entries.get(at)) else {
            return Err(beyond);
        };
        let link = Link::decode(&entry.link)?;
        let name = record_key_name(&entry.record)?;
        let mut stored = Stored {
            index,
            link_hash: link_hash(&entry.link),
            record: None,
            committed: None,
            slots: entry.slots.clone(),
        };
        let Some(key) = self.vault.record_key(name.class, name.month) else {
            return Ok(stored);
        };
        let place = RecordPlace {
            origin_hash: &self.origin_hash,
            chain: link.chain,
            index,
        };
        let opened = open_record(&key, place, &entry.record, &link)
            .map_err(|_| IntakeError::NotCommitted(index))?;
        let record =
            proto::decode_record(&opened.record).map_err(|_| IntakeError::NotCommitted(index))?;
        stored.record = Some(record);
        stored.committed = Some((opened.record, opened.salt));
        Ok(stored)
    }

    /// Opens one slot of an event. `None`: withheld, fenced, or its key is gone.
    ///
    /// # Errors
    /// The vault's; `NotCommitted` where the key lives and the bytes are not the committed ones (tampering).
    pub fn slot(
        &self,
        stored: &Stored,
        slot: SlotNumber,
    ) -> Result<Option<OpenedSlot>, IntakeError> {
        let Some(record) = &stored.record else {
            return Ok(None);
        };
        let header = &record.header;
        let at = slot.0 as usize;
        let (Some(seal), Some(bytes)) = (header.slots.get(at), stored.slots.get(at)) else {
            return Ok(None);
        };
        if seal.withheld {
            return Ok(None);
        }
        let Some(secret) = self.secret(record, slot)? else {
            return Ok(None);
        };
        let place = SlotPlace {
            origin_hash: &self.origin_hash,
            stream: header.stream,
            number: header.number,
            slot,
        };
        open_slot(&secret.data_key(), place, record.fact, bytes, &seal.root)
            .map(Some)
            .map_err(|_| IntakeError::NotCommitted(stored.index))
    }

    fn secret(
        &self,
        record: &Record,
        slot: SlotNumber,
    ) -> Result<Option<StreamSecret>, VaultError> {
        let header = &record.header;
        let stream = self.vault.keys_of_stream(header.stream)?;
        let Some(keys) = stream.filter(|keys| !self.vault.is_fenced(&keys.fence_tag())) else {
            return Ok(None);
        };
        if slot.0 == 0 {
            return Ok(Some(keys.secret));
        }
        let mention = vault::MentionPlace {
            carrier: header.stream,
            number: header.number,
            slot,
        };
        self.vault.mention_secret(&mention)
    }

    /// Compares an arrival with the event recorded under its id.
    ///
    /// # Errors
    /// As [`Records::slot`].
    pub fn same(&self, index: Index, event: &Admitted) -> Result<Sameness, IntakeError> {
        let stored = self.at(index)?;
        let Some(record) = &stored.record else {
            return Ok(Sameness::Gone);
        };
        let header = &record.header;
        let clear = header.publisher == event.publisher
            && header.source == event.source
            && header.time == event.time
            && record.fact == event.split.fact
            && record.body == event.split.body
            && header.slots.len() == event.slots.len();
        if !clear {
            return Ok(Sameness::Other);
        }
        for arrived in &event.slots {
            match self.slot(&stored, arrived.values.number)? {
                None => return Ok(Sameness::Gone),
                Some(opened) if equal(&opened.values, &arrived.values.values) => {}
                Some(_) => return Ok(Sameness::Other),
            }
        }
        Ok(Sameness::Same)
    }

    /// The receipt of a recorded event: the same bytes as when it was recorded.
    ///
    /// # Errors
    /// As [`Records::at`]; `Vault(NoKey)` once the record is gone.
    pub fn receipt(&self, index: Index) -> Result<Receipt, IntakeError> {
        let group: Arc<Group> = self.journal.group_of(index)?;
        let stored = self.in_group(&group, index)?;
        let (record, salt) = stored.committed.ok_or(VaultError::NoKey)?;
        let leaves: Vec<Hash> = group.entries.iter().map(|e| leaf_hash(&e.link)).collect();
        let link = usize::try_from(index.0 - group.first.0)
            .ok()
            .and_then(|at| group.entries.get(at))
            .map(|entry| entry.link)
            .ok_or(IntakeError::NotCommitted(index))?;
        // The chain that was in force: closed since, if a restore opened another.
        let name = Name {
            origin: self.name.origin.clone(),
            chain: Link::decode(&link)?.chain,
        };
        let key = self.foil_key(&name, group.first)?;
        let links = GroupLinks {
            first: group.first,
            count: leaves.len() as u64,
            root: tree::root_of(&leaves),
            time: group.time,
        };
        let note = sign_note(&name, &key, links)?;
        let position = index.0 - group.first.0;
        let foil = Foil {
            origin: name.origin,
            chain: name.chain,
            link,
            record,
            salt,
            path: tree::path_of(&leaves, position),
            note,
        };
        Ok(Receipt::whole(index, foil))
    }

    /// The foil key in force for a group that begins at this index.
    fn foil_key(&self, name: &Name, index: Index) -> Result<SigningKey, IntakeError> {
        let secret = self
            .vault
            .signing_secret(SigningKind::Foil, index)
            .ok_or(VaultError::NoKey)?;
        let name = chain::foil::foil_key_name(&name.origin, name.chain);
        Ok(SigningKey::new(&name, secret.expose())?)
    }
}

fn equal(a: &Personal<Vec<u8>>, b: &Personal<Vec<u8>>) -> bool {
    a.expose() == b.expose()
}
