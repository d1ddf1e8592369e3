//! Every sync, one at a time, removed: does the simulation notice?
//!
//! Not a proof that a sync suffices, but that none is there for nothing and that the simulation can see what it claims to see.
//! Always: only what was called at least once is removed; a store whose syncs all come from one place is taken apart by the ordinal of
//! the call within what the ledger was doing.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use ground::{DropSync, SimDisk, Site};

use crate::lives::{Failure, run};
use crate::subject::Subject;

/// A sync that can be removed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Removable {
    /// The call site.
    pub site: &'static str,
    /// What the ledger was doing, and which call of the site in it, from zero; `None`: every call.
    pub ordinal: Option<(&'static str, u64)>,
}

/// What became of one removal.
pub struct Removal {
    /// Which sync.
    pub what: Removable,
    /// The first seed that noticed, or none.
    pub noticed: Option<Box<Failure>>,
    /// How many seeds were run.
    pub seeds: u64,
}

/// The most calls of each site in each kind of step.
type Calls = BTreeMap<(&'static str, &'static str), u64>;

/// All syncs that these seeds make: each site, and of the sites in `by_ordinal` each ordinal beside it.
///
/// # Errors
/// A seed that fails with every sync in place.
pub fn census<S: Subject>(
    seeds: Range<u64>,
    by_ordinal: &[&'static str],
) -> Result<Vec<Removable>, Box<Failure>> {
    let mut most = Calls::new();
    for seed in seeds {
        for (place, calls) in calls::<S>(seed)? {
            let entry = most.entry(place).or_default();
            *entry = calls.max(*entry);
        }
    }
    let mut rows = Vec::new();
    for ((site, epoch), calls) in most {
        if site == "administrator" {
            continue;
        }
        let whole = Removable {
            site,
            ordinal: None,
        };
        if !rows.contains(&whole) {
            rows.push(whole);
        }
        if by_ordinal.contains(&site) {
            rows.extend((0..calls).map(|nth| Removable {
                site,
                ordinal: Some((epoch, nth)),
            }));
        }
    }
    Ok(rows)
}

fn calls<S: Subject>(seed: u64) -> Result<Calls, Box<Failure>> {
    let seen = std::cell::RefCell::new(None);
    run::<S>(seed, &|disk: &SimDisk| _ = seen.replace(Some(disk.clone())))?;
    Ok(seen
        .into_inner()
        .map(|disk| disk.calls_in_epochs())
        .unwrap_or_default())
}

/// Runs seeds without this sync until one fails.
pub fn remove<S: Subject>(what: Removable, seeds: Range<u64>) -> Removal {
    let which = what
        .ordinal
        .map_or(DropSync::All, |(epoch, nth)| DropSync::Ordinal(epoch, nth));
    let mut run_so_far = 0;
    for seed in seeds {
        run_so_far += 1;
        if let Err(failure) = run::<S>(seed, &|disk| disk.drop_sync(Site(what.site), which)) {
            return Removal {
                what,
                noticed: Some(failure),
                seeds: run_so_far,
            };
        }
    }
    Removal {
        what,
        noticed: None,
        seeds: run_so_far,
    }
}

impl fmt::Display for Removable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ordinal {
            Some((epoch, nth)) => write!(f, "{} {epoch} #{nth}", self.site),
            None => f.write_str(self.site),
        }
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = self.what.to_string();
        match &self.noticed {
            Some(failure) => write!(f, "{site:<24} fails at {failure}"),
            None => write!(f, "{site:<24} NOT NOTICED in {} seeds", self.seeds),
        }
    }
}
