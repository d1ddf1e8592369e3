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
    /// A command: whatever refuses it is recorded.
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
    let refuses = match asked {
        Asked::Command(_) => response.status().is_client_error(),
        Asked::Question(_) => response.status() == StatusCode::FORBIDDEN,
    };
    if !refuses {
        return response;
    }
    let fact = fact(asked, caller, &code.to_ascii_lowercase().replace('_', "-"));
    match app.facts.append(fact, Target::Office, Vec::new()).await {
        Ok(_) => response,
        Err(cause) => Problem::from(cause).into_response(),
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
