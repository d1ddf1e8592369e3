//! Sentences that several verdicts share, and the way from `chain`'s findings to a [`Damage`].

use chain::ChainError;
use chain::note::VerifierKey;
use chain::verify::Broken;

use crate::verdict::{Damage, Place};

pub(crate) const ONE_HISTORY: &str = "that nobody was shown another history: compare with foils, \
     witnesses or another copy of the checkpoint";
pub(crate) const TRUTH: &str = "that what a publisher reported is true, or that the event came from \
     that publisher";
pub(crate) const OMISSION: &str = "that everything which had to be reported was";

pub(crate) fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

pub(crate) fn signers(keys: &[VerifierKey]) -> String {
    let named = |key: &VerifierKey| format!("{}+{}", key.name(), key.id());
    keys.iter().map(named).collect::<Vec<_>>().join(", ")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn refused(error: &ChainError) -> Damage {
    Damage {
        rule: error.to_string(),
        place: None,
        index: None,
        expected: "what the format and the signature call for".into(),
        actual: "something else".into(),
    }
}

pub(crate) fn broken(broken: &Broken, place: Option<Place>) -> Damage {
    Damage {
        rule: broken.rule.to_string(),
        place,
        index: Some(broken.index.0),
        expected: broken.expected.to_string(),
        actual: broken.actual.to_string(),
    }
}
