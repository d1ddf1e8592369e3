//! The marker beside a view's store: which ledger and version it is of, and how it was left.
//!
//! ```text
//! counterfoil view marker v1
//! genesis <64 hex>          hash of the ledger's genesis
//! schema <name>/<version>   the view and the version that built the rows
//! boot <32 hex>             the machine's boot during which the store was last open
//! clean yes|no              no while it is open
//! check <16 hex>            first bytes of the BLAKE3 of the lines above
//! ```
//!
//! What it is not: part of the rows; it is small enough to be replaced as a whole file.
//! What always holds: it says `clean no` on disk before the first row of a run is written.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proto::Hash;

use crate::error::StoreError;
use crate::store::{Batch, Cursor, Row, Snapshot, Store};

const FIRST_LINE: &str = "counterfoil view marker v1";
const FILE: &str = "marker";
const FILE_NEW: &str = "marker.new";
const BOOT_ID_PATH: &str = "/proc/sys/kernel/random/boot_id";

/// One start of the machine: what the page cache cannot have survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootId(pub [u8; 16]);

impl BootId {
    /// The boot id that Linux gives.
    ///
    /// # Errors
    /// When it cannot be read or is not 16 bytes of hexadecimal digits and hyphens.
    pub fn of_this_machine() -> io::Result<Self> {
        let text = fs::read_to_string(BOOT_ID_PATH)?;
        let digits: String = text.trim().chars().filter(|&c| c != '-').collect();
        let bytes = from_hex(&digits)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "boot id is not 16 bytes"))?;
        Ok(Self(bytes))
    }
}

/// What a store must have been built from to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Hash of the ledger's genesis.
    pub genesis: Hash,
    /// Name of the view.
    pub view: String,
    /// Version of the view.
    pub version: u32,
}

/// The marker's contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// What the store was built from.
    pub identity: Identity,
    /// The boot during which it was last open.
    pub boot: BootId,
    /// True when it was closed.
    pub clean: bool,
}

impl Marker {
    /// The file's text.
    pub fn encode(&self) -> String {
        let body = format!(
            "{FIRST_LINE}\ngenesis {}\nschema {}/{}\nboot {}\nclean {}\n",
            to_hex(&self.identity.genesis.0),
            self.identity.view,
            self.identity.version,
            to_hex(&self.boot.0),
            if self.clean { "yes" } else { "no" },
        );
        let check = check_of(&body);
        format!("{body}check {check}\n")
    }

    /// The reverse of [`Marker::encode`]; `None` for anything else.
    pub fn decode(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let _first = lines.next().filter(|&line| line == FIRST_LINE)?;
        let genesis = from_hex(lines.next()?.strip_prefix("genesis ")?)?;
        let (view, version) = lines.next()?.strip_prefix("schema ")?.rsplit_once('/')?;
        let boot = from_hex(lines.next()?.strip_prefix("boot ")?)?;
        let clean = match lines.next()?.strip_prefix("clean ")? {
            "yes" => true,
            "no" => false,
            _ => return None,
        };
        let marker = Self {
            identity: Identity {
                genesis: Hash(genesis),
                view: view.to_owned(),
                version: version.parse().ok()?,
            },
            boot: BootId(boot),
            clean,
        };
        (marker.encode() == text).then_some(marker)
    }

    /// Reads the marker of a generation; `None` when there is none that holds together.
    pub(crate) fn read(dir: &Path) -> io::Result<Option<Self>> {
        match fs::read_to_string(dir.join(FILE)) {
            Ok(text) => Ok(Self::decode(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the marker durably. A crash leaves the old one or the new one.
    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        replace_file(dir, FILE_NEW, FILE, self.encode().as_bytes())
    }
}

/// Writes a small file as a whole: new name, sync, rename, sync of the directory.
pub(crate) fn replace_file(dir: &Path, new: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(dir.join(new))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(dir.join(new), dir.join(name))?;
    sync_dir(dir)
}

/// Makes the names in a directory survive a power cut.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// A store with the marker that says how it was left.
pub(crate) struct Marked {
    pub(crate) store: Box<dyn Store>,
    pub(crate) marker: Marker,
    pub(crate) dir: PathBuf,
}

impl Store for Marked {
    fn apply(&self, batch: &Batch, cursor: &Cursor) -> Result<(), StoreError> {
        self.store.apply(batch, cursor)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.store.scan(prefix, from, limit)
    }

    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.store.snapshot()
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.store.sync()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        let Marked { store, marker, dir } = *self;
        store.close()?;
        Ok(Marker {
            clean: true,
            ..marker
        }
        .write(&dir)?)
    }

    fn destroy(self: Box<Self>) -> Result<(), StoreError> {
        let Marked { store, dir, .. } = *self;
        store.destroy()?;
        Ok(fs::remove_dir_all(dir)?)
    }
}

fn check_of(body: &str) -> String {
    to_hex(&blake3::hash(body.as_bytes()).as_bytes()[..8])
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let ascii = digits.as_bytes();
    if ascii.len() != 2 * N || !ascii.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(ascii.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_reads_back_and_any_other_byte_is_refused() {
        let marker = Marker {
            identity: Identity {
                genesis: Hash([7; 32]),
                view: "customer".into(),
                version: 3,
            },
            boot: BootId([1; 16]),
            clean: true,
        };
        let text = marker.encode();
        assert_eq!(Marker::decode(&text), Some(marker));
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            let other = String::from_utf8(bytes).expect("ASCII with a low bit flipped is ASCII");
            assert_eq!(Marker::decode(&other), None, "byte {place}");
        }
    }
}
