//! Asking again before what cannot be taken back.

use std::io::IsTerminal;

use crate::arguments::Globals;
use crate::failure::Failure;
use crate::output;

/// Goes on with `--yes`, or when the person at the terminal types `yes`.
///
/// # Errors
/// Where neither is the case.
pub(super) fn confirm(globals: &Globals, what: &str) -> Result<(), Failure> {
    if globals.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "{what}: this cannot be taken back; add --yes"
        )));
    }
    output::aside_part(&format!(
        "{what}: this cannot be taken back. Type yes to go on: "
    ));
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    match read {
        Ok(_) if line.trim() == "yes" => Ok(()),
        _ => Err(Failure::Refused("nothing was done".to_owned())),
    }
}
