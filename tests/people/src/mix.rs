//! The bench's load: events drawn evenly over streams, one in ten beginning a new stream. A stream is a
//! person and an activity; the first streams are the first persons', so that people appear one by one,
//! and further rounds give each of them one more activity.

use crate::event::{ACTIVITIES, Event, Fact};
use crate::seeded::Seeded;

/// One event in so many begins a new stream.
const NEW_STREAM_ONE_IN: u64 = 10;

/// An endless load from a seed.
#[derive(Debug, Clone)]
pub struct Mix {
    random: Seeded,
    people: u64,
    streams: u64,
    cases: u64,
    time: u64,
}

impl Mix {
    /// A load over so many people. Two mixes on one ledger need two seeds, or their ids collide. `time`
    /// is what every event says of when it happened, in seconds since 1970.
    pub fn new(seed: u64, people: u64, time: u64) -> Mix {
        Mix {
            random: Seeded::new(seed),
            people: people.max(1),
            streams: 0,
            cases: 0,
            time,
        }
    }

    /// The same load on a ledger that has streams already, from an earlier mix over as many people.
    pub fn resumed(self, streams: u64) -> Mix {
        Mix { streams, ..self }
    }

    /// Streams that exist once all events so far were appended.
    pub fn streams(&self) -> u64 {
        self.streams
    }

    /// The next event.
    pub fn next_event(&mut self) -> Event {
        let most = self.people * ACTIVITIES.len() as u64;
        let is_new =
            self.streams == 0 || (self.streams < most && self.random.below(NEW_STREAM_ONE_IN) == 0);
        let stream = if is_new {
            self.streams
        } else {
            self.random.below(self.streams)
        };
        self.streams += u64::from(is_new);
        self.cases += 1;
        let fact = match self.random.below(8) {
            _ if is_new => Fact::Collected,
            0..=4 => Fact::ServiceRequested,
            5..=6 => Fact::ServiceClosed,
            _ => Fact::NoticeGiven,
        };
        Event {
            id: self.random.uuid(),
            fact,
            person: stream % self.people,
            activity: stream / self.people,
            case: self.cases,
            time: self.time,
            in_full: false,
        }
    }

    /// Appends the next event to `out` as a CloudEvent.
    pub fn write_next(&mut self, out: &mut Vec<u8>) {
        self.next_event().write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn one_event_in_ten_begins_a_stream_and_no_person_is_hot() {
        let mut mix = Mix::new(1, 500, 0);
        let (mut new, mut by_person) = (0, HashMap::new());
        for _ in 0..10_000 {
            let event = mix.next_event();
            new += u64::from(event.fact == Fact::Collected);
            *by_person.entry(event.person).or_insert(0_u32) += 1;
        }
        assert!((900..1_100).contains(&new), "{new}");
        assert_eq!(new, mix.streams());
        assert_eq!(by_person.len(), 500);
        assert!(
            by_person.values().all(|&events| events < 300),
            "a hot person"
        );
    }

    #[test]
    fn an_event_has_about_450_bytes_and_the_seed_fixes_it() {
        let write = |seed| {
            let (mut mix, mut out) = (Mix::new(seed, 5_000, 1_795_325_000), Vec::new());
            (0..10_000).for_each(|_| mix.write_next(&mut out));
            out
        };
        let bytes = write(1);
        assert_eq!(bytes, write(1));
        assert_ne!(bytes, write(2));
        let mean = bytes.len() / 10_000;
        assert!((435..=465).contains(&mean), "{mean} bytes");
    }
}
