//! Reading every page of the runs again in the background.
//!
//! Not here: what is done about rot (the owner stops, and the next start builds the runs again). Always: reads the runs that were
//! published when it began; those that a merge replaced meanwhile stay readable.

use std::sync::Arc;

use super::RunSet;
use crate::error::JournalError;

/// A walk over the pages of one snapshot.
pub struct RunsScrub<const V: usize> {
    set: Arc<RunSet<V>>,
    run: usize,
    page: u64,
}

impl<const V: usize> RunsScrub<V> {
    /// Over these runs, from their first page.
    #[must_use]
    pub fn new(set: Arc<RunSet<V>>) -> RunsScrub<V> {
        RunsScrub {
            set,
            run: 0,
            page: 0,
        }
    }

    /// Reads at most so many pages more; whether that was the last.
    ///
    /// # Errors
    /// `Derived` where a page does not hold.
    pub fn step(&mut self, pages: u64) -> Result<bool, JournalError> {
        for _ in 0..pages {
            let Some(run) = self.set.runs.get(self.run) else {
                return Ok(true);
            };
            if self.page >= run.pages() {
                (self.run, self.page) = (self.run + 1, 0);
                continue;
            }
            run.page(self.page)
                .map_err(|_| JournalError::Derived("a page of an index run does not hold"))?;
            self.page += 1;
        }
        Ok(self.run >= self.set.runs.len())
    }
}
