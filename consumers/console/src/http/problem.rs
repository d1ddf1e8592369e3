//! Problems (RFC 9457): code, field and rule, and nothing that came from outside.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use intake::run::RETRY_AFTER_S;
use questions::QuestionError;
use serde::Serialize;

use super::refusals::ProblemCode;
use crate::error::{Causes, ServeError};
use crate::facts::FactError;

/// An answer that says why not.
#[derive(Debug)]
pub(crate) struct Problem(Box<Fields>);

#[derive(Debug, Serialize)]
struct Fields {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
}

impl Problem {
    /// A problem of the whole request.
    pub(crate) fn new(status: StatusCode, code: &str, title: impl Into<String>) -> Problem {
        Problem(Box::new(Fields {
            kind: format!("urn:counterfoil:problem:{}", code.to_ascii_lowercase()),
            title: title.into(),
            status: status.as_u16(),
            code: code.to_owned(),
            field: None,
            rule: None,
        }))
    }

    /// A problem of one field.
    pub(crate) fn field(code: &str, field: &str, rule: impl Into<String>) -> Problem {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let mut problem = Problem::new(status, code, "a field is against a rule");
        problem.0.field = Some(field.to_owned());
        problem.0.rule = Some(rule.into());
        problem
    }

    /// The same for a missing, an unknown and a revoked token.
    pub(crate) fn unauthenticated() -> Problem {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHENTICATED",
            "a valid bearer token is needed",
        )
    }

    /// The role does not allow it.
    pub(crate) fn forbidden() -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            "ROLE_MISSING",
            "the role does not allow this",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = ProblemCode(self.0.code.clone());
        let mut response = (status, Json(self.0)).into_response();
        response.extensions_mut().insert(code);
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response
    }
}

impl From<QuestionError> for Problem {
    fn from(error: QuestionError) -> Problem {
        let code = error.code().to_ascii_uppercase().replace('-', "_");
        let status = match &error {
            QuestionError::Refused(questions::Refused::RoleMissing) => StatusCode::FORBIDDEN,
            QuestionError::Refused(questions::Refused::PurposeMissing) => {
                return Problem::field(
                    &code,
                    "purpose",
                    "a question that shows a person needs a purpose",
                );
            }
            QuestionError::ViewOff { key } => {
                let rule = error.to_string();
                let mut problem = Problem::field(&code, key, rule);
                problem.0.status = StatusCode::CONFLICT.as_u16();
                problem.0.title = "this ledger's configuration leaves the view out".to_owned();
                return problem;
            }
            QuestionError::NotFound | QuestionError::NotFolded { .. } => StatusCode::NOT_FOUND,
            QuestionError::NotYet { .. } | QuestionError::TooMuch { .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            _ => {
                tracing::error!(cause = %Causes(&error), "a question could not be answered");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Problem::new(status, &code, error.to_string())
    }
}

impl From<FactError> for Problem {
    fn from(error: FactError) -> Problem {
        match &error {
            FactError::Shape(cause) => {
                Problem::field(cause.rule.code(), &cause.path, cause.rule.advice())
            }
            FactError::TooLong => {
                Problem::field("TOO_LONG", "", "shorten the texts, or send fewer of them")
            }
            FactError::Refused(_) => {
                Problem::new(StatusCode::CONFLICT, "REFUSED", error.to_string())
            }
            FactError::Engine(_) => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "NOT_RECORDED",
                error.to_string(),
            ),
        }
    }
}

impl From<intake::IntakeError> for Problem {
    fn from(error: intake::IntakeError) -> Problem {
        if let intake::IntakeError::Journal(journal::JournalError::Beyond(_)) = error {
            return Problem::new(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "nothing is recorded at that index",
            );
        }
        tracing::error!(cause = %Causes(&error), "the ledger could not be read");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "LEDGER_UNAVAILABLE",
            error.to_string(),
        )
    }
}

/// What the door says of a body, said of a question's.
impl From<intake::admit::Refusal> for Problem {
    fn from(refusal: intake::admit::Refusal) -> Problem {
        let status = StatusCode::from_u16(refusal.code.http_status());
        let status = status.unwrap_or(StatusCode::BAD_REQUEST);
        Problem::new(status, refusal.code.as_str(), refusal.rule)
    }
}

impl From<ServeError> for Problem {
    fn from(error: ServeError) -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "STOPPED",
            error.to_string(),
        )
    }
}

/// No such page.
pub(super) async fn nowhere() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "NO_SUCH_PAGE",
        "there is nothing at this address",
    )
}

/// The page is there, and takes another method; `Allow` says which.
pub(super) async fn other_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "this address takes another method; see the header `allow`",
    )
}
