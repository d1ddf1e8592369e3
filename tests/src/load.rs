//! Invented events, sent over HTTP the way publishers send them.
//!
//! Always: the events of crate `people`; a seed of its own for each client, or their ids would collide.

use std::io;

use ground::{Clock, SystemClock};
use people::{Event, Fact, Mix};

use crate::client::{Answer, Client};

/// The invented publisher's source.
pub const SOURCE: &str = people::SOURCE;
/// Families of the events that the load has.
pub const FAMILIES: [&str; 4] = ["collection", "notice", "consent", "disclosure"];
/// The content type of a batch.
pub const BATCH: &str = "application/cloudevents-batch+json";
/// The content type of one event.
pub const ONE: &str = "application/cloudevents+json";

/// Seconds since 1970, for events that happen now.
pub fn now_s() -> u64 {
    u64::try_from(SystemClock::new().now() / 1_000).unwrap_or_default()
}

/// A load over so many people.
pub fn mix(seed: u64, people: u64) -> Mix {
    Mix::new(seed, people, now_s())
}

/// The next events of a load: their ids, and a batch of them.
pub fn batch(mix: &mut Mix, count: usize) -> (Vec<String>, Vec<u8>) {
    let events: Vec<Event> = (0..count).map(|_| mix.next_event()).collect();
    (
        events.iter().map(|event| event.id.clone()).collect(),
        batch_of(&events),
    )
}

/// These events as one batch.
pub fn batch_of(events: &[Event]) -> Vec<u8> {
    let mut body = vec![b'['];
    for (place, event) in events.iter().enumerate() {
        if place > 0 {
            body.push(b',');
        }
        event.write(&mut body);
    }
    body.push(b']');
    body
}

/// One event.
pub fn one(event: &Event) -> Vec<u8> {
    let mut body = Vec::new();
    event.write(&mut body);
    body
}

/// The event by which a person becomes known: name, date of birth, address, mail, telephone.
pub fn collected(id: &str, person: u64) -> Event {
    Event {
        id: id.to_owned(),
        fact: Fact::Collected,
        person,
        activity: 0,
        case: 1,
        time: now_s(),
        in_full: true,
    }
}

/// Sends a batch and asks for whole foils.
///
/// # Errors
/// Where the connection breaks.
pub fn publish(client: &mut Client, body: &[u8]) -> io::Result<Answer> {
    client.send("POST", "/v1/events?foils=full", BATCH, body)
}
