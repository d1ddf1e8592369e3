//! Who calls, over which surface. Over the Unix socket the kernel has vouched for the owner's uid before a request is read.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use questions::{Actor, Right, Surface};

use super::{App, Problem};
use crate::identity::{User, user_of};

/// Marks requests that came over the Unix socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverSocket;

/// An authenticated actor of the ledger and where they call from.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) user: User,
    surface: Surface,
}

impl Caller {
    /// The actor of a question.
    pub(super) fn actor(&self, purpose: String, reason: Option<String>) -> Actor {
        Actor {
            reference: self.user.reference.clone(),
            roles: vec![self.user.role],
            surface: self.surface,
            purpose,
            reason: reason
                .filter(|text| !text.is_empty())
                .map(proto::Personal::new),
        }
    }

    /// Where they call from.
    pub(super) fn surface(&self) -> Surface {
        self.surface
    }

    /// Governance is the DPO's.
    pub(super) fn governs(&self) -> Result<(), Problem> {
        match self.user.role {
            questions::Role::Dpo => Ok(()),
            _ => Err(Problem::forbidden()),
        }
    }

    /// What reads or writes files of this machine is the owner's at the socket: a token alone, from wherever, is not enough.
    pub(super) fn at_socket(&self) -> Result<(), Problem> {
        match self.surface {
            Surface::Cli => Ok(()),
            Surface::Api | Surface::Console => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "ONLY_AT_SOCKET",
                "this act names a directory of the ledger's machine: it is taken over the owner's socket alone",
            )),
        }
    }

    /// A right that shows no person.
    pub(super) fn may(&self, right: Right) -> Result<(), Problem> {
        match self.user.role.has(right) {
            true => Ok(()),
            false => Err(Problem::forbidden()),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Caller, Problem> {
        // Of two tokens nobody knows which one was meant.
        let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
        let first = given.next().and_then(|value| value.to_str().ok());
        let authorization = first.filter(|_| given.next().is_none());
        let user =
            user_of(app.records.vault(), authorization).ok_or_else(Problem::unauthenticated)?;
        let surface = match parts.extensions.get::<OverSocket>() {
            Some(OverSocket) => Surface::Cli,
            None => Surface::Api,
        };
        Ok(Caller { user, surface })
    }
}

impl OptionalFromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Caller>, Problem> {
        let caller = <Caller as FromRequestParts<App>>::from_request_parts(parts, app).await;
        Ok(caller.ok())
    }
}
