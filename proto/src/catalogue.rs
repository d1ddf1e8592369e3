//! The catalogue at run time: every fact with its number, class and who may append it.
//!
//! The list is generated from the descriptors; this file only gives it names and look-ups.

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
    unimplemented!("generated table follows")
}

/// The fact of a CloudEvents type.
pub fn fact_by_type(_type_name: &str) -> Option<&'static Fact> {
    unimplemented!("generated table follows")
}

/// The fact of a number.
pub fn fact_by_number(_number: u32) -> Option<&'static Fact> {
    unimplemented!("generated table follows")
}
