//! Verification for whoever was handed a file or a copy of a ledger, without trusting who keeps it.
//!
//! Depends on `proto` and `chain` alone: it shares no code with the engine that writes, and decodes
//! the journal from its drawing. It holds no key that opens anything. What always holds: it reads
//! and never writes; the verdict is one of three words; it always says what it did not establish.

pub mod directory;
mod error;
pub mod evidence;
pub mod fuzz;
mod journal;
mod report;
pub mod served;
pub mod verdict;

pub use directory::{Opened, Opener, verify_directory};
pub use error::VerifierError;
pub use evidence::verify_file;
pub use served::{Source, verify_served};
pub use verdict::{Damage, Place, Verdict, Word, Work};

use chain::note::VerifierKey;

/// The signed note in a file that someone kept: the note itself, or a ledger's own checkpoint store.
/// Nothing where it is neither.
pub fn note_in(bytes: &[u8]) -> Option<Vec<u8>> {
    if let Ok(note) = journal::checkpoint_note(bytes) {
        return Some(note.to_vec());
    }
    let is_note = chain::checkpoint::Checkpoint::parse(bytes).is_ok();
    is_note.then(|| bytes.to_vec())
}

/// Verifies a ledger named as the command line names it: `http://…`, a directory with a journal
/// (it has a file `ledger`), or a directory with what a ledger serves (`checkpoint`, `tile/…`).
/// `checkpoints` are signed notes from outside, e.g. what a witness or an earlier visit kept.
///
/// # Errors
/// When nothing can be judged: no such place, or it cannot be read.
pub fn verify_ledger(
    place: &str,
    keys: &[VerifierKey],
    checkpoints: &[Vec<u8>],
) -> Result<Verdict, VerifierError> {
    if place.starts_with("http://") || place.starts_with("https://") {
        let source = served::HttpSource::new(place)?;
        return verify_served(&source, keys, checkpoints);
    }
    let dir = std::path::Path::new(place);
    if dir.join(directory::MARKER_FILE).is_file() {
        return verify_directory(dir, keys, checkpoints, None);
    }
    verify_served(&served::DirectorySource::new(dir), keys, checkpoints)
}
