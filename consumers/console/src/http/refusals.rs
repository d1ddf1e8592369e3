//! What an officer is refused becomes a fact: a command `ledger.command-refused`, a question about nobody `access.refused`.
//!
//! Not here: questions about persons, which record their own refusals (`questions`); publishers, whose refusals are counted by code.
//! Always: the fact is durable before the refusal is told; it holds codes alone, nothing of what was sent.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use intake::own::ACCESS;
use intake::resolve::Target;
use proto::clear::Envelope;
use proto::{FactData, ledger_facts};

use super::who::Caller;
use super::{App, Problem};
use crate::facts::governance;
use crate::owner::surface_code;

/// The code of a problem, beside the response that words it.
#[derive(Clone)]
pub(super) struct ProblemCode(pub(super) String);

/// What was asked for, by its code in the ledger.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    /// A command: whatever refuses it is recorded, unless its body was never read.
    Command(&'static str),
    /// A question that shows no person: only a role that does not allow it is a refusal.
    Question(&'static str),
}

/// The same handler, whose refusals are recorded under this code.
pub(super) fn recorded(app: &App, asked: Asked, handler: MethodRouter<App>) -> MethodRouter<App> {
    let beside = move |State(app): State<App>,
                       caller: Option<Caller>,
                       request: Request,
                       next: Next| async move {
        let response = next.run(request).await;
        match caller {
            Some(caller) => told(&app, asked, &caller, response).await,
            None => response,
        }
    };
    handler.layer(from_fn_with_state(app.clone(), beside))
}

/// The response, once a refusal in it is durable.
async fn told(app: &App, asked: Asked, caller: &Caller, response: Response) -> Response {
    let Some(ProblemCode(code)) = response.extensions().get() else {
        return response;
    };
    if !is_refusal(asked, response.status()) {
        return response;
    }
    let fact = fact(asked, caller, &code.to_ascii_lowercase().replace('_', "-"));
    match app.facts.append(fact, Target::Office, Vec::new()).await {
        Ok(_) => response,
        Err(cause) => Problem::from(cause).into_response(),
    }
}

/// Whether a status refuses what was asked for. A body that came too slowly, or when there was no room, was never looked at: whoever
/// sends many of those fills no ledger with it.
fn is_refusal(asked: Asked, status: StatusCode) -> bool {
    let unread = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    match asked {
        Asked::Command(_) => status.is_client_error() && !unread.contains(&status),
        Asked::Question(_) => status == StatusCode::FORBIDDEN,
    }
}

fn fact(asked: Asked, caller: &Caller, reason: &str) -> Result<FactData, proto::DecodeError> {
    match asked {
        Asked::Command(command) => {
            ledger_facts::command_refused(governance(&caller.user), command, reason)
        }
        Asked::Question(question) => {
            let user = &caller.user;
            let envelope = Envelope {
                activity: ACCESS.to_owned(),
                ..ledger_facts::by_staff(&user.reference, user.role.code(), "")
            };
            let surface = surface_code(caller.surface());
            ledger_facts::access_refused(envelope, question, reason, surface)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_read_is_no_refusal() {
        let check = |status: u16, command: bool, question: bool| {
            let code = StatusCode::from_u16(status).expect("a status");
            assert_eq!(is_refusal(Asked::Command("x"), code), command, "{status}");
            assert_eq!(is_refusal(Asked::Question("x"), code), question, "{status}");
        };
        check(200, false, false);
        check(403, true, true);
        check(409, true, false);
        check(422, true, false);
        check(408, false, false);
        check(429, false, false);
        check(503, false, false);
    }
}
