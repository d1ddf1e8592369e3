//! What people see: text in 100 columns, a timeline, CSV that runs nothing.

use proto::Index;

use super::ledger::{actor, term, westmere};
use crate::*;

fn fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH_COLUMNS, "{line}");
    }
}

#[test]
fn closings_find_their_request_by_the_sealed_reference() {
    let ledger = westmere();
    let who = actor(Role::Officer);
    let codes = person::ask(&ledger, &who, &term("C-1"), When::Now, false)
        .expect("allowed")
        .answer;
    let states: Vec<&str> = codes.requests.iter().map(|one| one.state).collect();
    assert_eq!(states, ["open", "open", "closing"]);
    let opened = person::ask(&ledger, &who, &term("C-1"), When::Now, true)
        .expect("allowed")
        .answer;
    let states: Vec<(&str, &[u64])> = opened
        .requests
        .iter()
        .map(|one| (one.state, one.events.as_slice()))
        .collect();
    assert_eq!(states, [("closed", &[3, 7][..]), ("open", &[6][..])]);
}

#[test]
fn a_person_as_people_see_one() {
    let ledger = westmere();
    let answer = person::ask(
        &ledger,
        &actor(Role::Officer),
        &term("C-1"),
        When::Now,
        false,
    );
    let text = render(&answer.expect("allowed"), Format::Table).into_inner();
    fits(&text);
    assert!(text == include_str!("person.txt"), "{text}");
}

#[test]
fn a_trail_as_people_see_it() {
    let ledger = westmere();
    let answer = trail::ask(
        &ledger,
        &actor(Role::Officer),
        &term("C-1"),
        When::Now,
        false,
    );
    let text = render(&answer.expect("allowed"), Format::Table).into_inner();
    fits(&text);
    assert!(text == include_str!("trail.txt"), "{text}");
}

#[test]
fn opened_values_fit_and_run_nothing() {
    let ledger = westmere();
    let who = actor(Role::Dpo);
    let one = event::ask(&ledger, &who, Index(3), true).expect("allowed");
    fits(render(&one, Format::Table).expose());
    let csv = render(&one, Format::Csv).into_inner();
    assert!(csv.contains(",'=cmd() the words\r\n"), "{csv}");
    let found = find::ask(&ledger, &who, &term("Example")).expect("allowed");
    let text = render(&found, Format::Table).into_inner();
    fits(&text);
    assert!(
        text.contains("Alex Example") && text.contains("Sam Example"),
        "{text}"
    );
    assert!(
        !render(&found, Format::Json)
            .expose()
            .contains("High Street"),
        "only what tells apart"
    );
}

#[test]
fn wide_and_hostile_cells_stay_in_their_column() {
    let mut sheet = Sheet::new("wide", &["one", "two", "three"]);
    sheet.row([
        "x".repeat(300),
        "words ".repeat(60),
        "a\u{1b}[31m\nb".into(),
    ]);
    let text = sheet.text();
    fits(&text);
    assert!(!text.contains('\u{1b}'));
}
