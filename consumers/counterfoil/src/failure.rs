//! Why a command ends without having done what it was asked, and the exit code that says so.
//!
//! Not here: printing ([`crate::output`]). Always: a message names rules, codes, fields and places of
//! the operator's, never a personal value; the codes are an interface for scripts.

use std::process::ExitCode;

/// Something was refused, or a check failed.
const REFUSED: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;
/// The ledger cannot be reached (`EX_UNAVAILABLE`).
const NOT_REACHABLE: u8 = 69;
/// The ledger has stopped (`EX_SOFTWARE`); its message names a runbook.
const STOPPED: u8 = 70;

/// What `--help` says of exit codes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 refused or a check failed, 2 usage, 69 the ledger cannot be reached,
            70 the ledger has stopped.";

/// One variant per exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Refused, or a check failed, with what to print.
    Refused(String),
    /// A check failed, and its answer is printed already.
    Shown,
    /// The command line, a file or a value given to it is wrong.
    Usage(String),
    /// Nobody answers.
    NotReachable(String),
    /// The ledger answers that it has stopped.
    Stopped(String),
    /// Whoever read the output has closed it.
    OutputClosed,
}

impl Failure {
    /// A wrong command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// Something that did not work, with its chain of causes.
    pub(crate) fn refused(error: &dyn std::error::Error) -> Self {
        Self::Refused(with_causes(error))
    }

    /// What to print, if anything is left to print.
    pub(crate) fn message(&self) -> Option<&str> {
        match self {
            Self::Shown | Self::OutputClosed => None,
            Self::Refused(message)
            | Self::Usage(message)
            | Self::NotReachable(message)
            | Self::Stopped(message) => Some(message),
        }
    }

    fn code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Shown => REFUSED,
            Self::Usage(_) => USAGE,
            Self::NotReachable(_) => NOT_REACHABLE,
            Self::Stopped(_) => STOPPED,
            // As a shell reports SIGPIPE.
            Self::OutputClosed => 141,
        }
    }
}

impl From<&Failure> for ExitCode {
    fn from(failure: &Failure) -> Self {
        ExitCode::from(failure.code())
    }
}

/// An error and its causes, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        message.push_str(": ");
        message.push_str(&next.to_string());
        cause = next.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_code() {
        let text = || "why".to_owned();
        let cases = [
            (Failure::Refused(text()), 1),
            (Failure::Shown, 1),
            (Failure::Usage(text()), 2),
            (Failure::NotReachable(text()), 69),
            (Failure::Stopped(text()), 70),
        ];
        for (failure, code) in cases {
            assert_eq!(failure.code(), code, "{failure:?}");
        }
    }
}
