//! The vault file of a backup: every row, sealed to a recovery key.
//!
//! ```text
//! file   = head ‖ chunk…
//! head   = "CFOILBKV" ‖ version u16 = 2 ‖ length u32 ‖ statement (statement.rs) ‖ ephemeral X25519 public key[32]
//! chunk  = nonce[12] ‖ AES-256-GCM( rows ‖ zeros to 65,536 ) ‖ tag[16]                       every chunk has 65,564 bytes
//! rows   = (length u32 ‖ row)…                                                               length 0: no more in this chunk
//! key    = HKDF-SHA-256( salt = SHA-256(head), secret = X25519(ephemeral, recovery),
//!                        info = "counterfoil backup vault key v1" ‖ ephemeral public ‖ recovery public )
//! associated data of a chunk = "counterfoil backup vault v1" ‖ SHA-256(head) ‖ chunk number u64 ‖ last u8
//! ```
//!
//! The ephemeral secret is dropped when the file is done, so that the server cannot open what it sealed. The statement names the journal
//! file's digest: who opens the vault file knows which journal it belongs to.
//! Always: nothing but the head is in the clear; a chunk that is cut off, moved or exchanged does not open.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ground::{Random, SharedDisk};
use vault::{Key32, Row};
use zeroize::Zeroizing;

use super::error::{BackupError, Part};
use super::file::{Cut, Reading, Writing, Written, sha256};
use super::key::{Ephemeral, KEY_BYTES, RecoveryPublic, RecoverySecret};
use super::statement::{STATEMENT_BYTES_MAX, Statement};

const MAGIC: [u8; 8] = *b"CFOILBKV";
/// 1 held vault rows that no vault of this version reads.
const VERSION: u16 = 2;
/// What the format is called in inventories.
pub const VAULT_FORMAT: &str = "counterfoil vault backup 2";
const FIXED_BYTES: usize = 14;
const CHUNK_BYTES: usize = 64 << 10;
const TAG_BYTES: usize = 16;
const STORED_CHUNK_BYTES: usize = NONCE_LEN + CHUNK_BYTES + TAG_BYTES;
const LENGTH_BYTES: usize = 4;
const PLACE: &[u8] = b"counterfoil backup vault v1";

const _: () = assert!(
    vault::ROW_BYTES_MAX + LENGTH_BYTES <= CHUNK_BYTES,
    "a row fits a chunk"
);

/// Seals rows into a file.
pub(crate) struct Sealer<'a> {
    out: Writing,
    key: LessSafeKey,
    head_hash: [u8; 32],
    random: &'a dyn Random,
    number: u64,
    rows: Zeroizing<Vec<u8>>,
}

impl<'a> Sealer<'a> {
    /// Writes the head.
    pub(crate) fn begin(
        mut out: Writing,
        statement: &Statement,
        recovery: &RecoveryPublic,
        random: &'a dyn Random,
    ) -> Result<Sealer<'a>, BackupError> {
        let ephemeral = Ephemeral::new(random);
        let statement = statement.encode();
        let mut head = Vec::with_capacity(FIXED_BYTES + statement.len() + KEY_BYTES);
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&VERSION.to_be_bytes());
        head.extend_from_slice(&(statement.len() as u32).to_be_bytes());
        head.extend_from_slice(statement.as_bytes());
        head.extend_from_slice(&ephemeral.public_bytes());
        let head_hash = sha256(&[&head]);
        let key = cipher(&ephemeral.file_key(recovery, &head_hash)?);
        out.put(&head)?;
        Ok(Sealer {
            out,
            key,
            head_hash,
            random,
            number: 0,
            rows: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)),
        })
    }

    /// Takes one row.
    pub(crate) fn put(&mut self, row: &Row) -> Result<(), BackupError> {
        let bytes = row.encode()?;
        if self.rows.len() + LENGTH_BYTES + bytes.len() > CHUNK_BYTES {
            self.seal(false)?;
        }
        self.rows
            .extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        self.rows.extend_from_slice(&bytes);
        Ok(())
    }

    /// Seals the last chunk and makes the content durable.
    pub(crate) fn end(mut self) -> Result<Written, BackupError> {
        self.seal(true)?;
        self.out.end()
    }

    fn seal(&mut self, last: bool) -> Result<(), BackupError> {
        let nonce: [u8; NONCE_LEN] = ground::array(self.random);
        // Never longer than the capacity, so that no copy of the rows is left behind unwiped.
        self.rows.resize(CHUNK_BYTES, 0);
        let place = place(&self.head_hash, self.number, last);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place),
                &mut self.rows,
            )
            .expect("AES-GCM seals anything below 64 GiB");
        let mut stored = Vec::with_capacity(STORED_CHUNK_BYTES);
        stored.extend_from_slice(&nonce);
        stored.extend_from_slice(&self.rows);
        stored.extend_from_slice(tag.as_ref());
        self.rows.clear();
        self.number += 1;
        self.out.put(&stored)
    }
}

/// A vault file to read.
pub(crate) struct SealedVault {
    file: Reading,
    /// What it says about its backup, not believed before a chunk opened.
    pub(crate) statement: Statement,
    ephemeral: [u8; KEY_BYTES],
    head_hash: [u8; 32],
    body: u64,
    chunks: u64,
}

impl SealedVault {
    /// Reads the head.
    ///
    /// # Errors
    /// `Missing`, `Version`, `Damaged`.
    pub(crate) fn open(disk: &SharedDisk, path: &Path) -> Result<SealedVault, BackupError> {
        let file = Reading::open(disk, path, Part::Vault)?;
        let broken = || file.damaged("its head is not one");
        let fixed = file.bytes(0, FIXED_BYTES)?;
        let mut cut = Cut(&fixed);
        if cut.array() != Some(MAGIC) {
            return Err(broken());
        }
        if cut.u16() != Some(VERSION) {
            return Err(file.version());
        }
        let length = cut.u32().ok_or_else(broken)? as usize;
        if length > STATEMENT_BYTES_MAX {
            return Err(broken());
        }
        let head = file.bytes(0, FIXED_BYTES + length + KEY_BYTES)?;
        let mut cut = Cut(head.get(FIXED_BYTES..).unwrap_or_default());
        let statement = cut.bytes(length).ok_or_else(broken)?;
        let statement = Statement::decode(statement, Part::Vault)?;
        let ephemeral = cut.array().ok_or_else(broken)?;
        let body = head.len() as u64;
        let sealed = file.length - body;
        if sealed == 0 || !sealed.is_multiple_of(STORED_CHUNK_BYTES as u64) {
            return Err(file.damaged("it does not end with a chunk"));
        }
        Ok(SealedVault {
            statement,
            ephemeral,
            head_hash: sha256(&[&head]),
            body,
            chunks: sealed / STORED_CHUNK_BYTES as u64,
            file,
        })
    }

    /// The whole file.
    pub(crate) fn file(&self) -> &Reading {
        &self.file
    }

    /// Every row, in the order of sealing; ends after the first error.
    pub(crate) fn rows(&self, secret: &RecoverySecret) -> Result<Rows<'_>, BackupError> {
        Ok(Rows {
            vault: self,
            key: cipher(&secret.file_key(&self.ephemeral, &self.head_hash)?),
            number: 0,
            chunk: Zeroizing::default(),
            at: 0,
        })
    }

    fn chunk(&self, key: &LessSafeKey, number: u64) -> Result<Zeroizing<Vec<u8>>, BackupError> {
        let offset = self.body + number * STORED_CHUNK_BYTES as u64;
        let mut stored = Zeroizing::new(self.file.bytes(offset, STORED_CHUNK_BYTES)?);
        let broken = || self.file.damaged("a chunk does not open");
        let (nonce, body) = stored
            .split_first_chunk_mut::<NONCE_LEN>()
            .ok_or_else(broken)?;
        let place = place(&self.head_hash, number, number + 1 == self.chunks);
        let nonce = Nonce::assume_unique_for_key(*nonce);
        key.open_in_place(nonce, Aad::from(place), body)
            .map_err(|_| broken())?;
        Ok(stored)
    }
}

/// The rows of a vault file.
pub(crate) struct Rows<'a> {
    vault: &'a SealedVault,
    key: LessSafeKey,
    number: u64,
    /// An opened chunk with its nonce in front, and how far it is read.
    chunk: Zeroizing<Vec<u8>>,
    at: usize,
}

impl Rows<'_> {
    /// `None` where this chunk has no more.
    fn in_chunk(&mut self) -> Option<Result<Row, BackupError>> {
        let open = self.chunk.get(..NONCE_LEN + CHUNK_BYTES)?;
        let mut cut = Cut(open.get(self.at..)?);
        let length = cut.u32()? as usize;
        if length == 0 {
            return None;
        }
        self.at += LENGTH_BYTES + length;
        let broken = || self.vault.file.damaged("a row is not one");
        let row = cut.bytes(length).ok_or_else(broken);
        Some(row.and_then(|row| Row::decode(row).map_err(|_| broken())))
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, BackupError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.in_chunk() {
                if row.is_err() {
                    self.number = self.vault.chunks;
                    self.chunk.clear();
                }
                return Some(row);
            }
            if self.number == self.vault.chunks {
                return None;
            }
            match self.vault.chunk(&self.key, self.number) {
                Ok(chunk) => {
                    self.chunk = chunk;
                    self.at = NONCE_LEN;
                    self.number += 1;
                }
                Err(cause) => {
                    self.number = self.vault.chunks;
                    self.chunk.clear();
                    return Some(Err(cause));
                }
            }
        }
    }
}

fn cipher(key: &Key32) -> LessSafeKey {
    LessSafeKey::new(
        UnboundKey::new(&AES_256_GCM, key.expose()).expect("32 bytes are an AES-256 key"),
    )
}

fn place(head_hash: &[u8; 32], number: u64, last: bool) -> Vec<u8> {
    let mut place = Vec::with_capacity(PLACE.len() + 41);
    place.extend_from_slice(PLACE);
    place.extend_from_slice(head_hash);
    place.extend_from_slice(&number.to_be_bytes());
    place.push(u8::from(last));
    place
}
