//! The questions: one file each, pure functions over what the owner of the ledger can do.
//!
//! ```text
//! who may (roles) → find what would be shown, in memory → access event, durable (A-1)
//!                 → open what it names → an answer that says as of which index and checkpoint (P-3)
//! ```
//!
//! What it is not: it holds no key, reads no file and prints nothing; the owner process supplies an
//! [`Owner`], the console and the command line render the answers.
//! What always holds: P-3 and A-1. A personal value is in an answer only inside [`Revealed`], which
//! only a recorded access event makes.

mod access;
mod answer;
mod asof;
mod csv;
mod error;
mod owner;
mod quarantine;
mod render;
mod revealed;
mod roles;
mod sheet;
mod timeline;
mod wording;

pub mod event;
pub mod find;
pub mod person;
pub mod status;
pub mod trail;

pub use access::{
    AccessGranted, AccessKind, AccessNote, Act, ITEMS_MAX, Item, Refused, authorise, record_access,
};
pub use answer::{Answer, AsOf, CheckpointAt, ViewAt};
pub use asof::When;
pub use csv::cell as csv_cell;
pub use error::{OwnerError, QuestionError};
pub use owner::{
    Actor, MentionedAt, Owner, PersonHandle, SearchTerm, SlotContents, StreamOf, Surface, TermKind,
};
pub use render::{Format, render};
pub use revealed::{Revealed, RevealedField, RevealedSlot};
pub use roles::{Right, Role};
pub use sheet::{Sheet, Sheets, WIDTH_COLUMNS};

#[cfg(test)]
mod tests;
