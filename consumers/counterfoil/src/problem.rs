//! Answers of a ledger that are not what was asked for, as lines for people.
//!
//! `application/problem+json` becomes `CODE at field: rule` and a hint. Always: only code, field and
//! rule are shown, which hold no value; what has another form is named by its status alone.

use serde::Deserialize;

use crate::client::Reply;
use crate::failure::Failure;
use crate::output::plain;

/// The members of a problem that people need.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    /// The stable code.
    pub(crate) code: String,
    /// The field, or empty.
    pub(crate) field: String,
    /// The rule, or empty.
    pub(crate) rule: String,
    title: String,
}

impl Problem {
    /// Reads a reply's body; of another form only the status is left.
    pub(crate) fn of(reply: &Reply) -> Self {
        let found: Self = serde_json::from_slice(reply.body.expose()).unwrap_or_default();
        if found.code.is_empty() {
            return Self {
                code: format!("HTTP {}", reply.status),
                ..found
            };
        }
        found
    }

    /// A status without any words.
    pub(crate) fn of_status(status: u16) -> Self {
        Self {
            code: format!("HTTP {status}"),
            ..Self::default()
        }
    }

    /// `CODE at field: rule`, and a hint below it.
    pub(crate) fn line(&self) -> String {
        let at = if self.field.is_empty() {
            String::new()
        } else {
            format!(" at {}", self.field)
        };
        let rule = if self.rule.is_empty() {
            &self.title
        } else {
            &self.rule
        };
        let colon = if rule.is_empty() { "" } else { ": " };
        let line = plain(&format!("{}{at}{colon}{rule}", self.code));
        match hint(&self.code) {
            Some(hint) => format!("{line}\n  {hint}"),
            None => line,
        }
    }
}

/// What to do about a code, where the command line knows more than the rule says.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "UNAUTHENTICATED" => {
            "the token is unknown, disabled or revoked: --token-file FILE names another"
        }
        "SOURCE_NOT_ALLOWED" | "FAMILY_NOT_ALLOWED" => {
            "`counterfoil publisher list` shows what each publisher is registered for"
        }
        "ID_NOT_RANDOM" => "a publisher with ids of its own is registered with --map-ids",
        "TYPE_UNKNOWN" => "`counterfoil example` lists the types",
        "QUEUE_FULL" | "DRAINING" => "try again in a moment; a repeat is found by its id",
        "STOPPED" => "restart `counterfoil serve`; the runbook is deploy/runbooks/STOPPED.md",
        _ => return None,
    })
}

/// The failure that a reply stands for, or the reply where it is a success.
///
/// # Errors
/// `Stopped` for a ledger that has stopped, `Refused` for every other problem.
pub(crate) fn judged(reply: Reply) -> Result<Reply, Failure> {
    if (200..300).contains(&reply.status) {
        return Ok(reply);
    }
    let problem = Problem::of(&reply);
    Err(if problem.code == "STOPPED" {
        Failure::Stopped(problem.line())
    } else {
        Failure::Refused(problem.line())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::Personal;

    fn check(status: u16, body: &str) -> Failure {
        let reply = Reply {
            status,
            retry_after_s: None,
            body: Personal::new(body.as_bytes().to_vec()),
        };
        judged(reply).err().expect("not a success")
    }

    #[test]
    fn a_problem_is_one_line_and_a_hint() {
        let body = r#"{"type":"urn:x","title":"Forbidden","status":403,"code":"SOURCE_NOT_ALLOWED",
            "field":"source","rule":"not registered for this source"}"#;
        let Failure::Refused(message) = check(403, body) else {
            panic!("refused")
        };
        let (line, hint) = message.split_once('\n').expect("a hint");
        assert_eq!(
            line,
            "SOURCE_NOT_ALLOWED at source: not registered for this source"
        );
        assert!(hint.contains("publisher list"));
    }

    #[test]
    fn other_bodies_are_named_by_status_and_never_shown() {
        let refused = Failure::Refused("HTTP 502".to_owned());
        assert_eq!(check(502, "<html>Alex Example</html>"), refused);
    }

    #[test]
    fn a_stopped_ledger_has_its_own_exit_code() {
        let stopped = check(503, r#"{"code":"STOPPED","rule":"stopped writing"}"#);
        assert!(matches!(stopped, Failure::Stopped(_)));
    }
}
