//! All rows out, and a fresh vault made of rows, for `counterfoil backup` and `restore`.
//!
//! Not here: sealing to a recovery key (the caller does, before a byte is written anywhere). Always: an export is one view of the store at
//! one position; an import has new root, table and shelf keys, and the same shelves, since rows name theirs.

use std::path::Path;
use std::sync::Arc;

use ground::{Random, SharedDisk};

use crate::error::VaultError;
use crate::open::{Options, create};
use crate::rows::{Level, Row};
use crate::shared::{Shared, View};
use crate::store::Position;
use crate::table::Geometry;
use crate::vault::Vault;

/// What an import needs to know beside the rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExportHead {
    /// The position that the rows are true for.
    pub position: Position,
    /// Person, case and finding shelves.
    pub shelves: [u32; 3],
}

/// All rows of a vault, a shelf at a time.
pub struct Export {
    shared: Arc<Shared>,
    view: Arc<View>,
    head: ExportHead,
    next: Option<(Level, u32)>,
}

impl Export {
    /// What to store beside the rows.
    #[must_use]
    pub fn head(&self) -> ExportHead {
        self.head
    }
}

impl Iterator for Export {
    type Item = Result<Vec<Row>, VaultError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (level, shelf) = self.next?;
        self.next = self.shared.geometry.after(level, shelf);
        let parts = match self.shared.shelf(&self.view, level, shelf) {
            Ok(parts) => parts,
            Err(cause) => return Some(Err(cause)),
        };
        let rows = parts.iter().flat_map(|part| part.iter().map(Row::decode));
        Some(rows.collect())
    }
}

impl Vault {
    /// Every row that is absorbed, as of `head().position`. The vault may go on meanwhile.
    #[must_use]
    pub fn export(&self) -> Export {
        let writer = self.writer();
        let geometry = self.shared.geometry;
        let head = ExportHead {
            position: writer.state.position,
            shelves: [geometry.person, geometry.case, geometry.finding],
        };
        Export {
            shared: self.shared.clone(),
            view: self.shared.view(),
            head,
            next: Some((Level::Service, 0)),
        }
    }
}

/// Makes a vault of exported rows in an empty directory, in one commit. Some 16,384 rows are held at once where they come in the order of
/// an export; those that come before the service shelf's are all held.
///
/// # Errors
/// As `init`; `Malformed` for a head that no vault had, or rows without the finding key; whatever `rows` yields.
pub fn import(
    disk: &SharedDisk,
    dir: &Path,
    options: &Options,
    random: &Arc<dyn Random>,
    head: ExportHead,
    rows: impl Iterator<Item = Result<Row, VaultError>>,
) -> Result<(), VaultError> {
    let [person, case, finding] = head.shelves;
    let geometry = Geometry {
        person,
        case,
        finding,
    };
    if !geometry.is_sound() {
        return Err(VaultError::Malformed("backup head"));
    }
    create(disk, dir, options, random, geometry, head.position, rows)
}
