//! What a rule reports: where, which rule, and what to do about it.

use std::fmt;

/// One breach of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// Counted from 1; 0 where the file as a whole is meant.
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) message: String,
    /// A warning is printed but fails nothing.
    pub(crate) warning: bool,
}

impl Finding {
    /// A breach that fails the run.
    pub(crate) fn new(
        rule: &'static str,
        place: (&str, usize),
        message: impl Into<String>,
    ) -> Finding {
        let (path, line) = place;
        Finding {
            path: path.to_owned(),
            line,
            rule,
            message: message.into(),
            warning: false,
        }
    }

    /// The same, printed only.
    pub(crate) fn into_warning(self) -> Finding {
        Finding {
            warning: true,
            ..self
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.warning { "warning" } else { "finding" };
        write!(
            f,
            "{}:{}: {level} [{}] {}",
            self.path, self.line, self.rule, self.message
        )
    }
}
