//! A thread that panics ends the process with code 70, and nothing acknowledged is lost; a view or its store that panics ends neither.

use std::fs;

use serde_json::json;
use tests::foils::Foils;
use tests::ledger::Ledger;
use tests::load::{self, FAMILIES, SOURCE, batch, publish};
use tests::served::{Program, Served, serve};

fn program(fault: &str) -> Program {
    Program::faulty(env!("CARGO_BIN_EXE_faulty"), fault)
}

/// Publishes and keeps the foils.
fn load(served: &Served, token: &str, mix: &mut people::Mix, foils: &mut Foils) {
    let mut client = served.connect().expect("it listens").with(token);
    let (ids, body) = batch(mix, 25);
    let answer = publish(&mut client, &body).expect("it answers");
    foils.keep(&ids, &answer.expect(200));
}

#[test]
fn a_panic_of_a_thread_ends_the_process_and_a_restart_has_everything() {
    for thread in ["keeper", "nightly", "projector"] {
        let ledger = Ledger::found();
        let armed = ledger.home().join("armed");
        let fault = format!("panic:{thread}:{}", armed.display());
        let served = serve(&program(&fault), &ledger).expect("it is not armed yet");
        let token = served.publisher("crm", &[SOURCE], &FAMILIES);
        let (mut mix, mut foils) = (load::mix(9, 40), Foils::default());
        load(&served, &token, &mut mix, &mut foils);
        served.folded();
        fs::write(&armed, "").expect("ours");
        // Each gives one of the three something to do; the process may be gone before it answers.
        let mut client = served.connect().expect("it listens").with(&token);
        if let Ok(answer) = publish(&mut client, &batch(&mut load::mix(10, 5), 5).1) {
            assert!([200, 503].contains(&answer.status), "{}", answer.text());
        }
        let _ = served.dpo().post("/v1/admin/rekey", &json!({}));
        let log = served.log_file();
        assert_eq!(served.ended().code(), Some(70), "{thread}");
        let log = fs::read_to_string(log).expect("ours");
        assert!(
            log.contains("PANICKED") && log.contains("armed.rs"),
            "{thread}: {log}"
        );
        let served = serve(&program("none"), &ledger).expect("nothing is damaged");
        served.folded();
        let mut client = served.connect().expect("it listens").with(&token);
        foils.assert_all_kept(&mut client, SOURCE);
        let report = served.verify();
        assert_eq!(
            report["verdict"],
            json!("verified with pinned keys"),
            "{report:#}"
        );
        assert!(served.stop().success());
    }
}
