//! What the ledger records about its backups: `ledger.backup-taken`, `ledger.restored`.
//!
//! Not here: appending them. Always: codes, digests and positions only.

use proto::clear::{Envelope, LedgerBackupTaken, LedgerRestored};
use proto::{FactData, UnixMillis, ledger_facts};

use super::file::hex;
use super::statement::Statement;
use super::take::Taken;
use crate::append::Name;
use crate::desk::Directed;
use crate::error::IntakeError;
use crate::found::GOVERNANCE;
use crate::ledger::Ground;
use crate::own::own_event;
use crate::resolve::Target;

/// The event that follows a backup. The envelope says who asked for it; its activity is the ledger's governance.
///
/// # Errors
/// `Refused` where the envelope has a code of the wrong shape.
pub fn backup_taken(
    ground: &Ground,
    name: &Name,
    envelope: Envelope,
    taken: &Taken,
) -> Result<Directed, IntakeError> {
    let statement = &taken.manifest.statement;
    let body = LedgerBackupTaken {
        envelope: None,
        backup: statement.name(),
        through_index: statement.position.index.0.saturating_sub(1),
        through_group: statement.position.group,
        journal_sha256: hex(&statement.journal_sha256.0),
        vault_sha256: hex(&taken.manifest.vault_sha256.0),
        expires_on: statement.expires_on.clone(),
        recovery_key: statement.recovery_key.clone(),
    };
    directed(
        ground,
        name,
        ledger_facts::backup_taken(governed(envelope), body),
    )
}

/// The first event of a restored ledger. [`super::restore`] appends it.
///
/// # Errors
/// As [`backup_taken`].
pub fn restored(
    ground: &Ground,
    name: &Name,
    envelope: Envelope,
    statement: &Statement,
) -> Result<Directed, IntakeError> {
    let body = LedgerRestored {
        backup: statement.name(),
        next_index: statement.position.index.0,
        ..LedgerRestored::default()
    };
    directed(
        ground,
        name,
        ledger_facts::restored(governed(envelope), body),
    )
}

fn governed(envelope: Envelope) -> Envelope {
    Envelope {
        activity: GOVERNANCE.to_owned(),
        ..envelope
    }
}

fn directed(
    ground: &Ground,
    name: &Name,
    data: Result<FactData, proto::DecodeError>,
) -> Result<Directed, IntakeError> {
    let data = data.map_err(|cause| IntakeError::Refused(cause.into()))?;
    let now = UnixMillis(ground.clock.now());
    Ok(Directed {
        event: own_event(name, data, now, &*ground.random),
        target: Target::Office,
        rows: Vec::new(),
    })
}
