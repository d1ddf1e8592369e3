//! An answer as at an earlier index equals that of a ledger that ended there (P-3).

use proto::{Index, NumberInStream, SlotNumber, StreamId};
use serde_json::json as value;

use super::ledger::{LATE_AT, actor, term, westmere};
use crate::*;

#[test]
fn as_of_equals_a_ledger_that_ended_there() {
    let ledger = westmere();
    for last in 0..ledger.len() as u64 {
        let ended = ledger.ended_with(last);
        for role in [Role::Dpo, Role::Officer] {
            let who = actor(role);
            let when = When::At(Index(last));
            let then = person::ask(&ledger, &who, &term("C-1"), when, true).expect("allowed");
            let there = person::ask(&ended, &who, &term("C-1"), When::Now, true).expect("allowed");
            assert_eq!(
                (then.as_of.index, there.as_of.index),
                (Some(last), Some(last))
            );
            assert_eq!(
                json(&then.answer),
                json(&there.answer),
                "person as of {last}"
            );
            let then = trail::ask(&ledger, &who, &term("C-1"), when, true).expect("allowed");
            let there = trail::ask(&ended, &who, &term("C-1"), When::Now, true).expect("allowed");
            assert_eq!(
                json(&then.answer),
                json(&there.answer),
                "trail as of {last}"
            );
        }
    }
}

#[test]
fn nobody_is_found_by_what_was_said_of_them_later() {
    let ledger = westmere();
    let who = actor(Role::Dpo);
    for last in 0..ledger.len() as u64 {
        let ended = ledger.ended_with(last);
        let when = When::At(Index(last));
        let then = person::ask(&ledger, &who, &term("Late"), when, true);
        let there = person::ask(&ended, &who, &term("Late"), When::Now, true);
        match (then, there) {
            (Ok(then), Ok(there)) => assert_eq!(json(&then.answer), json(&there.answer)),
            (Err(then), Err(there)) => assert_eq!(then.code(), there.code(), "as of {last}"),
            (then, there) => panic!("as of {last}: {} and {}", then.is_ok(), there.is_ok()),
        }
        let trail = trail::ask(&ledger, &who, &term("Late"), when, true);
        assert_eq!(trail.is_ok(), last >= LATE_AT, "as of {last}");
    }
}

#[test]
fn what_the_view_has_not_come_to_is_not_called_unknown() {
    let mut ledger = westmere();
    let (dpo, late) = (actor(Role::Dpo), ledger.len() as u64);
    ledger.folded = Some(0);
    let asked = person::ask(&ledger, &dpo, &term("C-1"), When::Now, true);
    let error = asked.expect_err("nothing is folded");
    assert_eq!(error.code(), "not-found");
    assert!(
        error
            .to_string()
            .contains(&format!("the last {late} events"))
    );
    let asked = trail::ask(&ledger, &dpo, &term("C-1"), When::Now, true);
    assert!(matches!(asked, Err(QuestionError::NotFolded { .. })));
    let found = find::ask(&ledger, &dpo, &term("C-1")).expect("the vault finds");
    assert!(found.answer.candidates[0].not_folded);
    let text = render(&found, Format::Table);
    assert!(
        text.expose().contains("not folded yet"),
        "{}",
        text.expose()
    );
    ledger.folded = None;
    let found = find::ask(&ledger, &dpo, &term("C-1")).expect("the vault finds");
    assert!(!found.answer.candidates[0].not_folded);
    // As at an earlier event the ledger is asked, not the view.
    ledger.folded = Some(0);
    let when = When::At(Index(late - 1));
    person::ask(&ledger, &dpo, &term("C-1"), when, true).expect("it is recorded");
}

fn json<T: serde::Serialize>(answer: &T) -> String {
    serde_json::to_string(answer).expect("answers are JSON")
}

#[test]
fn a_record_that_is_gone_with_its_key_does_not_hide_those_before_it() {
    let mut ledger = westmere();
    let who = actor(Role::Dpo);
    let when = When::At(Index(6));
    ledger.destroy_record(5);
    let left = trail::ask(&ledger, &who, &term("C-1"), when, false).expect("allowed");
    let indices: Vec<u64> = left.answer.events.iter().map(|row| row.index).collect();
    assert_eq!(indices, [0, 1, 3, 4, 6]);
}

#[test]
fn a_stream_that_mentions_many_is_walked_once_and_no_further_than_needed() {
    let mut ledger = westmere();
    let (own, when) = (ledger.len(), When::At(Index(40)));
    for _ in 0..40 {
        ledger.append(b'd', "notice.given", value!({}));
    }
    let mention = |number| MentionedAt {
        stream: StreamId([b'd'; 16]),
        number: NumberInStream(number),
        slot: SlotNumber(0),
    };
    ledger.mentions = vec![
        (1, mention(39)),
        (1, mention(20)),
        (2, mention(19)),
        (2, mention(25)),
    ];
    let who = actor(Role::Dpo);
    // Nothing that was said by then is asked for: all is looked at, each event once.
    ledger.said_at = Some(own as u64 + 39);
    let nobody = person::ask(&ledger, &who, &term("Example"), when, false);
    assert!(matches!(nobody, Err(QuestionError::NotFound)));
    assert_eq!(ledger.read.get(), own + 21);
    ledger.said_at = Some(own as u64 + 25);
    let found = person::ask(&ledger, &who, &term("Example"), when, false).expect("the second");
    assert_eq!(found.answer.streams.len(), 1);
}

#[test]
fn an_index_that_is_not_there_yet_is_no_answer() {
    let ledger = westmere();
    let head = Index(ledger.len() as u64);
    let walked = person::ask(
        &ledger,
        &actor(Role::Dpo),
        &term("Example"),
        When::At(head),
        false,
    );
    assert!(matches!(walked, Err(QuestionError::NotYet { .. })));
    assert_eq!(ledger.read.get(), 0);
    let asked = person::ask(
        &ledger,
        &actor(Role::Dpo),
        &term("C-1"),
        When::At(head),
        false,
    );
    let error = asked.expect_err("not yet");
    assert_eq!(error.code(), "not-yet");
    assert_eq!(
        error.to_string(),
        "the answer cannot be given for a later index than 10"
    );
}

#[test]
fn every_answer_names_index_and_checkpoint() {
    let ledger = westmere();
    let answer = person::ask(
        &ledger,
        &actor(Role::Dpo),
        &term("C-1"),
        When::At(Index(4)),
        false,
    );
    let answer = answer.expect("allowed");
    assert_eq!(
        answer.as_of.line(),
        "as of event 4 (6 later, not in this answer), under checkpoint 11 cm9vdA=="
    );
    assert_eq!(
        answer.as_of.view.as_ref().expect("a view").digest,
        None,
        "folded again"
    );
    let shorter = AsOf {
        under_checkpoint: false,
        ..answer.as_of.clone()
    };
    assert!(shorter.line().contains("not yet under a checkpoint"));
    for format in [Format::Table, Format::Json, Format::Csv] {
        assert!(
            render(&answer, format).expose().contains("cm9vdA=="),
            "{format:?}"
        );
    }
}
