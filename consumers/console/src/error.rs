//! Why a ledger is not served, or not any more.

use std::fmt;

/// One variant per thing the operator does differently.
#[derive(Debug)]
pub enum ServeError {
    /// The ledger does not open, or stopped: the exit code says which.
    Ledger(intake::IntakeError),
    /// A view does not open: another process or the disk is in the way.
    View(fold::FoldError),
    /// The process cannot be protected, or a thread, socket or file cannot be had.
    Process(&'static str, std::io::Error),
    /// A thread could not be started.
    Thread(std::io::Error),
    /// TLS files that are no certificate and key.
    Tls(String),
    /// The configuration contradicts the call.
    Config(String),
    /// Writing has stopped; a restart recovers.
    Stopped,
}

impl ServeError {
    /// The code of its runbook, where there is one.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            ServeError::Ledger(cause) => Some(cause.code()),
            ServeError::Stopped => Some("STOPPED"),
            _ => None,
        }
    }

    /// Wraps a failed operation of the system.
    #[expect(non_snake_case, reason = "reads as the variant it makes")]
    pub(crate) fn Io(what: &'static str) -> impl FnOnce(std::io::Error) -> ServeError {
        move |cause| ServeError::Process(what, cause)
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Ledger(_) => f.write_str("the ledger does not open"),
            ServeError::View(_) => f.write_str("a view does not open"),
            ServeError::Process(what, _) => write!(f, "cannot {what}"),
            ServeError::Thread(_) => f.write_str("a thread could not be started"),
            ServeError::Tls(what) => write!(f, "tls: {what}"),
            ServeError::Config(what) => f.write_str(what),
            ServeError::Stopped => {
                f.write_str("the ledger has stopped writing; a restart recovers")
            }
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ServeError::Ledger(cause) => Some(cause),
            ServeError::View(cause) => Some(cause),
            ServeError::Process(_, cause) | ServeError::Thread(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<intake::IntakeError> for ServeError {
    fn from(cause: intake::IntakeError) -> Self {
        ServeError::Ledger(cause)
    }
}

impl From<fold::FoldError> for ServeError {
    fn from(cause: fold::FoldError) -> Self {
        ServeError::View(cause)
    }
}

/// An error with its causes, joined by colons: logged once, where it is handled.
pub struct Causes<'a>(pub &'a dyn std::error::Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(inner) = cause {
            write!(f, ": {inner}")?;
            cause = inner.source();
        }
        Ok(())
    }
}
