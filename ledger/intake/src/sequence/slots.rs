//! Sealing an event's slots: slot 0 under the stream's secret, each mention under its own; a withheld one keeps its root alone.

use proto::{NumberInStream, SlotNumber, SlotSeal, StreamId};
use vault::seal::{SlotPlace, seal_slot};
use vault::{StreamKeys, StreamSecret, VaultError};

use super::Sequencer;
use crate::admit::Admitted;

impl Sequencer {
    pub(super) fn seal_slots(
        &self,
        event: &Admitted,
        stream: &StreamKeys,
        number: NumberInStream,
        mentions: &[Option<StreamSecret>],
    ) -> Result<(Vec<Vec<u8>>, Vec<SlotSeal>), VaultError> {
        let mut sealed = Vec::with_capacity(event.slots.len());
        let mut seals = Vec::with_capacity(event.slots.len());
        let own = Some(stream.secret.clone());
        let secrets = std::iter::once(&own).chain(mentions);
        for (slot, secret) in event.slots.iter().zip(secrets) {
            let bytes = match secret {
                None => Vec::new(),
                Some(secret) => {
                    let place = self.slot_place(stream.stream, number, slot.values.number);
                    let key = secret.data_key();
                    seal_slot(&key, place, &slot.seed, &slot.values.values, &*self.random)?
                }
            };
            seals.push(SlotSeal {
                root: slot.root,
                digest: chain::sha256(&bytes),
                withheld: secret.is_none(),
            });
            sealed.push(bytes);
        }
        Ok((sealed, seals))
    }

    pub(super) fn slot_place(
        &self,
        stream: StreamId,
        number: NumberInStream,
        slot: SlotNumber,
    ) -> SlotPlace<'_> {
        SlotPlace {
            origin_hash: &self.origin_hash,
            stream,
            number,
            slot,
        }
    }
}
