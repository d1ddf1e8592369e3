//! What the entries of one stream come to: requests, values, notices, consents, disclosures.
//!
//! What it is: a pure fold over entries in the order of the stream, made when it is asked for.
//! What it is not: stored. It can therefore be made as at any number of the stream.
//! What always holds: a consent is asserted by what was recorded last for its purpose and channel;
//! nothing here depends on today (an expiry date is shown, not judged).

use std::collections::BTreeMap;

use proto::{Index, NumberInStream, fact_by_number};

use super::rows::Entry;

/// A service asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceRequest {
    /// The service.
    pub service: String,
    /// The event that asked; `None` when only its closing is on record.
    pub requested: Option<Entry>,
    /// The event that closed it, where the stream says which request it closes.
    pub closed: Option<Entry>,
}

/// Where values of one kind came from last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueSource {
    /// Data class.
    pub class: String,
    /// Field of a form; empty when only the class was stated.
    pub field: String,
    /// Publisher.
    pub source: String,
    /// When, Unix milliseconds, as the publisher says.
    pub time: i64,
    /// The event whose slot holds the value.
    pub index: Index,
    /// Its number in the stream.
    pub number: NumberInStream,
}

/// Whether a consent holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentState {
    /// Given and not withdrawn; an expiry date may have passed.
    Given,
    /// Withdrawn.
    Withdrawn,
}

/// One consent: a purpose on one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Consent {
    /// Purpose.
    pub purpose: String,
    /// Channel; empty: all.
    pub channel: String,
    /// State as last recorded.
    pub state: ConsentState,
    /// The event that gave it, where that is on record.
    pub given: Option<Entry>,
    /// The event that withdrew it.
    pub withdrawn: Option<Entry>,
}

/// One stream's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamState {
    /// Services asked for, in the order of asking.
    pub requests: Vec<ServiceRequest>,
    /// Where values came from last, by class and field.
    pub values: Vec<ValueSource>,
    /// Notices given, in order.
    pub notices: Vec<Entry>,
    /// Consents by purpose and channel.
    pub consents: Vec<Consent>,
    /// Disclosures asked for and made, in order.
    pub disclosures: Vec<Entry>,
    /// Retention rows in use: row, version, and the event that named it last.
    pub retention: Vec<(String, String, Index)>,
}

impl StreamState {
    /// The state after `entries`, which ascend as the stream does.
    pub fn of(entries: &[Entry]) -> Self {
        let mut state = Self::default();
        let mut values = BTreeMap::new();
        let mut consents = BTreeMap::new();
        let mut retention = BTreeMap::new();
        for entry in entries {
            let said = &entry.said;
            if !said.retention_row.is_empty() {
                let key = (said.retention_row.clone(), said.retention_version.clone());
                retention.insert(key, entry.index);
            }
            match fact_by_number(said.fact).map_or("", |fact| fact.name) {
                "collection.collected" => collect(&mut values, entry),
                "collection.service-requested" => state.requests.push(ServiceRequest {
                    service: said.code.clone(),
                    requested: Some(entry.clone()),
                    closed: None,
                }),
                "collection.service-closed" => state.close(entry),
                "notice.given" => state.notices.push(entry.clone()),
                "consent.given" => give(&mut consents, entry),
                "consent.withdrawn" => withdraw(&mut consents, entry),
                "disclosure.requested" | "disclosure.made" => state.disclosures.push(entry.clone()),
                _ => {}
            }
        }
        state.values = values.into_values().collect();
        state.consents = consents.into_values().collect();
        state.retention = retention
            .into_iter()
            .map(|((row, version), index)| (row, version, index))
            .collect();
        state
    }

    /// Closes the request that the event names, or else stands for itself: the reference that joins
    /// the two is sealed unless the publisher also stated the number in the stream.
    fn close(&mut self, entry: &Entry) {
        let named = entry
            .said
            .supersedes_plus_one
            .checked_sub(1)
            .map(NumberInStream);
        let of_number = |request: &&mut ServiceRequest| {
            named.is_some() && request.requested.as_ref().map(|entry| entry.number) == named
        };
        match self.requests.iter_mut().find(of_number) {
            Some(request) => request.closed = Some(entry.clone()),
            None => self.requests.push(ServiceRequest {
                service: entry.said.code.clone(),
                requested: None,
                closed: Some(entry.clone()),
            }),
        }
    }
}

fn collect(values: &mut BTreeMap<(String, String), ValueSource>, entry: &Entry) {
    let said = &entry.said;
    let in_classes = said
        .data_classes
        .iter()
        .map(|class| (class.clone(), String::new()));
    let in_fields = said
        .fields
        .chunks_exact(2)
        .map(|pair| (pair[1].clone(), pair[0].clone()));
    for (class, field) in in_classes.chain(in_fields) {
        let source = ValueSource {
            class: class.clone(),
            field: field.clone(),
            source: said.publisher.clone(),
            time: said.time,
            index: entry.index,
            number: entry.number,
        };
        values.insert((class, field), source);
    }
}

type Consents = BTreeMap<(String, String), Consent>;

/// The channels that an event names; one empty text for all of them.
fn channels_of(entry: &Entry) -> Vec<String> {
    match entry.said.channels.as_slice() {
        [] => vec![String::new()],
        named => named.to_vec(),
    }
}

fn give(consents: &mut Consents, entry: &Entry) {
    for purpose in &entry.said.purposes {
        for channel in channels_of(entry) {
            let consent = Consent {
                purpose: purpose.clone(),
                channel: channel.clone(),
                state: ConsentState::Given,
                given: Some(entry.clone()),
                withdrawn: None,
            };
            consents.insert((purpose.clone(), channel), consent);
        }
    }
}

/// Withdrawing without a channel withdraws the purpose on every channel; withdrawing a channel of a
/// consent for all channels is kept beside it.
fn withdraw(consents: &mut Consents, entry: &Entry) {
    for purpose in &entry.said.purposes {
        for channel in channels_of(entry) {
            let mut met = false;
            for (key, consent) in consents.iter_mut() {
                if &key.0 == purpose && (channel.is_empty() || key.1 == channel) {
                    consent.state = ConsentState::Withdrawn;
                    consent.withdrawn = Some(entry.clone());
                    met = true;
                }
            }
            if !met {
                let consent = Consent {
                    purpose: purpose.clone(),
                    channel: channel.clone(),
                    state: ConsentState::Withdrawn,
                    given: None,
                    withdrawn: Some(entry.clone()),
                };
                consents.insert((purpose.clone(), channel), consent);
            }
        }
    }
}
