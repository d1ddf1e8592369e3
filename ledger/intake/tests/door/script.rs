//! Scenario files: parsed, with the tokens of a body filled in.

use axum::body::Body;
use axum::http::Request;

use super::double::Bench;

/// A good event; its id is numbered.
const GOOD: &str = r#"{"specversion":"1.0","id":"00000000-0000-4000-8000-{id}","source":"//crm.westmere.example","type":"uk.counterfoil.collection.service-requested.v1","time":"2026-11-02T09:30:00Z","data":{"envelope":{"activity":"waste-collection","party":"crm","channel":"CHANNEL_TELEPHONE"},"subject":{"aliases":[{"system":"crm","localId":"C-1004417"}],"name":"Alex Example"},"service":"missed-bin","serviceReference":"SR-2026-001234","details":"Bin not emptied on Monday"}}"#;

/// One file.
pub(crate) struct Scenario {
    /// State of the ledger.
    pub(crate) ledger: String,
    /// Texts that no answer may hold.
    pub(crate) planted: Vec<String>,
    /// Requests, in order.
    pub(crate) asks: Vec<Ask>,
}

/// One request.
pub(crate) struct Ask {
    method: String,
    path: String,
    publisher: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Scenario {
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = text.split("\n=== ");
        let head = parts.next().unwrap_or_default();
        let all = |name: &str| -> Vec<String> {
            let lines = head.lines().filter_map(|line| line.strip_prefix(name));
            lines.map(|value| value.trim().to_owned()).collect()
        };
        let publisher = all("as:").pop().unwrap_or_else(|| "crm".to_owned());
        let mut good = 0;
        Self {
            ledger: all("ledger:").pop().unwrap_or_else(|| "open".to_owned()),
            planted: all("plant:"),
            asks: parts
                .map(|part| Ask::parse(part, &publisher, &mut good))
                .collect(),
        }
    }
}

impl Ask {
    fn parse(part: &str, publisher: &str, good: &mut u32) -> Self {
        let (head, body) = part.split_once("\n\n").unwrap_or((part, ""));
        let mut lines = head.lines();
        let (method, path) = lines
            .next()
            .unwrap_or_default()
            .split_once(' ')
            .expect("METHOD PATH");
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            publisher: publisher.to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: filled(body.trim_end_matches('\n'), good),
        }
    }

    /// The request line as the snapshot shows it.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(crate) fn request(&self, bench: &Bench) -> Request<Body> {
        let mut request = Request::builder().method(&*self.method).uri(&self.path);
        if let Some(token) = bench.token_of(&self.publisher) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
            .body(Body::from(self.body.clone()))
            .expect("a request")
    }
}

/// Replaces the `<<...>>` tokens of a body.
fn filled(body: &str, good: &mut u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = body;
    while let Some((plain, after)) = rest.split_once("<<") {
        bytes.extend_from_slice(plain.as_bytes());
        let (token, after) = after.split_once(">>").expect("a token is closed");
        rest = after;
        if let Some(change) = token.strip_prefix("good") {
            *good += 1;
            let event = GOOD.replace("{id}", &format!("{good:012}"));
            let event = match change.trim().split_once("=>") {
                Some((from, to)) => {
                    assert!(event.contains(from), "{from} is in the good event");
                    event.replacen(from, to, 1)
                }
                None => event,
            };
            bytes.extend_from_slice(event.as_bytes());
        } else if let Some(hex) = token.strip_prefix("hex ") {
            let byte = |pair| u8::from_str_radix(pair, 16).expect("hex");
            bytes.extend(hex.split(' ').map(byte));
        } else {
            let (text, times) = token.rsplit_once('*').expect("TEXT*N");
            bytes.extend(text.repeat(times.parse().expect("a number")).bytes());
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
