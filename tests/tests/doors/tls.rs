//! The door with a certificate of its own: TLS and nothing else.
//!
//! Always: made and asked by openssl, which is not ours; skipped by name where it is missing.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
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

/// Asks whether it lives, and ends the connection.
const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// Gives a ledger a certificate of its own; where it lies.
fn secured(ledger: &Ledger) -> Option<PathBuf> {
    let (cert, key) = certificate(ledger.home())?;
    let tls = format!("\n[tls]\ncert = {cert:?}\nkey = {key:?}\n");
    let text = std::fs::read_to_string(ledger.config_path()).expect("it was written");
    std::fs::write(ledger.config_path(), text + &tls).expect("ours");
    Some(cert)
}

#[test]
fn a_door_with_a_certificate_speaks_tls_and_nothing_else() {
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none");
    let ledger = Ledger::found();
    let Some(cert) = secured(&ledger) else {
        return;
    };
    let served = serve(&program, &ledger).expect("a certificate and its key");
    let answer = ask_over_tls(&served.http.to_string(), &cert, LIVEZ);
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("live"),
        "{answer}"
    );
    let plain = served.connect().expect("it listens").get("/livez");
    assert!(plain.is_err(), "plain HTTP is answered at a TLS address");
    assert!(served.stop().success());
}

/// Files of the process: of 300, 256 are the ledger's, or a quarter is the network's, less 16 of the command line's.
const FILES: u32 = 300;
/// More connections than these leave.
const CONNECTIONS: usize = 90;

#[test]
fn who_never_shakes_hands_takes_places_and_not_the_ledgers_files() {
    let program = Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none").with_files(FILES);
    let ledger = Ledger::found();
    let Some(cert) = secured(&ledger) else {
        return;
    };
    let served = serve(&program, &ledger).expect("few files are enough");
    let connect = || TcpStream::connect(served.http).expect("the system takes it");
    let mut silent: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect()).collect();
    let mut byte = [0];
    let mut last = silent.pop().expect("many");
    let read = last.read(&mut byte);
    assert!(matches!(read, Ok(0) | Err(_)), "the last has no place");
    // The first still has its place: it was the limit that closed the last, not the time for a handshake.
    let mut first = silent.first().expect("many");
    first.set_nonblocking(true).expect("a socket");
    let read = first.read(&mut byte).map_err(|cause| cause.kind());
    assert_eq!(read, Err(ErrorKind::WouldBlock));
    drop(silent);
    let address = served.http.to_string();
    let answered = (0..100).any(|_| ask_over_tls(&address, &cert, LIVEZ).contains("live"));
    assert!(answered, "the places came back");
    assert!(served.stop().success());
}
