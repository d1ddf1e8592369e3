//! Fuzz bodies for the parsers of a backup's files and keys: plain functions, run on stable over a corpus and seeded mutations.
//!
//! Always: a body takes any bytes, returns, and panics only where an invariant of the parser is broken.

use std::path::Path;

use ground::{Open, SharedDisk, SimDisk};

use super::archive::{Archive, PieceBytes};
use super::file::sha256;
use super::key::{RecoveryPublic, RecoverySecret};
use super::sealed::SealedVault;
use super::statement::Manifest;

/// A manifest is refused, or spelled as it was read.
pub fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::decode(bytes) {
        assert!(
            manifest.encode().as_bytes() == bytes,
            "one spelling a manifest"
        );
    }
}

/// A key's text is refused, or spelled as it was read.
pub fn key_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(key) = RecoveryPublic::parse(&text) {
        assert_eq!(key.to_string(), text.trim(), "one spelling a key");
    }
    if let Ok(key) = RecoverySecret::parse(&text) {
        assert!(*key.expose() == text.trim(), "one spelling a key");
    }
}

/// A journal file whose digest is right by accident is rebuilt or refused.
pub fn journal_file(bytes: &[u8]) {
    let disk = disk_with(bytes);
    if let Ok(archive) = Archive::open(&disk, Path::new("/file")) {
        let outcome = archive.rebuild(
            &disk,
            Path::new("/journal"),
            &sha256(&[bytes]),
            archive.marker.chain,
            None,
        );
        let has_marker = disk
            .exists(Path::new("/journal/ledger"))
            .unwrap_or_default();
        assert_eq!(
            outcome.is_ok(),
            has_marker,
            "a marker only behind the last byte"
        );
    }
}

/// A tail whose digest is right by accident is pieces and an end, or refused.
pub fn tail_pieces(bytes: &[u8]) {
    let mut inside = 0;
    let read = PieceBytes(bytes).each(|piece| {
        inside += piece.bytes.len();
        Ok(())
    });
    assert!(read.is_ok(), "only `put` fails");
    assert!(inside <= bytes.len(), "a piece lies within its file");
}

/// A vault file with whatever head gives rows or an error, and then nothing more.
pub fn vault_file(bytes: &[u8], secret: &RecoverySecret) {
    let disk = disk_with(bytes);
    let Ok(sealed) = SealedVault::open(&disk, Path::new("/file")) else {
        return;
    };
    if let Ok(mut rows) = sealed.rows(secret) {
        while let Some(row) = rows.next() {
            if row.is_err() {
                assert!(rows.next().is_none(), "nothing follows an error");
            }
        }
    }
}

fn disk_with(bytes: &[u8]) -> SharedDisk {
    let disk = SimDisk::new(1).shared();
    let file = disk.open(Path::new("/file"), Open::Create);
    file.and_then(|file| file.write_all_at(bytes, 0))
        .expect("an empty disk takes a file");
    disk
}
