//! The keeper's thread: tree, checkpoints (D2), absorption (D3), run files, the next segment, and the scrub, one turn an interval.
//!
//! Not here: each of these (`intake::keep`, `intake::scrub`). Always: what cannot be mended is told with the code of its runbook; after a failed
//! write the process ends.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use intake::IntakeError;
use intake::keep::{ABSORB_ROWS, ABSORB_ROWS_MIN, Keeper};
use intake::scrub::Scrubbing;

use crate::host::Shared;

/// Bytes that the background scrub checks in one go.
const SCRUB_BYTES: u64 = 4 << 20;
/// How often everything is read again in the background, milliseconds.
const SCRUB_EVERY_MS: i64 = 24 * 60 * 60 * 1000;
/// After how many keeper turns without growth waiting rows are absorbed, if there are enough.
const IDLE_TURNS: u32 = 3;

/// What the keeper is told.
pub(crate) enum ToKeeper {
    Settle(SyncSender<()>),
    Stop,
}

/// Tree, checkpoints (D2), absorption (D3), run files, next segment and scrub, one turn an interval.
pub(crate) fn keep(shared: &Shared, mut keeper: Keeper, work: &Receiver<ToKeeper>) {
    let floor = shared
        .published
        .newest()
        .map_or(0, |signed| signed.checkpoint.size);
    let mut scrub = Some(Scrubbing::new(shared.records.journal(), floor));
    let mut scrubbed_at = shared.clock.now();
    let interval = Duration::from_millis(shared.config.checkpoint_interval_ms);
    let mut idle_turns = 0;
    loop {
        let asked = match work.recv_timeout(interval) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(ToKeeper::Stop),
        };
        if let Err(cause) = turn(
            shared,
            &mut keeper,
            &mut scrub,
            &mut idle_turns,
            asked.is_some(),
        ) {
            let what = "keeping tree, checkpoints and vault";
            shared.fail(cause.code(), what, &cause);
            return;
        }
        if scrub.is_none() && shared.clock.now() - scrubbed_at >= SCRUB_EVERY_MS {
            let floor = keeper.checkpoints.current().map_or(0, |stored| stored.size);
            scrub = Some(Scrubbing::new(shared.records.journal(), floor));
            scrubbed_at = shared.clock.now();
        }
        match asked {
            Some(ToKeeper::Settle(done)) => {
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            Some(ToKeeper::Stop) => return,
            None => {}
        }
    }
}

fn turn(
    shared: &Shared,
    keeper: &mut Keeper,
    scrub: &mut Option<Scrubbing>,
    idle_turns: &mut u32,
    everything: bool,
) -> Result<(), IntakeError> {
    keeper.check_indexes()?;
    if keeper.mend_tree()? {
        let (code, rebuilt) = ("DERIVED_ROTTED", keeper.tree_reader.rebuilt());
        tracing::error!(
            code,
            rebuilt,
            "the tree's files had rotted and were built again from the links; see deploy/runbooks/DERIVED_ROTTED.md"
        );
    }
    let grew = keeper.checkpoint()?;
    if keeper.preparer.wanted() {
        keeper.preparer.prepare_next_segment()?;
    }
    *idle_turns = if grew {
        0
    } else {
        idle_turns.saturating_add(1)
    };
    let rows_min = if *idle_turns >= IDLE_TURNS {
        ABSORB_ROWS_MIN
    } else {
        ABSORB_ROWS
    };
    if everything {
        keeper.absorb_now()?;
    } else {
        keeper.absorb(shared.clock.now(), rows_min)?;
    }
    keeper.flush()?;
    let done = match scrub
        .as_mut()
        .map(|running| running.step(keeper, SCRUB_BYTES))
    {
        Some(Err(cause @ IntakeError::Vault(_))) => {
            shared.report_damage(cause.code(), &cause);
            *scrub = None;
            false
        }
        Some(stepped) => stepped?,
        None => false,
    };
    if done {
        let journal = shared.records.journal();
        let (tree, offsets) = (keeper.tree_reader.rebuilt(), journal.offsets_corrected());
        tracing::info!(
            tree,
            offsets,
            "journal, derived files and vault were read again and compared"
        );
        *scrub = None;
    }
    Ok(())
}
