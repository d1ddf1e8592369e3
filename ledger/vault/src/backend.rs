//! redb's storage on `ground::File`, so that a simulation owns the disk that redb writes to.
//!
//! Always: every sync of redb is one `File::sync_data(Site("redb"))`; nothing else touches the file.

use std::fmt;
use std::io;
use std::sync::Arc;

use ground::{File, Site};
use redb::StorageBackend;

/// The name of every sync that redb asks for; a simulation counts them within a commit.
pub(crate) const SITE: Site = Site("redb");

/// One open file as redb sees it.
pub(crate) struct DiskBackend(pub(crate) Arc<dyn File>);

impl fmt::Debug for DiskBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskBackend")
    }
}

impl StorageBackend for DiskBackend {
    fn len(&self) -> Result<u64, io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.0.sync_data(SITE)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.0.write_all_at(data, offset)
    }
}
