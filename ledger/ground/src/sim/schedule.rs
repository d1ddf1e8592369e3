//! What the simulated disk has been told to do wrong and when, and the counts and the digest of what was done to it.
//!
//! Not the doing. Always: counters only grow, and the digest covers every call with its outcome.

use std::collections::{BTreeMap, VecDeque};

use crate::{FaultError, Site};

/// How many past calls are kept for a report.
const RECENT_MAX: usize = 64;

/// Which calls of a site's sync silently do nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropSync {
    /// All of them.
    All,
    /// The n-th since the disk was made, counted from zero.
    Nth(u64),
    /// The n-th in each epoch of this name, counted from zero: one ordinal of the syncs that a store makes within each commit.
    Ordinal(&'static str, u64),
}

/// What one sync site has done.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct SiteTally {
    /// Calls since the disk was made, dropped ones included.
    pub calls: u64,
    /// Calls that were dropped.
    pub dropped: u64,
    /// Calls in the present epoch.
    pub epoch_calls: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) target: u64,
    pub(super) offset: u64,
    pub(super) length: u64,
}

#[derive(Clone, Default)]
pub(super) struct Schedule {
    pub(super) operations: u64,
    pub(super) crash_at: Option<u64>,
    pub(super) fail_sync: Option<(Option<&'static str>, u64)>,
    pub(super) fail_write: Option<(u64, FaultError)>,
    pub(super) misdirect_read: Option<u64>,
    pub(super) bytes_max: Option<u64>,
    drops: Vec<(&'static str, DropSync)>,
    pub(super) tallies: BTreeMap<&'static str, SiteTally>,
    epoch: &'static str,
    /// The most calls of a site within one epoch of a name.
    pub(super) most: BTreeMap<(&'static str, &'static str), u64>,
    recent: VecDeque<Call>,
    trace: [u64; 2],
}

impl Schedule {
    pub(super) fn drop_sync(&mut self, site: Site, which: DropSync) {
        self.drops.push((site.0, which));
    }

    pub(super) fn keep_syncs(&mut self) {
        self.drops.clear();
    }

    pub(super) fn mark_epoch(&mut self, name: &'static str) {
        self.epoch = name;
        self.tallies
            .values_mut()
            .for_each(|tally| tally.epoch_calls = 0);
    }

    /// Counts a sync of this site; true when it is to be dropped.
    pub(super) fn tally(&mut self, site: Site) -> bool {
        let tally = self.tallies.entry(site.0).or_default();
        let (nth, ordinal) = (tally.calls, tally.epoch_calls);
        tally.calls += 1;
        tally.epoch_calls += 1;
        let most = self.most.entry((site.0, self.epoch)).or_default();
        *most = tally.epoch_calls.max(*most);
        let dropped = self.drops.iter().any(|(name, which)| {
            *name == site.0
                && match which {
                    DropSync::All => true,
                    DropSync::Nth(n) => *n == nth,
                    DropSync::Ordinal(epoch, n) => *epoch == self.epoch && *n == ordinal,
                }
        });
        tally.dropped += u64::from(dropped);
        dropped
    }

    /// Whether this sync is the one that fails.
    pub(super) fn sync_fails(&mut self, site: Site) -> bool {
        match &mut self.fail_sync {
            Some((name, left)) if name.is_none_or(|name| name == site.0) => {
                let now = *left == 0;
                *left = left.saturating_sub(1);
                if now {
                    self.fail_sync = None;
                }
                now
            }
            _ => false,
        }
    }

    /// The error of this write, where it is the one that fails.
    pub(super) fn write_fails(&mut self) -> Option<FaultError> {
        let (left, error) = self.fail_write.as_mut()?;
        if *left == 0 {
            let error = *error;
            self.fail_write = None;
            return Some(error);
        }
        *left -= 1;
        None
    }

    /// Whether this read is the one that is misdirected.
    pub(super) fn read_goes_astray(&mut self) -> bool {
        match &mut self.misdirect_read {
            Some(0) => {
                self.misdirect_read = None;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    pub(super) fn note(&mut self, call: Call, bytes: &[u8]) {
        call.name.bytes().for_each(|byte| self.mix(u64::from(byte)));
        self.mix(call.target);
        self.mix(call.offset);
        self.mix(call.length);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(call);
    }

    pub(super) fn mix(&mut self, word: u64) {
        self.trace[0] = (self.trace[0] ^ word)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
        self.trace[1] = self.trace[1]
            .wrapping_add(word ^ self.trace[0])
            .wrapping_mul(0xff51_afd7_ed55_8ccd)
            .rotate_left(31);
    }

    pub(super) fn digest(&self) -> [u64; 2] {
        self.trace
    }

    pub(super) fn recent(&self) -> Vec<String> {
        let line = |call: &Call| {
            format!(
                "{} file {} offset {} length {}",
                call.name, call.target, call.offset, call.length
            )
        };
        self.recent.iter().map(line).collect()
    }
}
