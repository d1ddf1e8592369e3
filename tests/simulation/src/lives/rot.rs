//! Rot: a flipped byte in any store, on a copy of the disk; the ledger on it may stop and say so, and may not lie.
//!
//! Not a repair. Always: whoever started on rot either names it or gives the same answers as before; a rotten group that a later group
//! or a checkpoint vouches for is never taken for a torn tail: nothing is written over it. Not covered, as the design says: the last
//! group before anything names it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use fold::adversarial_store::AdversarialDisk;
use ground::{Crash, SimDisk};

use super::{Run, Setting, Stop, Subject, is_none};
use crate::auditor::{Finding, journal};
use crate::book::Book;
use crate::subject::{CHAIN, JOURNAL, ORIGIN, segments};

/// One flipped byte.
struct Flip {
    path: String,
    offset: u64,
    /// Where it lies in a group that something vouches for, what the segment holds with it.
    vouched: Option<Vec<u8>>,
}

impl<S: Subject> Run<S> {
    /// Flips a byte between two lives, on a copy.
    pub(super) fn rot_a_fork(&mut self) -> Result<(), Finding> {
        let fork = self.setting.disk.fork(self.random.next_u64());
        fork.restart(Crash::PowerCut);
        let Some(flip) = self.flip(&fork)? else {
            return Ok(());
        };
        self.summary.flips += 1;
        let setting = Setting {
            disk: fork.clone(),
            random: Arc::new(self.random.split("rot")),
            clock: self.setting.clock.clone(),
            views: AdversarialDisk::new(),
        };
        let mut book = self.book.clone();
        let life = || ask_everything::<S>(&setting, &mut book);
        // A store that falls over its own checks ends the process too; only redb does.
        let end = catch_unwind(AssertUnwindSafe(life));
        let end = end.unwrap_or_else(|_| Err(Stop::Failed("it panics".to_owned())));
        let at = format!("{} at {}", flip.path, flip.offset);
        match end {
            Err(Stop::Broken(finding)) => {
                let what = format!("{}, after a flip in {at}", finding.what);
                return Err(Finding::new(finding.invariant, what));
            }
            Err(Stop::Failed(text)) => {
                self.summary.named += 1;
                let is_marker = flip.path.ends_with("/ledger");
                if is_none(&text) && !is_marker {
                    let what = format!("a flip in {at} is told as: {text}");
                    return Err(Finding::new("C-5", what));
                }
            }
            Ok(()) => {}
        }
        let Some(before) = flip.vouched else {
            return Ok(());
        };
        let after = fork.durable_bytes(Path::new(&flip.path));
        if after.is_ok_and(|after| after.starts_with(&before)) {
            return Ok(());
        }
        let what = format!("a flip in {at} was taken for a torn tail and written over");
        Err(Finding::new("C-5", what))
    }

    fn flip(&self, fork: &SimDisk) -> Result<Option<Flip>, Finding> {
        let kinds = [".segment", "/vault/", "/derived/", "/safe/", "/journal/"];
        let kind = usize::try_from(self.random.below(8)).unwrap_or(0);
        let kind = kinds.get(kind).unwrap_or(&".segment");
        let mut files: Vec<String> = fork.raw().into_iter().map(|raw| raw.name).collect();
        // The journal alone keeps its floor in a file of its own making, without a checksum.
        files.retain(|name| {
            name.starts_with('/') && name.contains(kind) && !name.ends_with("floor")
        });
        files.dedup();
        let at = usize::try_from(self.random.below(files.len() as u64)).unwrap_or(0);
        let Some(path) = files.get(at) else {
            return Ok(None);
        };
        let bytes = fork.durable_bytes(Path::new(path)).unwrap_or_default();
        // Zeros are most of every file, and what is written begins: three places are tried.
        let tries: Vec<u64> = (0..3)
            .map(|_| self.random.below(bytes.len() as u64))
            .collect();
        let is_zero = |offset: &&u64| {
            usize::try_from(**offset)
                .ok()
                .and_then(|at| bytes.get(at))
                .is_none_or(|byte| *byte == 0)
        };
        let offset = tries.iter().find(|at| !is_zero(at)).or(tries.first());
        let Some(offset) = offset.copied() else {
            return Ok(None);
        };
        let vouched = vouched_end::<S>(fork, path)?;
        let in_last = path.ends_with(".segment") && vouched.is_none_or(|end| offset >= end);
        let mask = 1 << self.random.below(8);
        if in_last || fork.rot(Path::new(path), offset, mask).is_err() {
            return Ok(None);
        }
        let vouched = vouched.map(|end| {
            let bytes = fork.durable_bytes(Path::new(path)).unwrap_or_default();
            let end = usize::try_from(end).unwrap_or(usize::MAX).min(bytes.len());
            bytes.get(..end).unwrap_or_default().to_vec()
        });
        Ok(Some(Flip {
            path: path.clone(),
            offset,
            vouched,
        }))
    }
}

/// How far in this segment every byte is vouched for: by a later group, or by the stored checkpoint.
fn vouched_end<S: Subject>(fork: &SimDisk, path: &str) -> Result<Option<u64>, Finding> {
    let name = path.strip_prefix(JOURNAL).unwrap_or_default();
    let Some(number) = journal::segment_number(name.trim_start_matches('/')) else {
        return Ok(None);
    };
    let whole = journal::read(&segments(fork), ORIGIN, CHAIN)?;
    let floor = S::stored_checkpoint(fork).map_or(0, |stored| stored.size);
    let last = whole.groups.last().map_or(0, |group| group.number);
    let of = whole.groups.iter().filter(|group| {
        group.place.0 == number
            && (group.number < last || group.first + group.entries.len() as u64 <= floor)
    });
    let ends = of.map(|group| u64::from(group.place.1) + group.length as u64);
    Ok(ends.max())
}

/// A process on rot: everything acknowledged is asked for again and opened, then a checkpoint is signed.
fn ask_everything<S: Subject>(setting: &Setting, book: &mut Book) -> Result<(), Stop> {
    let mut subject = S::open(setting)?;
    for (deed, link) in book.acknowledged() {
        for answer in subject.publish(&[deed])? {
            book.answer(deed, answer).map_err(Stop::Broken)?;
        }
        match subject.open_slots(&deed, &link) {
            // The auditor reads the rotten bytes itself; that they do not open is no lie of the ledger's.
            Err(Stop::Broken(_)) | Ok(()) => {}
            Err(stop) => return Err(stop),
        }
    }
    subject.absorb()?;
    if let Some(published) = subject.checkpoint()? {
        book.publish(published);
    }
    Ok(())
}
