//! What the walk over a journal says in the end: established, not established.

use chain::note::VerifierKey;

use super::SUBJECT;
use super::walk::Walk;
use crate::report::{self, OMISSION, ONE_HISTORY, TRUTH};
use crate::verdict::{Damage, Verdict, Word};

impl Walk<'_> {
    pub(super) fn failed(&self, damage: Damage) -> Verdict {
        let mut verdict = Verdict::failed(SUBJECT, damage);
        verdict.established.push(format!(
            "{} groups with {} links before the damage are whole",
            self.groups,
            self.verifier.size()
        ));
        verdict
    }

    pub(super) fn verdict(&self, keys: &[VerifierKey]) -> Verdict {
        let size = self.verifier.size();
        let mut established = vec![
            format!(
                "{size} links of chain {} of {} in {} groups: each names the one before it",
                self.marker.chain, self.marker.origin, self.groups
            ),
            "every header, checksum and outer digest holds".to_owned(),
        ];
        let mut open = Vec::new();
        for signed in &self.signed {
            let by = if signed.signers.is_empty() {
                "not checked: no key was given".to_owned()
            } else {
                report::signers(&signed.signers)
            };
            let size = signed.checkpoint.size;
            established.push(format!(
                "the checkpoint of {size} links has their root; signed: {by}"
            ));
        }
        if size > self.floor() {
            let above = size - self.floor();
            open.push(format!(
                "that the last {above} links are all: no given checkpoint covers them"
            ));
        }
        if self.opener.is_some() {
            established.push(format!(
                "{} records were opened and are what their links commit to; {} slots have the \
                 digests their records name",
                self.records_opened, self.slots_checked
            ));
            if self.records_opened < size {
                let closed = size - self.records_opened;
                open.push(format!("what {closed} records hold: their keys are gone"));
            }
        } else {
            open.push("what records and slots hold: they are sealed, and no key was used".into());
        }
        if let (count @ 1.., Some(first)) = (self.slots_changed.len(), self.slots_changed.first()) {
            open.push(format!(
                "whether slot bytes of {count} groups (first: group {first}) were overwritten by an \
                 erasure or changed: that needs the records' keys"
            ));
        }
        open.extend(self.unfinished_tail.clone());
        open.extend(report::owned(&[ONE_HISTORY, OMISSION, TRUTH]));
        let pinned = !keys.is_empty() && !self.signed.is_empty();
        Verdict {
            word: if pinned { Word::Pinned } else { Word::Unpinned },
            subject: SUBJECT,
            established,
            not_established: open,
            damage: None,
            work: Some(self.work.with_links(size)),
        }
    }
}
