//! Resolve: everything the sequencer must know about an event that needs a disk or a key look-up, found beforehand and in parallel.
//!
//! Who it is about (by alias alone), the stream and its secret, the stream's head, whether (source, id) was recorded before.
//! Not here: any decision. The sequencer checks again what may have changed since (see [`crate::recent`]).
//! Always: the epoch is read before the first look-up, so that a look-up that missed something is known to be stale.

use std::sync::Arc;

use chain::idtag::idtag;
use journal::RunsReader;
use proto::{IdTag, Index, NumberInStream, PartyCode, Personal, StreamId, SubjectReference};
use vault::{FindingHash, Given, PersonRef, StreamKeys, VaultError, VaultReader};

use crate::admit::Admitted;
use crate::recent::{Frozen, Head};

/// Whose stream an event goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The person that the event's own aliases name; without an alias, a new person.
    Subject,
    /// A person already found: the ledger's own facts about access to them.
    Person(PersonRef),
    /// The office itself: facts about no one.
    Office,
}

/// System code under which the office has its alias; no publisher may use it.
pub const OFFICE_SYSTEM: &str = "counterfoil";
/// The office's local id in that system.
const OFFICE_LOCAL_ID: &str = "office";

/// A person as far as look-ups went.
#[derive(Default)]
pub struct Party {
    /// Keyed hashes of all aliases given.
    pub aliases: Vec<FindingHash>,
    /// Those of them that name nobody yet.
    pub unknown: Vec<FindingHash>,
    /// Whom the others name.
    pub person: Option<PersonRef>,
    /// Of a mention: what the event's stream does not justify yet.
    pub missing: Given,
    /// The others name different persons: nothing joins but `subject-linked`, so the event is refused.
    pub several: bool,
}

/// What resolve found for one event.
pub struct Resolved {
    /// [`Frozen::epoch`] before the first look-up.
    pub epoch: u64,
    /// Where the event goes.
    pub target: Target,
    /// The subject.
    pub subject: Party,
    /// Everything that the event gives of its subject, as hashes.
    pub given: Given,
    /// What of it the stream in `keys` does not justify yet; all of it without a stream.
    pub missing: Given,
    /// The case reference's hash and, where it is known, its stream.
    pub case: Option<(FindingHash, Option<(PersonRef, StreamKeys)>)>,
    /// The stream of (person, activity, party), where it exists.
    pub keys: Option<StreamKeys>,
    /// Its last record, where it has one.
    pub head: Option<Head>,
    /// The people mentioned, in slot order.
    pub mentions: Vec<Party>,
    /// Repeat tags under every living year's key: (year, tag).
    pub idtags: Vec<(u16, IdTag)>,
    /// Where (source, id) was recorded, if it was.
    pub repeat: Option<Index>,
}

/// Repeat tags by year, and where one of them was recorded.
pub type Tags = (Vec<(u16, IdTag)>, Option<Index>);

/// Looks things up in the vault's snapshot and the derived files. Shared by all doors.
#[derive(Clone)]
pub struct Resolver {
    vault: VaultReader,
    ids: RunsReader<8>,
    heads: RunsReader<16>,
    frozen: Arc<Frozen>,
}

impl Resolver {
    /// A resolver over these.
    pub fn new(
        vault: VaultReader,
        ids: RunsReader<8>,
        heads: RunsReader<16>,
        frozen: Arc<Frozen>,
    ) -> Resolver {
        Resolver {
            vault,
            ids,
            heads,
            frozen,
        }
    }

    /// Resolves one event. `learnt` is whom its aliases name by what the vault's snapshot does not have yet.
    ///
    /// # Errors
    /// The vault's, when a shelf cannot be read or opened.
    pub fn resolve(
        &self,
        event: &Admitted,
        target: Target,
        learnt: Option<PersonRef>,
    ) -> Result<Resolved, VaultError> {
        let epoch = self.frozen.epoch();
        let (idtags, repeat) = self.repeat(event.source.as_str(), event.id.expose())?;
        let subject = match target {
            Target::Subject => {
                let mut subject = self.party(&event.split.subject)?;
                subject.person = subject.person.or(learnt);
                subject
            }
            Target::Person(person) => Party {
                person: Some(person),
                ..Party::default()
            },
            Target::Office => self.office()?,
        };
        let case = self.case(event)?;
        let keys = match (&case, subject.person) {
            (Some((_, found)), _) => found.as_ref().map(|(_, keys)| keys.clone()),
            (None, Some(person)) => {
                let party = outside_party(event, target);
                self.vault
                    .stream(&person, &event.split.clear.activity, &party)?
            }
            (None, None) => None,
        };
        let head = match &keys {
            Some(keys) => self.head(&keys.stream)?,
            None => None,
        };
        let given = self.given(event, target, &subject);
        let whose = match &case {
            Some((_, found)) => found.as_ref().map(|(person, _)| *person),
            None => subject.person,
        };
        let missing = match (&keys, whose) {
            (Some(keys), Some(person)) => self.vault.missing(&given, &person, keys.stream)?,
            _ => given.clone(),
        };
        if let (None, Some(person)) = (&keys, subject.person) {
            // Something will be minted for them: the sequencer then finds in memory whether a fence forbids it.
            self.vault.fence_marks(&person)?;
        }
        let mentions = event
            .split
            .mentions
            .iter()
            .map(|mention| self.mentioned(mention, keys.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Resolved {
            epoch,
            target,
            subject,
            given,
            missing,
            case,
            keys,
            head,
            mentions,
            idtags,
            repeat,
        })
    }

    /// The tags of (source, id) and where one of them was recorded.
    ///
    /// # Errors
    /// As [`Resolver::resolve`].
    pub fn repeat(&self, source: &str, id: &str) -> Result<Tags, VaultError> {
        let mut tags = Vec::with_capacity(2);
        let mut found = None;
        for (year, key) in self.vault.dedup_keys(source) {
            let tag = idtag(key.expose(), source, id)
                .map_err(|_| VaultError::Limit("bytes of a source"))?;
            found = found.or(self.index_of(&tag)?);
            tags.push((year, tag));
        }
        Ok((tags, found))
    }

    /// The last record of a stream, in whatever is not in the sequencer's own memory.
    ///
    /// # Errors
    /// `Io` where a run file cannot be read.
    pub fn head(&self, stream: &StreamId) -> Result<Option<Head>, VaultError> {
        if let Some(head) = self.frozen.find(|g| g.heads.get(stream).copied()) {
            return Ok(Some(head));
        }
        let found = self.heads.snapshot().get(&stream.0).map_err(read_failed)?;
        Ok(found.map(|value| decode_head(&value)))
    }

    fn index_of(&self, tag: &IdTag) -> Result<Option<Index>, VaultError> {
        if let Some(index) = self.frozen.find(|g| g.ids.get(tag).copied()) {
            return Ok(Some(index));
        }
        let found = self.ids.snapshot().get(&tag.0).map_err(read_failed)?;
        Ok(found.map(|value| Index(u64::from_be_bytes(value))))
    }

    fn party(&self, reference: &SubjectReference) -> Result<Party, VaultError> {
        let mut party = Party::default();
        for alias in &reference.aliases {
            let hash = self.vault.alias_hash(&alias.system, &alias.local_id);
            party.aliases.push(hash);
            match self.vault.person_by_alias(&hash)? {
                None => party.unknown.push(hash),
                Some(found) => {
                    party.several |= party.person.is_some_and(|known| known != found);
                    party.person = Some(found);
                }
            }
        }
        Ok(party)
    }

    fn office(&self) -> Result<Party, VaultError> {
        let local_id = Personal::new(OFFICE_LOCAL_ID.to_owned());
        let hash = self.vault.alias_hash(OFFICE_SYSTEM, &local_id);
        let person = self.vault.person_by_alias(&hash)?;
        Ok(Party {
            aliases: vec![hash],
            unknown: if person.is_none() { vec![hash] } else { vec![] },
            person,
            ..Party::default()
        })
    }

    #[expect(clippy::type_complexity, reason = "spelled out once, in the struct")]
    fn case(
        &self,
        event: &Admitted,
    ) -> Result<Option<(FindingHash, Option<(PersonRef, StreamKeys)>)>, VaultError> {
        let Some(case) = event.case_stream() else {
            return Ok(None);
        };
        let hash = self.vault.case_hash(event.source.as_str(), &case);
        let found = self.vault.case_by_hash(&hash)?;
        Ok(Some((hash, found)))
    }

    /// What the event gives of its subject; the ledger's own facts about a person found before give nothing.
    fn given(&self, event: &Admitted, target: Target, subject: &Party) -> Given {
        let mut given = Given {
            aliases: subject.aliases.clone(),
            index: Vec::new(),
        };
        if target == Target::Subject {
            given.index = self.vault.index_hashes(&event.split.subject);
        }
        given.aliases.sort_unstable();
        given.aliases.dedup();
        given
    }

    /// A person mentioned, and which of the aliases given of them the stream does not justify yet.
    fn mentioned(
        &self,
        mention: &SubjectReference,
        carrier: Option<&StreamKeys>,
    ) -> Result<Party, VaultError> {
        let mut party = self.party(mention)?;
        party.missing.aliases = party.aliases.clone();
        party.missing.aliases.sort_unstable();
        party.missing.aliases.dedup();
        let Some(person) = party.person else {
            return Ok(party);
        };
        self.vault.fence_marks(&person)?;
        if let Some(carrier) = carrier {
            let stream = carrier.stream;
            party.missing = self.vault.missing(&party.missing, &person, stream)?;
        }
        Ok(party)
    }
}

/// The outside party whose stream an event goes to (design 2): the publisher of what it reports, the recipient of a disclosure,
/// and what the ledger says for its own facts. A publisher cannot reach another's stream by naming it.
pub(crate) fn outside_party(event: &Admitted, target: Target) -> PartyCode {
    let given = &event.split.clear.party;
    if target != Target::Subject || event.opens_stream() || event.case_stream().is_some() {
        return given.clone();
    }
    PartyCode::new(event.publisher.as_str()).unwrap_or_else(|_| given.clone())
}

/// A head as a run file's value: number ‖ index, big-endian.
pub fn encode_head(head: Head) -> [u8; 16] {
    let mut value = [0; 16];
    let (number, last) = value.split_at_mut(8);
    number.copy_from_slice(&head.number.0.to_be_bytes());
    last.copy_from_slice(&head.last.0.to_be_bytes());
    value
}

fn decode_head(value: &[u8; 16]) -> Head {
    let wide = u128::from_be_bytes(*value);
    Head {
        number: NumberInStream(u64::try_from(wide >> 64).expect("the upper half of 128 bits")),
        last: Index(u64::try_from(wide & u128::from(u64::MAX)).expect("the lower half")),
    }
}

fn read_failed(cause: journal::JournalError) -> VaultError {
    VaultError::Io("read a derived index", std::io::Error::other(cause))
}
