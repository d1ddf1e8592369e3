//! What each command answers when it is used wrongly, or by someone who may not.

use crate::example;
use crate::ledger::{Ledger, run};

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let nowhere = ["--config", "/nonexistent/counterfoil.toml"];
    let with = |more: &[&'static str]| [&nowhere, more].concat();
    for arguments in [
        vec!["no-such-command"],
        vec!["example", "no.such-type"],
        with(&["status"]),
        with(&["publish", "-"]),
        vec!["verify", "/nonexistent"],
        vec![
            "init",
            "--origin",
            "Not An Origin",
            "--dir",
            "/nonexistent/ledger",
        ],
        vec!["ask", "trail", "--as-of", "yesterday"],
    ] {
        let said = run(&arguments, "");
        assert_eq!(said.code, Some(2), "{arguments:?}: {said:?}");
        assert!(!said.err.is_empty(), "{arguments:?} says why");
    }
    assert_eq!(run(&["--help"], "").code, Some(0));
}

#[test]
fn every_command_has_help_with_an_example() {
    let commands =
        "init serve check-config publish example find proof foil verify rebuild park status";
    let mut all: Vec<Vec<&str>> = commands.split(' ').map(|word| vec![word]).collect();
    for (family, words) in [
        ("user", "add list disable"),
        ("publisher", "add rotate revoke list"),
        ("keys", "show"),
        ("vault", "recovery-key rekey"),
        ("ask", "person trail event status"),
    ] {
        all.extend(words.split(' ').map(|word| vec![family, word]));
    }
    for mut arguments in all {
        arguments.push("--help");
        let said = run(&arguments, "").well();
        assert!(said.out.contains("Example"), "{arguments:?}");
    }
}

#[test]
fn names_are_arguments_on_test_origins_only() {
    let ledger = Ledger::made("westmere.example/counterfoil");
    let said = ledger.run(&["find", "--purpose", "test", "--name", "Alex Example"], "");
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("never from arguments"), "{said:?}");
    assert!(
        !said.err.contains("Alex") && !said.err.contains("invented"),
        "{said:?}"
    );
    let said = ledger.run(&["serve", "--now", "2026-11-02T09:30:00Z"], "");
    assert_eq!(said.code, Some(2), "{said:?}");
}

#[test]
fn nothing_is_made_over_a_ledger() {
    let ledger = Ledger::made("test.westmere.example/counterfoil");
    let config = std::fs::read_to_string(ledger.path("ledger/counterfoil.toml")).expect("there");
    let place = ledger.path("ledger");
    let place = place.to_str().expect("text");
    let again = [
        "init",
        "--origin",
        "test.other.example/x",
        "--dir",
        place,
        "--accept-unproven",
    ];
    let said = run(&again, "");
    assert_eq!(said.code, Some(1), "{said:?}");
    let kept = std::fs::read_to_string(ledger.path("ledger/counterfoil.toml")).expect("there");
    assert_eq!(config, kept);
    ledger.run(&["check-config"], "").well();
    std::fs::remove_file(ledger.path("ledger/complete")).expect("removed");
    assert_eq!(ledger.run(&["check-config"], "").code, Some(1));
    assert_eq!(ledger.run(&["serve"], "").code, Some(1));
}

#[test]
fn a_role_that_may_not_is_refused_and_a_disabled_one_is_nobody() {
    let ledger = Ledger::serving();
    ledger.publish(&example("collection.collected"), &[]).well();
    let token = ledger.path("auditor.token");
    let token = token.to_str().expect("text");
    let added = [
        "user",
        "add",
        "--role",
        "auditor",
        "--token-out",
        token,
        "--format",
        "json",
    ];
    let added = ledger.run(&added, "").well();
    let added: serde_json::Value = serde_json::from_str(&added.out).expect("JSON");
    let actor = added["actor"].as_str().expect("an actor");
    assert!(added.get("token").is_none(), "it lies in the file alone");

    ledger.run(&["status", "--token-file", token], "").well();
    let find = [
        "find",
        "--purpose",
        "test",
        "--name",
        "Alex Example",
        "--token-file",
        token,
    ];
    let refused = ledger.run(&find, "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("ROLE_MISSING"), "{refused:?}");

    let unsure = ledger.run(&["user", "disable", actor], "");
    assert_eq!(unsure.code, Some(2), "asks again: {unsure:?}");
    ledger.run(&["user", "disable", actor, "--yes"], "").well();
    let nobody = ledger.run(&["status", "--token-file", token], "");
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.err.contains("UNAUTHENTICATED"), "{nobody:?}");
}

#[test]
fn what_an_operator_gets_wrong_is_told_in_words() {
    let ledger = Ledger::serving();
    let path = |name: &str| ledger.path(name).to_str().expect("text").to_owned();
    let (token, csv, map, proof) = (
        path("crm.token"),
        path("rows.csv"),
        path("map.toml"),
        path("proof"),
    );
    std::fs::write(&csv, "a,b\n1,2\n").expect("written");
    std::fs::write(&map, "name = \"x\"\nsource = 1\n").expect("written");
    ledger.run(&["proof", "1", "-o", &proof], "").well();
    let cases: [(&[&str], i32, &str); 6] = [
        (
            &["find", "--purpose", "Not A Code", "--name", "x"],
            1,
            "BAD_CODE at purpose",
        ),
        (&["publish", &csv, "--token-file", &token], 2, "--map MAP"),
        (
            &["publish", &csv, "--map", &map, "--token-file", &token],
            2,
            "line 2: ",
        ),
        (&["proof", "1", "-o", &proof], 1, "there already"),
        (&["serve"], 1, "running here already"),
        (
            &["publish", &csv, "--map", &map, "--ca", &token],
            2,
            "--url <URL>",
        ),
    ];
    for (arguments, code, words) in cases {
        let said = ledger.run(arguments, "");
        assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
        assert!(said.err.contains(words), "{arguments:?}: {said:?}");
    }
}

#[test]
fn a_revoked_publisher_publishes_nothing() {
    let ledger = Ledger::serving();
    let event = example("collection.collected");
    let new = ledger.path("new.token");
    let new = new.to_str().expect("text");
    let rotate = [
        "publisher",
        "rotate",
        "crm",
        "--overlap",
        "3600",
        "--token-out",
        new,
    ];
    ledger.run(&rotate, "").well();
    // Both tokens are good while they overlap.
    ledger.publish(&event, &["--dry-run"]).well();
    ledger
        .run(&["publish", "-", "--token-file", new, "--dry-run"], &event)
        .well();
    ledger
        .run(
            &[
                "publisher",
                "revoke",
                "crm",
                "--reason",
                "replaced",
                "--yes",
            ],
            "",
        )
        .well();
    for token in [new, ledger.path("crm.token").to_str().expect("text")] {
        let said = ledger.run(&["publish", "-", "--token-file", token], &event);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains("UNAUTHENTICATED"), "{said:?}");
    }
    // The owner's token asks, and publishes nothing.
    let token = ledger.path("ledger/run/token");
    let owner = [
        "publish",
        "-",
        "--token-file",
        token.to_str().expect("text"),
    ];
    assert_eq!(ledger.run(&owner, &event).code, Some(1));
}
