//! Every night: the finding shelves get new keys, and a rotation drops the old ones (design 4).
//!
//! ```text
//! rotation that begins: next finding keys in the table ─▶ shelves re-sealed in small transactions ─▶ rotation that ends: old keys gone
//! ```
//!
//! Each rotation's new intake key travels in the group of its `key-rotated` event. Not here: cohort removals (they come with erasure).
//! Always: a stop between any two steps is resumed by the next run; appends go on meanwhile.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use intake::resolve::Target;
use proto::clear::{Envelope, KeyKind};
use proto::ledger_facts::{KeyRotation, key_rotated};
use tokio::runtime::Handle;
use vault::{Destroy, FindingKeys, Position, Rotated, RotationStep, VaultError};

use crate::error::{Causes, ServeError};
use crate::host::Shared;

/// Bytes of finding shelves in one transaction.
const REKEY_BYTES: usize = 16 << 20;
/// How often the clock is looked at.
const LOOK_MS: u64 = 5_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What the thread is told.
pub(crate) enum ToNightly {
    /// Run now; the answer is the vault's new generation.
    Run(SyncSender<Result<u64, String>>),
    /// End.
    Stop,
}

/// Runs once after each `at_ms` of a UTC day, and when told to.
pub(crate) fn nights(shared: &Shared, runtime: &Handle, at_ms: i64, work: &Receiver<ToNightly>) {
    let night = |now: i64| (now - at_ms).div_euclid(DAY_MS);
    let mut last = night(shared.clock.now());
    loop {
        let asked = match work.recv_timeout(Duration::from_millis(LOOK_MS)) {
            Ok(ToNightly::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(ToNightly::Run(answer)) => Some(answer),
            Err(RecvTimeoutError::Timeout) => None,
        };
        let tonight = night(shared.clock.now());
        if asked.is_none() && tonight <= last {
            continue;
        }
        last = tonight;
        let outcome = rekey(shared, runtime);
        match &outcome {
            Ok(generation) => tracing::info!(
                generation,
                "the finding shelves have new keys, the old ones are gone"
            ),
            Err(cause) => {
                tracing::error!(cause = %Causes(cause), "the nightly re-key did not finish")
            }
        }
        if let Some(answer) = asked {
            // Whoever asked may have gone.
            let _ = answer.send(outcome.map_err(|cause| Causes(&cause).to_string()));
        }
    }
}

/// One whole night's work; resumed where an earlier one ended.
fn rekey(shared: &Shared, runtime: &Handle) -> Result<u64, ServeError> {
    match rotate(shared, runtime, FindingKeys::Begin) {
        Ok(_) => {}
        // Next keys lie in the table already: an earlier night was cut short.
        Err(ServeError::Ledger(intake::IntakeError::Vault(VaultError::OutOfOrder(_)))) => {}
        Err(cause) => return Err(cause),
    }
    while !shared
        .vault
        .nightly_step(REKEY_BYTES)
        .map_err(intake::IntakeError::from)?
    {}
    let rotated = rotate(shared, runtime, FindingKeys::Finish)?;
    Ok(rotated.generation)
}

/// One rotation that destroys nothing but the keys it replaces.
fn rotate(shared: &Shared, runtime: &Handle, finding: FindingKeys) -> Result<Rotated, ServeError> {
    let vault = &shared.vault;
    let destroy = Destroy {
        finding,
        ..Destroy::default()
    };
    let row = vault
        .rotation_begin(destroy)
        .map_err(intake::IntakeError::from)?;
    let envelope = Envelope {
        activity: intake::found::GOVERNANCE.to_owned(),
        ..Envelope::default()
    };
    let rotation = KeyRotation {
        kind: if finding == FindingKeys::Finish {
            KeyKind::Finding
        } else {
            KeyKind::Intake
        },
        chain: shared.records.name().chain,
        old_key: String::new(),
        new_key: String::new(),
        generation: vault.generation() + 1,
        reason: "nightly".to_owned(),
    };
    let fact = key_rotated(envelope, rotation);
    let appended = runtime.block_on(shared.facts.append(fact, Target::Office, vec![row]));
    if let Err(cause) = appended {
        // A full queue, say: without this no later night could begin.
        vault.rotation_abandon();
        return Err(ServeError::Config(cause.to_string()));
    }
    loop {
        let mark = shared.records.journal().watermark();
        let through = Position {
            group: mark.group,
            index: mark.next,
        };
        match vault
            .rotate_step(through)
            .map_err(intake::IntakeError::from)?
        {
            RotationStep::Done(rotated) => return Ok(rotated),
            RotationStep::AwaitsBacklog(_) | RotationStep::AwaitsIntakeKey => shared.settle()?,
            RotationStep::RootWritten | RotationStep::TableWritten | RotationStep::Committed => {}
        }
    }
}
