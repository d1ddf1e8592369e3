//! A backup of the running ledger, rehearsed, restored, and refused where signed events would be missing.

use crate::example;
use crate::ledger::{Ledger, Said, run};

const ORIGIN: &str = "test.westmere.example/counterfoil";

fn restore(ledger: &Ledger, to: &str, more: &[&str]) -> Said {
    let [from, secret, to] = ["backups", "secret", to].map(|name| ledger.path(name));
    let [from, secret, to] = [&from, &secret, &to].map(|path| path.to_str().expect("text"));
    let mut arguments = vec![
        "restore", from, "--origin", ORIGIN, "--secret", secret, "--dir", to,
    ];
    arguments.extend(["--accept-unproven", "--listen", "127.0.0.1:0"]);
    arguments.extend(more);
    run(&arguments, "")
}

/// A served ledger with an event, and a recovery key beside it.
fn with_a_recovery_key() -> Ledger {
    let ledger = Ledger::serving();
    ledger.publish(&example("collection.collected"), &[]).well();
    let [public, secret] = ["public", "secret"].map(|name| ledger.path(name));
    let [public, secret] = [&public, &secret].map(|path| path.to_str().expect("text"));
    let pair = ["--public", public, "--secret", secret];
    run(&[&["vault", "recovery-key"][..], &pair].concat(), "").well();
    ledger
}

/// Nothing was recorded after the backup but that it was taken: its tail has that, and the ledger goes on as it was.
#[test]
fn a_ledger_at_rest_is_restored_under_its_own_chain() {
    let mut ledger = with_a_recovery_key();
    let [public, backups] = ["public", "backups"].map(|name| ledger.path(name));
    let [public, backups] = [&public, &backups].map(|path| path.to_str().expect("text"));
    let taken = ledger
        .run(&["backup", "-o", backups, "--recovery-key", public], "")
        .well();
    assert!(taken.out.contains("tail-4.cfb"), "{taken:?}");
    assert_eq!(ledger.stop(), Some(0));
    let kept = ledger.path("kept");
    std::fs::rename(ledger.path("ledger/checkpoints"), &kept).expect("the disk that survived");
    let kept = kept.to_str().expect("text");
    let token = std::fs::read(ledger.path("ledger/run/token")).expect("a token");
    std::fs::remove_dir_all(ledger.path("ledger")).expect("lost");
    let restored = restore(&ledger, "ledger", &["--checkpoint", kept]).well();
    assert!(!restored.out.contains("closed"), "{restored:?}");
    ledger.serve();
    std::fs::write(ledger.path("ledger/run/token"), token).expect("put back");
    let owner = owner_only(&ledger);
    let verified = ledger.run(&["verify", "--token-file", &owner], "").well();
    assert!(
        verified.out.contains("/0"),
        "the same chain signs: {verified:?}"
    );
    let again = ledger.publish(&example("collection.collected"), &[]).well();
    assert!(again.out.contains("\"repeated\": 1"), "{again:?}");
    // The event that the backup was taken is there, and what was signed before is extended.
    let event = [
        "ask",
        "event",
        "4",
        "--purpose",
        "audit",
        "--token-file",
        &owner,
    ];
    let event = ledger.run(&event, "").well();
    assert!(event.out.contains("backup-taken"), "{event:?}");
    let directory = ledger.path("ledger");
    let directory = directory.to_str().expect("text");
    let extended = ["verify", "--ledger", directory, "--checkpoint", kept];
    let extended = ledger.run(&extended, "");
    assert!(!extended.out.contains("failed"), "{extended:?}");
    assert_eq!(ledger.stop(), Some(0));
}

#[test]
fn a_backup_is_rehearsed_and_restored() {
    let mut ledger = with_a_recovery_key();
    let [public, secret, backups] = ["public", "secret", "backups"].map(|name| ledger.path(name));
    let [public, secret, backups] =
        [&public, &secret, &backups].map(|path| path.to_str().expect("text"));
    let wrong = ledger.run(&["backup", "-o", backups, "--recovery-key", secret], "");
    assert_eq!(
        wrong.code,
        Some(2),
        "the secret half stays away from the ledger: {wrong:?}"
    );
    let taken = ledger
        .run(&["backup", "-o", backups, "--recovery-key", public], "")
        .well();
    assert!(taken.out.contains("the first 4 events"), "{taken:?}");
    ledger.run(&["vault", "rekey"], "").well();
    ledger.run(&["verify"], "").well();
    assert_eq!(ledger.stop(), Some(0));

    let unsaid = restore(&ledger, "rehearsal", &["--verify"]);
    assert_eq!(unsaid.code, Some(2), "{unsaid:?}");
    let rehearsed = restore(&ledger, "rehearsal", &["--verify", "--nothing-newer"]).well();
    assert!(
        rehearsed.out.contains("5 records and 6 slots"),
        "{rehearsed:?}"
    );
    assert!(!ledger.path("rehearsal").exists());

    let lying = restore(&ledger, "lying", &["--nothing-newer"]);
    assert_eq!(lying.code, Some(2), "only a rehearsal may: {lying:?}");
    ledger_goes_on_under_another_chain(&mut ledger);
}

/// The checkpoint that was signed after the backup shows what a restore loses; only another chain goes on.
fn ledger_goes_on_under_another_chain(ledger: &mut Ledger) {
    let kept = ledger.path("kept");
    std::fs::rename(ledger.path("ledger/checkpoints"), &kept).expect("the disk that survived");
    let kept = kept.to_str().expect("text");
    let shorter = restore(ledger, "shorter", &["--checkpoint", kept]);
    assert_eq!(shorter.code, Some(1), "{shorter:?}");
    assert!(
        shorter.err.contains("RESTORE_SHORTER")
            && shorter.err.contains("acknowledged events are missing"),
        "{shorter:?}"
    );
    assert!(
        !ledger.path("shorter/journal").exists(),
        "nothing was written"
    );
    let alone = restore(ledger, "alone", &[]);
    assert_eq!(alone.code, Some(2), "{alone:?}");
    assert!(alone.err.contains("--close-chain"), "{alone:?}");

    let token = std::fs::read(ledger.path("ledger/run/token")).expect("a token");
    std::fs::remove_dir_all(ledger.path("ledger")).expect("lost");
    let closed = restore(ledger, "ledger", &["--checkpoint", kept, "--close-chain"]).well();
    assert!(
        closed
            .out
            .contains("chain 0 is closed: its last event is 3")
            && closed
                .out
                .contains("acknowledged events behind it are lost"),
        "{closed:?}"
    );
    ledger.serve();
    std::fs::write(ledger.path("ledger/run/token"), token).expect("put back");
    let owner = owner_only(ledger);
    let verified = ledger.run(&["verify", "--token-file", &owner], "").well();
    assert!(
        !verified.out.contains("/0 "),
        "another chain signs: {verified:?}"
    );
    let again = ledger.publish(&example("collection.collected"), &[]).well();
    assert!(again.out.contains("\"repeated\": 1"), "{again:?}");
    // Of the closed chain, under the opened chain's checkpoint.
    let proof = ledger.path("event.tlog-proof");
    let proof = proof.to_str().expect("text");
    ledger
        .run(&["proof", "2", "-o", proof, "--token-file", &owner], "")
        .well();
    ledger.run(&["verify", proof], "").well();
    // A checkpoint of before: the opened chain does not claim to extend it.
    let directory = ledger.path("ledger");
    let judged = ledger.run(
        &[
            "verify",
            "--ledger",
            directory.to_str().expect("text"),
            "--checkpoint",
            kept,
        ],
        "",
    );
    assert_eq!(ledger.stop(), Some(0));
    // A start of the chain that was opened, and what it signed is extended.
    ledger.serve();
    assert_eq!(ledger.stop(), Some(0), "{judged:?}");
}

/// The token's file, for its owner alone.
fn owner_only(ledger: &Ledger) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = ledger.path("ledger/run/token");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    path.to_str().expect("text").to_owned()
}
