//! The sender against a door that is not one: a thread that answers what the test says.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};

use proto::Personal;

use super::*;
use crate::door::Door;

/// One answer of the false door; `None` closes the connection without one.
type Reaction = Option<(&'static str, String)>;

/// Answers each request with the next reaction; the bodies it got come out of the receiver.
fn false_door(reactions: Vec<Reaction>) -> (Door, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let door = Door::Http(listener.local_addr().expect("its address").to_string());
    let (bodies, received) = sync_channel(100);
    std::thread::spawn(move || {
        let mut reactions = reactions.into_iter().peekable();
        while reactions.peek().is_some() {
            let Ok((stream, _)) = listener.accept() else {
                return;
            };
            let mut reader = BufReader::new(stream);
            while let Some(body) = request(&mut reader) {
                // The test may have seen enough.
                let _ = bodies.send(body);
                let Some(Some((head, body))) = reactions.next() else {
                    break;
                };
                let answer = format!(
                    "HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    (door, received)
}

fn request(reader: &mut impl BufRead) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

fn sender(door: Door) -> Sender {
    let token = Personal::new("cfp_test".to_owned());
    Sender {
        pause_s: 0,
        ..Sender::new(Client::new(door, token).expect("a client"), false)
    }
}

fn results(statuses: &[u16]) -> String {
    let items = statuses.iter().enumerate().map(|(item, status)| {
        let problem = if *status >= 400 {
            r#","problem":{"code":"REQUIRED","field":"data.subject","rule":"has to be there"}"#
        } else {
            ""
        };
        format!(r#"{{"item":{item},"status":{status}{problem}}}"#)
    });
    format!(r#"{{"results":[{}]}}"#, items.collect::<Vec<_>>().join(","))
}

#[test]
fn a_full_queue_and_a_broken_connection_send_the_same_again() {
    let full = r#"{"code":"QUEUE_FULL"}"#.to_owned();
    let (door, received) = false_door(vec![
        Some(("429 Too Many Requests\r\nretry-after: 0", full)),
        None,
        Some(("200 OK", results(&[201, 200, 422]))),
    ]);
    let settled = sender(door)
        .send(3, Bytes::from_static(b"[1,2,3]"))
        .expect("answered");
    assert!(matches!(
        settled.as_slice(),
        [Settled::Accepted, Settled::Repeated, Settled::Refused(problem)]
            if problem.code == "REQUIRED" && problem.field == "data.subject"
    ));
    let bodies: Vec<String> = received.iter().take(3).collect();
    assert_eq!(bodies, ["[1,2,3]"; 3]);
}

#[test]
fn a_batch_of_which_all_is_refused_still_has_a_result_for_each() {
    let (door, _received) = false_door(vec![Some(("422 Unprocessable", results(&[422, 422])))]);
    let settled = sender(door)
        .send(2, Bytes::from_static(b"[1,2]"))
        .expect("answered");
    assert_eq!(settled.len(), 2);
    assert!(settled.iter().all(|one| matches!(one, Settled::Refused(_))));
}

#[test]
fn a_refused_request_is_a_refusal_and_a_missing_result_is_never_a_success() {
    let refused = r#"{"code":"UNAUTHENTICATED","field":"authorization","rule":"a token"}"#;
    let (door, _received) = false_door(vec![
        Some(("401 Unauthorized", refused.to_owned())),
        Some(("200 OK", results(&[201]))),
    ]);
    let mut sender = sender(door);
    let failure = sender
        .send(1, Bytes::from_static(b"[1]"))
        .expect_err("refused");
    assert!(
        failure
            .message()
            .is_some_and(|said| said.starts_with("UNAUTHENTICATED"))
    );
    assert!(sender.send(2, Bytes::from_static(b"[1,2]")).is_err());
}

#[test]
fn nobody_there_is_said_at_once() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let door = Door::Http(listener.local_addr().expect("its address").to_string());
    drop(listener);
    let failure = sender(door)
        .send(1, Bytes::from_static(b"[1]"))
        .expect_err("nobody");
    assert!(matches!(failure, Failure::NotReachable(_)));
}
