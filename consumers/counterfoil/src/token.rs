//! Tokens: read from files or typed unseen, written to files that only their owner may read. Never
//! arguments.
//!
//! Always: a token is in memory as [`proto::Personal`], so that nothing prints it by accident; a
//! token file that others may read is refused, as ssh refuses a key.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use proto::Personal;

use crate::failure::Failure;
use crate::output;
use unseen::Unseen;

mod unseen;

/// Largest token file, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024;
/// Bits of a file's mode that give somebody else a right.
const OTHERS: u32 = 0o077;

/// Reads a token file; `-` is standard input, and on a terminal it is typed unseen.
///
/// # Errors
/// Where it cannot be read, others may read it, or it holds no token.
pub(crate) fn read(path: &Path) -> Result<Personal<String>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::Usage(format!(
            "the token file {} cannot be read: {error}",
            path.display()
        ))
    };
    if path == Path::new("-") && can_be_typed() {
        return typed("Token (not shown): ");
    }
    let mut text = Personal::new(String::new());
    if path == Path::new("-") {
        let mut input = std::io::stdin().lock().take(FILE_BYTES_MAX);
        input
            .read_to_string(text.expose_mut())
            .map_err(unreadable)?;
    } else {
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.mode();
        if mode & OTHERS != 0 {
            return Err(Failure::Usage(format!(
                "the token file {0} may be read by others; run: chmod 600 {0}",
                path.display()
            )));
        }
        let mut limited = file.take(FILE_BYTES_MAX);
        limited
            .read_to_string(text.expose_mut())
            .map_err(unreadable)?;
    }
    checked(text, &path.display().to_string())
}

/// Whether somebody sits there who can be asked.
pub(crate) fn can_be_typed() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a token on the terminal, which does not show what is typed.
///
/// # Errors
/// Where nothing is typed, or what is typed is no token.
pub(crate) fn typed(prompt: &str) -> Result<Personal<String>, Failure> {
    // Asked only once nothing is shown any more: what was typed before is thrown away unread.
    let line = Unseen::begin().and_then(|mut unseen| {
        output::aside_part(prompt);
        unseen.line()
    });
    output::aside("");
    let Some(line) = line.map_err(|error| Failure::refused(&error))? else {
        return Err(Failure::Refused("no token was typed".to_owned()));
    };
    checked(line, "what was typed")
}

fn checked(text: Personal<String>, whence: &str) -> Result<Personal<String>, Failure> {
    let token = text.map(|text| text.trim().to_owned());
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if token.expose().is_empty() || !token.expose().bytes().all(fits) {
        return Err(Failure::Usage(format!(
            "{whence} holds no token: one line, letters, digits, _ and -"
        )));
    }
    Ok(token)
}

/// Writes a token into a new file of mode 0600.
///
/// # Errors
/// Where the file exists already or cannot be written.
pub(crate) fn write(path: &Path, token: &str) -> Result<(), Failure> {
    let create = || -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        writeln!(file, "{token}")?;
        file.sync_all()
    };
    create().map_err(|error| {
        Failure::Refused(format!(
            "the token file {} cannot be made: {error}",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_file_is_the_owners_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        write(&path, "cfu_abc-DEF_1").expect("written");
        let read_back = read(&path).expect("read");
        assert_eq!(read_back.expose(), "cfu_abc-DEF_1");
        assert!(write(&path, "cfu_other").is_err(), "never overwritten");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("chmod");
        let refused = read(&path).err().expect("refused");
        assert!(
            refused
                .message()
                .is_some_and(|said| said.contains("chmod 600"))
        );
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        write(&path, "two words").expect("written");
        assert!(read(&path).is_err());
    }
}
