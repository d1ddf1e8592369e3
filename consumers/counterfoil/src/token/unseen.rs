//! A line from the terminal that is not shown while it is typed.
//!
//! The terminal hands over each key, so that control-C ends the question here and not the process:
//! whatever ends it, the terminal is left as it was found.

use std::io::{self, Read, Stdin};

use proto::Personal;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::termios::{tcgetattr, tcsetattr};

/// Longest line, in bytes.
const LINE_BYTES_MAX: usize = 4 * 1024;
const CONTROL_C: u8 = 3;
const CONTROL_D: u8 = 4;
const CONTROL_U: u8 = 21;
const BACKSPACE: [u8; 2] = [8, 127];

/// A terminal that shows nothing, until this is dropped.
pub(super) struct Unseen {
    terminal: Stdin,
    before: Termios,
}

impl Unseen {
    /// Standard input shows nothing from here.
    pub(super) fn begin() -> io::Result<Self> {
        let terminal = io::stdin();
        let before = tcgetattr(&terminal)?;
        let mut during = before.clone();
        let shown = LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        during.local_modes.remove(shown);
        // Each key as it comes, and no sooner.
        during.special_codes[SpecialCodeIndex::VMIN] = 1;
        during.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&terminal, OptionalActions::Flush, &during)?;
        Ok(Self { terminal, before })
    }

    /// What is typed until the line ends; nothing where it is given up.
    pub(super) fn line(&mut self) -> io::Result<Option<Personal<String>>> {
        let mut line = Personal::new(String::new());
        let mut key = [0];
        while self.terminal.lock().read(&mut key)? == 1 {
            let [byte] = key;
            match byte {
                b'\r' | b'\n' => return Ok(Some(line)),
                CONTROL_C | CONTROL_D => return Ok(None),
                CONTROL_U => line.expose_mut().clear(),
                byte if BACKSPACE.contains(&byte) => {
                    line.expose_mut().pop();
                }
                // A token is ASCII; anything else is refused with the whole line.
                byte if line.expose().len() < LINE_BYTES_MAX => {
                    line.expose_mut().push(char::from(byte));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // The terminal may be gone; then there is nothing to put back.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
