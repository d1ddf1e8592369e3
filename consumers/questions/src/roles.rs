//! Who may ask what: the one table of roles and rights.
//!
//! What always holds: deny by default. A right that the table does not give is refused, and the
//! refusal is itself recorded.

use serde::{Deserialize, Serialize};

/// A role that an authenticated member of staff holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Data Protection Officer.
    Dpo,
    /// Officer of a service.
    Officer,
    /// Auditor: sees that and why, never values.
    Auditor,
    /// Front desk: the caller's own record.
    FrontDesk,
    /// Second person for erasures and disposals.
    Approver,
}

/// What a question needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Search for a person by name, date of birth, postcode, e-mail, telephone or alias.
    Find,
    /// One person across systems.
    AskPerson,
    /// One person's events in order.
    AskTrail,
    /// One event by its index.
    AskEvent,
    /// How the ledger and its views stand.
    AskStatus,
    /// Open sealed values.
    Reveal,
    /// Open fields in which words of a special category were found.
    RevealQuarantined,
    /// See disclosures under embargo.
    SeeEmbargoed,
}

/// The table. A line is a role and all its rights.
const RIGHTS: [(Role, &[Right]); 5] = {
    use Right::*;
    [
        (
            Role::Dpo,
            &[
                Find,
                AskPerson,
                AskTrail,
                AskEvent,
                AskStatus,
                Reveal,
                RevealQuarantined,
                SeeEmbargoed,
            ],
        ),
        (
            Role::Officer,
            &[Find, AskPerson, AskTrail, AskEvent, AskStatus, Reveal],
        ),
        (Role::FrontDesk, &[Find, AskPerson, Reveal]),
        (Role::Auditor, &[AskEvent, AskStatus]),
        (Role::Approver, &[AskEvent, AskStatus]),
    ]
};

impl Role {
    /// All roles.
    pub const ALL: [Role; 5] = [
        Role::Dpo,
        Role::Officer,
        Role::Auditor,
        Role::FrontDesk,
        Role::Approver,
    ];

    /// The word for it in facts, settings and commands.
    pub fn code(self) -> &'static str {
        match self {
            Self::Dpo => "dpo",
            Self::Officer => "officer",
            Self::Auditor => "auditor",
            Self::FrontDesk => "front-desk",
            Self::Approver => "approver",
        }
    }

    /// The role of a word.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }

    /// Whether the table gives the role this right.
    pub fn has(self, right: Right) -> bool {
        RIGHTS
            .iter()
            .any(|(role, rights)| *role == self && rights.contains(&right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_in_the_table_and_only_the_dpo_opens_what_is_quarantined() {
        for role in Role::ALL {
            assert_eq!(Role::of_code(role.code()), Some(role));
            assert_eq!(
                RIGHTS.iter().filter(|(listed, _)| *listed == role).count(),
                1
            );
            assert_eq!(role.has(Right::RevealQuarantined), role == Role::Dpo);
            assert_eq!(role.has(Right::SeeEmbargoed), role == Role::Dpo);
        }
        assert!(!Role::Auditor.has(Right::Reveal));
        assert!(!Role::Approver.has(Right::Find));
        assert_eq!(Role::of_code("root"), None);
    }
}
