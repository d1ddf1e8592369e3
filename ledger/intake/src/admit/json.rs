//! JSON from outside, checked before anything builds a value from it.
//!
//! It builds no values: it validates one document in a single pass (grammar, UTF-8, depth before
//! recursion, duplicate keys at every level, NUL characters) and hands out slices of the input. One
//! member can be left unread, for a reader behind it that refuses whatever this one refuses.
//! Always: a fault names catalogue names and positions, never a key or value it does not know.

mod skip;

use std::borrow::Cow;

use super::refusal::{Refusal, RefusalCode};
use skip::{end_of_nested, plain};

pub use skip::array_items;

/// Objects with more keys than this are checked for duplicates by sorting.
const KEYS_COMPARED_PAIRWISE_MAX: usize = 16;

/// One member of an object: the key, and the value as it stands in the input.
pub struct Member<'a> {
    /// The key, unescaped.
    pub key: Cow<'a, str>,
    /// The value's bytes, without surrounding blanks.
    pub value: &'a [u8],
    /// The value, where it is a text without escapes.
    pub plain: Option<&'a str>,
}

/// Levels of a path that a fault too deep still names.
const DEEP_PATH_LEVELS_MAX: usize = 4;

/// What a document may be, and which keys may be named in an answer.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Levels of objects and arrays.
    pub depth_max: usize,
    /// Keys that are names of the catalogue and may be echoed; others are named by position.
    pub nameable: fn(&str) -> bool,
}

/// Validates `bytes` as one JSON object and returns its members in order.
///
/// # Errors
/// A [`Refusal`] with the code of the first thing that is wrong.
pub fn object<'a>(bytes: &'a [u8], rules: Rules) -> Result<Vec<Member<'a>>, Refusal> {
    members(bytes, rules, None)
}

/// As [`object`], but the object or array under `unread` is only looked at for its end.
///
/// # Errors
/// As [`object`] for everything else.
pub fn object_but<'a>(
    bytes: &'a [u8],
    rules: Rules,
    unread: &'static str,
) -> Result<Vec<Member<'a>>, Refusal> {
    members(bytes, rules, Some(unread))
}

fn members<'a>(
    bytes: &'a [u8],
    rules: Rules,
    unread: Option<&'static str>,
) -> Result<Vec<Member<'a>>, Refusal> {
    let mut scan = Scan::new(bytes, rules)?;
    scan.unread = unread;
    scan.blanks();
    if scan.peek() != Some(b'{') {
        return Err(malformed("an event is a JSON object"));
    }
    let mut members = Vec::with_capacity(KEYS_COMPARED_PAIRWISE_MAX);
    scan.object(1, Some(&mut members))?;
    scan.end()?;
    Ok(members)
}

/// Validates `bytes` as one JSON value of any kind.
///
/// # Errors
/// A [`Refusal`] with the code of the first thing that is wrong.
pub fn check(bytes: &[u8], rules: Rules) -> Result<(), Refusal> {
    let mut scan = Scan::new(bytes, rules)?;
    scan.blanks();
    scan.value(0)?;
    scan.end()
}

/// Unescapes a JSON text that [`object`] or [`check`] has found valid; `None` for another value.
pub fn text<'a>(value: &'a [u8]) -> Option<Cow<'a, str>> {
    let inside = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inside.contains(&b'\\') {
        serde_json::from_slice::<String>(value).ok().map(Cow::Owned)
    } else {
        std::str::from_utf8(inside).ok().map(Cow::Borrowed)
    }
}

fn malformed(rule: &'static str) -> Refusal {
    Refusal::new(RefusalCode::MalformedJson, "", rule)
}

/// A walk over one document.
struct Scan<'a> {
    whole: &'a str,
    bytes: &'a [u8],
    at: usize,
    rules: Rules,
    /// The member of the outermost object that is left unread.
    unread: Option<&'static str>,
}

impl<'a> Scan<'a> {
    fn new(bytes: &'a [u8], rules: Rules) -> Result<Self, Refusal> {
        let Ok(whole) = std::str::from_utf8(bytes) else {
            return Err(Refusal::new(RefusalCode::InvalidUtf8, "", "JSON is UTF-8"));
        };
        Ok(Self {
            whole,
            bytes,
            at: 0,
            rules,
            unread: None,
        })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<(), Refusal> {
        self.blanks();
        if self.peek().is_some() {
            return Err(malformed("something follows the JSON value"));
        }
        Ok(())
    }

    /// One value; `depth` counts the levels already open, and is checked before recursion.
    fn value(&mut self, depth: usize) -> Result<(), Refusal> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1, None),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.text().map(|_| ()),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(malformed("a JSON value is missing or not known")),
        }
    }

    fn too_deep(&self, depth: usize) -> Result<(), Refusal> {
        if depth > self.rules.depth_max {
            let rule = format!("JSON nests at most {} levels", self.rules.depth_max);
            return Err(Refusal::new(RefusalCode::JsonTooDeep, "", rule));
        }
        Ok(())
    }

    fn object(
        &mut self,
        depth: usize,
        mut members: Option<&mut Vec<Member<'a>>>,
    ) -> Result<(), Refusal> {
        self.too_deep(depth)?;
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let mut keys: Vec<Cow<'a, str>> = Vec::with_capacity(8);
        loop {
            if self.peek() != Some(b'"') {
                return Err(malformed("a key of an object is a text"));
            }
            let key = self.key()?;
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(malformed("a colon follows a key"));
            }
            self.at += 1;
            self.blanks();
            if keys.len() < KEYS_COMPARED_PAIRWISE_MAX && keys.contains(&key) {
                return Err(self.twice(&key, keys.len()));
            }
            let start = self.at;
            let plain = self.member(&key, depth).map_err(|fault| {
                let name = self.name(&key, keys.len());
                within(depth, &name, fault)
            })?;
            if let Some(members) = members.as_deref_mut() {
                let value = self.bytes.get(start..self.at).unwrap_or_default();
                members.push(Member {
                    key: key.clone(),
                    value,
                    plain,
                });
            }
            keys.push(key);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(malformed("a comma or a closing brace follows a member")),
            }
            self.blanks();
        }
        self.at += 1;
        self.no_key_twice(keys)
    }

    /// The value of a member; what it says where it is a text without escapes.
    fn member(&mut self, key: &str, depth: usize) -> Result<Option<&'a str>, Refusal> {
        match self.peek() {
            Some(b'"') => self.text(),
            Some(b'{' | b'[') if depth == 1 && self.unread == Some(key) => {
                self.at = end_of_nested(self.bytes, self.at)?;
                Ok(None)
            }
            _ => self.value(depth).map(|()| None),
        }
    }

    /// Duplicate keys of a large object, by sorting.
    fn no_key_twice(&self, mut keys: Vec<Cow<'a, str>>) -> Result<(), Refusal> {
        if keys.len() <= KEYS_COMPARED_PAIRWISE_MAX {
            return Ok(());
        }
        let count = keys.len();
        keys.sort_unstable();
        let twice = keys.windows(2).find_map(|pair| match pair {
            [left, right] if left == right => Some(left),
            _ => None,
        });
        twice.map_or(Ok(()), |key| Err(self.twice(key, count - 1)))
    }

    fn twice(&self, key: &str, place: usize) -> Refusal {
        let field = self.name(key, place);
        Refusal::new(
            RefusalCode::DuplicateField,
            field,
            "an object has each key once",
        )
    }

    /// A key as an answer may show it.
    fn name(&self, key: &str, place: usize) -> String {
        if (self.rules.nameable)(key) {
            key.to_owned()
        } else {
            format!("(member {})", place + 1)
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Refusal> {
        self.too_deep(depth)?;
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        let mut place = 0_usize;
        loop {
            self.value(depth)
                .map_err(|fault| within(depth, &format!("[{place}]"), fault))?;
            place += 1;
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(malformed("a comma or a closing bracket follows an item")),
            }
            self.blanks();
        }
        self.at += 1;
        Ok(())
    }

    fn key(&mut self) -> Result<Cow<'a, str>, Refusal> {
        let start = self.at;
        if let Some(plain) = self.text()? {
            return Ok(Cow::Borrowed(plain));
        }
        let whole = self.bytes.get(start..self.at).unwrap_or_default();
        text(whole).ok_or_else(|| malformed("a key of an object is a text"))
    }

    /// A text, where it has no escapes; on return the walk stands behind its closing quote.
    fn text(&mut self) -> Result<Option<&'a str>, Refusal> {
        self.at += 1;
        let start = self.at;
        let mut escapes = false;
        loop {
            self.at += plain(self.bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                None => return Err(malformed("a text is not closed")),
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    self.escape()?;
                }
                Some(0) => return Err(nul()),
                Some(0x01..=0x1f) => {
                    return Err(malformed("a control character in a text is escaped"));
                }
                Some(_) => self.at += 1,
            }
        }
        let plain = self.whole.get(start..self.at).filter(|_| !escapes);
        self.at += 1;
        Ok(plain)
    }

    fn escape(&mut self) -> Result<(), Refusal> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => match self.unit()? {
                0 => Err(nul()),
                0xd800..=0xdbff => {
                    if self.peek() == Some(b'\\') {
                        self.at += 1;
                        if self.peek() == Some(b'u') && matches!(self.unit()?, 0xdc00..=0xdfff) {
                            return Ok(());
                        }
                    }
                    Err(malformed("an escaped surrogate has its pair"))
                }
                0xdc00..=0xdfff => Err(malformed("an escaped surrogate has its pair")),
                _ => Ok(()),
            },
            _ => Err(malformed("an escape in a text is not known")),
        }
    }

    /// The four hex digits of `\u`; the walk stands on the `u`.
    fn unit(&mut self) -> Result<u32, Refusal> {
        let digits = self.bytes.get(self.at + 1..self.at + 5).unwrap_or_default();
        let mut unit = 0_u32;
        for digit in digits {
            let Some(value) = char::from(*digit).to_digit(16) else {
                return Err(malformed("an escape has four hex digits"));
            };
            unit = unit * 16 + value;
        }
        if digits.len() != 4 {
            return Err(malformed("an escape has four hex digits"));
        }
        self.at += 5;
        Ok(unit)
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), Refusal> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end) != Some(word) {
            return Err(malformed("a JSON value is missing or not known"));
        }
        self.at = end;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Refusal> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (zero && whole > 1) {
            return Err(malformed("a number has the form of JSON"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(malformed("a number has the form of JSON"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(malformed("a number has the form of JSON"));
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }
}

/// Puts the name of a member or element in front of a fault's path.
fn within(depth: usize, name: &str, fault: Refusal) -> Refusal {
    if fault.code == RefusalCode::JsonTooDeep && depth > DEEP_PATH_LEVELS_MAX {
        return fault;
    }
    Refusal {
        field: join(name, &fault.field).into(),
        ..fault
    }
}

fn nul() -> Refusal {
    Refusal::new(RefusalCode::NulInText, "", "a text has no NUL character")
}

/// Joins two parts of a path.
pub fn join(outer: &str, inner: &str) -> String {
    match inner.as_bytes().first() {
        None => outer.to_owned(),
        Some(b'[') => format!("{outer}{inner}"),
        Some(_) => format!("{outer}.{inner}"),
    }
}

#[cfg(test)]
mod tests;
