//! From a record's clear body to what the customer view keeps of it.
//!
//! What it is: one arm per fact that the view is about; every other fact leaves a posting only.
//! What always holds: only clear fields are read, so only codes, dates and numbers are kept.

use fold::Poison;
use proto::Record;
use proto::clear::{self, Fact};

use super::rows::Said;

/// The facts that the view is about.
const ABOUT: [&str; 8] = [
    "collection.collected",
    "collection.service-requested",
    "collection.service-closed",
    "notice.given",
    "consent.given",
    "consent.withdrawn",
    "disclosure.requested",
    "disclosure.made",
];

/// What an event says; `None` for a fact that is not the customer's.
pub(crate) fn said_by(record: &Record) -> Result<Option<Said>, Poison> {
    // The name first: decoding what no arm below is about would cost more than the rest.
    if !ABOUT.contains(&record.fact.name) {
        return Ok(None);
    }
    let mut said = Said::default();
    let stated = match record.clear() {
        Fact::CollectionCollected(mut one) => {
            let stated = one.envelope.take();
            collected(&mut said, one);
            stated
        }
        Fact::CollectionServiceRequested(mut one) => {
            let stated = one.envelope.take();
            said.how = word(one.priority().as_str_name(), "SERVICE_PRIORITY_");
            said.version = versioned(&one.form, &one.form_version);
            said.code = one.service;
            said.date = one.needed_by;
            said.instant = one.received_at;
            said.bases = bases(one.lawful_basis);
            stated
        }
        Fact::CollectionServiceClosed(mut one) => {
            let stated = one.envelope.take();
            said.how = word(one.outcome().as_str_name(), "SERVICE_OUTCOME_");
            said.code = one.service;
            said.date = one.closed_on;
            stated
        }
        Fact::NoticeGiven(mut one) => {
            let stated = one.envelope.take();
            said.how = word(one.delivery().as_str_name(), "NOTICE_DELIVERY_");
            said.code = one.notice;
            said.version = one.version;
            said.instant = one.given_at;
            stated
        }
        Fact::ConsentGiven(mut one) => {
            let stated = one.envelope.take();
            said.channels = one.channels().map(channel).collect();
            said.how = word(one.method().as_str_name(), "CONSENT_METHOD_");
            said.version = versioned(&one.wording, &one.wording_version);
            said.date = one.expires_on;
            said.instant = one.given_at;
            said.purposes = one.purposes;
            stated
        }
        Fact::ConsentWithdrawn(mut one) => {
            let stated = one.envelope.take();
            said.channels = one.channels().map(channel).collect();
            said.how = word(one.route().as_str_name(), "WITHDRAWAL_ROUTE_");
            said.instant = one.withdrawn_at;
            said.purposes = one.purposes;
            stated
        }
        Fact::DisclosureRequested(mut one) => {
            let stated = one.envelope.take();
            asked_for(&mut said, one);
            stated
        }
        Fact::DisclosureMade(mut one) => {
            let stated = one.envelope.take();
            disclosed(&mut said, one);
            stated
        }
        _ => return Ok(None),
    };
    envelope(&mut said, record, stated.unwrap_or_default())?;
    Ok(Some(said))
}

fn asked_for(said: &mut Said, one: clear::DisclosureRequested) {
    said.embargoed = one.visibility() == clear::Visibility::Embargoed;
    said.code = one.requester;
    said.version = one.gateway.map(|gateway| gateway.code).unwrap_or_default();
    said.date = one.embargo_review_on;
    said.instant = one.received_at;
    said.data_classes = one.data_classes_asked;
}

fn disclosed(said: &mut Said, one: clear::DisclosureMade) {
    said.embargoed = one.visibility() == clear::Visibility::Embargoed;
    said.how = word(one.ground().as_str_name(), "DISCLOSURE_GROUND_");
    said.code = one.recipient;
    said.version = one.gateway.map(|gateway| gateway.code).unwrap_or_default();
    said.date = one.embargo_review_on;
    said.instant = one.sent_at;
    said.bases = bases(one.lawful_basis);
    said.data_classes = one.data_classes_disclosed;
}

fn collected(said: &mut Said, one: clear::CollectionCollected) {
    said.code = one.form;
    said.version = one.form_version;
    said.date = one.accurate_on;
    said.instant = one.collected_at;
    said.bases = bases(one.lawful_basis);
    said.fields = one
        .fields
        .into_iter()
        .flat_map(|one| [one.field, one.data_class])
        .collect();
}

/// What every fact says.
fn envelope(said: &mut Said, record: &Record, stated: clear::Envelope) -> Result<(), Poison> {
    let header = &record.header;
    let through = stated.channel();
    said.fact = record.fact.number;
    said.admitted = u32::try_from(header.admitted.0.div_euclid(1000))
        .map_err(|_| Poison::new("the record was admitted outside 1970 to 2106"))?;
    said.time = header.time.0;
    said.publisher = header.publisher.as_str().to_owned();
    said.purpose = stated.purpose;
    said.retention_row = stated.retention_row;
    said.retention_version = stated.retention_version;
    // On the wire, zero says that nothing is superseded.
    said.supersedes_plus_one = match stated.supersedes {
        0 => 0,
        number => number.saturating_add(1),
    };
    said.imported = stated.imported;
    if said.data_classes.is_empty() {
        said.data_classes = stated.data_classes;
    }
    // A consent's channels are what it is for; an empty list there means all of them.
    if said.purposes.is_empty() && through != clear::Channel::Unspecified {
        said.channels = vec![channel(through)];
    }
    Ok(())
}

fn bases(stated: Vec<clear::LawfulBasis>) -> Vec<String> {
    stated.into_iter().map(|basis| basis.basis).collect()
}

fn channel(channel: clear::Channel) -> String {
    word(channel.as_str_name(), "CHANNEL_")
}

/// A code and its version in one text; empty when neither is stated.
fn versioned(code: &str, version: &str) -> String {
    match (code, version) {
        (code, "") => code.to_owned(),
        (code, version) => format!("{code}/{version}"),
    }
}

/// `SERVICE_OUTCOME_NOT_POSSIBLE` as `not-possible`; nothing where it is unspecified.
fn word(name: &str, prefix: &str) -> String {
    match name.strip_prefix(prefix).unwrap_or(name) {
        "UNSPECIFIED" => String::new(),
        rest => rest.to_ascii_lowercase().replace('_', "-"),
    }
}
