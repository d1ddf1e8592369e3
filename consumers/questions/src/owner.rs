//! What a question needs of the process that owns journal and vault.
//!
//! What it is not: an implementation; the one binary supplies it, tests supply an invented ledger.
//! What always holds: only the owner knows which streams are one person's, and a slot is opened only
//! against an [`AccessGranted`], which only a recorded access event makes.

use fold::{Event, ViewReader};
use jiff::civil::Date;
use proto::{
    ActivityCode, Index, NumberInStream, PartyCode, Personal, SlotNumber, StaffReference, StreamId,
};

use crate::access::{AccessGranted, AccessNote};
use crate::answer::CheckpointAt;
use crate::error::OwnerError;
use crate::roles::{Right, Role};

/// A person inside the owner process: shelf and row. It is neither printed nor serialized, and lives
/// no longer than one question.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PersonHandle(pub [u8; 20]);

/// One stream of a person, as the vault's map names it.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamOf {
    /// The stream.
    pub stream: StreamId,
    /// Its activity.
    pub activity: ActivityCode,
    /// Its outside party; empty: none.
    pub party: PartyCode,
}

/// By what a person is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TermKind {
    /// System and local id.
    Alias,
    /// Name.
    Name,
    /// Date of birth.
    DateOfBirth,
    /// Postcode.
    Postcode,
    /// E-mail address.
    Email,
    /// Telephone number.
    Telephone,
}

/// One thing that the person searched for is known by. Terms are joined by *and*.
pub struct SearchTerm {
    /// By what.
    pub kind: TermKind,
    /// The system, for an alias; empty otherwise.
    pub system: String,
    /// What was given, as typed; the owner normalises it.
    pub text: Personal<String>,
}

/// A place at which a person is mentioned in somebody else's event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MentionedAt {
    /// The stream that mentions.
    pub stream: StreamId,
    /// The event's number in it.
    pub number: NumberInStream,
    /// The slot of the person mentioned.
    pub slot: SlotNumber,
}

/// Where the question came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// The web pages.
    Console,
    /// The HTTP API.
    Api,
    /// The command line.
    Cli,
}

/// Who asks, authenticated, and why.
pub struct Actor {
    /// Random staff reference.
    pub reference: StaffReference,
    /// Roles that are in force now.
    pub roles: Vec<Role>,
    /// Where the question came in.
    pub surface: Surface,
    /// Purpose code: every question that shows a person needs one.
    pub purpose: String,
    /// Reason in words, sealed in the access event.
    pub reason: Option<Personal<String>>,
}

impl Actor {
    /// The first of the actor's roles that has the right.
    pub fn role_for(&self, right: Right) -> Option<Role> {
        self.roles.iter().copied().find(|role| role.has(right))
    }
}

/// What opening a slot gave.
pub enum SlotContents {
    /// The values, every commitment recomputed.
    Open(Personal<Vec<u8>>),
    /// Recorded without its bytes, because the person mentioned was fenced.
    Withheld,
    /// Erased by procedure, or its stream is fenced.
    Gone,
}

/// What the owner of a ledger can do for a question.
pub trait Owner {
    /// Persons for whom all terms hold, at most `max` and one more.
    ///
    /// # Errors
    /// When the vault cannot be read.
    fn search(&self, terms: &[SearchTerm], max: usize) -> Result<Vec<PersonHandle>, OwnerError>;

    /// The person's streams, erased ones excepted.
    ///
    /// # Errors
    /// When the vault cannot be read.
    fn streams_of(&self, person: &PersonHandle) -> Result<Vec<StreamOf>, OwnerError>;

    /// Where the person is mentioned, places that were erased excepted.
    ///
    /// # Errors
    /// When the vault cannot be read.
    fn mentions_of(&self, person: &PersonHandle) -> Result<Vec<MentionedAt>, OwnerError>;

    /// For each term, whether the slot says it of its person, compared as a search compares. All false
    /// where the slot is gone. Nothing is handed out and nothing shown, so that no access event is due.
    ///
    /// # Errors
    /// As [`Owner::open_slot`].
    fn says(
        &self,
        index: Index,
        slot: SlotNumber,
        terms: &[SearchTerm],
    ) -> Result<Vec<bool>, OwnerError>;

    /// Index of the last durable event of a stream.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn last_of(&self, stream: &StreamId) -> Result<Option<Index>, OwnerError>;

    /// One durable event with its clear record; `None` beyond the head.
    ///
    /// # Errors
    /// When the journal or the record key cannot be read.
    fn event(&self, index: Index) -> Result<Option<Event>, OwnerError>;

    /// Opens a slot that the access event names, recomputing every commitment.
    ///
    /// # Errors
    /// When the slot's bytes are not what the record commits to, or cannot be read.
    fn open_slot(
        &self,
        granted: &AccessGranted,
        index: Index,
        slot: SlotNumber,
    ) -> Result<SlotContents, OwnerError>;

    /// Appends an access event and waits until it is durable; its index.
    ///
    /// # Errors
    /// When it is not durable: nothing may then be shown.
    fn append_access(&self, note: AccessNote<'_>) -> Result<Index, OwnerError>;

    /// The index after the last durable event.
    fn head(&self) -> Index;

    /// The last checkpoint that was published.
    fn checkpoint(&self) -> Option<CheckpointAt>;

    /// Damage that was found in the background and that only a restore mends.
    fn damage(&self) -> Option<String> {
        None
    }

    /// The day on which the question is answered, UTC: the clock's, or an earlier one that the asker assumed. A later one uncovers nothing.
    fn today(&self) -> Date;

    /// The customer view; `None` where the configuration leaves it out.
    fn customer(&self) -> Option<ViewReader>;
}
