//! Constructors of the facts that the ledger appends about itself, its staff and its doors.
//!
//! Arguments are typed; what names a person comes as `Personal` and ends up sealed. Every constructor
//! takes the clear envelope, since the caller alone knows who acted and why.
//! All give the error of an event from outside where a code has the wrong shape.

use crate::assemble::{OpenedItem, PersonValues, SealedValues};
use crate::clear::{self, Envelope, KeyKind, QueryKind, SpecialCategory, Surface};
use crate::{
    ChainNumber, DecodeError, FactData, Hash, Index, Origin, Personal, PublisherCode,
    StaffReference, fact_by_number, record::hex,
};

type Made = Result<FactData, DecodeError>;

/// The envelope of an act by a member of staff in a role, for a purpose.
pub fn by_staff(actor: &StaffReference, role: &str, purpose: &str) -> Envelope {
    Envelope {
        actor: actor.as_str().to_owned(),
        role: role.to_owned(),
        purpose: purpose.to_owned(),
        ..Envelope::default()
    }
}

fn plain(fact: &clear::Fact) -> Made {
    FactData::assemble(fact, &sealed(fact))
}

fn sealed(fact: &clear::Fact) -> SealedValues {
    SealedValues::of(fact_by_number(fact.number()).expect("every clear fact is in the catalogue"))
}

/// A chain with the verifier keys it begins with.
pub struct ChainKeys {
    /// The chain.
    pub chain: ChainNumber,
    /// Key of its checkpoints, C2SP text.
    pub checkpoint_key: String,
    /// Key of its foils, C2SP text.
    pub foil_key: String,
}

/// The software that opens a ledger.
pub struct Software {
    /// Its version.
    pub version: &'static str,
    /// SHA-256 of its catalogue ([`crate::CATALOGUE`]).
    pub catalogue: Hash,
}

/// `ledger.opened`, the first record of every chain.
pub fn opened(
    envelope: Envelope,
    origin: &Origin,
    chains: Vec<ChainKeys>,
    software: &Software,
    persons_expected: u64,
) -> Made {
    let chain = |keys: ChainKeys| clear::ChainOpened {
        chain: keys.chain.0,
        checkpoint_key: keys.checkpoint_key,
        foil_key: keys.foil_key,
    };
    plain(&clear::Fact::LedgerOpened(clear::LedgerOpened {
        envelope: Some(envelope),
        origin: origin.as_str().to_owned(),
        chains: chains.into_iter().map(chain).collect(),
        software_version: software.version.to_owned(),
        catalogue_sha256: hex(&software.catalogue.0),
        persons_expected,
    }))
}

/// What `ledger.key-rotated` says. Keys are verifier keys and empty where nothing is signed with them.
pub struct KeyRotation {
    /// Which key.
    pub kind: KeyKind,
    /// Chain it belongs to.
    pub chain: ChainNumber,
    /// The verifier key that ends.
    pub old_key: String,
    /// The verifier key that begins.
    pub new_key: String,
    /// Generation that begins.
    pub generation: u64,
    /// Reason code.
    pub reason: String,
}

/// `ledger.key-rotated`.
pub fn key_rotated(envelope: Envelope, rotation: KeyRotation) -> Made {
    plain(&clear::Fact::LedgerKeyRotated(clear::LedgerKeyRotated {
        envelope: Some(envelope),
        kind: rotation.kind.into(),
        chain: rotation.chain.0,
        old_key: rotation.old_key,
        new_key: rotation.new_key,
        generation: rotation.generation,
        reason_code: rotation.reason,
    }))
}

/// What a publisher may do.
pub struct PublisherScope {
    /// Its code.
    pub publisher: PublisherCode,
    /// Sources it speaks for.
    pub sources: Vec<String>,
    /// Families it may append.
    pub families: Vec<String>,
    /// Whether its ids need not be random.
    pub map_ids: bool,
    /// Whether it existed before.
    pub changed: bool,
}

/// `ledger.publisher-registered`.
pub fn publisher_registered(envelope: Envelope, scope: PublisherScope) -> Made {
    plain(&clear::Fact::LedgerPublisherRegistered(
        clear::LedgerPublisherRegistered {
            envelope: Some(envelope),
            publisher: scope.publisher.as_str().to_owned(),
            sources: scope.sources,
            families: scope.families,
            map_ids: scope.map_ids,
            changed: scope.changed,
        },
    ))
}

/// `ledger.publisher-revoked`; `tokens_only` keeps the publisher.
pub fn publisher_revoked(
    envelope: Envelope,
    publisher: &PublisherCode,
    reason: &str,
    tokens_only: bool,
) -> Made {
    plain(&clear::Fact::LedgerPublisherRevoked(
        clear::LedgerPublisherRevoked {
            envelope: Some(envelope),
            publisher: publisher.as_str().to_owned(),
            reason_code: reason.to_owned(),
            tokens_only,
        },
    ))
}

/// `assurance.role-granted`; the name is sealed as the subject.
pub fn role_granted(
    envelope: Envelope,
    user: &StaffReference,
    role: &str,
    expires_on: &str,
    person: &PersonValues,
) -> Made {
    let fact = clear::Fact::AssuranceRoleGranted(clear::AssuranceRoleGranted {
        envelope: Some(envelope),
        user: user.as_str().to_owned(),
        granted_role: role.to_owned(),
        expires_on: expires_on.to_owned(),
    });
    FactData::assemble(&fact, &sealed(&fact).person("subject", person))
}

/// `assurance.role-revoked`.
pub fn role_revoked(envelope: Envelope, user: &StaffReference, role: &str, reason: &str) -> Made {
    plain(&clear::Fact::AssuranceRoleRevoked(
        clear::AssuranceRoleRevoked {
            envelope: Some(envelope),
            user: user.as_str().to_owned(),
            revoked_role: role.to_owned(),
            reason_code: reason.to_owned(),
        },
    ))
}

/// What an access event says: one act, whatever it showed.
pub struct Access<'a> {
    /// Code of the question asked.
    pub question: &'a str,
    /// Where it was asked.
    pub surface: Surface,
    /// Records or items shown.
    pub count: u32,
    /// What was opened; sealed, since it joins streams.
    pub items: &'a [OpenedItem],
    /// Why, in the officer's words; sealed.
    pub reason: Option<&'a Personal<String>>,
}

fn with_reason(values: SealedValues, reason: Option<&Personal<String>>) -> SealedValues {
    match reason {
        Some(reason) => values.text("reason", reason),
        None => values,
    }
}

/// `access.record-viewed`.
pub fn record_viewed(envelope: Envelope, access: &Access<'_>) -> Made {
    let fact = clear::Fact::AccessRecordViewed(clear::AccessRecordViewed {
        envelope: Some(envelope),
        question: access.question.to_owned(),
        surface: access.surface.into(),
        count: access.count,
    });
    let values = sealed(&fact).opened("items", access.items);
    FactData::assemble(&fact, &with_reason(values, access.reason))
}

/// `access.values-revealed`; at least one item.
pub fn values_revealed(envelope: Envelope, access: &Access<'_>) -> Made {
    let fact = clear::Fact::AccessValuesRevealed(clear::AccessValuesRevealed {
        envelope: Some(envelope),
        question: access.question.to_owned(),
        surface: access.surface.into(),
        count: access.count,
    });
    let values = sealed(&fact).opened("items", access.items);
    FactData::assemble(&fact, &with_reason(values, access.reason))
}

/// `access.person-searched`. What was searched for is recorded nowhere.
pub fn person_searched(
    envelope: Envelope,
    kinds: &[QueryKind],
    surface: Surface,
    found: u32,
    reason: Option<&Personal<String>>,
) -> Made {
    let fact = clear::Fact::AccessPersonSearched(clear::AccessPersonSearched {
        envelope: Some(envelope),
        query_kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
        surface: surface.into(),
        count: found,
    });
    FactData::assemble(&fact, &with_reason(sealed(&fact), reason))
}

/// `access.signed-in`.
pub fn signed_in(envelope: Envelope, method: clear::SignInMethod, surface: Surface) -> Made {
    plain(&clear::Fact::AccessSignedIn(clear::AccessSignedIn {
        envelope: Some(envelope),
        method: method.into(),
        surface: surface.into(),
    }))
}

/// `access.refused`.
pub fn access_refused(envelope: Envelope, question: &str, reason: &str, surface: Surface) -> Made {
    plain(&clear::Fact::AccessRefused(clear::AccessRefused {
        envelope: Some(envelope),
        question: question.to_owned(),
        reason_code: reason.to_owned(),
        surface: surface.into(),
    }))
}

/// Where in whose event something was found; a path of catalogue names, no value.
pub struct Finding<'a> {
    /// Publisher of the event.
    pub publisher: &'a PublisherCode,
    /// Path of the field, as in `DecodeError`.
    pub field_path: &'a str,
    /// CloudEvents type of the event.
    pub event_type: &'a str,
    /// Version of the list that found it.
    pub list_version: &'a str,
}

/// `collection.card-data-blocked`: no value, no digest (WL-13).
pub fn card_data_blocked(envelope: Envelope, finding: &Finding<'_>) -> Made {
    plain(&clear::Fact::CollectionCardDataBlocked(
        clear::CollectionCardDataBlocked {
            envelope: Some(envelope),
            publisher: finding.publisher.as_str().to_owned(),
            field_path: finding.field_path.to_owned(),
            event_type: finding.event_type.to_owned(),
            list_version: finding.list_version.to_owned(),
        },
    ))
}

/// `collection.special-category-detected`: never the words (WL-22). `number_in_stream` is that of the
/// event concerned, 0 where it is not known or lies in another stream.
pub fn special_category_detected(
    envelope: Envelope,
    finding: &Finding<'_>,
    category: SpecialCategory,
    number_in_stream: u64,
) -> Made {
    plain(&clear::Fact::CollectionSpecialCategoryDetected(
        clear::CollectionSpecialCategoryDetected {
            envelope: Some(envelope),
            publisher: finding.publisher.as_str().to_owned(),
            field_path: finding.field_path.to_owned(),
            category: category.into(),
            event_type: finding.event_type.to_owned(),
            list_version: finding.list_version.to_owned(),
            number_in_stream,
        },
    ))
}

/// `ledger.event-parked`; the operator's reason is sealed.
pub fn event_parked(
    envelope: Envelope,
    (chain, index): (ChainNumber, Index),
    (view, view_version): (&str, u32),
    reason: &Personal<String>,
) -> Made {
    let fact = clear::Fact::LedgerEventParked(clear::LedgerEventParked {
        envelope: Some(envelope),
        chain: chain.0,
        index: index.0,
        view: view.to_owned(),
        view_version,
    });
    FactData::assemble(&fact, &sealed(&fact).text("reason", reason))
}

/// What `ledger.arrival-refused` says.
pub struct Arrival<'a> {
    /// Reason code, a registered code in lower case.
    pub reason: &'a str,
    /// Publisher, where it was authenticated.
    pub publisher: Option<&'a PublisherCode>,
    /// Type, where it is in the catalogue; else empty.
    pub event_type: &'a str,
    /// Path of the field; empty for the event as a whole.
    pub field_path: &'a str,
    /// Refusals that this record stands for.
    pub count: u32,
    /// Where the arrival lies; sealed.
    pub coordinates: Option<&'a Personal<String>>,
}

/// `ledger.arrival-refused`.
pub fn arrival_refused(envelope: Envelope, arrival: &Arrival<'_>) -> Made {
    let fact = clear::Fact::LedgerArrivalRefused(clear::LedgerArrivalRefused {
        envelope: Some(envelope),
        reason_code: arrival.reason.to_owned(),
        publisher: arrival
            .publisher
            .map_or_else(String::new, |code| code.as_str().to_owned()),
        event_type: arrival.event_type.to_owned(),
        field_path: arrival.field_path.to_owned(),
        count: arrival.count,
    });
    let values = sealed(&fact);
    let values = match arrival.coordinates {
        Some(coordinates) => values.text("coordinates", coordinates),
        None => values,
    };
    FactData::assemble(&fact, &values)
}

/// `ledger.command-refused`: codes only.
pub fn command_refused(envelope: Envelope, command: &str, reason: &str) -> Made {
    plain(&clear::Fact::LedgerCommandRefused(
        clear::LedgerCommandRefused {
            envelope: Some(envelope),
            command: command.to_owned(),
            reason_code: reason.to_owned(),
        },
    ))
}

/// `ledger.view-rebuilt`; its envelope argument replaces whatever the body holds.
pub fn view_rebuilt(envelope: Envelope, body: clear::LedgerViewRebuilt) -> Made {
    plain(&clear::Fact::LedgerViewRebuilt(clear::LedgerViewRebuilt {
        envelope: Some(envelope),
        ..body
    }))
}

/// `ledger.backup-taken`; its envelope argument replaces whatever the body holds.
pub fn backup_taken(envelope: Envelope, body: clear::LedgerBackupTaken) -> Made {
    plain(&clear::Fact::LedgerBackupTaken(clear::LedgerBackupTaken {
        envelope: Some(envelope),
        ..body
    }))
}

/// `ledger.restored`; its envelope argument replaces whatever the body holds.
pub fn restored(envelope: Envelope, body: clear::LedgerRestored) -> Made {
    plain(&clear::Fact::LedgerRestored(clear::LedgerRestored {
        envelope: Some(envelope),
        ..body
    }))
}

#[cfg(test)]
mod tests;
