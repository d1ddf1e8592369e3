//! A batch through the door: until it is answered, or there is no hope.
//!
//! 429 and 503 are asked again after `Retry-After`, a broken or refused connection after a growing
//! pause; both send the same batch again, which is harmless since a repeat is found by its id (C-3).
//! Always: a result for each event, in order, or a failure that names none of them.

use hyper::Method;
use hyper::body::Bytes;
use serde::Deserialize;

use crate::client::{Client, ClientError, Reply};
use crate::failure::Failure;
use crate::output;
use crate::problem::{self, Problem};

const BATCH: &str = "application/cloudevents-batch+json";
/// Times one batch is sent before giving up.
const TRIES_MAX: u32 = 30;
/// Longest pause between two tries, in seconds.
const PAUSE_S_MAX: u64 = 10;

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Settled {
    /// Recorded now, or found good in a dry run.
    Accepted,
    /// Recorded before.
    Repeated,
    /// Refused.
    Refused(Problem),
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<ItemResult>,
}

#[derive(Deserialize)]
struct ItemResult {
    status: u16,
    problem: Option<Problem>,
}

/// Sends batches.
pub(super) struct Sender {
    client: Client,
    path: &'static str,
    dry_run: bool,
    answered_before: bool,
    /// First pause after a broken connection, in seconds; it doubles.
    pause_s: u64,
}

impl Sender {
    /// A sender that has sent nothing yet.
    pub(super) fn new(client: Client, dry_run: bool) -> Self {
        let path = if dry_run {
            "/v1/events?dry_run=true&foils=none"
        } else {
            "/v1/events?foils=none"
        };
        Self {
            client,
            path,
            dry_run,
            answered_before: false,
            pause_s: 1,
        }
    }

    /// A result for each of `count` events.
    ///
    /// # Errors
    /// Where the whole request is refused, or nobody answers for too long.
    pub(super) fn send(&mut self, count: usize, body: Bytes) -> Result<Vec<Settled>, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let sent = self
                .client
                .send(Method::POST, self.path, Some((BATCH, body.clone())));
            match sent {
                Ok(reply) if matches!(reply.status, 429 | 503) => {
                    let failure = problem::judged(reply_kept(&reply)).err();
                    let pause = reply.retry_after_s.unwrap_or(1).min(PAUSE_S_MAX);
                    self.pause(tries, pause, &reason(&reply), failure)?;
                }
                Ok(reply) => {
                    self.answered_before = true;
                    return self.settled(count, reply);
                }
                Err(error) => {
                    let failure = self.client.unreachable(&error);
                    // Nobody was ever there, or nobody we trust: say so at once instead of waiting
                    // for a typing error.
                    let was_there = matches!(error, ClientError::Broken | ClientError::Silent(_));
                    if !self.answered_before && !was_there {
                        return Err(failure);
                    }
                    let pause = (self.pause_s << (tries - 1).min(4)).min(PAUSE_S_MAX);
                    let door = self.client.door();
                    let why = format!("the connection to {door} is broken");
                    self.pause(tries, pause, &why, Some(failure))?;
                }
            }
        }
    }

    fn pause(
        &self,
        tries: u32,
        seconds: u64,
        why: &str,
        failure: Option<Failure>,
    ) -> Result<(), Failure> {
        if tries >= TRIES_MAX
            && let Some(failure) = failure
        {
            return Err(failure);
        }
        output::aside(&format!(
            "  {why}; the batch is sent again in {seconds} s (try {tries} of {TRIES_MAX})"
        ));
        self.client.wait(seconds);
        Ok(())
    }

    fn settled(&self, count: usize, reply: Reply) -> Result<Vec<Settled>, Failure> {
        // Where every event was refused, the status is theirs and the body still has a result for each.
        let Ok(answer) = serde_json::from_slice::<Answer>(reply.body.expose()) else {
            problem::judged(reply)?;
            return Err(Failure::Refused(
                "the door's answer has no results".to_owned(),
            ));
        };
        if answer.results.len() != count {
            return Err(Failure::Refused(format!(
                "{count} events were sent and {} answered",
                answer.results.len()
            )));
        }
        let dry_run = self.dry_run;
        let settled = answer.results.into_iter().map(|result| match result {
            ItemResult {
                problem: Some(problem),
                ..
            } => Settled::Refused(problem),
            ItemResult { status: 201, .. } => Settled::Accepted,
            ItemResult { status, .. } if dry_run && status < 300 => Settled::Accepted,
            ItemResult { status, .. } if status < 300 => Settled::Repeated,
            ItemResult { status, .. } => Settled::Refused(Problem::of_status(status)),
        });
        Ok(settled.collect())
    }
}

fn reply_kept(reply: &Reply) -> Reply {
    Reply {
        status: reply.status,
        retry_after_s: reply.retry_after_s,
        body: reply.body.duplicate(),
    }
}

fn reason(reply: &Reply) -> String {
    match &*Problem::of(reply).code {
        "QUEUE_FULL" => "the ledger's queue is full".to_owned(),
        "DRAINING" => "the ledger is stopping".to_owned(),
        code => output::plain(code),
    }
}

#[cfg(test)]
mod tests;
