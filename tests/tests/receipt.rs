//! Real input: the 8,577 rows of a permit log, through the real command line and its map; each accepted or explained.
//!
//! Always: skipped by name where the file or the binary is not at hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tests::ledger::Ledger;
use tests::served::{Program, Served, serve};
use tests::settings::{counterfoil, skipped, told};

const ROWS: u64 = 8_577;

fn publish(
    binary: &Path,
    ledger: &Ledger,
    served: &Served,
    token: &Path,
    file: &Path,
    more: &[&str],
) -> Value {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ledger/intake/data/maps/receipt.toml");
    let output = Command::new(binary)
        .arg("--config")
        .arg(ledger.config_path())
        .args(["--format", "json", "publish"])
        .arg(file)
        .arg("--map")
        .arg(map)
        .arg("--token-file")
        .arg(token)
        .args([
            "--url",
            &format!("http://{}", served.http),
            "--list",
            "10000",
        ])
        .args(more)
        .output()
        .expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let json = serde_json::from_str(&text);
    json.unwrap_or_else(|_| {
        panic!(
            "{}: {text}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn data() -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/receipt.csv");
    if file.is_file() {
        return Some(file);
    }
    skipped(
        "receipt.csv through the command line",
        "../shared/data/receipt.csv is not at hand",
    );
    None
}

/// A served ledger with the permits publisher, and the file that holds its token.
fn ready(binary: &Path) -> (Ledger, Served, PathBuf) {
    let ledger = Ledger::found();
    let served = serve(&Program::counterfoil(binary), &ledger).expect("a new ledger is served");
    let body = json!({
        "code": "permits", "sources": ["//permits.example/receipt-phase"], "families": ["collection"], "map_ids": true,
    });
    let added = served
        .dpo()
        .post("/v1/admin/publishers", &body)
        .expect("it answers")
        .expect(201)
        .json();
    let token = ledger.home().join("permits.token");
    std::fs::write(&token, added["token"].as_str().expect("a token")).expect("ours");
    let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&token, owner_only).expect("ours");
    (ledger, served, token)
}

#[test]
fn every_row_of_the_permit_log_is_accepted_or_explained() {
    let (Some(file), Some(binary)) = (data(), counterfoil("receipt.csv through the command line"))
    else {
        return;
    };
    let (ledger, served, token) = ready(&binary);
    let judged = publish(
        &binary,
        &ledger,
        &served,
        &token,
        &file,
        &["--dry-run", "--imported"],
    );
    assert_eq!(
        judged["accepted"]
            .as_u64()
            .zip(judged["refused"].as_u64())
            .map(|(a, b)| a + b),
        Some(ROWS),
        "{judged:#}"
    );
    let before = served.folded()["events"].as_u64().expect("a number");
    let sent = publish(&binary, &ledger, &served, &token, &file, &["--imported"]);
    let count = |key: &str| sent[key].as_u64().expect("a number");
    assert_eq!(
        count("accepted") + count("repeated") + count("refused"),
        ROWS,
        "{sent:#}"
    );
    let explained = sent["listed"].as_array().expect("a list");
    assert_eq!(
        explained.len() as u64,
        count("refused"),
        "every refused row is explained by line, field and rule"
    );
    assert!(
        explained
            .iter()
            .all(|one| one["code"].as_str().is_some_and(|code| !code.is_empty()))
    );
    let folded = served.folded();
    let after = folded["events"].as_u64().expect("a number");
    assert!(after - before >= count("accepted"));
    told(&format!(
        "{} accepted, {} repeated, {} refused {}",
        count("accepted"),
        count("repeated"),
        count("refused"),
        sent["refused_by_code"]
    ));

    sent_again(&binary, &ledger, &served, &token, &file, after);
    assert!(served.stop().success());
}

/// The same file once more adds nothing, and the ledger verifies.
fn sent_again(
    binary: &Path,
    ledger: &Ledger,
    served: &Served,
    token: &Path,
    file: &Path,
    after: u64,
) {
    let again = publish(binary, ledger, served, token, file, &["--imported"]);
    assert_eq!(
        again["accepted"],
        json!(0),
        "sending the file again changes nothing: {again:#}"
    );
    assert_eq!(served.folded()["events"].as_u64(), Some(after));
    let report = served.verify();
    assert_eq!(
        report["verdict"],
        json!("verified with pinned keys"),
        "{report:#}"
    );
}
