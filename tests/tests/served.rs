//! Real ledgers, served over HTTP, read by an implementation that is not ours: Go's x/mod, at the sizes where trees change their shape.
//!
//! Always: sizes are driven exactly, with the ledger's own events counted; skipped by name where Debian's Go packages are missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use tests::ledger::Ledger;
use tests::load::{self, BATCH, FAMILIES, SOURCE, batch};
use tests::place::{files, flip};
use tests::served::{Program, Served, serve};
use tests::settings::{Settings, skipped, told};

const SMALL: [u64; 4] = [4, 255, 256, 257];
const LARGE: [u64; 4] = [65_535, 65_536, 65_537, 70_000];
const MODULE: &str = "/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog";

/// Builds the checker once.
fn checker(into: &Path) -> Option<PathBuf> {
    if !Path::new(MODULE).is_dir() || !Path::new("/usr/bin/go").is_file() {
        skipped(
            "served trees read by x/mod",
            "apt-get install golang-go golang-golang-x-mod-dev",
        );
        return None;
    }
    let built = into.join("xmod");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("xmod/main.go");
    let environment = [
        ("GOPATH", "/usr/share/gocode"),
        ("GO111MODULE", "off"),
        ("GOFLAGS", ""),
        ("GOTOOLCHAIN", "local"),
    ];
    let status = Command::new("/usr/bin/go")
        .args(["build", "-o"])
        .arg(&built)
        .arg(source)
        .envs(environment)
        .env("GOCACHE", into.join("gocache"))
        .status();
    assert!(status.expect("go runs").success());
    Some(built)
}

fn check(checker: &Path, served: &Served, vkey: &str, earlier: &[String]) -> Output {
    let output = Command::new(checker)
        .arg(format!("http://{}", served.http))
        .arg(vkey)
        .args(earlier)
        .output();
    output.expect("the checker runs")
}

/// Waits until the checkpoint covers everything; its size and root.
fn checkpoint(served: &Served) -> (u64, String) {
    served.verify();
    let text = served
        .connect()
        .expect("it listens")
        .get("/checkpoint")
        .expect("it answers")
        .expect(200)
        .text();
    let line = |nth: usize| text.lines().nth(nth).unwrap_or_default().to_owned();
    (line(1).parse().expect("a size"), line(2))
}

#[test]
fn a_tree_of_one_leaf_is_read_too() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let Some(checker) = checker(work.path()) else {
        return;
    };
    let ledger = Ledger::of_one_event();
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let served = serve(&program, &ledger).expect("one event is a ledger");
    let output = check(
        &checker,
        &served,
        &ledger.checkpoint_vkey,
        &["1".to_owned()],
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("root of 1 from tiles"),
        "{text}"
    );
    assert!(served.stop().success());
}

#[test]
fn served_trees_are_those_of_an_implementation_that_is_not_ours() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let Some(checker) = checker(work.path()) else {
        return;
    };
    let ledger = Ledger::found();
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let served = serve(&program, &ledger).expect("a new ledger is served");
    let mut earlier = Vec::new();
    // A founded ledger has two events: opened, and the first role.
    let judge = |size: u64, earlier: &mut Vec<String>| {
        let (covered, root) = checkpoint(&served);
        assert_eq!(covered, size, "the ledger was driven to another size");
        let output = check(&checker, &served, &ledger.checkpoint_vkey, earlier);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "size {size}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        told(&format!(
            "size {size}: {}",
            text.lines().last().unwrap_or_default()
        ));
        earlier.push(format!("{size}={root}"));
    };
    judge(2, &mut earlier);
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let mut client = served.connect().expect("it listens").with(&token);
    let mut sizes = SMALL.to_vec();
    if Settings::read().every_size {
        sizes.extend(LARGE);
    }
    let (mut mix, mut size) = (load::mix(31, 5_000), 3);
    for wanted in sizes {
        while size < wanted {
            let count = (wanted - size).min(1_000);
            let (_, body) = batch(&mut mix, usize::try_from(count).expect("at most 1,000"));
            let answer = client
                .send("POST", "/v1/events?foils=none", BATCH, &body)
                .expect("it answers")
                .expect(200);
            let accepted = answer.json()["results"].as_array().map_or(0, |all| {
                all.iter().filter(|one| one["status"] == json!(201)).count()
            });
            assert_eq!(accepted as u64, count, "{}", answer.text());
            size += count;
        }
        judge(wanted, &mut earlier);
    }
    drop(client);
    assert!(served.stop().success());

    controls(&checker, &program, &ledger, &earlier);
}

/// Controls: another key and a root that was never signed are refused; a changed byte of a level of the tree is mended before it is served
/// (that a changed tile is found where it is served all the same, `tests/xmod/run` shows).
fn controls(checker: &Path, program: &Program, ledger: &Ledger, earlier: &[String]) {
    let served = serve(program, ledger).expect("it was stopped in order");
    let other = Ledger::found();
    assert!(
        !check(checker, &served, &other.checkpoint_vkey, &[])
            .status
            .success(),
        "another key was believed"
    );
    let forged = format!(
        "255={}",
        earlier[0].split_once('=').map_or("", |(_, root)| root)
    );
    assert!(
        !check(checker, &served, &ledger.checkpoint_vkey, &[forged])
            .status
            .success(),
        "a forged root was believed"
    );
    let level = files(&ledger.dir().join("derived/tree")).expect("it can be listed");
    let level = level
        .iter()
        .max_by_key(|path| std::fs::metadata(path).map_or(0, |known| known.len()));
    flip(level.expect("there is a level"), 100 * 32, 1).expect("ours");
    let output = check(checker, &served, &ledger.checkpoint_vkey, &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "a changed byte of a derived file was served: {text}"
    );
    told("control: a changed byte of a level of the tree was mended before it was served");
}
