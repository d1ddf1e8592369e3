//! The clear half of the envelope, typed: what every fact says in codes.

use crate::clear;
use crate::ids::{ActivityCode, PartyCode};
use crate::split::text;
use crate::table::envelope;
use crate::wire::{Reader, Value};

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

    /// Reads checked envelope bytes. Field by field rather than through the generated message, which
    /// takes twice as long and is made once per event.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let mut reader = Reader::new(bytes);
        while let Some(element) = reader.element() {
            match element.value {
                Value::Bytes(bytes) => found.put_text(element.number, text(bytes)),
                Value::Varint(value) => found.put_number(element.number, value),
            }
        }
        found
    }

    fn put_text(&mut self, number: u32, text: String) {
        let place = match number {
            envelope::CONTROLLER => &mut self.controller,
            envelope::ACTOR => &mut self.actor,
            envelope::ROLE => &mut self.role,
            envelope::PURPOSE => &mut self.purpose,
            envelope::ORIGIN_BODY => &mut self.origin_body,
            envelope::ORIGIN_GATEWAY => &mut self.origin_gateway,
            envelope::NOTICE_VERSION => &mut self.notice_version,
            envelope::PROCESSOR => &mut self.processor,
            envelope::INSTRUCTION => &mut self.instruction,
            envelope::RETENTION_ROW => &mut self.retention_row,
            envelope::RETENTION_VERSION => &mut self.retention_version,
            envelope::DATA_CLASSES => return self.data_classes.push(text),
            // Every way in has checked the shape of codes; one that fails here was never admitted.
            envelope::ACTIVITY => {
                self.activity = ActivityCode::new(text).unwrap_or_default();
                return;
            }
            envelope::PARTY => {
                self.party = PartyCode::new(text).unwrap_or_default();
                return;
            }
            _ => return,
        };
        *place = text;
    }

    fn put_number(&mut self, number: u32, value: u64) {
        let word = i32::try_from(value).unwrap_or(0);
        match number {
            envelope::ORIGIN => self.origin = clear::DataOrigin::try_from(word).unwrap_or_default(),
            envelope::CHANNEL => self.channel = clear::Channel::try_from(word).unwrap_or_default(),
            envelope::SUPERSEDES => self.supersedes = Some(value).filter(|number| *number > 0),
            envelope::IMPORTED => self.imported = value != 0,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invent::{Dice, invent};
    use crate::{EventId, Personal};
    use prost::Message as _;

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

    #[test]
    fn it_is_read_as_the_generated_message_reads_it() {
        let mut dice = Dice(7);
        for fact in crate::facts().iter().cycle().take(500) {
            let event = invent(fact, &mut dice);
            let Ok(data) = crate::decode_json(fact, event.json.as_bytes()) else {
                continue;
            };
            let split = crate::split(data, &EventId::new(Personal::from("an id")));
            let first = Reader::new(&split.body).element();
            let bytes = match first.map(|element| (element.number, element.value)) {
                Some((1, Value::Bytes(bytes))) => bytes,
                _ => &[],
            };
            let message = clear::Envelope::decode(bytes).expect("checked bytes");
            assert_eq!(split.clear, EnvelopeClear::from(message));
            assert_eq!(split.clear, EnvelopeClear::of_body(&split.body));
        }
    }
}
