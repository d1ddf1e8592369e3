//! The clear half of the envelope, typed: what every fact says in codes.

use crate::clear;
use crate::ids::{ActivityCode, PartyCode};
use crate::wire::{Reader, Value};
use prost::Message as _;

/// Clear envelope fields of one event. Empty text: not stated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvelopeClear {
    /// Controller in force.
    pub controller: String,
    /// Processing activity; empty for the office's own facts.
    pub activity: ActivityCode,
    /// Outside party: the publisher or the recipient; empty for the office's own facts.
    pub party: PartyCode,
    /// Random staff reference of who acted.
    pub actor: String,
    /// Role in which they acted.
    pub role: String,
    /// Purpose.
    pub purpose: String,
    /// Data classes.
    pub data_classes: Vec<String>,
    /// Where the data came from.
    pub origin: clear::DataOrigin,
    /// The other body it came from.
    pub origin_body: String,
    /// The gateway through which it came.
    pub origin_gateway: String,
    /// Notice version.
    pub notice_version: String,
    /// Channel.
    pub channel: clear::Channel,
    /// Processor that acted for the controller.
    pub processor: String,
    /// Instruction under which it acted.
    pub instruction: String,
    /// Retention row.
    pub retention_row: String,
    /// Its version.
    pub retention_version: String,
    /// Number in the same stream of the event that this one supersedes; 0 says none on the wire.
    pub supersedes: Option<u64>,
    /// Imported from an older system rather than live.
    pub imported: bool,
}

impl EnvelopeClear {
    /// Reads the envelope of a checked clear body. A body without one gives the empty envelope.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        let mut reader = Reader::new(body);
        match reader
            .element()
            .map(|element| (element.number, element.value))
        {
            Some((1, Value::Bytes(bytes))) => Self::of_bytes(bytes),
            _ => Self::default(),
        }
    }

    /// Reads checked envelope bytes.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        clear::Envelope::decode(bytes)
            .map(Self::from)
            .unwrap_or_default()
    }
}

impl From<clear::Envelope> for EnvelopeClear {
    fn from(clear: clear::Envelope) -> Self {
        Self {
            origin: clear.origin(),
            channel: clear.channel(),
            controller: clear.controller,
            // Every way in has checked the shape of codes; a code that fails here was never admitted.
            activity: ActivityCode::new(clear.activity).unwrap_or_default(),
            party: PartyCode::new(clear.party).unwrap_or_default(),
            actor: clear.actor,
            role: clear.role,
            purpose: clear.purpose,
            data_classes: clear.data_classes,
            origin_body: clear.origin_body,
            origin_gateway: clear.origin_gateway,
            notice_version: clear.notice_version,
            processor: clear.processor,
            instruction: clear.instruction,
            retention_row: clear.retention_row,
            retention_version: clear.retention_version,
            supersedes: Some(clear.supersedes).filter(|number| *number > 0),
            imported: clear.imported,
        }
    }
}
