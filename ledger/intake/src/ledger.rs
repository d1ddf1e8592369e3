//! A ledger from its parts: made once by `init`, put together again by `open` at every start.
//!
//! Not here: threads ([`crate::run`]), configuration files, doors. Always: nothing missing is made silently; the start reads the journal
//! from the last checkpoint on, the vault from its own position on, and derived files from theirs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chain::checkpoint::Checkpoint;
use chain::link::link_hash;
use chain::note::SigningKey;
use ground::{Clock, Open, Random, SharedDisk, Site};
use journal::{CheckpointStore, Floor, Genesis, JournalError, Runs, TreeLevels};
use proto::{ChainNumber, Index, UnixMillis};
use vault::{SigningKind, Vault};

use crate::append::{Appender, Name};
use crate::desk::Desk;
use crate::error::IntakeError;
use crate::keep::{Indexes, Keeper, Published, SignedCheckpoint};
use crate::read::Records;
use crate::recent::{Frozen, GENERATION_EVENTS_MAX, Head, Recent};
use crate::resolve::Resolver;
use crate::sequence::{Sequencer, Start};
use crate::step::Stepped;

const SITE_DIR: Site = Site("ledger.dir");
const SITE_ABOVE: Site = Site("ledger.parent-dir");
const COMPLETE_FILE: &str = "complete";

/// Where a ledger's files lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Places {
    /// Everything but checkpoints.
    pub dir: PathBuf,
    /// Checkpoints: a directory of its own, best on another disk, in no journal backup.
    pub checkpoints: PathBuf,
}

impl Places {
    /// The journal's directory.
    pub fn journal(&self) -> PathBuf {
        self.dir.join("journal")
    }

    /// The vault's directory.
    pub fn vault(&self) -> PathBuf {
        self.dir.join("vault")
    }

    fn derived(&self, what: &str) -> PathBuf {
        self.dir.join("derived").join(what)
    }
}

/// What a ledger is made and opened with.
#[derive(Clone)]
pub struct Settings {
    /// Origin and chain.
    pub name: Name,
    /// Where its files lie.
    pub places: Places,
    /// The journal's limits.
    pub journal: journal::Options,
    /// The vault's size and caches.
    pub vault: vault::Options,
    /// Events in one generation of recent memory.
    pub generation_events: usize,
}

impl Settings {
    /// The usual settings for a ledger at these places.
    pub fn new(
        name: Name,
        places: Places,
        accept_unproven: bool,
        persons_expected: u64,
    ) -> Settings {
        let journal = journal::Options {
            accept_unproven,
            ..journal::Options::default()
        };
        let vault = vault::Options {
            accept_unproven,
            persons_expected,
            chain: name.chain,
            ..vault::Options::new(name.origin.clone())
        };
        Settings {
            name,
            places,
            journal,
            vault,
            generation_events: GENERATION_EVENTS_MAX,
        }
    }

    /// The same ledger on another chain.
    pub fn on_chain(&self, chain: ChainNumber) -> Settings {
        let mut settings = self.clone();
        settings.name.chain = chain;
        settings.vault.chain = chain;
        settings
    }

    fn genesis(&self) -> Genesis {
        Genesis {
            origin: self.name.origin.clone(),
            chain: self.name.chain,
        }
    }
}

/// What everything stands on.
#[derive(Clone)]
pub struct Ground {
    /// Files.
    pub disk: SharedDisk,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Keys, nonces, ids.
    pub random: Arc<dyn Random>,
}

/// Makes the stores of a new ledger. It cannot be opened before [`complete`].
///
/// # Errors
/// Where anything is there already, or the disk refuses.
pub fn init(ground: &Ground, settings: &Settings) -> Result<vault::InitialKeys, IntakeError> {
    let disk = &ground.disk;
    let places = &settings.places;
    disk.create_dir(&places.dir)
        .map_err(io("making the ledger's directory"))?;
    if let Some(above) = places.dir.parent() {
        let is_here = above.as_os_str().is_empty();
        let above = if is_here { Path::new(".") } else { above };
        disk.sync_dir(above, SITE_ABOVE)
            .map_err(io("syncing the directory above the ledger's"))?;
    }
    if is_complete(disk, &places.dir)? {
        return Err(JournalError::AlreadyInitialised.into());
    }
    disk.create_dir(&places.dir.join("derived"))
        .map_err(io("making the directory of derived files"))?;
    let keys = vault::init(disk, &places.vault(), &settings.vault, &ground.random)?;
    journal::init(
        disk,
        &places.journal(),
        &settings.genesis(),
        &settings.journal,
    )?;
    CheckpointStore::init(disk, &places.checkpoints, &settings.genesis())?;
    Ok(keys)
}

/// Marks a new ledger as complete: the last durable step of `init`.
///
/// # Errors
/// The disk's.
pub fn complete(ground: &Ground, settings: &Settings) -> Result<(), IntakeError> {
    let dir = &settings.places.dir;
    let write = || -> std::io::Result<()> {
        // The marker is its name: nobody reads what is in it, so that only the name has to be durable.
        ground.disk.open(&dir.join(COMPLETE_FILE), Open::Create)?;
        ground.disk.sync_dir(dir, SITE_DIR)
    };
    write().map_err(io("writing the completion marker"))?;
    Ok(())
}

fn is_complete(disk: &SharedDisk, dir: &Path) -> Result<bool, IntakeError> {
    let path = dir.join(COMPLETE_FILE);
    let found = disk.exists(&path);
    found.map_err(io("looking for the completion marker"))
}

/// An open ledger: the parts that threads take, and what everyone shares.
pub struct Opened {
    /// Sequencer, appender, desk and keeper.
    pub stepped: Stepped,
    /// The vault; this process owns it.
    pub vault: Arc<Vault>,
    /// Opens what is recorded.
    pub records: Records,
    /// The published checkpoint.
    pub published: Arc<Published>,
    /// The tree, to read.
    pub tree: journal::TreeReader,
    /// What the journal's start found and did.
    pub recovery: journal::Recovery,
}

/// Opens a complete ledger.
///
/// # Errors
/// `NotInitialised` where the completion marker is missing; what the journal, the vault and the checkpoint store say.
pub fn open(ground: &Ground, settings: &Settings) -> Result<Opened, IntakeError> {
    if !is_complete(&ground.disk, &settings.places.dir)? {
        return Err(IntakeError::NotInitialised("the completion marker"));
    }
    open_parts(ground, settings)
}

/// Opens a ledger that [`init`] has made and nobody has completed yet.
///
/// # Errors
/// As [`open`].
pub fn open_parts(ground: &Ground, settings: &Settings) -> Result<Opened, IntakeError> {
    let (disk, places) = (&ground.disk, &settings.places);
    let checkpoints = CheckpointStore::open(disk, &places.checkpoints, &settings.genesis())?;
    let floor = floor_of(&checkpoints);
    let journal = journal::open(disk, &places.journal(), &settings.journal, floor)?;
    let vault = Arc::new(vault::open(
        disk,
        &places.vault(),
        &settings.vault,
        &ground.random,
    )?);
    replay(&vault, &journal.reader)?;
    let (tree, _) = TreeLevels::open(disk, &places.derived("tree"), &journal.reader, floor)?;
    let records = Records::new(
        settings.name.clone(),
        journal.reader.clone(),
        vault.reader(),
    );
    let frozen = Arc::new(Frozen::default());
    let mut recent = Recent::new(frozen.clone(), settings.generation_events);
    let mut indexes = open_indexes(ground, places, &journal.reader)?;
    remember(&mut recent, &records, &frozen, &mut indexes)?;
    let resolver = Resolver::new(
        vault.reader(),
        indexes.ids.reader(),
        indexes.heads.reader(),
        frozen.clone(),
    );
    let published = published(&checkpoints)?;
    let start = start(settings, &journal, &records)?;
    let keeper = Keeper {
        name: settings.name.clone(),
        journal: journal.reader.clone(),
        checkpoints,
        key: signing_key(&vault, &settings.name, SigningKind::Checkpoint, start.next)?,
        published: published.clone(),
        vault: vault.clone(),
        frozen,
        indexes,
        preparer: journal.writer.preparer(),
        absorbed_at: ground.clock.now(),
        tree_reader: tree.reader(),
        tree,
    };
    let tree = keeper.tree_reader.clone();
    let foil_key = signing_key(&vault, &settings.name, SigningKind::Foil, start.next)?;
    Ok(Opened {
        stepped: Stepped {
            sequencer: Sequencer::new(
                start,
                journal.framer,
                vault.clone(),
                ground.random.clone(),
                recent,
            ),
            appender: Appender::new(journal.writer, settings.name.clone(), foil_key),
            desk: Desk::new(resolver, records.clone()),
            keeper,
            clock: ground.clock.clone(),
        },
        vault,
        records,
        published,
        tree,
        recovery: journal.recovery,
    })
}

/// Below the last stored checkpoint everything must be whole.
fn floor_of(checkpoints: &CheckpointStore) -> Floor {
    checkpoints
        .current()
        .map_or(Floor::default(), |stored| Floor {
            size: stored.size,
            root: Some(stored.root),
        })
}

/// What is shown from the start: the stored checkpoint.
fn published(checkpoints: &CheckpointStore) -> Result<Arc<Published>, IntakeError> {
    let published = Arc::new(Published::default());
    if let Some(stored) = checkpoints.current() {
        published.show(SignedCheckpoint {
            checkpoint: Checkpoint::parse(&stored.note)?,
            note: String::from_utf8_lossy(&stored.note).into_owned(),
        });
    }
    Ok(published)
}

/// The vault equals its own files plus the sections of every group after its position.
fn replay(vault: &Vault, reader: &journal::Reader) -> Result<(), IntakeError> {
    let position = vault.position();
    if position.index > reader.watermark().next {
        return Err(IntakeError::Mismatch(
            "the vault is ahead of the journal; only `restore` goes on from here",
        ));
    }
    for group in reader.groups_from(position.index) {
        let group = group?;
        if group.number > position.group {
            vault.replay_section(group.number, group.first, &group.vault_section)?;
        }
    }
    Ok(())
}

fn start(
    settings: &Settings,
    journal: &journal::Opened,
    records: &Records,
) -> Result<Start, IntakeError> {
    let next = journal.framer.next();
    let time = match next.0.checked_sub(1) {
        Some(last) => records.journal().group_of(Index(last))?.time,
        None => UnixMillis(0),
    };
    Ok(Start {
        name: settings.name.clone(),
        next,
        previous_link: journal.framer.last_link_hash(),
        time,
    })
}

/// The signing key in force for what comes next.
fn signing_key(
    vault: &Vault,
    name: &Name,
    kind: SigningKind,
    next: Index,
) -> Result<SigningKey, IntakeError> {
    let secret = vault
        .reader()
        .signing_secret(kind, next)
        .ok_or(vault::VaultError::NoKey)?;
    let key_name = match kind {
        SigningKind::Checkpoint => chain::origin_line(&name.origin, name.chain),
        SigningKind::Foil => chain::foil::foil_key_name(&name.origin, name.chain),
    };
    Ok(SigningKey::new(&key_name, secret.expose())?)
}

/// Derived indexes are believed as far as the journal confirms the link they name.
fn open_indexes(
    ground: &Ground,
    places: &Places,
    reader: &journal::Reader,
) -> Result<Indexes, IntakeError> {
    let link_at = |index: u64| match reader.entry(Index(index)) {
        Ok(at) => Ok(Some(link_hash(&at.entry.link))),
        Err(JournalError::Beyond(_)) => Ok(None),
        Err(cause) => Err(cause),
    };
    let (disk, genesis) = (&ground.disk, reader.genesis());
    Ok(Indexes {
        ids: Runs::open(disk, &places.derived("ids"), genesis, link_at)?,
        heads: Runs::open(disk, &places.derived("heads"), genesis, link_at)?,
    })
}

/// Puts what the derived indexes do not have yet back into recent memory; a long backlog goes to run files on the way.
fn remember(
    recent: &mut Recent,
    records: &Records,
    frozen: &Frozen,
    indexes: &mut Indexes,
) -> Result<(), IntakeError> {
    let from = indexes.covered();
    for group in records.journal().groups_from(from) {
        let group = group?;
        let opened = records.of_group(&group, from)?;
        let skip = usize::try_from(from.0.saturating_sub(group.first.0)).unwrap_or(usize::MAX);
        for (entry, stored) in group.entries.iter().skip(skip).zip(opened) {
            let Some(record) = stored.record else {
                recent.record_id(entry.idtag, stored.index);
                continue;
            };
            let head = Head {
                number: record.header.number,
                last: stored.index,
            };
            recent.record(entry.idtag, record.header.stream, head);
        }
        recent.freeze_if_full();
        indexes.flush(frozen, records.journal())?;
    }
    Ok(())
}

/// Wraps a failed file operation.
fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> IntakeError {
    move |cause| IntakeError::Journal(JournalError::Io { what, cause })
}
