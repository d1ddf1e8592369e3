//! The clear half of the envelope, typed: what every fact says in codes.

use crate::ids::{ActivityCode, PartyCode};

/// Clear envelope fields of one event. Empty text: not stated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvelopeClear {
    /// Controller in force.
    pub controller: String,
    /// Processing activity; empty for the office's own facts.
    pub activity: ActivityCode,
    /// Outside party: the publisher or the recipient; empty for the office's own facts.
    pub party: PartyCode,
    /// Random staff reference of who acted.
    pub actor: String,
    /// Role in which they acted.
    pub role: String,
    /// Purpose.
    pub purpose: String,
    /// Data classes.
    pub data_classes: Vec<String>,
    /// Where the data came from: vocabulary word of `Origin`, as in the schema; empty: not stated.
    pub origin: &'static str,
    /// Notice version.
    pub notice_version: String,
    /// Channel: vocabulary word, as in the schema; empty: not stated.
    pub channel: &'static str,
    /// Processor that acted for the controller.
    pub processor: String,
    /// Instruction under which it acted.
    pub instruction: String,
    /// Retention row.
    pub retention_row: String,
    /// Its version.
    pub retention_version: String,
    /// Number in the same stream of the event that this one supersedes.
    pub supersedes: Option<u64>,
    /// Imported from an older system rather than live.
    pub imported: bool,
}
