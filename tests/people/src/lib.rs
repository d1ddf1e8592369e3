//! Invented people and invented events about them, from a seed. Not random in the sense of secrets, not
//! real in any part: see the README. The same seed always gives the same bytes.

mod event;
mod instant;
mod mix;
mod person;
mod seeded;
mod story;

pub use event::{Event, Fact, SOURCE};
pub use mix::Mix;
pub use person::Person;
pub use seeded::Seeded;
pub use story::Story;
