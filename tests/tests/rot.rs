//! Rot where a start does not look: the vault's shelves, the tree's files while the ledger runs; and what lies in the way of a file.
//!
//! Always: it is found by the owner's verification and by `verify` of the files, told by `status` and `/readyz`, and named by file and code;
//! nothing wrong is ever answered.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use chain::note::VerifierKey;
use ground::{RealDisk, SharedDisk};
use people::Seeded;
use serde_json::{Value, json};
use tests::foils::Foils;
use tests::ledger::Ledger;
use tests::load::{self, FAMILIES, SOURCE, batch, publish};
use tests::place::{files, flip, used};
use tests::served::{Program, Served, serve};
use tests::settings::{Settings, told};

fn program() -> Program {
    Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none")
}

/// A ledger with so many published events, stopped in order, and the publisher's token.
fn filled(events: usize) -> (Ledger, String) {
    let ledger = Ledger::found();
    let served = serve(&program(), &ledger).expect("a new ledger is served");
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let (mut mix, mut foils) = (load::mix(5, 300), Foils::default());
    let mut client = served.connect().expect("it listens").with(&token);
    let mut left = events;
    while left > 0 {
        let (ids, body) = batch(&mut mix, left.min(25));
        let answer = publish(&mut client, &body).expect("it answers");
        foils.keep(&ids, &answer.expect(200));
        left -= ids.len();
    }
    drop(client);
    assert!(served.stop().success());
    (ledger, token)
}

fn check_shelves(ledger: &Ledger) -> Result<bool, vault::VaultError> {
    let disk: SharedDisk = Arc::new(RealDisk);
    vault::check_shelves(&disk, &ledger.dir().join("vault"))
}

fn status(served: &Served) -> Value {
    let answer = served
        .dpo()
        .post("/v1/ask/status", &json!({ "format": "json" }));
    answer.expect("it answers").expect(200).json()["answer"].clone()
}

/// What a served ledger with a rotten shelf does: found by its own verification, told, and no event is taken any more. `None` where
/// every shelf opens: the page was the store's own, such as its list of free pages, and no row was in it.
fn told_by_the_owner(served: Served, token: &str) -> Option<String> {
    let asked = served.dpo().post("/v1/admin/verify", &json!({}));
    let Ok(answer) = asked else {
        assert!(served.log().contains("PANICKED"), "{}", served.log());
        assert_eq!(served.ended().code(), Some(70));
        return Some("the process ended itself".to_owned());
    };
    let report = answer.expect(200).json();
    if report["verdict"] != json!("failed") {
        let established = report["established"].to_string();
        assert!(
            established.contains("every shelf of the vault opens"),
            "{report}"
        );
        return None;
    }
    let damage = report["damage"]["rule"].as_str().unwrap_or_default();
    assert!(
        damage.contains("VAULT_DAMAGED: vault/shelves.redb"),
        "{report}"
    );
    let ready = served.connect().expect("it listens").get("/readyz");
    let ready = ready.expect("it answers");
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("VAULT_DAMAGED"), "{}", ready.text());
    let damage = status(&served)["damage"].clone();
    assert!(
        damage
            .as_str()
            .is_some_and(|said| said.contains("VAULT_DAMAGED")),
        "{damage}"
    );
    let mut client = served.connect().expect("it listens").with(token);
    let refused = publish(&mut client, &batch(&mut load::mix(6, 10), 1).1).expect("it answers");
    assert_eq!(refused.status, 503, "{}", refused.text());
    Some(format!("owner: {}", report["damage"]["actual"]))
}

#[test]
fn a_rotten_shelf_is_found_by_verification_and_told() {
    let (ledger, token) = filled(300);
    assert!(check_shelves(&ledger).expect("nothing is damaged yet"));
    let mut random = Seeded::new(Settings::read().seed);
    let (mut found, mut by_owner) = (0, 0);
    while found < 4 || by_owner == 0 {
        let copy = ledger.copy();
        let path = copy.dir().join("vault/shelves.redb");
        let end = used(&path).expect("it can be read");
        // Runs of bytes, as a sector that rots; most places are nobody's page, and nothing is in them.
        let at = loop {
            let at = random.below(end);
            let rot = || {
                (at..end)
                    .take(64)
                    .try_for_each(|byte| flip(&path, byte, 0x55).map(|_| ()))
            };
            rot().expect("ours");
            if check_shelves(&copy).is_err() {
                break at;
            }
            rot().expect("ours");
        };
        found += 1;
        match serve(&program(), &copy) {
            Err(ended) => {
                let line = ended.log.lines().last().unwrap_or_default();
                let coded = line.starts_with("VAULT_DAMAGED") || line.contains("PANICKED");
                assert!(coded, "{line}");
                told(&format!("shelves at {at}: {line}"));
            }
            Ok(served) => {
                let found = told_by_the_owner(served, &token);
                by_owner += usize::from(found.is_some());
                let found = found.unwrap_or_else(|| "no row was in it".to_owned());
                told(&format!("shelves at {at}: {found}"));
            }
        }
        assert!(found < 60, "no rot is left to the running ledger");
    }
}

/// Rot that comes while the ledger runs: the first answer is right already, and the metric counts.
#[test]
fn tiles_are_right_while_their_files_rot() {
    let (ledger, _) = filled(600);
    let served = serve(&program(), &ledger).expect("nothing is damaged");
    let key = || VerifierKey::parse(&ledger.checkpoint_vkey).expect("our own key");
    let mut random = Seeded::new(Settings::read().seed);
    for _ in 0..6 {
        for path in files(&ledger.dir().join("derived/tree")).expect("it can be listed") {
            if path.ends_with("position") {
                continue;
            }
            let end = used(&path).expect("it can be read");
            flip(&path, random.below(end), 1).expect("ours");
        }
        let judged = verifier::verify_ledger(&format!("http://{}", served.http), &[key()], &[]);
        let judged = judged.expect("it is served");
        assert!(judged.damage.is_none(), "{}", judged.to_text());
        let proof = served.dpo().get("/v1/proof/17").expect("it answers");
        let verdict = verifier::verify_file(proof.expect(200).body.as_slice(), &[key()]);
        assert_eq!(verdict.exit_code(), 0, "{}", verdict.to_text());
    }
    let metrics = served.connect().expect("it listens").get("/metrics");
    let metrics = metrics.expect("it answers").text();
    let rebuilt = metrics
        .lines()
        .find_map(|line| line.strip_prefix("counterfoil_tree_rebuilt_total "))
        .and_then(|count| count.parse::<u64>().ok());
    assert!(rebuilt.is_some_and(|rebuilt| rebuilt >= 1), "{metrics}");
    assert!(served.log().contains("DERIVED_ROTTED"));
    assert!(served.stop().success());
}

/// Zeros, nothing, and a directory in place of each file that a start needs.
#[test]
fn what_lies_in_the_way_of_a_file_is_refused_by_code() {
    let (ledger, _) = filled(50);
    for (file, code) in [
        ("checkpoints/checkpoint", "CHECKPOINT_DAMAGED"),
        ("ledger/journal/ledger", "LEDGER_MISSING"),
        ("ledger/journal/0000000000.segment", "JOURNAL_DAMAGED"),
        ("ledger/vault/root", "VAULT_DAMAGED"),
        ("ledger/vault/table", "VAULT_DAMAGED"),
        ("ledger/vault/shelves.redb", "VAULT_DAMAGED"),
    ] {
        for instead in ["zeros", "a directory"] {
            let copy = ledger.copy();
            let path = copy.home().join(file);
            replace(&path, instead);
            let Err(ended) = serve(&program(), &copy) else {
                panic!("served with {instead} in place of {file}")
            };
            let line = ended.log.lines().last().unwrap_or_default();
            let named = line.starts_with(code) || line.contains("PANICKED");
            let in_the_way = instead == "a directory" && line.contains("directory");
            assert!(named || in_the_way, "{instead} for {file}: {line}");
            told(&format!("{instead} in place of {file}: {line}"));
        }
    }
}

fn replace(path: &Path, instead: &str) {
    let length = fs::metadata(path).expect("it is there").len();
    let mode = fs::metadata(path).expect("it is there").permissions();
    fs::remove_file(path).expect("ours");
    if instead == "zeros" {
        let file = fs::File::create(path).expect("ours");
        file.set_len(length).expect("ours");
        fs::set_permissions(path, mode).expect("ours");
    } else {
        fs::create_dir(path).expect("ours");
    }
}
