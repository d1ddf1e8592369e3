//! From another machine: the door over TLS, and a token that is typed.
//!
//! Always: certificates come from openssl, which is not ours; without it the test says that it was
//! skipped.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::ledger::{BINARY, Ledger, SOURCE, run};
use crate::{ID, count, example};

/// A key and a certificate of its own for `localhost`; `None` where there is no openssl.
#[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
fn certificate(home: &Path, name: &str) -> Option<(PathBuf, PathBuf)> {
    let [cert, key] = ["cert", "key"].map(|kind| home.join(format!("{name}.{kind}")));
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -nodes -days 2 -subj /CN=localhost".split(' '))
        .args("-pkeyopt ec_paramgen_curve:prime256v1 -addext".split(' '))
        .arg("subjectAltName=DNS:localhost,IP:127.0.0.1")
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .stderr(Stdio::null())
        .status();
    if made.is_ok_and(|status| status.success()) {
        return Some((cert, key));
    }
    eprintln!("skipped: a_publisher_elsewhere_speaks_tls (there is no openssl)");
    None
}

#[test]
fn a_publisher_elsewhere_speaks_tls() {
    let mut ledger = Ledger::made("test.westmere.example/counterfoil");
    let home = ledger.dir.path();
    let Some((cert, key)) = certificate(home, "own") else {
        return;
    };
    let (other, _) = certificate(home, "other").expect("openssl is there");
    let mut config = File::options()
        .append(true)
        .open(ledger.path("ledger/counterfoil.toml"))
        .expect("there");
    write!(config, "\n[tls]\ncert = {cert:?}\nkey = {key:?}\n").expect("ours");
    ledger.serve();
    ledger.publisher("crm", &["--source", SOURCE, "--family", "collection"]);
    let port = ledger.url().rsplit_once(':').expect("a port").1.to_owned();
    let event = example("collection.collected");
    let [cert, other] = [&cert, &other].map(|path| path.to_str().expect("text"));

    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{port}");
        ledger
            .publish(&event, &["--url", &url, "--ca", cert])
            .well();
    }
    let url = format!("https://localhost:{port}");
    let token = ledger.path("crm.token");
    let token = token.to_str().expect("text");
    let asked = ["foil", "--source", SOURCE, "--url", &url, "--ca", cert];
    let asked = [&asked[..], &["--token-file", token]].concat();
    let foil = run(&asked, &format!("{ID}\n")).well();
    assert!(foil.out.contains("\"note\""), "{foil:?}");

    // What is served is verified over TLS as well, against a key that was pinned.
    let keys = ledger.run(&["keys", "show"], "").well();
    let key = keys
        .out
        .split_whitespace()
        .find(|word| word.contains("/0+"));
    let verify = ["verify", "--ledger", &url, "--key", key.expect("a key")];
    let verified = run(&[&verify[..], &["--ca", cert]].concat(), "").well();
    assert!(
        verified.out.contains("verified with pinned keys"),
        "{verified:?}"
    );
    for more in [&["--ca", other][..], &[]] {
        let said = run(&[&verify[..], more].concat(), "");
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains("--ca FILE names"), "{said:?}");
    }

    // Another certificate, or the system's, is not what this ledger's rests on; nothing is sent.
    for more in [&["--ca", other][..], &[]] {
        let said = ledger.publish(&event, &[&["--url", &url][..], more].concat());
        assert_ne!(said.code, Some(0), "{said:?}");
        assert!(said.err.contains("--ca FILE names"), "{said:?}");
    }
    let plain = ledger.publish(&event, &["--url", &format!("http://localhost:{port}")]);
    assert_eq!(plain.code, Some(69), "{plain:?}");
    assert!(plain.err.contains("https://"), "{plain:?}");
    let again = ledger.publish(&event, &[]).well();
    assert_eq!(count(&again, "repeated"), 1);
}

/// Runs a command on a terminal, waits for its question, types, and gives back all that was shown.
fn on_a_terminal(ledger: &Ledger, arguments: &[&str], typed: &[u8]) -> (Option<i32>, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).expect("ours");
    unlockpt(&ours).expect("ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name");
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().expect("a path"))
        .expect("the other end");
    let both = || Stdio::from(theirs.try_clone().expect("another handle"));
    let mut child = Command::new(BINARY)
        .arg("--config")
        .arg(ledger.path("ledger/counterfoil.toml"))
        .args(arguments)
        .stdin(both())
        .stdout(Stdio::null())
        .stderr(both())
        .spawn()
        .expect("the binary is built");
    let mut ours = File::from(ours);
    let (mut shown, mut some) = (String::new(), [0; 256]);
    let mut read = |ours: &mut File, shown: &mut String| {
        let count = ours.read(&mut some).expect("the terminal is open");
        shown.push_str(&String::from_utf8_lossy(&some[..count]));
    };
    while !shown.contains("not shown): ") {
        read(&mut ours, &mut shown);
    }
    ours.write_all(typed).expect("it listens");
    let code = child.wait().expect("it ends").code();
    let modes = tcgetattr(theirs.as_fd()).expect("a terminal").local_modes;
    assert!(
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG),
        "the terminal is as it was"
    );
    // A mark of ours behind all that was shown, so that reading ends.
    let mut theirs = theirs;
    theirs.write_all(b"the end").expect("it is open");
    while !shown.contains("the end") {
        read(&mut ours, &mut shown);
    }
    (code, shown)
}

#[test]
fn a_token_is_typed_and_not_shown() {
    let ledger = Ledger::serving();
    let token = std::fs::read_to_string(ledger.path("crm.token")).expect("a token");
    let token = token.trim();
    let file = ledger.path("event.json");
    std::fs::write(&file, example("collection.collected")).expect("written");
    let publish = ["publish", file.to_str().expect("text")];

    // A slip of the finger, taken back.
    let typed = format!("x\x7f{token}\r");
    let (code, shown) = on_a_terminal(&ledger, &publish, typed.as_bytes());
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(token), "{shown}");
    let again = ledger.publish(&example("collection.collected"), &[]).well();
    assert_eq!(count(&again, "repeated"), 1);

    let (code, shown) = on_a_terminal(&ledger, &publish, b"cfp_\x03");
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("no token was typed"), "{shown}");
    let status = ["status", "--token-file", "-"];
    let (code, shown) = on_a_terminal(&ledger, &status, b"not a token!\r");
    assert_eq!(code, Some(2), "{shown}");
    assert!(!shown.contains("not a token!"), "{shown}");
}
