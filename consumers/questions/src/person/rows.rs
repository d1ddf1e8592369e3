//! The answer about one person: its rows, and the tables made of them.
//!
//! What is not here: values; those lie in `revealed`, and nowhere else.

use serde::Serialize;
use views::customer::{Consent, ConsentState, Entry, ServiceRequest, StreamState};

use crate::asof::StreamAt;
use crate::revealed::RevealedSlot;
use crate::sheet::{Sheet, Sheets};
use crate::wording;

/// One stream, as the vault's map names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamRow {
    /// Activity; empty for the office's own facts.
    pub activity: String,
    /// Outside party.
    pub party: String,
    /// Events.
    pub events: usize,
    /// Day on which the first was recorded, UTC; what it is about may lie before.
    pub first_recorded: String,
    /// Day on which the last was recorded, UTC.
    pub last_recorded: String,
}

/// One service request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestRow {
    /// The service.
    pub service: String,
    /// `open`, `closed`, or `closing` where only a closing is known and not which request it closes.
    pub state: &'static str,
    /// Who published it.
    pub source: String,
    /// Date asked.
    pub asked: String,
    /// Date closed.
    pub closed: String,
    /// How it ended.
    pub outcome: String,
    /// The events, asking and closing.
    pub events: Vec<u64>,
}

/// Where values of one kind came from last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueRow {
    /// Data class.
    pub class: String,
    /// Field of a form.
    pub field: String,
    /// Who published it.
    pub source: String,
    /// Date.
    pub date: String,
    /// The event whose slot holds it.
    pub event: u64,
}

/// One notice given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeRow {
    /// Notice.
    pub notice: String,
    /// Version.
    pub version: String,
    /// How it was delivered.
    pub delivery: String,
    /// Date.
    pub date: String,
    /// The event.
    pub event: u64,
}

/// One consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsentRow {
    /// Purpose.
    pub purpose: String,
    /// Channel; `all` when none was named.
    pub channel: String,
    /// `given` or `withdrawn`, as last recorded.
    pub state: &'static str,
    /// Date given.
    pub given: String,
    /// Date withdrawn.
    pub withdrawn: String,
    /// Date on which it ends by itself.
    pub expires: String,
}

/// One disclosure asked for or made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DisclosureRow {
    /// `requested` or `made`.
    pub step: &'static str,
    /// Recipient or requester.
    pub recipient: String,
    /// Gateway.
    pub gateway: String,
    /// Classes of data.
    pub classes: String,
    /// Date.
    pub date: String,
    /// The event.
    pub event: u64,
}

/// What is kept, under which retention row, counted from when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptRow {
    /// Activity of the stream.
    pub activity: String,
    /// Retention row.
    pub row: String,
    /// Its version.
    pub version: String,
    /// Day on which the last event under it was recorded, UTC.
    pub last_recorded: String,
}

/// The answer.
#[derive(Debug, Default, Serialize)]
pub struct PersonAnswer {
    /// Streams.
    pub streams: Vec<StreamRow>,
    /// Service requests.
    pub requests: Vec<RequestRow>,
    /// Where values came from.
    pub values: Vec<ValueRow>,
    /// Notices given.
    pub notices: Vec<NoticeRow>,
    /// Consents.
    pub consents: Vec<ConsentRow>,
    /// Disclosures.
    pub disclosures: Vec<DisclosureRow>,
    /// What is kept.
    pub kept: Vec<KeptRow>,
    /// Opened slots, when values were asked for.
    pub revealed: Vec<RevealedSlot>,
}

impl PersonAnswer {
    pub(super) fn add(&mut self, stream: &StreamAt, state: &StreamState) {
        let activity = stream.of.activity.as_str().to_owned();
        let admitted = |at: Option<&views::customer::Posting>| {
            at.map(|posting| wording::date(posting.admitted))
                .unwrap_or_default()
        };
        self.streams.push(StreamRow {
            activity: activity.clone(),
            party: stream.of.party.as_str().to_owned(),
            events: stream.postings.len(),
            first_recorded: admitted(stream.postings.first()),
            last_recorded: admitted(stream.postings.last()),
        });
        self.requests.extend(state.requests.iter().map(request_row));
        self.values
            .extend(state.values.iter().map(|value| ValueRow {
                class: value.class.clone(),
                field: value.field.clone(),
                source: value.source.clone(),
                date: wording::date(proto::UnixMillis(value.time)),
                event: value.index.0,
            }));
        self.notices
            .extend(state.notices.iter().map(|entry| NoticeRow {
                notice: entry.said.code.clone(),
                version: entry.said.version.clone(),
                delivery: entry.said.how.clone(),
                date: date_of(entry),
                event: entry.index.0,
            }));
        self.consents.extend(state.consents.iter().map(consent_row));
        self.disclosures
            .extend(state.disclosures.iter().map(disclosure_row));
        self.kept
            .extend(state.retention.iter().map(|(row, version, index)| {
                KeptRow {
                    activity: activity.clone(),
                    row: row.clone(),
                    version: version.clone(),
                    last_recorded: admitted(
                        stream
                            .postings
                            .iter()
                            .find(|posting| posting.index == *index),
                    ),
                }
            }));
    }
}

fn request_row(request: &ServiceRequest) -> RequestRow {
    let (asked, closed) = (request.requested.as_ref(), request.closed.as_ref());
    let either = asked.or(closed);
    RequestRow {
        service: request.service.clone(),
        state: match (asked, closed) {
            (Some(_), None) => "open",
            (Some(_), Some(_)) => "closed",
            (None, _) => "closing",
        },
        source: either
            .map(|entry| entry.said.publisher.clone())
            .unwrap_or_default(),
        asked: asked.map(date_of).unwrap_or_default(),
        closed: closed
            .map(|entry| entry.said.date.clone())
            .unwrap_or_default(),
        outcome: closed
            .map(|entry| entry.said.how.clone())
            .unwrap_or_default(),
        events: asked
            .into_iter()
            .chain(closed)
            .map(|entry| entry.index.0)
            .collect(),
    }
}

fn consent_row(consent: &Consent) -> ConsentRow {
    ConsentRow {
        purpose: consent.purpose.clone(),
        channel: match consent.channel.as_str() {
            "" => "all".to_owned(),
            channel => channel.to_owned(),
        },
        state: match consent.state {
            ConsentState::Given => "given",
            ConsentState::Withdrawn => "withdrawn",
        },
        given: consent.given.as_ref().map(date_of).unwrap_or_default(),
        withdrawn: consent.withdrawn.as_ref().map(date_of).unwrap_or_default(),
        expires: consent
            .given
            .as_ref()
            .map(|entry| entry.said.date.clone())
            .unwrap_or_default(),
    }
}

fn disclosure_row(entry: &Entry) -> DisclosureRow {
    let made =
        proto::fact_by_number(entry.said.fact).is_some_and(|fact| fact.name == "disclosure.made");
    DisclosureRow {
        step: if made { "made" } else { "requested" },
        recipient: entry.said.code.clone(),
        gateway: entry.said.version.clone(),
        classes: entry.said.data_classes.join(" "),
        date: date_of(entry),
        event: entry.index.0,
    }
}

fn date_of(entry: &Entry) -> String {
    wording::stated(&entry.said.instant, entry.said.time)
}

impl Sheets for PersonAnswer {
    fn sheets(&self) -> Vec<Sheet> {
        let columns = [
            "activity",
            "party",
            "events",
            "first recorded",
            "last recorded",
        ];
        let mut streams = Sheet::new("streams", &columns);
        for row in &self.streams {
            let (first, last) = (row.first_recorded.clone(), row.last_recorded.clone());
            let (activity, party) = (row.activity.clone(), row.party.clone());
            streams.row([activity, party, row.events.to_string(), first, last]);
        }
        let columns = [
            "service", "state", "asked", "closed", "outcome", "source", "events",
        ];
        let mut requests = Sheet::new("service requests", &columns);
        for row in &self.requests {
            let events: Vec<String> = row.events.iter().map(u64::to_string).collect();
            requests.row([
                row.service.clone(),
                row.state.to_owned(),
                row.asked.clone(),
                row.closed.clone(),
                row.outcome.clone(),
                row.source.clone(),
                events.join(" "),
            ]);
        }
        let mut values = Sheet::new(
            "values held",
            &["class", "field", "source", "date", "event"],
        );
        for row in &self.values {
            let (class, field) = (row.class.clone(), row.field.clone());
            let (source, date) = (row.source.clone(), row.date.clone());
            values.row([class, field, source, date, row.event.to_string()]);
        }
        let mut sheets = vec![streams, requests, values];
        sheets.extend(self.what_was_told_and_agreed());
        if !self.revealed.is_empty() {
            sheets.push(Sheet::of_revealed(&self.revealed));
        }
        sheets
    }
}

impl PersonAnswer {
    fn what_was_told_and_agreed(&self) -> [Sheet; 4] {
        let columns = ["notice", "version", "delivery", "date", "event"];
        let mut notices = Sheet::new("notices given", &columns);
        for row in &self.notices {
            let (notice, version) = (row.notice.clone(), row.version.clone());
            let (delivery, date) = (row.delivery.clone(), row.date.clone());
            notices.row([notice, version, delivery, date, row.event.to_string()]);
        }
        let columns = [
            "purpose",
            "channel",
            "state",
            "given",
            "withdrawn",
            "expires",
        ];
        let mut consents = Sheet::new("consents", &columns);
        for row in &self.consents {
            consents.row([
                row.purpose.clone(),
                row.channel.clone(),
                row.state.to_owned(),
                row.given.clone(),
                row.withdrawn.clone(),
                row.expires.clone(),
            ]);
        }
        let columns = ["step", "recipient", "gateway", "classes", "date", "event"];
        let mut disclosures = Sheet::new("disclosures", &columns);
        for row in &self.disclosures {
            disclosures.row([
                row.step.to_owned(),
                row.recipient.clone(),
                row.gateway.clone(),
                row.classes.clone(),
                row.date.clone(),
                row.event.to_string(),
            ]);
        }
        let mut kept = Sheet::new(
            "kept under",
            &["activity", "retention row", "version", "last recorded"],
        );
        for row in &self.kept {
            let (activity, name) = (row.activity.clone(), row.row.clone());
            kept.row([
                activity,
                name,
                row.version.clone(),
                row.last_recorded.clone(),
            ]);
        }
        [notices, consents, disclosures, kept]
    }
}
