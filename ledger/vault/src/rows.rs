//! The rows of the vault: every fact that it keeps, as one closed list with one encoding (`rows/codec.rs`).
//!
//! The same encoding lies in a journal's vault section, in a sealed shelf part and in a backup. A row is its key and its value:
//! rows with equal keys replace each other, so that replaying a section twice changes nothing.
//! Always: every finding row (alias, index, stream and mention place) names the stream that justifies it and dies with it;
//! a person row dies with the last of the person's streams, pointers and mentions, which lie beside it on the same shelf.

mod codec;

use std::fmt;

use proto::Personal;
use proto::ids::{
    ActivityCode, Index, Month, NumberInStream, PartyCode, PublisherCode, SlotNumber,
    StaffReference, StreamId, UnixMillis,
};

pub use codec::ROW_BYTES_MAX;
pub(crate) use codec::{
    Cut, NamedIn, NamedOut, RowBytes, encoded, key_of, put_length, take_length,
};

use crate::keys::{FenceTag, Key32, StreamSecret};

/// A person inside the vault. It never leaves the process and is never written outside a sealed row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonRef {
    /// The shelf that all rows of the person lie on, drawn at random, for good.
    pub shelf: u32,
    /// 16 random bytes.
    pub person: [u8; 16],
}

impl fmt::Debug for PersonRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonRef(..)")
    }
}

/// Where a stream's secret lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StreamPlace {
    /// Among the rows of a person.
    Person(PersonRef),
    /// On a case shelf (a case, or a stream without a person).
    Case(u32),
}

/// A keyed hash of a finding value; the hash key stays on the service shelf.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingHash(pub [u8; 16]);

impl fmt::Debug for FindingHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FindingHash(..)")
    }
}

/// What a blind index finds by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum IndexKind {
    /// Whole name.
    Name = 1,
    /// Date of birth. No kind has number 2.
    DateOfBirth = 3,
    /// Postcode.
    Postcode = 4,
    /// E-mail address.
    Email = 5,
    /// Telephone number.
    Telephone = 6,
}

/// What a signing key signs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum SigningKind {
    /// Checkpoints, `<origin>/<chain>`.
    Checkpoint = 1,
    /// Foil notes, `<origin>/<chain>/foil`.
    Foil = 2,
}

/// What a random key of the service shelf is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum SecretKind {
    /// Keyed hashes of alias, index, stream and mention rows.
    Finding = 1,
    /// Suppression tokens.
    Suppression = 2,
    /// Day keys for the coordinates of refused arrivals (named by day, yyyymmdd).
    ArrivalDay = 3,
    /// Secrets of erasure tasks (a sink's own id), named by the caller.
    Task = 4,
}

/// What a fence covers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FenceScope {
    /// The person entire.
    Person,
    /// One activity of the person.
    Activity(ActivityCode),
}

/// A mention: slot `slot` of event `number` in the stream that carries it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MentionPlace {
    /// The stream whose event mentions the person.
    pub carrier: StreamId,
    /// That event's number in it.
    pub number: NumberInStream,
    /// The mention's slot in that event.
    pub slot: SlotNumber,
}

/// A bearer token of a publisher, hashed; what it may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenScope {
    /// Whom it authenticates.
    pub publisher: PublisherCode,
    /// CloudEvents sources it may speak for.
    pub sources: Vec<String>,
    /// Families of facts it may append, for example `collection`.
    pub families: Vec<String>,
    /// Whether its event ids may be other than random UUIDs.
    pub map_ids: bool,
    /// From when it is accepted.
    pub valid_from: UnixMillis,
    /// Until when it is accepted; `None` until it is revoked.
    pub valid_until: Option<UnixMillis>,
}

/// One fact of the vault. `Debug` shows the kind only.
#[derive(Clone)]
#[expect(
    missing_docs,
    reason = "each variant's line says what its fields are; their types say the rest"
)]
pub enum Row {
    /// Person shelf. A person exists; `label_key` marks bulk membership.
    Person { person: PersonRef, label_key: Key32 },
    /// Person shelf. A stream of the person, with its secret.
    Stream {
        person: PersonRef,
        stream: StreamId,
        activity: ActivityCode,
        party: PartyCode,
        secret: StreamSecret,
        /// One event opened it for itself: it is not found by activity and party.
        alone: bool,
        /// Tag of the aliases and values staged with it (`Given::tag`), so that most events need no other row to see that all is there.
        given: u64,
    },
    /// Person shelf. A case of the person; the secret lies on the case shelf.
    CasePointer {
        person: PersonRef,
        stream: StreamId,
        case_shelf: u32,
    },
    /// Person shelf. The person is mentioned in another's event; the slot's own secret.
    Mention {
        person: PersonRef,
        mention: MentionPlace,
        secret: StreamSecret,
    },
    /// Person shelf. An officer joined two persons (`subject-linked`); each side has such a row. Justified by `stream`.
    PersonLink {
        person: PersonRef,
        other: PersonRef,
        stream: StreamId,
    },
    /// Person shelf. Nothing is minted or appended under this mark; dies with the person.
    FenceMark {
        person: PersonRef,
        scope: FenceScope,
        at: Index,
    },
    /// Case shelf. A case's stream, or a stream without a person.
    CaseStream {
        shelf: u32,
        stream: StreamId,
        activity: ActivityCode,
        party: PartyCode,
        secret: StreamSecret,
    },
    /// Finding shelf. The person of (system, local id), justified by `stream`.
    Alias {
        hash: FindingHash,
        person: PersonRef,
        stream: StreamId,
    },
    /// Finding shelf. A person with this normalised value, justified by `stream`.
    Index {
        kind: IndexKind,
        hash: FindingHash,
        person: PersonRef,
        stream: StreamId,
    },
    /// Finding shelf. Where the stream's secret lies.
    StreamShelf {
        stream: StreamId,
        place: StreamPlace,
    },
    /// Finding shelf. Whose mention it is.
    MentionShelf {
        mention: MentionPlace,
        person: PersonRef,
    },
    /// Finding shelf. An arrival with this value is refused until `expires`.
    SuppressionToken {
        token: FindingHash,
        purpose: ActivityCode,
        expires: UnixMillis,
    },
    /// Service shelf. Seals the records of one class and month.
    RecordKey { class: u8, month: Month, key: Key32 },
    /// Service shelf. Makes the idtags of one source and year of admission.
    DedupKey {
        source: String,
        year: u16,
        key: Key32,
    },
    /// Service shelf. Seals the vault sections of the groups after the one that carries it.
    IntakeKey { id: [u8; 16], key: Key32 },
    /// Service shelf. A publisher's token, by its hash.
    Token { hash: [u8; 32], scope: TokenScope },
    /// Service shelf. The token is not accepted from `at`.
    TokenRevoked { hash: [u8; 32], at: UnixMillis },
    /// Service shelf. An actor of the ledger with a role and the hash of a token.
    User {
        actor: StaffReference,
        role: String,
        token_hash: [u8; 32],
        disabled: bool,
    },
    /// Service shelf. The name behind a staff reference.
    StaffName {
        actor: StaffReference,
        name: StaffNameText,
    },
    /// Service shelf. An Ed25519 secret in force from an index, and its public text.
    SigningKey {
        kind: SigningKind,
        from: Index,
        secret: Key32,
        vkey: String,
    },
    /// Service shelf. A random key by purpose and name.
    Secret {
        kind: SecretKind,
        name: u32,
        key: Key32,
    },
    /// Service shelf. A tag destroyed in `generation`: it is destroyed again wherever it comes back.
    DestroyedTag { tag: FenceTag, generation: u64 },
    /// Service shelf. What the cohort must find once the map is gone: a destroyed stream and its last index.
    CohortStream {
        stream: StreamId,
        last: Index,
        generation: u64,
    },
    /// Service shelf. As before for one mention slot whose carrier lives.
    CohortMention {
        mention: MentionPlace,
        generation: u64,
    },
    /// Service shelf. The carrier lives and no longer mentions the person: alias and index rows of this pair go.
    CohortPerson {
        person: PersonRef,
        carrier: StreamId,
        generation: u64,
    },
    /// Service shelf. A fence names this tag since `at`: its stream accepts no event and opens no value (S-3).
    FencedTag { tag: FenceTag, at: Index },
    /// Service shelf. Seals made under a record key, as of the vault's position.
    RecordKeyUse { class: u8, month: Month, seals: u64 },
}

/// A staff member's name inside a row; wiped when dropped.
pub struct StaffNameText(pub Personal<String>);

impl Clone for StaffNameText {
    fn clone(&self) -> StaffNameText {
        StaffNameText(self.0.duplicate())
    }
}

/// Which kind of shelf a row lies on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Level {
    /// The shelf table itself (for associated data only).
    Table = 0,
    /// Person shelves.
    Person = 1,
    /// Case shelves.
    Case = 2,
    /// Finding shelves.
    Finding = 3,
    /// The service shelf.
    Service = 4,
}

impl Level {
    /// The level of shelves with this number.
    pub(crate) fn of(number: u8) -> Option<Level> {
        [Level::Person, Level::Case, Level::Finding, Level::Service]
            .into_iter()
            .find(|level| *level as u8 == number)
    }
}

impl Row {
    /// Which kind of shelf it lies on.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Row::Person { .. }
            | Row::Stream { .. }
            | Row::CasePointer { .. }
            | Row::Mention { .. }
            | Row::PersonLink { .. }
            | Row::FenceMark { .. } => Level::Person,
            Row::CaseStream { .. } => Level::Case,
            Row::Alias { .. }
            | Row::Index { .. }
            | Row::StreamShelf { .. }
            | Row::MentionShelf { .. }
            | Row::SuppressionToken { .. } => Level::Finding,
            _ => Level::Service,
        }
    }

    /// The name of its kind, for logs.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self {
            Row::Person { .. } => "person",
            Row::Stream { .. } => "stream",
            Row::CasePointer { .. } => "case-pointer",
            Row::Mention { .. } => "mention",
            Row::PersonLink { .. } => "person-link",
            Row::FenceMark { .. } => "fence-mark",
            Row::CaseStream { .. } => "case-stream",
            Row::Alias { .. } => "alias",
            Row::Index { .. } => "index",
            Row::StreamShelf { .. } => "stream-shelf",
            Row::MentionShelf { .. } => "mention-shelf",
            Row::SuppressionToken { .. } => "suppression-token",
            Row::RecordKey { .. } => "record-key",
            Row::DedupKey { .. } => "dedup-key",
            Row::IntakeKey { .. } => "intake-key",
            Row::Token { .. } => "token",
            Row::TokenRevoked { .. } => "token-revoked",
            Row::User { .. } => "user",
            Row::StaffName { .. } => "staff-name",
            Row::SigningKey { .. } => "signing-key",
            Row::Secret { .. } => "secret",
            Row::DestroyedTag { .. } => "destroyed-tag",
            Row::CohortStream { .. } => "cohort-stream",
            Row::CohortMention { .. } => "cohort-mention",
            Row::CohortPerson { .. } => "cohort-person",
            Row::RecordKeyUse { .. } => "record-key-use",
            Row::FencedTag { .. } => "fenced-tag",
        }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({})", self.kind_name())
    }
}

#[cfg(test)]
pub(crate) mod tests;
