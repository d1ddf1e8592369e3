//! Every answer as JSON and as CSV, and CSV that no spreadsheet runs.

use serde_json::Value;

use crate::example;
use crate::ledger::{Ledger, Said};

/// Every answer that is not a document of its own (an event, a proof, a foil).
fn every_answer(ledger: &Ledger, format: &str) -> Vec<(String, Said)> {
    let file = |name: &str| {
        let path = ledger.path(&format!("{name}-{format}"));
        path.to_str().expect("text").to_owned()
    };
    let (public, secret) = (file("public"), file("secret"));
    let code = format!("code-{format}");
    let commands: Vec<Vec<&str>> = vec![
        vec!["check-config"],
        vec!["status"],
        vec!["ask", "status"],
        vec!["ask", "event", "3", "--purpose", "test"],
        vec![
            "find",
            "--purpose",
            "test",
            "--name",
            "Alex Example",
            "--postcode",
            "ZZ99 9ZZ",
        ],
        vec![
            "ask",
            "trail",
            "--purpose",
            "test",
            "--alias",
            "crm:C-1004417",
        ],
        vec![
            "ask",
            "person",
            "--purpose",
            "test",
            "--alias",
            "crm:C-1004417",
        ],
        vec!["keys", "show"],
        vec!["user", "list"],
        vec!["user", "add", "--role", "auditor"],
        vec!["publisher", "list"],
        vec![
            "publisher",
            "add",
            &code,
            "--source",
            "//x.example",
            "--family",
            "notice",
        ],
        vec!["publisher", "rotate", &code],
        vec![
            "publisher",
            "revoke",
            &code,
            "--reason",
            "replaced",
            "--yes",
        ],
        vec![
            "vault",
            "recovery-key",
            "--public",
            &public,
            "--secret",
            &secret,
        ],
        vec!["vault", "rekey"],
        vec!["verify"],
        vec!["verify", "--offline"],
        vec!["example"],
        vec!["rebuild", "customer"],
    ];
    let run = |command: Vec<&str>| {
        let said = ledger.run(&[&command[..], &["--format", format]].concat(), "");
        (command.join(" "), said)
    };
    commands.into_iter().map(run).collect()
}

#[test]
fn every_answer_is_json_and_csv() {
    let ledger = Ledger::serving();
    ledger.publish(&example("collection.collected"), &[]).well();
    for (command, said) in every_answer(&ledger, "json") {
        assert_eq!(said.code, Some(0), "{command}: {said:?}");
        let json = serde_json::from_str::<Value>(&said.out);
        assert!(json.is_ok(), "{command}: {said:?}");
    }
    for (command, said) in every_answer(&ledger, "csv") {
        assert_eq!(said.code, Some(0), "{command}: {said:?}");
        assert!(
            said.out.contains("\r\n") && said.out.contains(','),
            "{command}: {said:?}"
        );
        let lines = said.out.split("\r\n");
        let formula = |line: &str| line.starts_with(['=', '+', '-', '@', '\t']);
        assert!(lines.into_iter().all(|line| !formula(line)), "{command}");
    }
}

#[test]
fn refusals_are_rows_and_no_formulas() {
    let ledger = Ledger::serving();
    let event = example("collection.collected").replace("\"form\":", "\"=cmd()\":");
    let token = ledger.path("crm.token");
    let publish = [
        "publish",
        "-",
        "--token-file",
        token.to_str().expect("text"),
    ];
    let said = ledger.run(&[&publish[..], &["--format", "csv"]].concat(), &event);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.out.starts_with("line,column,field,code,rule\r\n1,,"),
        "{said:?}"
    );
    assert!(
        !said.out.contains(",=") && said.err.contains("1 refused"),
        "{said:?}"
    );
}
