//! What a start refuses: stores that are missing, a root that others can read, a ledger that another process serves. And what it does not
//! stand in the way of: reading beside the writer.
//!
//! Always: nothing missing is made anew, and the message names what is missing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tests::foils::Foils;
use tests::ledger::Ledger;
use tests::load::{self, FAMILIES, SOURCE, batch, publish};
use tests::served::{Program, serve};
use tests::settings::told;
use verifier::Word;

fn program() -> Program {
    Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none")
}

#[test]
fn nothing_missing_is_made_and_nothing_open_is_taken() {
    let ledger = Ledger::found();
    for gone in [
        "ledger/vault",
        "checkpoints",
        "ledger/journal",
        "ledger/complete",
        "ledger/vault/root",
    ] {
        let copy = ledger.copy();
        let path = copy.home().join(gone);
        assert!(path.exists(), "{gone} is not where this test looks");
        match path.is_dir() {
            true => fs::remove_dir_all(&path).expect("ours"),
            false => fs::remove_file(&path).expect("ours"),
        }
        let Err(ended) = serve(&program(), &copy) else {
            panic!("served without {gone}")
        };
        assert!(!ended.status.success());
        assert!(!path.exists(), "{gone} was made anew");
        told(&format!(
            "without {gone}: {}",
            ended.log.lines().last().unwrap_or_default()
        ));
    }
    let copy = ledger.copy();
    let root = copy.dir().join("vault/root");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o640)).expect("ours");
    let Err(ended) = serve(&program(), &copy) else {
        panic!("served with a root that the group can read")
    };
    told(&format!(
        "root with mode 0640: {}",
        ended.log.lines().last().unwrap_or_default()
    ));
}

#[test]
fn one_process_writes_and_others_may_read() {
    let ledger = Ledger::found();
    let served = serve(&program(), &ledger).expect("a new ledger is served");
    let Err(ended) = serve(&program(), &ledger) else {
        panic!("two processes serve one ledger")
    };
    assert!(!ended.status.success());
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let mut client = served.connect().expect("it listens").with(&token);
    let disk: ground::SharedDisk = std::sync::Arc::new(ground::RealDisk);
    let (mut mix, mut foils, mut seen) = (load::mix(4, 20), Foils::default(), 0);
    for _ in 0..20 {
        let (ids, body) = batch(&mut mix, 10);
        foils.keep(
            &ids,
            &publish(&mut client, &body).expect("it answers").expect(200),
        );
        let floor = journal::Floor {
            size: 0,
            root: None,
        };
        let read = journal::open_read_only(&disk, &ledger.dir().join("journal"), floor)
            .expect("reading needs no lock");
        assert!(read.damage.is_none() && read.same_boot);
        let next = read.reader.watermark().next.0;
        assert!(
            next > foils.last().unwrap_or_default() && next >= seen,
            "the watermark is behind what was acknowledged"
        );
        seen = next;
        // The verifier may look at any time as well.
        assert_ne!(ledger.verify_files(&[]).word, Word::Failed);
    }
    assert!(served.stop().success());
}
