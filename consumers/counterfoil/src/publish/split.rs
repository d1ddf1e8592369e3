//! JSON values of a file, one at a time: a line each, one after the other, or the items of an array.
//!
//! It looks at quotes and brackets only and judges nothing else. Always: at most one value is in
//! memory; one that never ends is given up at the limit, and where values stand a line each, reading
//! goes on at the next line.

use std::io::BufRead;

use intake::admit::cloudevent::WHOLE_BYTES_MAX;
use proto::Personal;

/// Largest value that is read, in bytes; the door's own limit is judged by the door.
const VALUE_BYTES_MAX: usize = 4 * WHOLE_BYTES_MAX;

/// One value, or why there is none.
pub(super) struct Piece {
    /// Line on which it begins, from 1.
    pub(super) line: u64,
    /// Its bytes.
    pub(super) content: Result<Personal<Vec<u8>>, Fault>,
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Neither object nor array where one has to begin.
    NotAnEvent,
    /// The file ends within a value or an outer array, or the line where values stand a line each.
    Unfinished,
    /// Larger than any event.
    TooLarge,
    /// The file cannot be read on.
    Unreadable,
}

impl Fault {
    /// The door's code for it.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NotAnEvent | Self::Unfinished => "MALFORMED_JSON",
            Self::TooLarge => "TOO_LARGE",
            Self::Unreadable => "UNREADABLE",
        }
    }

    /// The rule.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Self::NotAnEvent => "an event is a JSON object",
            Self::Unfinished => "the object, or the array around it, is not closed",
            Self::TooLarge => "larger than any event may be",
            Self::Unreadable => "the file cannot be read on from here",
        }
    }
}

/// The walk over a file.
pub(super) struct Splitter<R> {
    file: R,
    line: u64,
    ended: bool,
    /// Outer arrays that are open: a file cut off between two events must not look whole.
    arrays: u64,
    /// The first value closed on the line it began on: then every value stands on a line of its own,
    /// and a line break ends a broken one.
    line_each: Option<bool>,
}

impl<R: BufRead> Splitter<R> {
    /// Begins at the start of a file.
    pub(super) fn new(file: R) -> Self {
        Self {
            file,
            line: 1,
            ended: false,
            arrays: 0,
            line_each: None,
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, Fault> {
        let bytes = self.file.fill_buf().map_err(|_| Fault::Unreadable)?;
        Ok(bytes.first().copied())
    }

    fn bump(&mut self, byte: u8) {
        self.file.consume(1);
        self.line += u64::from(byte == b'\n');
    }

    /// Blanks, commas and the brackets of an outer array lie between values.
    fn skip(&mut self) -> Result<Option<u8>, Fault> {
        while let Some(byte) = self.peek()? {
            if !(byte.is_ascii_whitespace() || b",[]\x1e".contains(&byte)) {
                return Ok(Some(byte));
            }
            match byte {
                b'[' => {
                    self.line_each = Some(false);
                    self.arrays += 1;
                }
                b']' => self.arrays = self.arrays.saturating_sub(1),
                _ => {}
            }
            self.bump(byte);
        }
        match self.arrays {
            0 => Ok(None),
            _ => Err(Fault::Unfinished),
        }
    }

    fn rest_of_line(&mut self) -> Result<(), Fault> {
        while let Some(byte) = self.peek()? {
            self.bump(byte);
            if byte == b'\n' {
                break;
            }
        }
        Ok(())
    }

    /// One value from its opening brace to its closing one.
    fn value(&mut self) -> Result<Personal<Vec<u8>>, Fault> {
        let mut bytes = Personal::new(Vec::new());
        let began = self.line;
        let (mut depth, mut in_text, mut escaped) = (0_u32, false, false);
        while let Some(byte) = self.peek()? {
            if byte == b'\n' && self.line_each == Some(true) {
                return Err(Fault::Unfinished);
            }
            self.bump(byte);
            if bytes.expose().len() == VALUE_BYTES_MAX {
                return Err(Fault::TooLarge);
            }
            bytes.expose_mut().push(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => in_text = !in_text,
                b'{' | b'[' if !in_text => depth += 1,
                b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && !in_text {
                self.line_each.get_or_insert(self.line == began);
                return Ok(bytes);
            }
        }
        Err(Fault::Unfinished)
    }

    fn piece(&mut self) -> Result<Option<Piece>, Fault> {
        let Some(byte) = self.skip()? else {
            return Ok(None);
        };
        let line = self.line;
        let content = if byte == b'{' {
            self.value()
        } else {
            Err(Fault::NotAnEvent)
        };
        if content.is_err() {
            // Only lines have a place to go on from.
            match self.line_each {
                Some(true) | None => self.rest_of_line()?,
                Some(false) => self.ended = true,
            }
        }
        Ok(Some(Piece { line, content }))
    }
}

impl<R: BufRead> Iterator for Splitter<R> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.ended {
            return None;
        }
        match self.piece() {
            Ok(piece) => piece,
            Err(fault) => {
                self.ended = true;
                let line = self.line;
                Some(Piece {
                    line,
                    content: Err(fault),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(u64, Result<&str, Fault>)]) {
        let found: Vec<_> = Splitter::new(text.as_bytes())
            .map(|piece| {
                let content = piece
                    .content
                    .map(|bytes| String::from_utf8(bytes.into_inner()).expect("text in, text out"));
                (piece.line, content)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(line, content)| (*line, content.map(str::to_owned)))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn lines_arrays_and_objects_one_after_the_other() {
        check(
            "{\"a\":1}\n\n{\"b\":\"}\\\"\"}\n",
            &[(1, Ok("{\"a\":1}")), (3, Ok("{\"b\":\"}\\\"\"}"))],
        );
        check(
            "[{\"a\":[1]},\n {\"b\":2}]\n",
            &[(1, Ok("{\"a\":[1]}")), (2, Ok("{\"b\":2}"))],
        );
        check(
            "{\n \"a\": 1\n}\n{\n}",
            &[(1, Ok("{\n \"a\": 1\n}")), (4, Ok("{\n}"))],
        );
        check("", &[]);
        check("[]", &[]);
    }

    #[test]
    fn a_broken_line_loses_no_other() {
        check(
            "{\"a\":1}\n{\"b\":\n{\"c\":3}\nnot json\n{\"d\":4}\n",
            &[
                (1, Ok("{\"a\":1}")),
                (2, Err(Fault::Unfinished)),
                (3, Ok("{\"c\":3}")),
                (4, Err(Fault::NotAnEvent)),
                (5, Ok("{\"d\":4}")),
            ],
        );
    }

    #[test]
    fn a_file_cut_off_between_two_events_is_not_whole() {
        let cut = Err(Fault::Unfinished);
        check("[{\"a\":1},\n", &[(1, Ok("{\"a\":1}")), (2, cut)]);
        check("[{\"a\":1}", &[(1, Ok("{\"a\":1}")), (1, cut)]);
        check("[[", &[(1, cut)]);
    }

    #[test]
    fn a_value_without_end_is_given_up() {
        check(
            "[{\"a\":1}, {\"b\":",
            &[(1, Ok("{\"a\":1}")), (1, Err(Fault::Unfinished))],
        );
        let long = format!(
            "{{\"a\":\"{}\"}}\n{{\"b\":1}}\n",
            "x".repeat(VALUE_BYTES_MAX)
        );
        check(&long, &[(1, Err(Fault::TooLarge)), (2, Ok("{\"b\":1}"))]);
    }
}
