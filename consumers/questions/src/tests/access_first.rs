//! the access event is first, refusals are recorded, and nothing is shown without either.

use jiff::civil::Date;
use proto::Index;
use serde_json::json;

use super::ledger::{actor, term, westmere};
use crate::*;

fn log(ledger: &super::ledger::Ledger) -> Vec<String> {
    ledger.log.borrow().clone()
}

#[test]
fn the_access_event_comes_before_the_first_slot_is_opened() {
    let ledger = westmere();
    let answer = person::ask(
        &ledger,
        &actor(Role::Officer),
        &term("C-1"),
        When::Now,
        true,
    );
    let revealed = answer.expect("allowed").answer.revealed.len();
    let log = log(&ledger);
    assert_eq!(
        log[0],
        format!("person revealed {revealed} in person as officer")
    );
    assert_eq!(log.len(), 1 + revealed);
    assert!(
        log[1..].iter().all(|line| line.starts_with("opened")),
        "{log:?}"
    );
}

#[test]
fn without_a_durable_access_event_nothing_is_opened() {
    let mut ledger = westmere();
    ledger.access_fails = true;
    let dpo = actor(Role::Dpo);
    assert!(person::ask(&ledger, &dpo, &term("C-1"), When::Now, true).is_err());
    assert!(trail::ask(&ledger, &dpo, &term("C-1"), When::Now, false).is_err());
    assert!(find::ask(&ledger, &dpo, &term("C-1")).is_err());
    assert!(event::ask(&ledger, &dpo, Index(0), true).is_err());
    assert!(log(&ledger).is_empty());
}

#[test]
fn what_the_table_does_not_give_is_refused_and_recorded() {
    let ledger = westmere();
    for role in Role::ALL {
        let who = actor(role);
        let asked = [
            (
                Right::AskPerson,
                person::ask(&ledger, &who, &term("C-1"), When::Now, false).is_ok(),
            ),
            (
                Right::AskTrail,
                trail::ask(&ledger, &who, &term("C-1"), When::Now, false).is_ok(),
            ),
            (Right::Find, find::ask(&ledger, &who, &term("C-1")).is_ok()),
            (
                Right::AskEvent,
                event::ask(&ledger, &who, Index(0), false).is_ok(),
            ),
            (Right::AskStatus, status::ask(&ledger, &who, &[]).is_ok()),
        ];
        for (right, answered) in asked {
            assert_eq!(answered, role.has(right), "{role:?} {right:?}");
        }
    }
    let auditor = actor(Role::Auditor);
    ledger.log.borrow_mut().clear();
    let refused = event::ask(&ledger, &auditor, Index(0), true).expect_err("no values");
    assert_eq!(refused.code(), "role-missing");
    assert_eq!(
        log(&ledger),
        ["event refused role-missing in office as none"]
    );
}

#[test]
fn no_purpose_no_person() {
    let ledger = westmere();
    let mut who = actor(Role::Dpo);
    who.purpose.clear();
    let refused = person::ask(&ledger, &who, &term("C-1"), When::Now, false).expect_err("refused");
    assert_eq!(refused.code(), "purpose-missing");
    assert_eq!(
        log(&ledger),
        ["person refused purpose-missing in office as none"]
    );
    assert!(status::ask(&ledger, &who, &[]).is_ok());
}

#[test]
fn a_search_is_recorded_without_its_words_and_each_candidate_in_their_own_stream() {
    let ledger = westmere();
    let found = find::ask(&ledger, &actor(Role::FrontDesk), &term("Example")).expect("allowed");
    assert_eq!(found.answer.candidates.len(), 2);
    let log = log(&ledger);
    assert_eq!(log[0], "find searched [Alias] 2 in office as front-desk");
    assert_eq!(log[1], "find revealed 2 in person as front-desk");
    assert_eq!(log[4], "find revealed 1 in person as front-desk");
    assert!(log.iter().all(|line| !line.contains("Example")));
    let too_many = find::ask(&ledger, &actor(Role::Dpo), &term("everyone")).expect_err("too many");
    assert_eq!(too_many.code(), "too-much");
    let nobody = person::ask(
        &ledger,
        &actor(Role::Dpo),
        &term("nobody"),
        When::Now,
        false,
    );
    assert_eq!(nobody.expect_err("nobody").code(), "not-found");
}

#[test]
fn quarantined_fields_open_for_the_dpo_alone() {
    let ledger = westmere();
    for role in [Role::Dpo, Role::Officer] {
        let answer = event::ask(&ledger, &actor(role), Index(3), true)
            .expect("allowed")
            .answer;
        let slot = &answer.revealed[0];
        assert_eq!(slot.field("details").is_some(), role == Role::Dpo);
        assert_eq!(slot.quarantined.is_empty(), role == Role::Dpo);
        assert!(slot.field("serviceReference").is_some());
    }
}

#[test]
fn embargoed_disclosures_show_for_the_dpo_alone() {
    let ledger = westmere();
    for (role, shown) in [(Role::Dpo, 2), (Role::Officer, 1)] {
        let who = actor(role);
        let one = person::ask(&ledger, &who, &term("C-1"), When::Now, false).expect("allowed");
        assert_eq!(one.answer.disclosures.len(), shown);
        assert_eq!(
            one.answer
                .streams
                .iter()
                .map(|row| row.events)
                .sum::<usize>(),
            8 + shown
        );
        let all = trail::ask(&ledger, &who, &term("C-1"), When::Now, false).expect("allowed");
        assert_eq!(all.answer.events.len(), 8 + shown);
        assert_eq!(
            event::ask(&ledger, &who, Index(9), false).is_ok(),
            role == Role::Dpo
        );
    }
}

/// The catalogue's example is reviewed on a day; until then nobody but the DPO sees it, from then on everybody does.
#[test]
fn an_embargo_ends_on_the_day_of_its_review() {
    let mut ledger = westmere();
    let who = actor(Role::Officer);
    for (day, shown) in [
        (Date::constant(2026, 11, 7), 1),
        (Date::constant(2199, 1, 1), 2),
    ] {
        ledger.today = Some(day);
        let one = person::ask(&ledger, &who, &term("C-1"), When::Now, false).expect("allowed");
        assert_eq!(one.answer.disclosures.len(), shown, "{day}");
        let then = person::ask(&ledger, &who, &term("C-1"), When::At(Index(10)), false);
        assert_eq!(then.expect("allowed").answer.disclosures.len(), shown);
        let event = event::ask(&ledger, &who, Index(9), false);
        assert_eq!(event.is_ok(), shown == 2, "{day}");
    }
    for (review, over) in [("2026-11-08", false), ("2026-11-07", true), ("", false)] {
        let today = Date::constant(2026, 11, 7);
        assert_eq!(crate::asof::under_embargo(true, review, today), !over);
        assert!(!crate::asof::under_embargo(false, review, today));
    }
}

#[test]
fn a_record_counts_its_stream_for_the_dpo_alone() {
    let ledger = westmere();
    for (role, counted) in [
        (Role::Dpo, true),
        (Role::Officer, false),
        (Role::Auditor, false),
    ] {
        let answer = event::ask(&ledger, &actor(role), Index(10), false).expect("allowed");
        let record = answer.answer.record.expect("its key lives");
        for member in ["number", "previous"] {
            assert_eq!(record.get(member).is_some(), counted, "{role:?} {member}");
        }
        assert!(record.get("stream").is_some());
    }
}

#[test]
fn an_answer_does_not_print_values_by_accident() {
    let ledger = westmere();
    let answer = person::ask(&ledger, &actor(Role::Dpo), &term("C-1"), When::Now, true);
    let debug = format!("{:?}", answer.expect("allowed"));
    assert!(debug.contains("(personal)") && !debug.contains("Alex"));
}

#[test]
fn erased_slots_are_named_and_not_opened() {
    let mut ledger = westmere();
    ledger.erased = true;
    let answer = event::ask(&ledger, &actor(Role::Dpo), Index(0), true)
        .expect("allowed")
        .answer;
    assert!(
        answer
            .revealed
            .iter()
            .all(|slot| slot.state == "erased" && slot.fields.is_empty())
    );
}

/// Known by a notice or a mention alone: nothing can be opened, and an access event that names no slot would be refused as one of values.
#[test]
fn someone_without_a_collection_is_found_and_looked_at() {
    let ledger = westmere().ended_with(1);
    let found = find::ask(&ledger, &actor(Role::Dpo), &term("Example"));
    let candidates = found.expect("allowed").answer.candidates;
    assert_eq!(candidates.len(), 2);
    assert!(candidates[1].known_by.is_empty());
    assert_eq!(
        log(&ledger).last().map(String::as_str),
        Some("find viewed 0 in person as dpo")
    );
}

/// Neither an answer, nor how many events are recorded of it (the checkpoint's size says so), tells someone of whom there are only events
/// under embargo from someone whom nobody knows; whether other people's events are still to be folded or not.
#[test]
fn who_is_known_by_an_embargo_alone_is_like_nobody() {
    let mut ledger = super::ledger::Ledger::default();
    let embargoed = json!({"visibility": "VISIBILITY_EMBARGOED"});
    ledger
        .append(b'a', "disclosure.made", embargoed)
        .append(b'c', "notice.given", json!({}));
    for folded in [None, Some(1)] {
        ledger.folded = folded;
        let officer = actor(Role::Officer);
        let logged = |words: &str| {
            ledger.log.borrow_mut().clear();
            let (term, when) = (term(words), When::Now);
            let person = person::ask(&ledger, &officer, &term, when, true).map(|_| ());
            let trail = trail::ask(&ledger, &officer, &term, when, true).map(|_| ());
            let found = find::ask(&ledger, &officer, &term).expect("allowed");
            assert_eq!(found.answer.candidates.len(), 0, "{words}");
            let said = [person, trail].map(|told| told.expect_err("nothing").to_string());
            (said, log(&ledger))
        };
        let (known, unknown) = (logged("C-1"), logged("nobody"));
        assert_eq!(known.0, unknown.0);
        assert_eq!(known.0[0], "nothing is recorded under that");
        assert_eq!(known.1[..2], unknown.1[..2]);
        assert_eq!(known.1[0], "person searched [Alias] 0 in office as officer");
        assert_eq!(known.1.len(), unknown.1.len());
        let dpo = actor(Role::Dpo);
        let shown = person::ask(&ledger, &dpo, &term("C-1"), When::Now, false);
        assert_eq!(
            shown
                .expect("it shows for the DPO")
                .answer
                .disclosures
                .len(),
            1
        );
    }
}

#[test]
fn a_view_that_is_left_out_is_named_before_anybody_is_looked_for() {
    let mut ledger = westmere();
    ledger.view_off = true;
    let dpo = actor(Role::Dpo);
    let asked = [
        find::ask(&ledger, &dpo, &term("Example")).err(),
        person::ask(&ledger, &dpo, &term("C-1"), When::Now, true).err(),
        trail::ask(&ledger, &dpo, &term("C-1"), When::At(Index(3)), true).err(),
    ];
    for error in asked {
        let error = error.expect("no view, no answer");
        assert_eq!(error.code(), "view-off");
        assert!(error.to_string().contains("`views` in the configuration"));
    }
    assert!(log(&ledger).is_empty());
    // Who may not ask does not learn how the ledger is configured.
    let refused = find::ask(&ledger, &actor(Role::Auditor), &term("Example")).expect_err("refused");
    assert_eq!(refused.code(), "role-missing");
    assert!(event::ask(&ledger, &dpo, Index(0), true).is_ok());
}
