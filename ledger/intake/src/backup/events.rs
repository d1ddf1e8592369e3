//! What the ledger records about its backups: `ledger.backup-taken`, `ledger.restored`.
//!
//! Not here: appending them. Always: codes, digests and positions only.

use proto::clear::{Envelope, KeyKind, LedgerBackupTaken, LedgerRestored};
use proto::ledger_facts::KeyRotation;
use proto::{FactData, UnixMillis, ledger_facts};

use super::file::hex;
use super::restore::Closing;
use super::statement::Statement;
use super::take::Taken;
use crate::append::Name;
use crate::desk::Directed;
use crate::error::IntakeError;
use crate::found::GOVERNANCE;
use crate::ledger::Ground;
use crate::own::own_event;
use crate::resolve::Target;
use vault::{InitialKeys, Position};

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

/// The first event of a restored ledger, of this backup and with the events up to there. [`super::restore`] appends it.
///
/// # Errors
/// As [`backup_taken`].
pub fn restored(
    ground: &Ground,
    name: &Name,
    envelope: Envelope,
    (statement, end): (&Statement, Position),
    closed: Option<&Closing>,
) -> Result<Directed, IntakeError> {
    let body = LedgerRestored {
        backup: statement.name(),
        next_index: end.index.0,
        lost: closed.map_or(0, |closing| closing.lost),
        chain_closed: closed.is_some(),
        closed_chain: closed.map_or(0, |closing| closing.closed.0),
        opened_chain: closed.map_or(0, |closing| closing.opened.0),
        ..LedgerRestored::default()
    };
    directed(
        ground,
        name,
        ledger_facts::restored(governed(envelope), body),
    )
}

/// The events that announce the keys of a chain that a restore opened.
///
/// # Errors
/// As [`backup_taken`].
pub(crate) fn chain_keys(
    ground: &Ground,
    name: &Name,
    keys: &InitialKeys,
) -> Result<Vec<Directed>, IntakeError> {
    let announce = |kind, new_key: &str| {
        let rotation = KeyRotation {
            kind,
            chain: name.chain,
            old_key: String::new(),
            new_key: new_key.to_owned(),
            generation: 0,
            reason: "restored".to_owned(),
        };
        let envelope = governed(Envelope::default());
        directed(ground, name, ledger_facts::key_rotated(envelope, rotation))
    };
    Ok(vec![
        announce(KeyKind::Checkpoint, &keys.checkpoint_vkey)?,
        announce(KeyKind::Foil, &keys.foil_vkey)?,
    ])
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
        learnt: None,
    })
}
