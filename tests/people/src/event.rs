//! One invented event, written as a CloudEvent in structured JSON. Which fields a fact has is proto's to
//! say; this file fills them, about 450 bytes an event, and a test decodes each with proto.

use std::io::Write;

use crate::instant::{date, instant};
use crate::person::Person;

/// The source under which every invented event is published.
pub const SOURCE: &str = "urn:westmere:crm";

/// Activities of the council that deal with residents, each with a service that residents ask for.
/// Sixteen: with the number of people this bounds the number of streams.
pub(crate) const ACTIVITIES: [(&str, &str); 16] = [
    ("waste", "missed-bin"),
    ("council-tax", "change-of-band"),
    ("housing", "repair"),
    ("planning", "comment"),
    ("libraries", "membership"),
    ("parking", "permit"),
    ("licensing", "street-party"),
    ("highways", "pothole"),
    ("benefits", "reassessment"),
    ("leisure", "swimming-lessons"),
    ("elections", "postal-vote"),
    ("cemeteries", "plot-search"),
    ("noise", "noise-report"),
    ("trees", "tree-inspection"),
    ("allotments", "waiting-list"),
    ("newsletter", "subscription"),
];

const DETAILS: [&str; 6] = [
    "Not done on the usual day, please come back",
    "Asked whether the form can be sent by post",
    "Second request, the first was closed too early",
    "Gate is at the rear, ring before coming please",
    "Would like an answer by letter, not by telephone",
    "Neighbours have the same problem and will write",
];

/// What is held from a collection, and by which rule it is kept.
const COLLECTED_ENVELOPE: &str = ",\"dataClasses\":[\"identity\",\"address\",\"contact\"],\
    \"retentionRow\":\"crm-service-request\",\"retentionVersion\":\"2026.1\"";

/// The facts that a publisher of the invented council sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Personal data were collected from the person.
    Collected,
    /// The person asked for a service.
    ServiceRequested,
    /// The service was delivered or ended.
    ServiceClosed,
    /// The privacy notice was given.
    NoticeGiven,
    /// Consent was given.
    ConsentGiven,
    /// Consent was withdrawn.
    ConsentWithdrawn,
    /// Another body asked for the person's data.
    DisclosureRequested,
    /// The person's data were disclosed.
    DisclosureMade,
}

impl Fact {
    /// The CloudEvents type.
    pub fn type_name(self) -> &'static str {
        match self {
            Fact::Collected => "uk.counterfoil.collection.collected.v1",
            Fact::ServiceRequested => "uk.counterfoil.collection.service-requested.v1",
            Fact::ServiceClosed => "uk.counterfoil.collection.service-closed.v1",
            Fact::NoticeGiven => "uk.counterfoil.notice.given.v1",
            Fact::ConsentGiven => "uk.counterfoil.consent.given.v1",
            Fact::ConsentWithdrawn => "uk.counterfoil.consent.withdrawn.v1",
            Fact::DisclosureRequested => "uk.counterfoil.disclosure.requested.v1",
            Fact::DisclosureMade => "uk.counterfoil.disclosure.made.v1",
        }
    }
}

/// One event about one invented person.
#[derive(Debug, Clone)]
pub struct Event {
    /// The publisher's id: a random UUID.
    pub id: String,
    /// What happened.
    pub fact: Fact,
    /// Whom it is about: see [`Person::of`].
    pub person: u64,
    /// Which of the council's activities, counted from 0; taken modulo their number.
    pub activity: u64,
    /// The publisher's number of the request, consent or disclosure that the event belongs to.
    pub case: u64,
    /// When it happened, in seconds since 1970.
    pub time: u64,
    /// Whether a collection names its data classes and retention row; the bench's events do without, to
    /// stay at their size.
    pub in_full: bool,
}

impl Event {
    /// The customer number that stands for the person in the publisher's system.
    pub fn local_id(&self) -> String {
        format!("C-{:07}", 1_000_000 + self.person)
    }

    /// Appends the CloudEvent to `out`, without a line break.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (name, service) = ACTIVITIES[self.activity as usize % ACTIVITIES.len()];
        let time = instant(self.time);
        let envelope = match self.fact {
            Fact::Collected if self.in_full => COLLECTED_ENVELOPE,
            _ => "",
        };
        let head = format!(
            "{{\"specversion\":\"1.0\",\"id\":\"{}\",\"source\":\"{SOURCE}\",\"type\":\"{}\",\
             \"time\":\"{time}\",\"datacontenttype\":\"application/json\",\"data\":{{\
             \"envelope\":{{\"activity\":\"{name}\",\"party\":\"crm\"{envelope}}},\"subject\":{{\"aliases\":\
             [{{\"system\":\"crm\",\"localId\":\"{}\"}}]",
            self.id,
            self.fact.type_name(),
            self.local_id(),
        );
        let rest = match self.fact {
            Fact::Collected => self.collected(service),
            Fact::ServiceRequested => self.requested(service),
            Fact::ServiceClosed => self.closed(service),
            Fact::NoticeGiven => notice_given(),
            Fact::ConsentGiven => self.consent_given(&time),
            Fact::ConsentWithdrawn => self.consent_withdrawn(&time),
            Fact::DisclosureRequested => self.disclosure_requested(&time),
            Fact::DisclosureMade => self.disclosure_made(&time),
        };
        write!(out, "{head}{rest}}}}}").expect("writing to a vector does not fail");
    }

    /// The whole person: what finding them later rests on.
    fn collected(&self, service: &str) -> String {
        let person = Person::of(self.person);
        format!(
            ",\"name\":\"{}\",\"dateOfBirth\":\"{}\",\"addressLines\":[\"{}\",\"Westmere\"],\
             \"postcode\":\"{}\",\"emails\":[\"{}\"],\"telephones\":[\"{}\"]}},\"form\":\"{service}\"",
            person.name,
            person.date_of_birth,
            person.address,
            person.postcode,
            person.email,
            person.telephone,
        )
    }

    fn requested(&self, service: &str) -> String {
        let details = DETAILS[self.case as usize % DETAILS.len()];
        format!(
            "}},\"service\":\"{service}\",\"serviceReference\":\"SR-{:08}\",\"details\":\"{details}\"",
            self.case,
        )
    }

    fn closed(&self, service: &str) -> String {
        format!(
            "}},\"service\":\"{service}\",\"outcome\":\"SERVICE_OUTCOME_COMPLETED\",\
             \"closedOn\":\"{}\",\"serviceReference\":\"SR-{:08}\",\"closingNote\":\"Done\"",
            date(self.time),
            self.case,
        )
    }

    fn consent_given(&self, time: &str) -> String {
        let wording = "5f1b8d2c".repeat(8);
        format!(
            "}},\"purposes\":[\"newsletter\"],\"channels\":[\"CHANNEL_EMAIL\"],\
             \"method\":\"CONSENT_METHOD_WEB_FORM\",\"expressed\":\"CONSENT_EXPRESSION_TICKED\",\
             \"wording\":\"newsletter-wording\",\"wordingVersion\":\"4\",\"wordingSha256\":\"{wording}\",\
             \"notice\":\"crm-notice\",\"noticeVersion\":\"2026-01\",\"givenAt\":\"{time}\",\
             \"consentReference\":\"CO-{:08}\"",
            self.case,
        )
    }

    fn consent_withdrawn(&self, time: &str) -> String {
        format!(
            "}},\"purposes\":[\"newsletter\"],\"route\":\"WITHDRAWAL_ROUTE_UNSUBSCRIBE_LINK\",\
             \"withdrawnAt\":\"{time}\",\"consentReference\":\"CO-{:08}\",\
             \"reason\":\"Too many letters\"",
            self.case,
        )
    }

    fn disclosure_requested(&self, time: &str) -> String {
        format!(
            "}},\"requester\":\"westmere-police\",\"requesterType\":\"ORGANISATION_TYPE_POLICE\",\
             \"authorisingRank\":\"inspector\",\"receivedAt\":\"{time}\",\
             \"dataClassesAsked\":[\"address\"],\"requestReference\":\"DR-{:08}\",\
             \"grounds\":\"Investigation of an offence\"",
            self.case,
        )
    }

    fn disclosure_made(&self, time: &str) -> String {
        format!(
            "}},\"recipient\":\"westmere-police\",\"recipientType\":\"ORGANISATION_TYPE_POLICE\",\
             \"kind\":\"DISCLOSURE_KIND_ONE_OFF\",\"ground\":\"DISCLOSURE_GROUND_GATEWAY\",\
             \"dataClassesDisclosed\":[\"address\"],\"transferMethod\":\"TRANSFER_METHOD_SECURE_EMAIL\",\
             \"encryption\":\"ENCRYPTION_END_TO_END\",\"sentAt\":\"{time}\",\
             \"requestReference\":\"DR-{:08}\",\"minimisationNote\":\"Current address only\"",
            self.case,
        )
    }
}

fn notice_given() -> String {
    "},\"notice\":\"crm-notice\",\"version\":\"2026-01\",\"delivery\":\"NOTICE_DELIVERY_ONLINE\",\
     \"atCollection\":true,\"deliveredTo\":\"Shown with the form\""
        .to_owned()
}
