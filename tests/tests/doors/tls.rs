//! The door with a certificate of its own: TLS and nothing else.
//!
//! Always: made and asked by openssl, which is not ours; skipped by name where it is missing.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tests::ledger::Ledger;
use tests::served::{Program, serve};
use tests::settings::skipped;

/// A key and a certificate of its own, made by openssl; `None` where there is no openssl.
fn certificate(home: &Path) -> Option<(PathBuf, PathBuf)> {
    let (cert, key) = (home.join("cert.pem"), home.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args([
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .stderr(Stdio::null())
        .status();
    match made {
        Ok(status) if status.success() => Some((cert, key)),
        _ => {
            skipped(
                "the door over TLS",
                "there is no openssl to make a certificate with",
            );
            None
        }
    }
}

/// Sends a request through `openssl s_client`, which trusts this certificate alone; what came back.
fn ask_over_tls(address: &str, cert: &Path, request: &[u8]) -> String {
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-verify_hostname",
            "localhost",
        ])
        .args(["-connect", address, "-CAfile"])
        .arg(cert)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    let mut stdin = client.stdin.take().expect("it was asked for");
    stdin.write_all(request).expect("it reads");
    let mut answer = String::new();
    let mut stdout = client.stdout.take().expect("it was asked for");
    stdout.read_to_string(&mut answer).expect("it is text");
    drop(stdin);
    client.wait().expect("it is our child");
    answer
}

#[test]
fn a_door_with_a_certificate_speaks_tls_and_nothing_else() {
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let ledger = Ledger::found();
    let Some((cert, key)) = certificate(ledger.home()) else {
        return;
    };
    let tls = format!("\n[tls]\ncert = {cert:?}\nkey = {key:?}\n");
    let text = std::fs::read_to_string(ledger.config_path()).expect("it was written");
    std::fs::write(ledger.config_path(), text + &tls).expect("ours");
    let served = serve(&program, &ledger).expect("a certificate and its key");
    let request = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = ask_over_tls(&served.http.to_string(), &cert, request);
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("live"),
        "{answer}"
    );
    let plain = served.connect().expect("it listens").get("/livez");
    assert!(plain.is_err(), "plain HTTP is answered at a TLS address");
    assert!(served.stop().success());
}
