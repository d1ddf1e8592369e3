//! Making a vault, and opening one: what must be there, in which order, and what an interrupted rotation left.
//!
//! ```text
//! <dir>/lock          held for life
//! <dir>/root          two root slots (root.rs)
//! <dir>/table         two table slots (table.rs)
//! <dir>/shelves.redb  sealed shelf parts and the state (store.rs); its first commit is the last step of `init`
//! ```
//!
//! Always: `open` creates nothing; it serves nothing before the root of the vault's generation has opened its table, the service shelf and
//! one shelf more, and every other root is destroyed; where no slot opens, nothing is written.

use std::path::Path;
use std::sync::{Arc, Mutex};

use chain::note::SigningKey;
use ground::{Lock, Random, SharedDisk, Site};
use proto::ids::{ChainNumber, Index, Origin};

use crate::error::VaultError;
use crate::keys::Key32;
use crate::part::PartPlace;
use crate::root::{FileRoot, RootStore};
use crate::rows::{Level, Row, SecretKind, SigningKind, encoded};
use crate::service::Service;
use crate::shared::{Opened, Shared};
use crate::shelves::{Home, NewRow, NewRows, PartCounts, Reach, Rewriter, open_stored};
use crate::store::{Ledger, Position, State, Store, StoreView};
use crate::table::{Geometry, Table, TableFile};
use crate::vault::{Intake, OpenReport, Vault, Writer};

/// How a vault is made and held.
#[derive(Clone, Debug)]
pub struct Options {
    /// The ledger's origin.
    pub origin: Origin,
    /// The chain.
    pub chain: ChainNumber,
    /// Persons to expect over the vault's life: fixes the number of shelves at `init`.
    pub persons_expected: u64,
    /// Whether a file system that is not known to overwrite in place is accepted.
    pub accept_unproven: bool,
    /// Memory for the store's pages, in bytes.
    pub cache_bytes: usize,
    /// Streams whose keys and justifications are kept opened in memory, with a sixth as many persons: at most 110 bytes a stream
    /// (`VaultReader::cache_bytes_max`), taken as they come. A stream beyond them that gets an event again is read from its shelf.
    pub streams_cached_max: usize,
}

impl Options {
    /// The defaults for a ledger: chain 0, 100,000 persons, 32 MiB of pages, 600,000 streams kept opened.
    #[must_use]
    pub fn new(origin: Origin) -> Options {
        Options {
            origin,
            chain: ChainNumber(0),
            persons_expected: 100_000,
            accept_unproven: false,
            cache_bytes: 16 << 20,
            streams_cached_max: 600_000,
        }
    }
}

/// The public keys that a new ledger is verified with.
#[derive(Clone, Debug)]
pub struct InitialKeys {
    /// Signs checkpoints.
    pub checkpoint_vkey: String,
    /// Signs foil notes.
    pub foil_vkey: String,
}

/// Makes a vault in an empty (or missing) directory.
///
/// # Errors
/// `Exists` where the directory holds anything; `Unfit` for the file system; `Io`, `Store`. What a failed call leaves has no completion
/// marker and is never opened; the operator removes it.
pub fn init(
    disk: &SharedDisk,
    dir: &Path,
    options: &Options,
    random: &Arc<dyn Random>,
) -> Result<InitialKeys, VaultError> {
    let (rows, keys) = first_rows(options, &**random)?;
    let position = Position {
        group: 0,
        index: Index(0),
    };
    let geometry = Geometry::for_persons(options.persons_expected);
    create(
        disk,
        dir,
        options,
        random,
        geometry,
        position,
        rows.into_iter().map(Ok),
    )?;
    Ok(keys)
}

/// Makes a vault of these rows, at this position (`init`, `import`).
pub(crate) fn create(
    disk: &SharedDisk,
    dir: &Path,
    options: &Options,
    random: &Arc<dyn Random>,
    geometry: Geometry,
    position: Position,
    rows: impl Iterator<Item = Result<Row, VaultError>>,
) -> Result<(), VaultError> {
    refuse_existing(disk, dir)?;
    let new_in = directories_to_be(disk, dir)?;
    disk.create_dir(dir)
        .map_err(VaultError::io("create the vault's directory"))?;
    let _lock = lock(disk, dir)?;
    let root = FileRoot::create_file(disk, dir, options.accept_unproven)?;
    let table_file = TableFile::create(disk, dir, geometry)?;
    let store = Store::create(disk, dir, options.cache_bytes)?;
    for named_in in std::iter::once(dir).chain(new_in) {
        disk.sync_dir(named_in, Site("vault.dir"))
            .map_err(VaultError::io("sync the vault's directory"))?;
    }
    root.create(1, &**random)?;
    let table = Table::fresh(geometry, 1, &**random);
    table_file.write(&table, &root, &**random)?;

    let change = store.change()?;
    let origin_hash = chain::origin_hash(&options.origin);
    change.put_ledger(&Ledger {
        origin_hash,
        chain: options.chain,
        geometry,
    })?;
    put_rows(&change, &table, &**random, rows)?;
    // The last durable step: without this commit the directory is no vault.
    change.commit(&State {
        generation: 1,
        position,
        rekeyed: 0,
        intake_seals: 0,
    })
}

fn refuse_existing(disk: &SharedDisk, dir: &Path) -> Result<(), VaultError> {
    let exists = disk
        .exists(dir)
        .map_err(VaultError::io("look for the vault"))?;
    if exists
        && !disk
            .list(dir)
            .map_err(VaultError::io("list the vault"))?
            .is_empty()
    {
        return Err(VaultError::Exists);
    }
    Ok(())
}

/// The directories that get a new entry when `dir` is made: to be synced after it.
fn directories_to_be<'a>(disk: &SharedDisk, dir: &'a Path) -> Result<Vec<&'a Path>, VaultError> {
    let mut new_in = Vec::new();
    for made in dir.ancestors().filter(|made| !made.as_os_str().is_empty()) {
        let exists = disk.exists(made);
        if exists.map_err(VaultError::io("look for the vault"))? {
            break;
        }
        // Of a single relative name the directory above is the working directory.
        new_in.extend(made.parent().map(|parent| {
            let here = parent.as_os_str().is_empty();
            if here { Path::new(".") } else { parent }
        }));
    }
    Ok(new_in)
}

/// Rows that `create` holds at once, beside those that come before the finding key.
const ROWS_HELD_MAX: usize = 16_384;

/// Puts rows on their shelves, a batch at a time. The finding key must be among them; what comes before it is held.
fn put_rows(
    change: &crate::store::Change,
    table: &Table,
    random: &dyn Random,
    rows: impl Iterator<Item = Result<Row, VaultError>>,
) -> Result<(), VaultError> {
    let counts = PartCounts::new(table.geometry);
    let mut finding_key = None;
    let mut held = Vec::new();
    let put = |held: &mut Vec<Row>, finding_key: &Key32| -> Result<(), VaultError> {
        let rewriter = Rewriter {
            change,
            old: table,
            new: table,
            finding_key,
            random,
            counts: &counts,
        };
        let mut shelves = std::collections::BTreeMap::<(Level, u32), NewRows>::new();
        for row in held.drain(..) {
            let bytes = encoded(&row)?;
            let home = Home::of_row(&bytes, finding_key, table.geometry)?;
            let shelf = shelves.entry((home.level, home.shelf)).or_default();
            shelf.push(NewRow::new(bytes, &home)?);
        }
        for (place, rows) in shelves {
            rewriter.rewrite(place, rows, Reach::Touched, &|_| Ok(true))?;
        }
        Ok(())
    };
    for row in rows {
        let row = row?;
        if let Row::Secret {
            kind: SecretKind::Finding,
            name: 0,
            key,
        } = &row
        {
            finding_key = Some(key.clone());
        }
        held.push(row);
        if let Some(key) = &finding_key
            && held.len() >= ROWS_HELD_MAX
        {
            put(&mut held, key)?;
        }
    }
    put(
        &mut held,
        &finding_key.ok_or(VaultError::Malformed("vault rows"))?,
    )
}

fn first_rows(
    options: &Options,
    random: &dyn Random,
) -> Result<(Vec<Row>, InitialKeys), VaultError> {
    let (signing, keys) = signing_rows(&options.origin, options.chain, Index(0), random)?;
    let secret = |kind| Row::Secret {
        kind,
        name: 0,
        key: Key32::random(random),
    };
    let mut rows = signing;
    rows.extend([
        secret(SecretKind::Finding),
        secret(SecretKind::Suppression),
        Row::IntakeKey {
            id: ground::array(random),
            key: Key32::random(random),
        },
    ]);
    Ok((rows, keys))
}

/// New keys that sign for a chain from this index on: rows for the service shelf, and what outsiders verify with.
///
/// # Errors
/// `Malformed` where the origin makes no key name.
pub fn signing_rows(
    origin: &Origin,
    chain: ChainNumber,
    from: Index,
    random: &dyn Random,
) -> Result<(Vec<Row>, InitialKeys), VaultError> {
    let signing = |kind, name: String| -> Result<(Row, String), VaultError> {
        let secret = Key32::random(random);
        let key = SigningKey::new(&name, secret.expose())
            .map_err(|_| VaultError::Malformed("signing key name"))?;
        let vkey = key.verifier().to_string();
        let text = vkey.clone();
        let row = Row::SigningKey {
            kind,
            from,
            secret,
            vkey,
        };
        Ok((row, text))
    };
    let (checkpoint, checkpoint_vkey) =
        signing(SigningKind::Checkpoint, chain::origin_line(origin, chain))?;
    let (foil, foil_vkey) = signing(SigningKind::Foil, chain::foil::foil_key_name(origin, chain))?;
    let keys = InitialKeys {
        checkpoint_vkey,
        foil_vkey,
    };
    Ok((vec![checkpoint, foil], keys))
}

/// Opens a vault and finishes what an interrupted rotation left.
///
/// # Errors
/// `Missing` where something is not there (nothing is created), `OtherLedger`, `Unfit`, `NoOpeningSlot`, `Damaged`, `Io`, `Store`.
pub fn open(
    disk: &SharedDisk,
    dir: &Path,
    options: &Options,
    random: &Arc<dyn Random>,
) -> Result<Vault, VaultError> {
    if !disk
        .exists(dir)
        .map_err(VaultError::io("look for the vault"))?
    {
        return Err(VaultError::Missing("directory"));
    }
    let root = FileRoot::open_file(disk, dir, options.accept_unproven)?;
    open_with_root(disk, dir, options, random, Box::new(root))
}

/// Opens a vault whose root lives elsewhere (an HSM).
///
/// # Errors
/// As [`open`].
pub fn open_with_root(
    disk: &SharedDisk,
    dir: &Path,
    options: &Options,
    random: &Arc<dyn Random>,
    root: Box<dyn RootStore>,
) -> Result<Vault, VaultError> {
    let lock = lock(disk, dir)?;
    let store = Store::open(disk, dir, options.cache_bytes)?;
    let (ledger, state) = store.meta()?;
    let same = ledger.origin_hash == chain::origin_hash(&options.origin);
    if !same || ledger.chain != options.chain {
        return Err(VaultError::OtherLedger);
    }
    let table_file = TableFile::open(disk, dir, ledger.geometry)?;
    let generations = root.generations()?;
    if !generations.contains(&state.generation) {
        return Err(VaultError::NoOpeningSlot);
    }
    let table = table_file
        .read(state.generation, &*root)
        .map_err(|_| VaultError::NoOpeningSlot)?;
    if table.geometry != ledger.geometry {
        return Err(VaultError::Damaged("shelf table"));
    }
    let view = store.view()?;
    let service = read_service(&view, &table)?;
    opens_one_shelf(&view, &table)?;
    // Only now, with everything of the vault's own generation open, may another slot be written.
    root.destroy_all_but(state.generation)?;
    let report = OpenReport {
        generation: state.generation,
        finished_rotation: generations.len() > 1,
        nightly_at: table.finding_next.as_ref().map(|_| state.rekeyed),
        strength: root.strength(),
    };
    let shared = Shared::new(Opened {
        origin_hash: ledger.origin_hash,
        chain: ledger.chain,
        random: random.clone(),
        store,
        table,
        service,
        entries_max: options.streams_cached_max,
    })?;
    Ok(Vault {
        shared: Arc::new(shared),
        intake: Mutex::new(Intake::new(&state)),
        writer: Mutex::new(Writer::new(state, root, table_file, lock)),
        report,
    })
}

/// All rows of the service shelf, opened under this table.
pub(crate) fn read_service(view: &StoreView, table: &Table) -> Result<Service, VaultError> {
    let mut service = Service::default();
    let mut uses = Vec::new();
    let mut part = 0;
    let mut parts = 0;
    loop {
        let place = PartPlace {
            level: Level::Service,
            shelf: 0,
            part,
            parts,
        };
        let opened = view.part(place.level, 0, part, |stored| {
            open_stored(table, place, None, stored)
        })?;
        let (rows, of) = opened.ok_or(VaultError::Damaged("service shelf"))?;
        for row in rows.iter() {
            match Row::decode(row)? {
                row @ Row::RecordKeyUse { .. } => uses.push(row),
                row => service.apply(row, 0),
            }
        }
        (part, parts) = (part + 1, of);
        if part == parts {
            break;
        }
    }
    uses.into_iter().for_each(|row| service.apply(row, 0));
    Ok(service)
}

/// Opens one shelf besides the service shelf: the first that holds anything, if any does.
pub(crate) fn opens_one_shelf(view: &StoreView, table: &Table) -> Result<(), VaultError> {
    let geometry = table.geometry;
    for (level, shelves) in [
        (Level::Person, geometry.person),
        (Level::Finding, geometry.finding),
        (Level::Case, geometry.case),
    ] {
        for shelf in 0..shelves {
            let place = PartPlace {
                level,
                shelf,
                part: 0,
                parts: 0,
            };
            let opened = view.part(level, shelf, 0, |stored| {
                open_stored(table, place, None, stored)
            })?;
            if opened.is_some() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn lock(disk: &SharedDisk, dir: &Path) -> Result<Box<dyn Lock>, VaultError> {
    disk.lock(&dir.join("lock"))
        .map_err(VaultError::io("lock the vault"))
}
