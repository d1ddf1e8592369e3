//! the access event first, then the values.
//!
//! What it is: the only maker of [`AccessGranted`]. It checks role and purpose, appends one event for
//! the act (the items to be opened sealed in it), waits until it is durable, and only then returns.
//! What always holds: a refusal is recorded too; a token opens what its event names and nothing else.

use proto::{Index, SlotNumber};

use crate::error::QuestionError;
use crate::owner::{Actor, Owner, PersonHandle, SlotContents, TermKind};
use crate::quarantine;
use crate::revealed::RevealedSlot;
use crate::roles::{Right, Role};

/// Slots that one act may open.
pub const ITEMS_MAX: usize = 500;

/// A slot to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Which event.
    pub index: Index,
    /// Which slot of it.
    pub slot: SlotNumber,
}

/// Why an actor may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// None of the actor's roles has the right.
    RoleMissing,
    /// No purpose was stated.
    PurposeMissing,
}

impl Refused {
    /// The code in the record and in the answer.
    pub fn code(self) -> &'static str {
        match self {
            Self::RoleMissing => "role-missing",
            Self::PurposeMissing => "purpose-missing",
        }
    }
}

/// Which access event is to be appended.
pub enum AccessKind<'a> {
    /// `access.record-viewed`: so many records of the person, no values.
    RecordViewed {
        /// Records shown.
        count: usize,
    },
    /// `access.person-searched`: by what, never with which words.
    PersonSearched {
        /// By what.
        kinds: &'a [TermKind],
        /// Persons found.
        count: usize,
    },
    /// `access.values-revealed`: these slots.
    ValuesRevealed {
        /// Slots to be opened; sealed in the event.
        items: &'a [Item],
    },
    /// `access.refused`.
    Refused {
        /// Why.
        reason: Refused,
    },
}

/// One access event, for the owner to append in the person's access stream or the office's.
pub struct AccessNote<'a> {
    /// Who, in which role, where and why.
    pub actor: &'a Actor,
    /// The role in which the right was given; `None` in a refusal.
    pub role: Option<Role>,
    /// The question's code.
    pub question: &'static str,
    /// Whose access stream; `None`: the office's.
    pub person: Option<&'a PersonHandle>,
    /// What happened.
    pub kind: AccessKind<'a>,
}

/// Proof that the access event is durable. Only [`record_access`] makes one.
pub struct AccessGranted {
    recorded: Index,
    items: Vec<Item>,
    quarantined_too: bool,
}

impl AccessGranted {
    /// Index of the access event.
    pub fn recorded(&self) -> Index {
        self.recorded
    }

    /// The slots that its event names.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Opens one of the slots that the event names, without the fields that its role may not see.
    pub(crate) fn open(
        &self,
        owner: &dyn Owner,
        record: &proto::Record,
        item: Item,
    ) -> Result<RevealedSlot, QuestionError> {
        assert!(
            self.items.contains(&item),
            "a slot is opened that the access event does not name"
        );
        let values = match owner.open_slot(self, item.index, item.slot)? {
            SlotContents::Open(values) => values,
            SlotContents::Withheld => return Ok(RevealedSlot::closed(item, "withheld")),
            SlotContents::Gone => return Ok(RevealedSlot::closed(item, "erased")),
        };
        let undecodable = || QuestionError::Undecodable(item.index);
        let (values, hidden) = if self.quarantined_too {
            (values, Vec::new())
        } else {
            let paths = quarantine::paths_of(record, item.slot);
            (
                quarantine::without(values, &paths).ok_or_else(undecodable)?,
                paths,
            )
        };
        let json = proto::slot_to_json(record.fact, item.slot, values.expose())
            .map_err(|_| undecodable())?;
        RevealedSlot::open(item, json, hidden).ok_or_else(undecodable)
    }
}

/// What an act asks to be allowed.
#[derive(Clone, Copy)]
pub struct Act<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// The right that the question itself needs.
    pub right: Right,
    /// The question's code.
    pub question: &'static str,
    /// Whose access stream.
    pub person: Option<&'a PersonHandle>,
}

/// Checks that the actor may, without showing or recording anything but a refusal.
///
/// # Errors
/// [`QuestionError::Refused`], after the refusal was recorded.
pub fn authorise(owner: &dyn Owner, act: &Act<'_>) -> Result<Role, QuestionError> {
    let refused = match act.actor.role_for(act.right) {
        None => Refused::RoleMissing,
        // How things stand shows no one, so it needs no purpose.
        Some(_) if act.actor.purpose.is_empty() && act.right != Right::AskStatus => {
            Refused::PurposeMissing
        }
        Some(role) => return Ok(role),
    };
    refuse(owner, act, refused)
}

fn refuse<T>(owner: &dyn Owner, act: &Act<'_>, reason: Refused) -> Result<T, QuestionError> {
    owner.append_access(AccessNote {
        actor: act.actor,
        role: None,
        question: act.question,
        person: act.person,
        kind: AccessKind::Refused { reason },
    })?;
    Err(QuestionError::Refused(reason))
}

/// Records the act, durably, before anything of it is shown.
///
/// # Errors
/// [`QuestionError::Refused`] when the actor may not; [`QuestionError::Owner`] when the event is not
/// durable; [`QuestionError::TooMuch`] for more than [`ITEMS_MAX`] slots. Nothing is shown then.
pub fn record_access(
    owner: &dyn Owner,
    act: &Act<'_>,
    kind: AccessKind<'_>,
) -> Result<AccessGranted, QuestionError> {
    let role = authorise(owner, act)?;
    let items = match &kind {
        AccessKind::ValuesRevealed { items } => items.to_vec(),
        _ => Vec::new(),
    };
    if items.len() > ITEMS_MAX {
        return Err(QuestionError::TooMuch { max: ITEMS_MAX });
    }
    if !items.is_empty() && act.actor.role_for(Right::Reveal).is_none() {
        return refuse(owner, act, Refused::RoleMissing);
    }
    let note = AccessNote {
        actor: act.actor,
        role: Some(role),
        question: act.question,
        person: act.person,
        kind,
    };
    let recorded = owner.append_access(note)?;
    let quarantined_too = act.actor.role_for(Right::RevealQuarantined).is_some();
    Ok(AccessGranted {
        recorded,
        items,
        quarantined_too,
    })
}
