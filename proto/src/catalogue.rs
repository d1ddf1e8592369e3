//! The catalogue at run time: every fact with its number, class and who may append it.
//!
//! The list is generated from the descriptors; this file only gives it names and look-ups.

use crate::table::{FACTS, Message, SlotType};

/// Who may append a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Appender {
    /// A registered publisher, through the event door.
    Publisher,
    /// An officer with the role for it, through the acts door.
    Officer,
    /// The ledger itself.
    Ledger,
}

/// How long the record of a fact is kept, and under which monthly key it is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordClass {
    /// Who looked at, searched for or exported what.
    Access = 1,
    /// Rights requests and their steps.
    Rights = 2,
    /// Collection, consent, disclosure, notice.
    Collection = 3,
    /// Governance, without end.
    Keep = 4,
    /// Complaints.
    Complaint = 5,
    /// Uses asked, permitted, refused and made.
    Use = 6,
}

/// One fact of the catalogue.
pub struct Fact {
    /// Field number of its clear body in a record; at least 64; fixed for good.
    pub number: u32,
    /// Short name, `collection.collected`.
    pub name: &'static str,
    /// CloudEvents type, `uk.counterfoil.collection.collected.v1`.
    pub type_name: &'static str,
    /// Record class.
    pub class: RecordClass,
    /// Who may append it.
    pub may_append: &'static [Appender],
    /// What it records, in a sentence or two.
    pub doc: &'static str,
    pub(crate) wire: &'static Message,
    pub(crate) clear: &'static Message,
    pub(crate) slot0: &'static SlotType,
    pub(crate) mentions: &'static [&'static SlotType],
}

impl Fact {
    /// The family, `collection`: what a publisher's scope names.
    pub fn family(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }

    /// Whether that appender may append it.
    pub fn may_be_appended_by(&self, who: Appender) -> bool {
        self.may_append.contains(&who)
    }
}

impl PartialEq for Fact {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Fact {}

impl std::fmt::Debug for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All facts, ascending by number.
pub fn facts() -> &'static [Fact] {
    FACTS
}

/// The fact of a CloudEvents type.
pub fn fact_by_type(type_name: &str) -> Option<&'static Fact> {
    FACTS.iter().find(|fact| fact.type_name == type_name)
}

/// The fact of a short name, `collection.collected`.
pub fn fact_by_name(name: &str) -> Option<&'static Fact> {
    FACTS.iter().find(|fact| fact.name == name)
}

/// The fact of a number.
pub fn fact_by_number(number: u32) -> Option<&'static Fact> {
    FACTS
        .binary_search_by_key(&number, |fact| fact.number)
        .ok()
        .and_then(|at| FACTS.get(at))
}
