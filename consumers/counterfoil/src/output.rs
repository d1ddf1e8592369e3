//! The only place that prints: answers to standard output, everything said beside them to standard error.
//!
//! Not here: what is said. Always: an answer is written whole or the command fails; a closed standard
//! error stops nothing; control characters that came from elsewhere never reach a terminal through
//! [`plain`].

use std::io::{self, ErrorKind, Write};

use crate::failure::Failure;

/// Stands before everything that a ledger with a `test.` origin says.
pub(crate) const BANNER: &str = "*invented data*";

/// Writes an answer, with a line feed at its end.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn answer(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())?;
    if text.ends_with('\n') {
        Ok(())
    } else {
        bytes(b"\n")
    }
}

/// Writes an answer as it is.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::Refused(format!("standard output cannot be written: {error}")),
    })
}

/// Says something that is no part of the answer.
pub(crate) fn aside(text: &str) {
    // Nothing can be done about a standard error that is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes beside the answer without a line feed: prompts, progress.
pub(crate) fn aside_part(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Says that everything shown is invented.
pub(crate) fn banner(origin: &str) {
    if is_test_origin(origin) {
        aside(&format!("{BANNER} {origin}"));
    }
}

/// Whether a ledger of this origin holds invented data only.
pub(crate) fn is_test_origin(origin: &str) -> bool {
    origin.starts_with("test.")
}

/// A text without characters that move a terminal's cursor.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
