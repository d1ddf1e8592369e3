//! The demo's events: each person's dealings with the council in an order that makes sense. Data are
//! collected and a notice is given before a service is asked for; what is closed was requested; consent
//! is given before it is withdrawn; a few people are asked about by the police. Time only moves forward.

use crate::event::Event;
use crate::event::Fact;
use crate::seeded::Seeded;

/// Events a person has on average; it fixes how many people a story has.
const EVENTS_A_PERSON: u64 = 8;

/// Where one person stands.
#[derive(Debug, Clone, Copy, Default)]
struct Life {
    steps: u32,
    open_request: Option<u64>,
    consent: Option<u64>,
    asked_about: Option<u64>,
}

/// A finite sequence of events from a seed.
#[derive(Debug)]
pub struct Story {
    random: Seeded,
    lives: Vec<Life>,
    count: u64,
    written: u64,
    from: u64,
    until: u64,
}

impl Story {
    /// `count` events that happened between two instants, in seconds since 1970.
    pub fn new(seed: u64, count: u64, from: u64, until: u64) -> Story {
        let lives = vec![Life::default(); (count / EVENTS_A_PERSON).max(1) as usize];
        Story {
            random: Seeded::new(seed),
            lives,
            count,
            written: 0,
            from,
            until,
        }
    }

    /// How many people the story knows.
    pub fn people(&self) -> u64 {
        self.lives.len() as u64
    }

    fn next_fact(&mut self, person: usize, case: u64) -> (Fact, u64) {
        let roll = self.random.below(100);
        let Some(life) = self.lives.get_mut(person) else {
            return (Fact::Collected, case);
        };
        life.steps += 1;
        match (life.steps, roll) {
            (1, _) => (Fact::Collected, case),
            (2, _) => (Fact::NoticeGiven, case),
            (_, 0..=1) if life.asked_about.is_none() => {
                life.asked_about = Some(case);
                (Fact::DisclosureRequested, case)
            }
            (_, 2..=13) if life.consent.is_none() => {
                life.consent = Some(case);
                (Fact::ConsentGiven, case)
            }
            (_, 14..=17) => match life.consent.take() {
                Some(consent) => (Fact::ConsentWithdrawn, consent),
                None => request_or_close(life, case),
            },
            (_, 18..=49) => match life.asked_about.take() {
                Some(request) => (Fact::DisclosureMade, request),
                None => request_or_close(life, case),
            },
            _ => request_or_close(life, case),
        }
    }
}

fn request_or_close(life: &mut Life, case: u64) -> (Fact, u64) {
    match life.open_request.take() {
        Some(request) => (Fact::ServiceClosed, request),
        None => {
            life.open_request = Some(case);
            (Fact::ServiceRequested, case)
        }
    }
}

impl Iterator for Story {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if self.written == self.count {
            return None;
        }
        let person = self.random.below(self.people());
        let (fact, case) = self.next_fact(person as usize, self.written);
        let span = u128::from(self.until.saturating_sub(self.from));
        let passed = span * u128::from(self.written) / u128::from(self.count);
        self.written += 1;
        let activity = match fact {
            Fact::ConsentGiven | Fact::ConsentWithdrawn => 15,
            _ => person % 15,
        };
        let id = self.random.uuid();
        Some(Event {
            id,
            fact,
            person,
            activity,
            case,
            time: self.from + passed as u64,
            in_full: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_story_makes_sense() {
        let (mut known, mut open, mut last) = (HashSet::new(), HashSet::new(), 0);
        let events: Vec<Event> = Story::new(1, 4_000, 1_000, 9_000).collect();
        assert_eq!(events.len(), 4_000);
        for event in &events {
            let is_new = known.insert(event.person);
            assert_eq!(
                is_new,
                event.fact == Fact::Collected,
                "collected first, and once"
            );
            assert!((last..9_000).contains(&event.time));
            last = event.time;
            let case = (event.person, event.case);
            match event.fact {
                Fact::ServiceRequested | Fact::ConsentGiven | Fact::DisclosureRequested => {
                    assert!(open.insert(case));
                }
                Fact::ServiceClosed | Fact::ConsentWithdrawn | Fact::DisclosureMade => {
                    assert!(open.remove(&case), "{event:?} ends what began");
                }
                Fact::Collected | Fact::NoticeGiven => {}
            }
        }
        let kinds: HashSet<&str> = events.iter().map(|event| event.fact.type_name()).collect();
        assert_eq!(kinds.len(), 8, "every fact occurs");
    }
}
