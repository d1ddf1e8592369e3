//! What a backup is: one text, in the clear head of the vault file and again in the manifest beside it.
//!
//! ```text
//! format = "counterfoil backup 1"          one key a line, in this order, each spelled in one way (a subset of TOML)
//! backup = "backup-<n>"                    its name, as facts cite it
//! id = "<32 hex>"                          random: joins the three files
//! origin = "…"       chain = 0
//! next_index = n     group = g             the position: events below n, groups up to g
//! last_link = "<64 hex>"                   BLAKE3 of link n - 1
//! checkpoint = "<base64>"                  the newest signed note of a size up to n; empty where none was signed
//! generation = 1     shelves = "64 16 64"  of the vault: person, case, finding
//! created_ms = …     expires_on = "…"      unix milliseconds; a date, or empty
//! recovery_key = "cfr-…"                   the id of the key that opens the vault file
//! journal_bytes = …  journal_sha256 = "…"
//! vault_bytes = …    vault_sha256 = "…"    in the manifest only
//! ```
//!
//! Nothing personal is in it. Always: what is read is spelled again and must be equal; the vault file's seal covers its copy, so that a
//! manifest or a journal of another backup is found out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::{ChainNumber, Hash, Index, Origin, UnixMillis};
use vault::Position;

use super::error::{BackupError, Part};
use super::file::{from_hex, hex};

const FORMAT: &str = "counterfoil backup 1";
/// The longest manifest, in bytes: a checkpoint with all its cosignatures, in base64, and the rest.
pub(crate) const STATEMENT_BYTES_MAX: usize = 128 << 10;

/// What a backup is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// Joins the files of one backup.
    pub id: [u8; 16],
    /// Whose ledger.
    pub origin: Origin,
    /// Which chain.
    pub chain: ChainNumber,
    /// Journal and vault are true for this position.
    pub position: Position,
    /// BLAKE3 of the last link.
    pub last_link: Hash,
    /// The newest signed checkpoint of at most that size; empty where there was none.
    pub checkpoint: Vec<u8>,
    /// The vault's generation.
    pub generation: u64,
    /// Person, case and finding shelves.
    pub shelves: [u32; 3],
    /// When it was taken.
    pub created: UnixMillis,
    /// The date on which its recovery key is to be destroyed, `yyyy-mm-dd`; empty where none is set.
    pub expires_on: String,
    /// The id of the recovery key.
    pub recovery_key: String,
    /// Length of the journal file.
    pub journal_bytes: u64,
    /// SHA-256 of the journal file.
    pub journal_sha256: Hash,
}

/// A statement and what it cannot say about the file that it lies in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// What the backup is.
    pub statement: Statement,
    /// Length of the vault file.
    pub vault_bytes: u64,
    /// SHA-256 of the vault file.
    pub vault_sha256: Hash,
}

impl Statement {
    /// The backup's name, as facts cite it.
    pub fn name(&self) -> String {
        format!("backup-{}", self.position.index.0)
    }

    pub(crate) fn encode(&self) -> String {
        let [person, case, finding] = self.shelves;
        let mut text = String::new();
        put_text(&mut text, "format", FORMAT);
        put_text(&mut text, "backup", &self.name());
        put_text(&mut text, "id", &hex(&self.id));
        put_text(&mut text, "origin", self.origin.as_str());
        put(&mut text, "chain", i64::from(self.chain.0));
        put(&mut text, "next_index", self.position.index.0);
        put(&mut text, "group", self.position.group);
        put_text(&mut text, "last_link", &hex(&self.last_link.0));
        put_text(&mut text, "checkpoint", &STANDARD.encode(&self.checkpoint));
        put(&mut text, "generation", self.generation);
        put_text(&mut text, "shelves", &format!("{person} {case} {finding}"));
        put(&mut text, "created_ms", self.created.0);
        put_text(&mut text, "expires_on", &self.expires_on);
        put_text(&mut text, "recovery_key", &self.recovery_key);
        put(&mut text, "journal_bytes", self.journal_bytes);
        put_text(&mut text, "journal_sha256", &hex(&self.journal_sha256.0));
        text
    }

    pub(crate) fn decode(bytes: &[u8], part: Part) -> Result<Statement, BackupError> {
        let text = std::str::from_utf8(bytes).map_err(|_| no_statement(part))?;
        let mut lines = Lines(text);
        let statement = lines.statement(part)?;
        let whole = lines.0.is_empty() && statement.encode() == text;
        whole.then_some(statement).ok_or(no_statement(part))
    }
}

impl Manifest {
    pub(crate) fn encode(&self) -> String {
        let mut text = self.statement.encode();
        put(&mut text, "vault_bytes", self.vault_bytes);
        put_text(&mut text, "vault_sha256", &hex(&self.vault_sha256.0));
        text
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Manifest, BackupError> {
        let part = Part::Manifest;
        let text = std::str::from_utf8(bytes).map_err(|_| no_statement(part))?;
        let mut lines = Lines(text);
        let statement = lines.statement(part)?;
        let manifest = lines.manifest(statement).ok_or(no_statement(part))?;
        let whole = lines.0.is_empty() && manifest.encode() == text;
        whole.then_some(manifest).ok_or(no_statement(part))
    }
}

fn no_statement(part: Part) -> BackupError {
    BackupError::Damaged(part, "its statement is not spelled as it was written")
}

fn put(text: &mut String, key: &str, value: impl std::fmt::Display) {
    text.push_str(&format!("{key} = {value}\n"));
}

fn put_text(text: &mut String, key: &str, value: &str) {
    text.push_str(&format!("{key} = \"{value}\"\n"));
}

/// The lines that are left.
struct Lines<'a>(&'a str);

impl<'a> Lines<'a> {
    fn statement(&mut self, part: Part) -> Result<Statement, BackupError> {
        let format = self.text("format").ok_or(no_statement(part))?;
        if format != FORMAT {
            let later = format.starts_with("counterfoil backup ");
            return Err(if later {
                BackupError::Version(part)
            } else {
                no_statement(part)
            });
        }
        self.fields().ok_or(no_statement(part))
    }

    fn fields(&mut self) -> Option<Statement> {
        // The name says again what the position says; spelling the statement again compares the two.
        self.text("backup")?;
        Some(Statement {
            id: from_hex(self.text("id")?)?,
            origin: Origin::new(self.text("origin")?).ok()?,
            chain: ChainNumber(u32::try_from(self.number("chain")?).ok()?),
            position: {
                let index = Index(self.number("next_index")?);
                Position {
                    group: self.number("group")?,
                    index,
                }
            },
            last_link: Hash(from_hex(self.text("last_link")?)?),
            checkpoint: STANDARD.decode(self.text("checkpoint")?).ok()?,
            generation: self.number("generation")?,
            shelves: {
                let mut shelves = self
                    .text("shelves")?
                    .split(' ')
                    .map(|part| part.parse().ok());
                [shelves.next()??, shelves.next()??, shelves.next()??]
            },
            created: UnixMillis(i64::try_from(self.number("created_ms")?).ok()?),
            expires_on: self.text("expires_on")?.to_owned(),
            recovery_key: self.text("recovery_key")?.to_owned(),
            journal_bytes: self.number("journal_bytes")?,
            journal_sha256: Hash(from_hex(self.text("journal_sha256")?)?),
        })
    }

    fn manifest(&mut self, statement: Statement) -> Option<Manifest> {
        Some(Manifest {
            statement,
            vault_bytes: self.number("vault_bytes")?,
            vault_sha256: Hash(from_hex(self.text("vault_sha256")?)?),
        })
    }

    fn value(&mut self, key: &str) -> Option<&'a str> {
        let (line, rest) = self.0.split_once('\n')?;
        self.0 = rest;
        line.strip_prefix(key)?.strip_prefix(" = ")
    }

    fn number(&mut self, key: &str) -> Option<u64> {
        self.value(key)?.parse().ok()
    }

    fn text(&mut self, key: &str) -> Option<&'a str> {
        let value = self.value(key)?.strip_prefix('"')?.strip_suffix('"')?;
        (!value.contains(['"', '\\'])).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let statement = Statement {
            id: [7; 16],
            origin: Origin::new("test.westmere.example/counterfoil").expect("a good origin"),
            chain: ChainNumber(0),
            position: Position {
                group: 9,
                index: Index(42),
            },
            last_link: Hash([3; 32]),
            checkpoint: b"note".to_vec(),
            generation: 2,
            shelves: [64, 16, 64],
            created: UnixMillis(1_795_000_000_000),
            expires_on: "2026-12-07".to_owned(),
            recovery_key: "cfr-0011223344556677".to_owned(),
            journal_bytes: 4096,
            journal_sha256: Hash([4; 32]),
        };
        Manifest {
            statement,
            vault_bytes: 70_000,
            vault_sha256: Hash([5; 32]),
        }
    }

    #[test]
    fn a_manifest_comes_back_and_no_other_spelling_of_it() {
        let text = manifest().encode();
        assert_eq!(Manifest::decode(text.as_bytes()).ok(), Some(manifest()));
        for length in 0..text.len() {
            assert!(
                Manifest::decode(&text.as_bytes()[..length]).is_err(),
                "{length} bytes"
            );
        }
        let others = [
            text.replace("chain = 0", "chain = 00"),
            text.replace("chain = 0", "chain = +0"),
            text.replace("backup-42", "backup-43"),
            text.replace("0303", "030A"),
            text.replace(" = ", "="),
            text.replace('\n', "\r\n"),
            format!("{text}more = 1\n"),
        ];
        for other in others {
            assert!(Manifest::decode(other.as_bytes()).is_err(), "{other}");
        }
        let later = text.replace("backup 1\"", "backup 2\"");
        let refused = Manifest::decode(later.as_bytes());
        assert!(matches!(refused, Err(BackupError::Version(Part::Manifest))));
    }

    #[test]
    fn a_manifest_is_toml() {
        let value: toml::Table = manifest().encode().parse().expect("TOML");
        assert_eq!(value["backup"].as_str(), Some("backup-42"));
    }
}
