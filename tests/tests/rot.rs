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

/// Flips, zeros or cuts off what a view's files hold; what was done.
fn spoil_view(ledger: &Ledger, random: &mut Seeded) -> String {
    let all = files(&ledger.dir().join("views")).expect("it can be listed");
    let path = &all[random.below(all.len() as u64) as usize];
    let mut bytes = fs::read(path).expect("ours");
    let at = random.below(bytes.len().max(1) as u64) as usize;
    let what = match random.below(3) {
        0 => {
            // Most bytes are nobody's: one in each page.
            bytes
                .iter_mut()
                .skip(at % 512)
                .step_by(512)
                .for_each(|byte| *byte ^= 0x10);
            "flipped"
        }
        1 => {
            let end = bytes.len().min(at + 100_000);
            bytes[at..end].fill(0);
            "zeroed"
        }
        _ => {
            bytes.truncate(at);
            "cut off"
        }
    };
    fs::write(path, bytes).expect("ours");
    format!("{} {what} at {at}", path.display())
}

fn digest(served: &Served) -> (u64, String) {
    let view = &served.folded()["views"][0];
    let digest = view["digest"].as_str().unwrap_or_default().to_owned();
    (view["next"].as_u64().unwrap_or_default(), digest)
}

/// A view can be folded again: its rot keeps no one from publishing or asking, before a start or under way.
#[test]
fn a_rotten_view_ends_nothing_and_is_folded_again() {
    let (ledger, token) = filled(300);
    let served = serve(&program(), &ledger).expect("nothing is damaged");
    let right = digest(&served);
    assert!(!right.1.is_empty(), "status tells the digest");
    assert!(served.stop().success());
    let mut random = Seeded::new(Settings::read().seed);
    for round in 0..6 {
        let copy = ledger.copy();
        let what = spoil_view(&copy, &mut random);
        told(&what);
        let served = serve(&program(), &copy).unwrap_or_else(|ended| panic!("{what}: {ended:?}"));
        assert_eq!(digest(&served), right, "{what}");
        // Under way: what is read of it now may fail, and nothing else does.
        let what = spoil_view(&copy, &mut random);
        told(&what);
        let mut client = served.connect().expect("it listens").with(&token);
        let (_, body) = batch(&mut load::mix(20 + round, 40), 25);
        publish(&mut client, &body).expect("it answers").expect(200);
        let asked = json!({ "terms": [{ "kind": "postcode", "text": people::Person::of(3).postcode }], "purpose": "audit" });
        let answer = served.dpo().post("/v1/find", &asked).expect("it answers");
        assert!(
            [200, 422, 503].contains(&answer.status),
            "{what}: {}",
            answer.text()
        );
        served
            .connect()
            .expect("it listens")
            .get("/livez")
            .expect("it answers")
            .expect(200);
        assert!(!served.log().contains("PANICKED"), "{what}");
        // A rebuild reads nothing of what rotted, and says what it found.
        let rebuilt = served
            .dpo()
            .post("/v1/admin/rebuild", &json!({ "view": "customer" }));
        rebuilt.expect("it answers").expect(202);
        let after = digest(&served);
        assert!(served.stop().success(), "{what}");
        let served = serve(&program(), &copy).expect("it was stopped in order");
        assert!(digest(&served).0 >= after.0, "{what}");
        // What a rebuild compares with is the digest of what was folded.
        assert!(!served.log().contains("P-1 did not hold"), "{what}");
        assert!(served.stop().success());
    }
}

/// Rot of the indexes that find repeats, while the ledger runs: the same foil, or an error; never a second link.
#[test]
fn repeats_are_found_or_refused_while_their_index_rots() {
    let ledger = Ledger::found();
    let served = serve(&program(), &ledger).expect("a new ledger is served");
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let mut mix = load::mix(5, 300);
    let sent: Vec<_> = (0..24).map(|_| batch(&mut mix, 25)).collect();
    let mut foils = Foils::default();
    let mut client = served.connect().expect("it listens").with(&token);
    for (ids, body) in &sent {
        foils.keep(
            ids,
            &publish(&mut client, body).expect("it answers").expect(200),
        );
    }
    drop(client);
    assert!(served.stop().success());
    let served = serve(&program(), &ledger).expect("nothing is damaged");
    let mut random = Seeded::new(Settings::read().seed);
    for path in files(&ledger.dir().join("derived")).expect("it can be listed") {
        let end = used(&path).expect("it can be read");
        for _ in 0..end.div_ceil(512) {
            flip(&path, random.below(end), 0x20).expect("ours");
        }
    }
    for (ids, body) in &sent {
        let Ok(client) = served.connect() else {
            break;
        };
        // The same foil (`keep` compares), an error, or a process that has stopped.
        match publish(&mut client.with(&token), body) {
            Ok(answer) if answer.status == 200 => foils.keep(ids, &answer),
            Ok(answer) => {
                assert!(answer.status >= 500, "{}", answer.text());
                0
            }
            Err(_) => 0,
        };
    }
    served.kill();
    let served = serve(&program(), &ledger).expect("derived files are built again");
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
