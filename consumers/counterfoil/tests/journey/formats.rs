//! Every answer as JSON and as CSV, and CSV that no spreadsheet runs.

use serde_json::Value;

use crate::example;
use crate::ledger::{Ledger, Said};

/// Commands whose answer is not a document of its own (an event, a proof, a foil). FILE and CODE are
/// new ones for each format.
const COMMANDS: &str = "\
    check-config
    status
    ask status
    ask event 3 --purpose test
    find --purpose test --alias crm:C-1004417
    ask trail --purpose test --alias crm:C-1004417
    ask person --purpose test --alias crm:C-1004417
    keys show
    user list
    user add --role auditor
    publisher list
    publisher add CODE --source //x.example --family notice
    publisher rotate CODE
    publisher revoke CODE --reason replaced --yes
    vault recovery-key --public FILE.public --secret FILE.secret
    vault rekey
    verify
    verify --offline
    example
    rebuild customer";

fn every_answer(ledger: &Ledger, format: &str) -> Vec<(&'static str, Said)> {
    let file = ledger.path(format);
    let file = file.to_str().expect("text");
    let run = |command: &'static str| {
        let words = command.split_whitespace();
        let words = words.map(|word| word.replace("FILE", file).replace("CODE", format));
        let words: Vec<String> = words.collect();
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        words.extend(["--format", format]);
        (command.trim(), ledger.run(&words, ""))
    };
    COMMANDS.lines().map(run).collect()
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
