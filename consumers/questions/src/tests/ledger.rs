//! An invented ledger: records as the real one makes them, slots in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use fold::{Event, ViewReader, replay};
use jiff::civil::Date;
use proto::{
    ActivityCode, EventId, Hash, Index, NumberInStream, PartyCode, Personal, PublisherCode,
    RecordHeader, SlotNumber, SlotSeal, StaffReference, StreamId, UnixMillis, decode_json,
    decode_record, encode_record, fact_by_name, split,
};
use serde_json::{Value, json};
use views::Customer;

use crate::*;

const DAY_MS: i64 = 86_400_000;
/// The event that first says that the first person is called "Late" somewhere.
pub(crate) const LATE_AT: u64 = 6;

#[derive(Default)]
pub(crate) struct Ledger {
    events: Vec<(Event, Vec<Vec<u8>>)>,
    /// What was appended and opened, in order.
    pub(crate) log: RefCell<Vec<String>>,
    pub(crate) access_fails: bool,
    pub(crate) erased: bool,
    pub(crate) view_off: bool,
    /// Events that the view has come to; otherwise all.
    pub(crate) folded: Option<usize>,
    /// Who is mentioned where, beside what their own streams say.
    pub(crate) mentions: Vec<(u8, MentionedAt)>,
    /// The one event that says all that is asked for; otherwise as told by what is asked for.
    pub(crate) said_at: Option<u64>,
    /// Events that were read.
    pub(crate) read: Cell<usize>,
    /// The day of asking; otherwise that of the last events.
    pub(crate) today: Option<Date>,
}

pub(crate) fn merged(mut data: Value, over: &Value) -> Value {
    match (&mut data, over) {
        (Value::Object(fields), Value::Object(over)) => {
            for (name, value) in over {
                let below = fields.remove(name).unwrap_or(Value::Null);
                fields.insert(name.clone(), merged(below, value));
            }
            data
        }
        (_, over) => over.clone(),
    }
}

impl Ledger {
    pub(crate) fn append(&mut self, stream: u8, fact: &str, over: Value) -> &mut Self {
        self.append_with(stream, fact, over, &[])
    }

    pub(crate) fn append_with(
        &mut self,
        stream: u8,
        fact: &str,
        over: Value,
        quarantined: &[&[u32]],
    ) -> &mut Self {
        let fact = fact_by_name(fact).expect("the catalogue has it");
        let example: Value =
            serde_json::from_str(&proto::example_data(fact)).expect("examples are JSON");
        let text = serde_json::to_vec(&merged(example, &over)).expect("JSON is JSON");
        let data = decode_json(fact, &text).unwrap_or_else(|error| panic!("{error}"));
        let parts = split(data, &EventId::new(Personal::new("id".into())));
        let own = self.of_stream(stream);
        let seal = SlotSeal {
            root: Hash([1; 32]),
            digest: Hash([2; 32]),
            withheld: false,
        };
        let index = self.events.len() as u64;
        let time = UnixMillis(1_793_600_000_000 + index.cast_signed() * DAY_MS / 2);
        let header = RecordHeader {
            publisher: PublisherCode::new("crm").expect("a code"),
            source: "//crm.westmere.example".into(),
            time,
            admitted: time,
            stream: StreamId([stream; 16]),
            number: NumberInStream(own.len() as u64),
            previous: own.last().copied(),
            slots: vec![seal; parts.slots.len()],
            quarantined: quarantined.iter().map(|path| path.to_vec()).collect(),
        };
        let record = decode_record(&encode_record(&header, fact, &parts.body)).expect("encoded");
        let slots = parts
            .slots
            .into_iter()
            .map(|slot| slot.values.into_inner())
            .collect();
        let event = Event {
            index: Index(index),
            link_hash: Hash([7; 32]),
            record: Some(record),
        };
        self.events.push((event, slots));
        self
    }

    fn of_stream(&self, stream: u8) -> Vec<Index> {
        let of = |event: &Event| {
            event
                .record
                .as_ref()
                .is_some_and(|one| one.header.stream == StreamId([stream; 16]))
        };
        self.events
            .iter()
            .filter(|(event, _)| of(event))
            .map(|(event, _)| event.index)
            .collect()
    }

    /// The same ledger as if it had ended with this event.
    pub(crate) fn ended_with(&self, last: u64) -> Self {
        let events = self
            .events
            .iter()
            .take(last as usize + 1)
            .cloned()
            .collect();
        Self {
            events,
            ..Self::default()
        }
    }

    pub(crate) fn destroy_record(&mut self, index: usize) {
        self.events[index].0.record = None;
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }
}

/// Person 1 has streams a and b, person 2 has stream c.
fn streams(person: u8) -> &'static [u8] {
    if person == 1 { b"ab" } else { b"c" }
}

impl Owner for Ledger {
    fn search(&self, terms: &[SearchTerm], _: usize) -> Result<Vec<PersonHandle>, OwnerError> {
        let person = |number| PersonHandle([number; 20]);
        Ok(
            match terms.first().map(|term| term.text.expose().as_str()) {
                Some("C-1") => vec![person(1)],
                Some("Late") if self.events.len() as u64 > LATE_AT => vec![person(1)],
                Some("Example") => vec![person(1), person(2)],
                Some("everyone") => (0..12).map(person).collect(),
                _ => Vec::new(),
            },
        )
    }

    fn streams_of(&self, person: &PersonHandle) -> Result<Vec<StreamOf>, OwnerError> {
        let of = |&letter: &u8| StreamOf {
            stream: StreamId([letter; 16]),
            activity: ActivityCode::new(if letter == b'a' { "waste" } else { "tax" })
                .expect("a code"),
            party: PartyCode::new("crm").expect("a code"),
        };
        Ok(streams(person.0[0]).iter().map(of).collect())
    }

    fn mentions_of(&self, person: &PersonHandle) -> Result<Vec<MentionedAt>, OwnerError> {
        let of = |(whose, _): &&(u8, MentionedAt)| *whose == person.0[0];
        let mentions = self.mentions.iter().filter(of);
        Ok(mentions.map(|(_, place)| *place).collect())
    }

    fn says(
        &self,
        index: Index,
        _: SlotNumber,
        terms: &[SearchTerm],
    ) -> Result<Vec<bool>, OwnerError> {
        if let Some(said_at) = self.said_at {
            return Ok(vec![index == Index(said_at); terms.len()]);
        }
        let says = |term: &SearchTerm| term.text.expose() != "Late" || index == Index(LATE_AT);
        Ok(terms.iter().map(says).collect())
    }

    fn last_of(&self, stream: &StreamId) -> Result<Option<Index>, OwnerError> {
        Ok(self.of_stream(stream.0[0]).last().copied())
    }

    fn event(&self, index: Index) -> Result<Option<Event>, OwnerError> {
        self.read.set(self.read.get() + 1);
        Ok(self
            .events
            .get(index.0 as usize)
            .map(|(event, _)| event.clone()))
    }

    fn open_slot(
        &self,
        granted: &AccessGranted,
        index: Index,
        slot: SlotNumber,
    ) -> Result<SlotContents, OwnerError> {
        assert!(granted.items().contains(&Item { index, slot }));
        self.log
            .borrow_mut()
            .push(format!("opened {}.{}", index.0, slot.0));
        if self.erased {
            return Ok(SlotContents::Gone);
        }
        let values = self.events[index.0 as usize].1[slot.0 as usize].clone();
        Ok(SlotContents::Open(Personal::new(values)))
    }

    fn append_access(&self, note: AccessNote<'_>) -> Result<Index, OwnerError> {
        if self.access_fails {
            return Err(OwnerError::new("the journal stopped"));
        }
        let whose = if note.person.is_some() {
            "person"
        } else {
            "office"
        };
        let what = match note.kind {
            AccessKind::RecordViewed { count } => format!("viewed {count}"),
            AccessKind::PersonSearched { kinds, count } => format!("searched {kinds:?} {count}"),
            AccessKind::ValuesRevealed { items } => format!("revealed {}", items.len()),
            AccessKind::Refused { reason } => format!("refused {}", reason.code()),
        };
        let role = note.role.map_or("none", Role::code);
        let line = format!("{} {what} in {whose} as {role}", note.question);
        self.log.borrow_mut().push(line);
        Ok(Index(1000 + self.log.borrow().len() as u64))
    }

    fn head(&self) -> Index {
        Index(self.events.len() as u64)
    }

    fn checkpoint(&self) -> Option<CheckpointAt> {
        let size = self.events.len() as u64;
        Some(CheckpointAt {
            origin: "test.example/0".into(),
            size,
            root: "cm9vdA==".into(),
        })
    }

    fn today(&self) -> Date {
        self.today.unwrap_or(Date::constant(2026, 11, 7))
    }

    fn customer(&self) -> Option<ViewReader> {
        if self.view_off {
            return None;
        }
        let folded = self.folded.unwrap_or(self.events.len());
        let events = self.events.iter().take(folded);
        let events: Vec<Event> = events.map(|(event, _)| event.clone()).collect();
        Some(replay(&Customer, &events, &BTreeSet::new()).expect("no poison"))
    }
}

pub(crate) fn actor(role: Role) -> Actor {
    Actor {
        reference: StaffReference::from_random([5; 16]),
        roles: vec![role],
        surface: Surface::Cli,
        purpose: "service-delivery".into(),
        reason: None,
    }
}

pub(crate) fn term(text: &str) -> Vec<SearchTerm> {
    let text = Personal::new(text.to_owned());
    vec![SearchTerm {
        kind: TermKind::Alias,
        system: "crm".into(),
        text,
    }]
}

/// Two persons; the first with two systems, an embargoed disclosure and a quarantined field.
pub(crate) fn westmere() -> Ledger {
    let mut ledger = Ledger::default();
    ledger
        .append(b'a', "collection.collected", json!({"others": []}))
        .append(b'a', "notice.given", json!({}))
        .append(
            b'c',
            "collection.collected",
            json!({"subject": {"name": "Sam Example"}}),
        )
        .append_with(
            b'a',
            "collection.service-requested",
            json!({"details": "=cmd() the words", "serviceReference": "SR-1"}),
            &[&[0, 21]],
        )
        .append(
            b'b',
            "collection.collected",
            json!({"subject": {"postcode": "ZZ99 1AA"}}),
        )
        .append(b'a', "consent.given", json!({}))
        .append(
            b'a',
            "collection.service-requested",
            json!({"serviceReference": "SR-2"}),
        )
        .append(
            b'a',
            "collection.service-closed",
            json!({"serviceReference": "SR-1"}),
        )
        .append(b'a', "consent.withdrawn", json!({}))
        .append(
            b'b',
            "disclosure.made",
            json!({"visibility": "VISIBILITY_EMBARGOED"}),
        )
        .append(
            b'b',
            "disclosure.made",
            json!({"visibility": "VISIBILITY_ORDINARY"}),
        );
    ledger
}
