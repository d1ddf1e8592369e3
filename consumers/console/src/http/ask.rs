//! The questions over HTTP: words in the body, the rendered answer out.
//!
//! Not here: rules and rendering (`questions`). Always: a question runs on a blocking thread; its access event is durable before it answers (A-1).

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use fold::ViewStatus;
use jiff::civil::Date;
use proto::limits::TEXT_BYTES_MAX;
use proto::{Index, Personal, UnixMillis};
use questions::{Actor, Answer, Format, QuestionError, SearchTerm, Sheets, TermKind, When};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::given::Posted;
use super::who::Caller;
use super::{App, Problem};
use crate::owner::HostOwner;

/// Terms of one search at most.
const TERMS_MAX: usize = 8;

/// By what a person is looked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Term {
    kind: Kind,
    #[serde(default)]
    system: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Alias,
    Name,
    DateOfBirth,
    Postcode,
    Email,
    Telephone,
}

/// As at which event.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum AsOfAsked {
    Index(u64),
    InstantMs(i64),
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum FormatAsked {
    #[default]
    Table,
    Json,
    Csv,
}

/// What every question's body has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    terms: Vec<Term>,
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    as_of: Option<AsOfAsked>,
    /// The day that the asker assumes; it changes nothing but the answer.
    #[serde(default)]
    today: Option<String>,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    reveal: bool,
    #[serde(default)]
    format: FormatAsked,
}

type Body = Result<Posted<Asked>, Problem>;

/// `POST /v1/ask/person`.
pub(super) async fn person(
    State(app): State<App>,
    caller: Caller,
    body: Body,
) -> Result<Response, Problem> {
    let (asked, actor) = read(caller, body)?;
    answer(app, asked, actor, |owner, actor, asked, when| {
        questions::person::ask(owner, actor, &asked.terms()?, when, asked.reveal)
    })
    .await
}

/// `POST /v1/ask/trail`.
pub(super) async fn trail(
    State(app): State<App>,
    caller: Caller,
    body: Body,
) -> Result<Response, Problem> {
    let (asked, actor) = read(caller, body)?;
    answer(app, asked, actor, |owner, actor, asked, when| {
        questions::trail::ask(owner, actor, &asked.terms()?, when, asked.reveal)
    })
    .await
}

/// `POST /v1/ask/event`.
pub(super) async fn event(
    State(app): State<App>,
    caller: Caller,
    body: Body,
) -> Result<Response, Problem> {
    let (asked, actor) = read(caller, body)?;
    only_now(&asked)?;
    let index = asked
        .index
        .ok_or_else(|| Problem::field("FIELD_MISSING", "index", "which event"))?;
    answer(app, asked, actor, move |owner, actor, asked, _| {
        questions::event::ask(owner, actor, Index(index), asked.reveal)
    })
    .await
}

/// `POST /v1/ask/status`.
pub(super) async fn status(
    State(app): State<App>,
    caller: Caller,
    body: Body,
) -> Result<Response, Problem> {
    let (asked, actor) = read(caller, body)?;
    let views = app.customer.iter().map(|view| (*view.status()).clone());
    let views: Vec<ViewStatus> = views.collect();
    answer(app, asked, actor, move |owner, actor, _, _| {
        questions::status::ask(owner, actor, &views)
    })
    .await
}

/// `POST /v1/find`.
pub(super) async fn find(
    State(app): State<App>,
    caller: Caller,
    body: Body,
) -> Result<Response, Problem> {
    let (asked, actor) = read(caller, body)?;
    only_now(&asked)?;
    answer(app, asked, actor, |owner, actor, asked, _| {
        questions::find::ask(owner, actor, &asked.terms()?)
    })
    .await
}

fn read(caller: Caller, body: Body) -> Result<(Asked, Actor), Problem> {
    let Posted(mut asked) = body?;
    if asked.terms.len() > TERMS_MAX {
        return Err(Problem::field(
            "TOO_MANY_TERMS",
            "terms",
            format!("at most {TERMS_MAX}"),
        ));
    }
    check_words(&asked.purpose, asked.reason.as_deref().unwrap_or_default())?;
    let actor = caller.actor(std::mem::take(&mut asked.purpose), asked.reason.take());
    Ok((asked, actor))
}

/// What is recorded of an access beside the question. Checked here, so that it is the caller's mistake and not the ledger's failure.
fn check_words(purpose: &str, reason: &str) -> Result<(), Problem> {
    if !purpose.is_empty() && !proto::ids::is_code(purpose) {
        let rule = "a code: lower-case letters, digits, dot, dash and underscore, at most 64";
        return Err(Problem::field("BAD_CODE", "purpose", rule));
    }
    if reason.len() > TEXT_BYTES_MAX || reason.contains('\0') {
        let rule = format!("a text of at most {TEXT_BYTES_MAX} bytes without zero characters");
        return Err(Problem::field("BAD_TEXT", "reason", rule));
    }
    Ok(())
}

/// For questions that only have an answer as of now: an earlier moment is refused, not passed over (P-3).
fn only_now(asked: &Asked) -> Result<(), Problem> {
    match asked.as_of {
        None => Ok(()),
        Some(_) => {
            let rule = "this question is answered as of now; person and trail can be asked as of an earlier moment";
            Err(Problem::field("AS_OF_UNSUPPORTED", "as_of", rule))
        }
    }
}

impl Asked {
    fn today(&self) -> Result<Option<Date>, Problem> {
        let day = self.today.as_deref().map(str::parse).transpose();
        day.map_err(|_| Problem::field("DATE_SHAPE", "today", "a date, YYYY-MM-DD"))
    }

    fn terms(&self) -> Result<Vec<SearchTerm>, QuestionError> {
        if self.terms.is_empty() {
            return Err(QuestionError::NotFound);
        }
        let term = |term: &Term| SearchTerm {
            kind: match term.kind {
                Kind::Alias => TermKind::Alias,
                Kind::Name => TermKind::Name,
                Kind::DateOfBirth => TermKind::DateOfBirth,
                Kind::Postcode => TermKind::Postcode,
                Kind::Email => TermKind::Email,
                Kind::Telephone => TermKind::Telephone,
            },
            system: term.system.clone(),
            text: Personal::new(term.text.clone()),
        };
        Ok(self.terms.iter().map(term).collect())
    }
}

/// Runs a question on a blocking thread and renders its answer.
async fn answer<T, F>(app: App, asked: Asked, actor: Actor, ask: F) -> Result<Response, Problem>
where
    T: Serialize + Sheets,
    F: FnOnce(&HostOwner<'_>, &Actor, &Asked, When) -> Result<Answer<T>, QuestionError>
        + Send
        + 'static,
{
    let runtime = Handle::current();
    let work = move || -> Result<Response, Problem> {
        let when = match &asked.as_of {
            None => When::Now,
            Some(AsOfAsked::Index(index)) => When::At(Index(*index)),
            Some(AsOfAsked::InstantMs(instant)) => When::At(index_at(&app, UnixMillis(*instant))?),
        };
        let today = asked.today()?;
        let owner = HostOwner::new(&app, runtime, today);
        let mut answer = ask(&owner, &actor, &asked, when)?;
        answer.as_of.today = today.map(|day| day.to_string());
        let (format, kind) = match asked.format {
            FormatAsked::Table => (Format::Table, "text/plain; charset=utf-8"),
            FormatAsked::Json => (Format::Json, "application/json"),
            FormatAsked::Csv => (Format::Csv, "text/csv; charset=utf-8"),
        };
        let text = questions::render(&answer, format);
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-store"),
        ];
        Ok((headers, text.into_inner()).into_response())
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "FAILED",
            "the question failed",
        ))
    })
}

/// The last event that was durable at an instant.
fn index_at(app: &App, instant: UnixMillis) -> Result<Index, Problem> {
    let journal = app.records.journal();
    let (mut low, mut high) = (1, journal.watermark().group + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let group = journal.group(middle).map_err(intake::IntakeError::from)?;
        if group.time <= instant {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let nothing = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "nothing was recorded by then",
        )
    };
    if low == 1 {
        return Err(nothing());
    }
    let group = journal.group(low - 1).map_err(intake::IntakeError::from)?;
    Ok(Index(group.next().0 - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_no_access_event_takes_are_the_callers_mistake() {
        assert!(check_words("", "").is_ok());
        assert!(check_words("subject-access", "Letter of 3 May").is_ok());
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        for (purpose, reason) in [("Alex Example", ""), ("p", "a\0b"), ("p", &long)] {
            assert!(check_words(purpose, reason).is_err());
        }
    }

    #[test]
    fn an_earlier_moment_is_refused_where_it_would_be_passed_over() {
        let asked = |text| serde_json::from_str::<Asked>(text).expect("a question");
        assert!(only_now(&asked(r#"{"as_of":null}"#)).is_ok());
        assert!(only_now(&asked(r#"{"as_of":{"index":5}}"#)).is_err());
    }
}
