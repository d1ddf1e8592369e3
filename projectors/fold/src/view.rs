//! What a view is: a name, a version, and a pure function from one event to changes of rows.
//!
//! What it is not: a view does no IO, reads no clock and holds no state of its own; it may read its
//! own rows, as they are after the event before.
//! What always holds: equal events give equal rows. `forget` gives the row that the view would have
//! if the records under one destroyed key had never been readable (tested: live fold = rebuild).

use std::fmt;

use crate::feed::Event;
use crate::signals::RecordKey;
use crate::store::BATCH_ROWS_MAX;

/// Rows one event may change; with the cursor's own row they still fit one batch.
pub const EVENT_ROWS_MAX: usize = BATCH_ROWS_MAX - 1;

/// The first byte of a row's key: which of the view's tables the row belongs to.
///
/// A view uses 1 to 239; 0 is the cursor's, 240 and above belong to the runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub u8);

impl Table {
    /// The cursor's own row.
    pub(crate) const CURSOR: Table = Table(0);
    /// Events that were parked: index to the index of the fact that said so.
    pub(crate) const PARKED: Table = Table(240);

    /// True for the tables that a view may write.
    pub fn is_a_views(self) -> bool {
        (1..240).contains(&self.0)
    }
}

/// The key of a row in the store: table byte, then the view's key.
pub fn row_key(table: Table, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(1 + key.len());
    full.push(table.0);
    full.extend_from_slice(key);
    full
}

/// One change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The row now has this value.
    Put {
        /// Whose row.
        table: Table,
        /// The key within the table.
        key: Vec<u8>,
        /// The whole new value.
        value: Vec<u8>,
    },
    /// The row is gone.
    Delete {
        /// Whose row.
        table: Table,
        /// The key within the table.
        key: Vec<u8>,
    },
}

/// All changes that one event makes, at most [`EVENT_ROWS_MAX`], in no particular order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The changes; of two for one row the later one counts.
    pub rows: Vec<Change>,
}

impl Changes {
    /// An event that changes nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Sets a row.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.rows.push(Change::Put {
            table,
            key: key.into(),
            value: value.into(),
        });
    }

    /// Removes a row.
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.rows.push(Change::Delete {
            table,
            key: key.into(),
        });
    }
}

/// The view's own rows as they are after the event before this one.
///
/// A read that fails inside the store gives `None` here; the runner notices and throws the result
/// away, so that a view stays a plain function.
pub trait Rows {
    /// The value of one row.
    fn get(&self, table: Table, key: &[u8]) -> Option<Vec<u8>>;
}

/// Why a view cannot apply an event. The runner stops there and says which (P-2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    /// The rule that the event or a row breaks, without personal data.
    pub rule: String,
}

impl Poison {
    /// Names the broken rule.
    pub fn new(rule: impl Into<String>) -> Self {
        Self { rule: rule.into() }
    }
}

impl fmt::Display for Poison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)
    }
}

/// What remains of a row without the records of one destroyed key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// Nothing in it came from those records.
    Unchanged,
    /// This remains.
    Put(Vec<u8>),
    /// All of it came from those records.
    Delete,
}

/// One view: which rows an event changes.
pub trait View: Send + Sync {
    /// The name under which it is asked, parked and rebuilt.
    fn name(&self) -> &'static str;

    /// Raised whenever `apply` or the rows' encoding changes: a new version is built beside the old.
    fn version(&self) -> u32;

    /// The changes of one event whose record is there. Pure.
    ///
    /// # Errors
    /// When the event cannot be applied: nothing of it is, and the view stops.
    fn apply(&self, event: &Event, rows: &dyn Rows) -> Result<Changes, Poison>;

    /// A row without what came from the records under `gone`. Pure, and for each row by itself.
    ///
    /// # Errors
    /// When the row cannot be read.
    fn forget(
        &self,
        table: Table,
        key: &[u8],
        value: &[u8],
        gone: &RecordKey,
    ) -> Result<Forgotten, Poison>;
}
