//! Founding a ledger: its stores, its first events, its first checkpoint, and the completion marker last.
//!
//! What comes out once, and is stored nowhere in clear: the first token, the DPO's. Not here: configuration files.
//! Always: a crash before the marker leaves a directory that `serve` refuses; the operator removes it and begins again.

use proto::clear::Envelope;
use proto::ledger_facts::{self, ChainKeys, Software};
use proto::{FactData, PersonValues, StaffReference, UnixMillis};
use vault::{InitialKeys, Row};

use crate::admit::Token;
use crate::desk::Directed;
use crate::engine::Outcome;
use crate::error::IntakeError;
use crate::ledger::{Ground, Settings, complete, init, open_parts};
use crate::own::own_event;
use crate::resolve::Target;

/// Activity of the ledger's own governance.
pub const GOVERNANCE: &str = "ledger-governance";
/// The role of the first actor.
pub const FIRST_ROLE: &str = "dpo";

/// A new ledger.
pub struct Founded {
    /// What outsiders verify with.
    pub keys: InitialKeys,
    /// The DPO's token: shown once, stored by its hash alone.
    pub token: Token,
}

/// Makes a ledger with its first events: opened, and the DPO's role.
///
/// # Errors
/// Where anything is there already, or a store refuses.
pub fn found(
    ground: &Ground,
    settings: &Settings,
    dpo: &StaffReference,
) -> Result<Founded, IntakeError> {
    let keys = init(ground, settings)?;
    let mut opened = open_parts(ground, settings)?;
    let token = Token::mint_user(&*ground.random);
    let events = vec![
        office(ground, settings, opened_fact(settings, &keys)?, Vec::new()),
        office(
            ground,
            settings,
            role_fact(dpo)?,
            vec![Row::User {
                actor: dpo.clone(),
                role: FIRST_ROLE.to_owned(),
                token_hash: token.hash().0,
                disabled: false,
            }],
        ),
    ];
    for outcome in opened.stepped.record(events)? {
        if let Outcome::Refused(refusal) = outcome {
            return Err(IntakeError::Refused(refusal));
        }
    }
    opened.stepped.keeper.checkpoint()?;
    complete(ground, settings)?;
    Ok(Founded { keys, token })
}

fn office(ground: &Ground, settings: &Settings, data: FactData, rows: Vec<Row>) -> Directed {
    let now = UnixMillis(ground.clock.now());
    Directed {
        event: own_event(&settings.name, data, now, &*ground.random),
        target: Target::Office,
        rows,
        learnt: None,
    }
}

/// The envelope of an act of the ledger itself.
fn envelope() -> Envelope {
    Envelope {
        activity: GOVERNANCE.to_owned(),
        ..Envelope::default()
    }
}

fn opened_fact(settings: &Settings, keys: &InitialKeys) -> Result<FactData, IntakeError> {
    let chain = ChainKeys {
        chain: settings.name.chain,
        checkpoint_key: keys.checkpoint_vkey.clone(),
        foil_key: keys.foil_vkey.clone(),
    };
    ledger_facts::opened(
        envelope(),
        &settings.name.origin,
        vec![chain],
        &Software {
            version: env!("CARGO_PKG_VERSION"),
            catalogue: chain::sha256(proto::CATALOGUE.as_bytes()),
        },
        settings.vault.persons_expected,
    )
    .map_err(refused)
}

fn role_fact(dpo: &StaffReference) -> Result<FactData, IntakeError> {
    let nobody = PersonValues::default();
    ledger_facts::role_granted(envelope(), dpo, FIRST_ROLE, "", &nobody).map_err(refused)
}

fn refused(cause: proto::DecodeError) -> IntakeError {
    IntakeError::Refused(cause.into())
}
