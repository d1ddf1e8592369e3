//! C2SP signed notes with one Ed25519 signature: the text, and whether the key signed it.
//!
//! Not a signer. Always: `open` takes exactly one known signature and gives back the signed text.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::tree::sha256;
use super::{Finding, Verdict};

/// A verifier key: `name+hash+base64(0x01 ‖ public key)`.
#[derive(Clone, Debug)]
pub struct Key {
    name: String,
    public: [u8; 32],
}

impl Key {
    /// Reads the text form; its hash must fit its name and key.
    pub fn parse(text: &str) -> Option<Key> {
        let (name, rest) = text.split_once('+')?;
        let (hash, key) = rest.split_once('+')?;
        let key = base64(key)?;
        let public = key.strip_prefix(&[1])?.try_into().ok()?;
        let key = Key {
            name: name.to_owned(),
            public,
        };
        (hash == hex(&key.id())).then_some(key)
    }

    fn id(&self) -> [u8; 4] {
        let text = [self.name.as_bytes(), b"\n\x01", &self.public].concat();
        let [a, b, c, d, ..] = sha256(&text);
        [a, b, c, d]
    }
}

/// The signed text of a note (with its last newline), once the key's signature holds.
pub fn open<'a>(note: &'a str, key: &Key) -> Verdict<&'a str> {
    let wrong = |what: &str| Finding::new("C-4", format!("note of {}: {what}", key.name));
    let at = note.rfind("\n\n").ok_or_else(|| wrong("no blank line"))?;
    let (text, rest) = note.split_at(at + 1);
    let mut lines = rest.trim_start_matches('\n').lines();
    let line = lines.next().ok_or_else(|| wrong("no signature"))?;
    let prefix = format!("\u{2014} {} ", key.name);
    let signature = line
        .strip_prefix(&prefix)
        .and_then(base64)
        .ok_or_else(|| wrong("a signature of another name"))?;
    let signature = signature
        .strip_prefix(&key.id())
        .ok_or_else(|| wrong("a signature of another key"))?;
    UnparsedPublicKey::new(&ED25519, &key.public)
        .verify(text.as_bytes(), signature)
        .map_err(|_| wrong("the signature does not hold"))?;
    if lines.next().is_some() {
        return Err(wrong("more than one signature"));
    }
    Ok(text)
}

/// Standard base64 with padding; `None` for anything else.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let (body, pad) = match text.as_bytes() {
        [body @ .., b'=', b'='] => (body, 2),
        [body @ .., b'='] => (body, 1),
        body => (body, 0),
    };
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for byte in body {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    (held == 2 * pad && bits & ((1 << held) - 1) == 0).then_some(out)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VKEY: &str =
        "test.westmere.example/counterfoil/0+c1726d2b+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
    const NOTE: &str = "test.westmere.example/counterfoil/0\n5\nzT5B8CcVo60vvb0A4HENfqgaz8c3IO8t5f+jOduISBM=\n\n\u{2014} test.westmere.example/counterfoil/0 wXJtK5KrvyRoD2IpwRX8OqSMCZz1McTUzyWRJ0VYWixGaKMUsuCLxdafUiduauZq2iQcsoQMJblzgEJomu7+dzX4+A4=\n";

    #[test]
    fn the_worked_checkpoint_opens_and_a_changed_one_does_not() {
        let key = Key::parse(VKEY).expect("a key");
        assert!(
            open(NOTE, &key)
                .expect("signed")
                .starts_with("test.westmere.example/counterfoil/0\n5\n")
        );
        assert!(open(&NOTE.replace("\n5\n", "\n6\n"), &key).is_err());
        assert!(Key::parse(&VKEY.replace("c1", "c2")).is_none());
    }
}
