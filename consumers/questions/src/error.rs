//! Why a question has no answer, one variant per thing the asker does differently.

use std::error::Error;
use std::fmt;

use fold::FoldError;
use proto::Index;
use views::customer::ViewError;

use crate::access::Refused;

/// The owner could not do what was asked of it.
#[derive(Debug)]
pub struct OwnerError {
    /// What failed, without personal data.
    pub message: String,
    /// The cause, where there is one.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl OwnerError {
    /// An error without a cause.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: None,
        }
    }
}

impl fmt::Display for OwnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for OwnerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause
            .as_ref()
            .map(|cause| &**cause as &(dyn Error + 'static))
    }
}

/// Why a question has no answer.
#[derive(Debug)]
pub enum QuestionError {
    /// The actor may not: show the code.
    Refused(Refused),
    /// No such person, event, or nothing of them at that index.
    NotFound,
    /// Nothing of them up to where the view stands, and there are later events: ask again.
    NotFolded {
        /// How many.
        later: u64,
    },
    /// The index lies beyond what the answer can be true for.
    NotYet {
        /// The last index that can be asked for.
        last: Option<Index>,
    },
    /// More would be shown than one answer holds: narrow the question.
    TooMuch {
        /// The limit.
        max: usize,
    },
    /// The configuration names no view that could answer.
    ViewOff {
        /// The configuration's key.
        key: &'static str,
    },
    /// The view cannot be read or folded: ask again, or look at `status`.
    View(ViewError),
    /// The events cannot be folded again.
    Fold(FoldError),
    /// The ledger cannot be read, or the access event could not be made durable: nothing was shown.
    Owner(OwnerError),
    /// An opened slot does not decode: the software is older than the record.
    Undecodable(Index),
}

impl QuestionError {
    /// The code that users see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::NotFound | Self::NotFolded { .. } => "not-found",
            Self::NotYet { .. } => "not-yet",
            Self::TooMuch { .. } => "too-much",
            Self::ViewOff { .. } => "view-off",
            Self::View(_) | Self::Fold(_) => "view-unavailable",
            Self::Owner(_) => "ledger-unavailable",
            Self::Undecodable(_) => "undecodable",
        }
    }
}

impl fmt::Display for QuestionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => write!(f, "refused: {}", refused.code()),
            Self::NotFound => f.write_str("nothing is recorded under that"),
            Self::NotFolded { later } => write!(
                f,
                "the view has nothing under that, and has not come to the last {later} events yet: ask again"
            ),
            Self::NotYet { last: Some(last) } => {
                write!(
                    f,
                    "the answer cannot be given for a later index than {}",
                    last.0
                )
            }
            Self::NotYet { last: None } => f.write_str("the ledger holds no event yet"),
            Self::TooMuch { max } => write!(f, "the answer would hold more than {max} items"),
            Self::ViewOff { key } => write!(
                f,
                "the customer view answers this; `{key}` in the configuration does not name it"
            ),
            Self::View(_) => f.write_str("the view cannot answer"),
            Self::Fold(_) => f.write_str("the events cannot be folded up to that index"),
            Self::Owner(_) => f.write_str("the ledger cannot answer"),
            Self::Undecodable(index) => {
                write!(f, "a slot of event {} opened but does not decode", index.0)
            }
        }
    }
}

impl Error for QuestionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::View(cause) => Some(cause),
            Self::Fold(cause) => Some(cause),
            Self::Owner(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<OwnerError> for QuestionError {
    fn from(cause: OwnerError) -> Self {
        Self::Owner(cause)
    }
}

impl From<ViewError> for QuestionError {
    fn from(cause: ViewError) -> Self {
        Self::View(cause)
    }
}

impl From<fold::StoreError> for QuestionError {
    fn from(cause: fold::StoreError) -> Self {
        Self::View(cause.into())
    }
}

impl From<FoldError> for QuestionError {
    fn from(cause: FoldError) -> Self {
        Self::Fold(cause)
    }
}
