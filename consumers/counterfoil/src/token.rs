//! Tokens: read from files, written to files that only their owner may read. Never arguments.
//!
//! Always: a token is in memory as [`proto::Personal`], so that nothing prints it by accident; a
//! token file that others may read is refused, as ssh refuses a key.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use proto::Personal;

use crate::failure::Failure;

/// Largest token file, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024;
/// Bits of a file's mode that give somebody else a right.
const OTHERS: u32 = 0o077;

/// Reads a token file; `-` is standard input.
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
    let token = text.map(|text| text.trim().to_owned());
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if token.expose().is_empty() || !token.expose().bytes().all(fits) {
        return Err(Failure::Usage(format!(
            "{} holds no token: one line, letters, digits, _ and -",
            path.display()
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
