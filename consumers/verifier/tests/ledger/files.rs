//! Single files, served files, and the program's exit codes.

use std::fs;
use std::process::Command;

use chain::foil::{Foil, FoilNote, foil_key_name};
use chain::note::{SigningKey, VerifierKey};
use chain::tlog_proof::TlogProof;
use chain::tree::{self, tiles};
use proto::{Hash, Index, UnixMillis};
use verifier::{Word, verify_file, verify_ledger};

use crate::invented::*;

fn foil(index: usize) -> Foil {
    let links = links();
    let leaves: Vec<Hash> = links.iter().map(chain::leaf_hash).collect();
    let note = FoilNote {
        key_name: foil_key_name(&origin(), CHAIN),
        first: Index(1),
        count: 3,
        root: tree::root_of(&leaves[1..4]),
        time: UnixMillis(1_795_000_000_000),
    };
    Foil {
        origin: origin(),
        chain: CHAIN,
        link: links[index],
        record: record(index),
        salt: [7; 32],
        path: tree::path_of(&leaves[1..4], index as u64 - 1),
        note: note.sign(&foil_key()).expect("its own key"),
    }
}

#[test]
fn files_of_every_kind() {
    let foil = foil(2);
    let leaves: Vec<Hash> = links().iter().map(chain::leaf_hash).collect();
    let proof = TlogProof {
        link: links()[2],
        shown: None,
        index: 2,
        path: tree::path_of(&leaves, 2),
        checkpoint: String::from_utf8(checkpoint(18)).expect("text"),
    };
    let json = foil.to_json();
    assert_eq!(Foil::from_json(json.as_bytes()).as_ref(), Ok(&foil));
    for (subject, file) in [
        ("foil", foil.encode()),
        ("foil", json.into_bytes()),
        ("tlog-proof", proof.encode().into_bytes()),
        ("checkpoint", checkpoint(18)),
    ] {
        let check = |bytes: &[u8], keys: &[VerifierKey]| verify_file(bytes, keys).word;
        assert_eq!(verify_file(&file, &keys()).subject, subject);
        assert_eq!(check(&file, &keys()), Word::Pinned, "{subject}");
        assert_eq!(check(&file, &[]), Word::Unpinned, "{subject}");
        let stranger = SigningKey::new("stranger.example", &[5; 32]).expect("a key");
        assert_eq!(
            check(&file, &[stranger.verifier().clone()]),
            Word::Failed,
            "{subject}"
        );
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0x01;
            assert_eq!(
                check(&changed, &keys()),
                Word::Failed,
                "{subject} byte {at}"
            );
        }
    }
    assert_eq!(verify_file(b"", &[]).word, Word::Failed);
    let twice = foil.to_json().replacen('{', "{\"chain\":2,", 1);
    assert!(Foil::from_json(twice.as_bytes()).is_err());
    assert!(Foil::from_json(b"{\"other\":1}").is_err());
}

#[test]
fn served_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let links = links();
    let leaves: Vec<Hash> = links.iter().map(chain::leaf_hash).collect();
    fs::create_dir_all(dir.path().join("tile/entries")).expect("made");
    fs::create_dir_all(dir.path().join("tile/0/000.p")).expect("made");
    fs::create_dir_all(dir.path().join("tile/entries/000.p")).expect("made");
    let hashes: Vec<u8> = leaves.iter().flat_map(|leaf| leaf.0).collect();
    fs::write(dir.path().join("tile/0/000.p/18"), hashes).expect("written");
    fs::write(
        dir.path().join("tile/entries/000.p/18"),
        tiles::bundle(&links),
    )
    .expect("written");
    fs::write(dir.path().join("checkpoint"), checkpoint(18)).expect("written");
    let place = dir.path().to_str().expect("a path");
    let run = |older: &[Vec<u8>]| verify_ledger(place, &keys(), older).expect("readable");
    assert_eq!(run(&[checkpoint(5), checkpoint(17)]).word, Word::Pinned);
    for (file, at, index) in [
        ("tile/0/000.p/18", 32 * 7 + 1, 7),
        ("tile/entries/000.p/18", 79 * 3 + 20, 3),
        ("tile/entries/000.p/18", 79 * 3 + 60, 4),
        ("tile/entries/000.p/18", 79 * 17 + 60, 17),
    ] {
        let path = dir.path().join(file);
        let kept = fs::read(&path).expect("a file");
        let mut changed = kept.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).expect("written");
        let damage = run(&[]).damage.expect("a changed byte");
        assert_eq!(damage.index, Some(index), "{file} {at}");
        fs::write(&path, kept).expect("written");
    }
    assert!(verify_ledger("https://ledger.example", &keys(), &[]).is_err());
    let empty = tempfile::tempdir().expect("a directory");
    assert!(verify_ledger(empty.path().to_str().expect("a path"), &keys(), &[]).is_err());
}

#[test]
fn the_program_says_it_by_exit_code() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, vkey) = (dir.path().join("a.foil"), foil_key().verifier().to_string());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil-verify"));
        let output = command.args(arguments).output().expect("it runs");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("text"),
        )
    };
    let path = file.to_str().expect("a path");
    let mut bytes = foil(2).encode();
    fs::write(&file, &bytes).expect("written");
    let (code, said) = run(&[path, "--key", &vkey]);
    assert_eq!(code, Some(0));
    assert!(
        said.starts_with("foil: verified with pinned keys\n"),
        "{said}"
    );
    let (code, said) = run(&[path, "--format", "json"]);
    assert_eq!(code, Some(0));
    assert!(
        said.contains("\"verdict\": \"consistent but unpinned\""),
        "{said}"
    );
    bytes[100] ^= 1;
    fs::write(&file, &bytes).expect("written");
    let (code, said) = run(&[path, "--key", &vkey]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("foil: failed\n"), "{said}");
    let ledger = tempfile::tempdir().expect("a directory");
    write(ledger.path());
    let journal = ledger.path().to_str().expect("a path");
    let kept = tempfile::tempdir().expect("a directory");
    let kept_path = kept.path().to_str().expect("a path");
    let vkey = checkpoint_key().verifier().to_string();
    let with = [
        "--ledger",
        journal,
        "--key",
        &vkey,
        "--checkpoint",
        kept_path,
    ];
    assert_eq!(run(&with).0, Some(2), "a directory without a checkpoint");
    fs::write(kept.path().join("checkpoint"), store(&checkpoint(18))).expect("written");
    let (code, said) = run(&with);
    assert_eq!(code, Some(0));
    assert!(
        said.starts_with("journal: verified with pinned keys\n"),
        "{said}"
    );
    for usage in [
        &[][..],
        &["--key"],
        &[path, "--key", "x"],
        &[path, path],
        &["--nothing"],
        &["absent"],
    ] {
        assert_eq!(run(usage).0, Some(2), "{usage:?}");
    }
}
