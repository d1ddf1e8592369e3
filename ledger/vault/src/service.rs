//! The service shelf in memory: record, dedup and intake keys, signing keys, token hashes, staff, fenced and destroyed tags.
//!
//! Not here: how it is stored (a shelf like any other). Always: a staged row is in force at once; a restart builds the same from the shelf
//! and the journal's sections.

use std::collections::{BTreeMap, HashMap, HashSet};

use proto::ids::{Index, Month, StaffReference, StreamId, UnixMillis};

use crate::error::VaultError;
use crate::keys::{FenceTag, Key32, RecordKey, SEALS_PER_KEY_MAX};
use crate::rows::{
    MentionPlace, PersonRef, Row, SecretKind, SigningKind, StaffNameText, TokenScope,
};
use crate::seal::RecordKeyName;

/// A user of the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The random staff reference.
    pub actor: StaffReference,
    /// The role's code.
    pub role: String,
    /// Hash of the user's token.
    pub token_hash: [u8; 32],
    /// Whether the user was disabled.
    pub disabled: bool,
}

/// A signing key in force from an index.
#[derive(Clone)]
pub struct SigningSecret {
    /// What it signs.
    pub kind: SigningKind,
    /// First index it may sign.
    pub from: Index,
    /// The Ed25519 secret.
    pub secret: Key32,
    /// The public key's text.
    pub vkey: String,
}

struct IntakeKey {
    /// Groups above this number are sealed under it.
    after_group: u64,
    id: [u8; 16],
    key: Key32,
}

struct CountedKey {
    key: Key32,
    /// At most so many records were sealed under it.
    seals: u64,
}

/// Everything on the service shelf, ready to use.
#[derive(Default)]
pub(crate) struct Service {
    intake: Vec<IntakeKey>,
    record: BTreeMap<RecordKeyName, CountedKey>,
    dedup: HashMap<String, BTreeMap<u16, Key32>>,
    tokens: HashMap<[u8; 32], TokenScope>,
    revoked: HashMap<[u8; 32], UnixMillis>,
    users: BTreeMap<StaffReference, User>,
    names: HashMap<StaffReference, StaffNameText>,
    signing: Vec<SigningSecret>,
    secrets: BTreeMap<(SecretKind, u32), Key32>,
    fenced: HashSet<FenceTag>,
    destroyed: HashMap<FenceTag, u64>,
    /// Destroyed streams and mentions that the finding shelves may still name.
    pub(crate) cohort_streams: BTreeMap<StreamId, (Index, u64)>,
    pub(crate) cohort_mentions: BTreeMap<MentionPlace, u64>,
    /// Persons whom a living stream no longer mentions.
    pub(crate) cohort_persons: BTreeMap<(PersonRef, StreamId), u64>,
}

impl Service {
    /// Takes a row of the service shelf, staged in `group` (0: from the shelf).
    pub(crate) fn apply(&mut self, row: Row, group: u64) {
        match row {
            Row::IntakeKey { id, key } => {
                self.intake.retain(|known| known.id != id);
                self.intake.push(IntakeKey {
                    after_group: group,
                    id,
                    key,
                });
            }
            Row::RecordKey { class, month, key } => {
                let name = RecordKeyName { class, month };
                let seals = self.record.get(&name).map_or(0, |known| known.seals);
                self.record.insert(name, CountedKey { key, seals });
            }
            Row::RecordKeyUse {
                class,
                month,
                seals,
            } => {
                if let Some(known) = self.record.get_mut(&RecordKeyName { class, month }) {
                    known.seals = known.seals.max(seals);
                }
            }
            Row::DedupKey { source, year, key } => {
                self.dedup.entry(source).or_default().insert(year, key);
            }
            Row::Token { hash, scope } => _ = self.tokens.insert(hash, scope),
            Row::TokenRevoked { hash, at } => _ = self.revoked.insert(hash, at),
            Row::User {
                actor,
                role,
                token_hash,
                disabled,
            } => {
                let user = User {
                    actor: actor.clone(),
                    role,
                    token_hash,
                    disabled,
                };
                self.users.insert(actor, user);
            }
            Row::StaffName { actor, name } => _ = self.names.insert(actor, name),
            Row::SigningKey {
                kind,
                from,
                secret,
                vkey,
            } => {
                self.signing
                    .retain(|known| (known.kind, known.from) != (kind, from));
                self.signing.push(SigningSecret {
                    kind,
                    from,
                    secret,
                    vkey,
                });
            }
            Row::Secret { kind, name, key } => _ = self.secrets.insert((kind, name), key),
            gone => self.apply_gone(gone),
        }
    }

    /// What is fenced or destroyed.
    fn apply_gone(&mut self, row: Row) {
        match row {
            Row::FencedTag { tag, .. } => _ = self.fenced.insert(tag),
            Row::DestroyedTag { tag, generation } => _ = self.destroyed.insert(tag, generation),
            Row::CohortStream {
                stream,
                last,
                generation,
            } => {
                self.cohort_streams.insert(stream, (last, generation));
            }
            Row::CohortMention {
                mention,
                generation,
            } => {
                self.cohort_mentions.insert(mention, generation);
            }
            Row::CohortPerson {
                person,
                carrier,
                generation,
            } => {
                self.cohort_persons.insert((person, carrier), generation);
            }
            _ => {}
        }
    }

    /// The key that seals the section of `group`: the newest that a group before it carried.
    pub(crate) fn sealing_intake_key(&self, group: u64) -> Option<(&[u8; 16], &Key32)> {
        let before = self
            .intake
            .iter()
            .filter(|known| known.after_group < group.max(1));
        before
            .max_by_key(|known| known.after_group)
            .map(|known| (&known.id, &known.key))
    }

    pub(crate) fn intake_key(&self, id: &[u8; 16]) -> Option<&Key32> {
        self.intake
            .iter()
            .find(|known| known.id == *id)
            .map(|known| &known.key)
    }

    /// The group that carried this intake key.
    pub(crate) fn intake_key_group(&self, id: &[u8; 16]) -> Option<u64> {
        self.intake
            .iter()
            .find(|known| known.id == *id)
            .map(|known| known.after_group)
    }

    /// Counts records sealed since the last call: against the keys of the two newest months, which bounds them from above.
    pub(crate) fn count_record_seals(&mut self, records: u64) -> Result<(), VaultError> {
        let newest = self.record.keys().map(|name| name.month).max();
        let before = self
            .record
            .keys()
            .map(|name| name.month)
            .filter(|m| Some(*m) < newest)
            .max();
        for (name, key) in &mut self.record {
            if Some(name.month) == newest || Some(name.month) == before {
                key.seals += records;
                if key.seals > SEALS_PER_KEY_MAX {
                    return Err(VaultError::Limit("seals of one record key"));
                }
            }
        }
        Ok(())
    }

    /// The counts, as rows to store.
    pub(crate) fn record_uses(&self) -> impl Iterator<Item = Row> {
        self.record.iter().map(|(name, key)| Row::RecordKeyUse {
            class: name.class,
            month: name.month,
            seals: key.seals,
        })
    }

    pub(crate) fn record_key(&self, class: u8, month: Month) -> Option<RecordKey> {
        let counted = self.record.get(&RecordKeyName { class, month })?;
        Some(RecordKey(counted.key.clone()))
    }

    pub(crate) fn record_keys(&self) -> Vec<RecordKeyName> {
        self.record.keys().copied().collect()
    }

    pub(crate) fn dedup_keys(&self, source: &str) -> Vec<(u16, Key32)> {
        // Newest year first: a repeat is most likely under the current one.
        let years = self
            .dedup
            .get(source)
            .into_iter()
            .flat_map(|years| years.iter().rev());
        years.map(|(year, key)| (*year, key.clone())).collect()
    }

    pub(crate) fn token(&self, hash: &[u8; 32]) -> Option<TokenScope> {
        let mut scope = self.tokens.get(hash)?.clone();
        if let Some(at) = self.revoked.get(hash) {
            scope.valid_until = Some(scope.valid_until.map_or(*at, |until| until.min(*at)));
        }
        Some(scope)
    }

    pub(crate) fn tokens(&self) -> Vec<([u8; 32], TokenScope)> {
        let all = self
            .tokens
            .keys()
            .filter_map(|hash| Some((*hash, self.token(hash)?)));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(hash, _)| *hash);
        all
    }

    pub(crate) fn user_by_token(&self, hash: &[u8; 32]) -> Option<User> {
        let user = self.users.values().find(|user| user.token_hash == *hash)?;
        (!user.disabled).then(|| user.clone())
    }

    pub(crate) fn users(&self) -> Vec<User> {
        self.users.values().cloned().collect()
    }

    pub(crate) fn staff_name(&self, actor: &StaffReference) -> Option<StaffNameText> {
        self.names.get(actor).cloned()
    }

    pub(crate) fn signing_keys(&self, kind: SigningKind) -> Vec<SigningSecret> {
        let of_kind = self.signing.iter().filter(|known| known.kind == kind);
        let mut keys: Vec<SigningSecret> = of_kind.cloned().collect();
        keys.sort_by_key(|key| key.from);
        keys
    }

    pub(crate) fn secret(&self, kind: SecretKind, name: u32) -> Option<&Key32> {
        self.secrets.get(&(kind, name))
    }

    /// Whether anything is fenced or destroyed at all.
    pub(crate) fn has_fences(&self) -> bool {
        !self.fenced.is_empty() || !self.destroyed.is_empty()
    }

    /// Whether a stream of this tag is fenced or destroyed (S-3).
    pub(crate) fn is_fenced(&self, tag: &FenceTag) -> bool {
        self.fenced.contains(tag) || self.destroyed.contains_key(tag)
    }

    pub(crate) fn destroyed_tags(&self) -> Vec<(FenceTag, u64)> {
        let mut tags: Vec<_> = self.destroyed.iter().map(|(tag, of)| (*tag, *of)).collect();
        tags.sort_unstable();
        tags
    }
}
