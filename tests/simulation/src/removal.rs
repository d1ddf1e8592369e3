//! Every sync, one at a time, removed: does the simulation notice?
//!
//! Not a proof that a sync suffices, but that none is there for nothing and that the simulation can see what it claims to see.
//! Always: only what was called at least once is removed, and a removal counts only where it was really left out.

use std::collections::BTreeMap;
use std::fmt;

use ground::{DropSync, SimDisk, Site, SiteTally};

use crate::lives::{Failure, run};
use crate::subject::Subject;

/// A sync that can be removed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Removable {
    /// The call site.
    pub site: &'static str,
    /// One ordinal within each step of the ledger, for a store whose syncs all come from one place; `None`: every call.
    pub ordinal: Option<u64>,
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

/// All syncs that these seeds make. Sites named in `by_ordinal` are taken apart, one row per ordinal.
pub fn census<S: Subject>(
    seeds: std::ops::Range<u64>,
    by_ordinal: &[&'static str],
) -> Result<Vec<Removable>, Box<Failure>> {
    let mut most: BTreeMap<&'static str, SiteTally> = BTreeMap::new();
    for seed in seeds {
        for (site, tally) in tallies::<S>(seed)? {
            let entry = most.entry(site).or_default();
            entry.epoch_calls_max = entry.epoch_calls_max.max(tally.epoch_calls_max);
        }
    }
    most.remove("administrator");
    let rows = most.into_iter().flat_map(|(site, tally)| {
        let ordinals = if by_ordinal.contains(&site) {
            tally.epoch_calls_max
        } else {
            0
        };
        let each = (0..ordinals).map(move |ordinal| Removable {
            site,
            ordinal: Some(ordinal),
        });
        each.chain((ordinals == 0).then_some(Removable {
            site,
            ordinal: None,
        }))
    });
    Ok(rows.collect())
}

fn tallies<S: Subject>(seed: u64) -> Result<BTreeMap<&'static str, SiteTally>, Box<Failure>> {
    let seen = std::cell::RefCell::new(None);
    run::<S>(seed, &|disk: &SimDisk| _ = seen.replace(Some(disk.clone())))?;
    Ok(seen
        .into_inner()
        .map(|disk| disk.sites())
        .unwrap_or_default())
}

/// Runs seeds without this sync until one fails.
pub fn remove<S: Subject>(what: Removable, seeds: std::ops::Range<u64>) -> Removal {
    let which = what.ordinal.map_or(DropSync::All, DropSync::Ordinal);
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

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = match self.what.ordinal {
            Some(ordinal) => format!("{} #{ordinal}", self.what.site),
            None => self.what.site.to_owned(),
        };
        match &self.noticed {
            Some(failure) => write!(f, "{site:<32} fails at {failure}"),
            None => write!(f, "{site:<32} NOT NOTICED in {} seeds", self.seeds),
        }
    }
}
