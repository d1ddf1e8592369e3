//! Governance over HTTP: publishers and their tokens, users and their roles, upkeep. The DPO's alone.
//!
//! Always: the event that records an act and the vault row that makes it true become durable together; a token is shown once, stored by hash.

mod publishers;
mod upkeep;
mod users;

use tokio::sync::{Mutex, MutexGuard};

use super::given::{Named, Posted};
use super::who::Caller;
use super::{App, Problem};

pub(super) use publishers::{publisher_add, publisher_list, publisher_revoke, publisher_rotate};
pub(super) use upkeep::{backup, park, rebuild, rekey, test_clock, verify};
pub(super) use users::{user_add, user_disable, user_list};

/// Acts that look at who is registered and then change it. One at a time: two at once would each decide by what the other changes.
static ACTS: Mutex<()> = Mutex::const_new(());

/// The caller's turn, once nobody else's act is under way; refused where the caller lost the role while waiting.
async fn turn(app: &App, caller: &Caller) -> Result<MutexGuard<'static, ()>, Problem> {
    let turn = ACTS.lock().await;
    let users = app.records.vault().users();
    let governs = |user: &vault::User| {
        user.actor == caller.user.reference
            && !user.disabled
            && user.role == questions::Role::Dpo.code()
    };
    match users.iter().any(governs) {
        true => Ok(turn),
        false => Err(Problem::forbidden()),
    }
}

type Body<T> = Result<Posted<T>, Problem>;

/// The body of an act, once the caller may act at all.
fn read<T>(body: Body<T>) -> Result<T, Problem> {
    body.map(|Posted(value)| value)
}
