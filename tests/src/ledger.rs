//! A ledger in a temporary directory: founded in this process, served by another.
//!
//! Always: an invented council's; the directory goes with the value. Founding is what `counterfoil init` calls too.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chain::note::VerifierKey;
use console::config::{Config, FILE_NAME};
use ground::{RealDisk, SharedDisk, SystemClock, SystemRandom};
use intake::desk::Directed;
use intake::found::{GOVERNANCE, found};
use intake::ledger::{Ground, complete, init, open_parts};
use intake::own::own_event;
use intake::resolve::Target;
use proto::clear::Envelope;
use proto::ledger_facts::{self, ChainKeys, Software};
use proto::{ChainNumber, StaffReference, UnixMillis};
use tempfile::TempDir;
use verifier::{Verdict, verify_directory};

use crate::place;

/// Origin of every ledger that a journey makes.
pub const ORIGIN: &str = "test.westmere.example/counterfoil";
/// Persons expected: few, so that shelves are few.
const PERSONS: u64 = 1_000;
/// How often a checkpoint is signed, in milliseconds: often, so that runs have many.
const CHECKPOINT_INTERVAL_MS: u64 = 50;

/// A ledger on disk.
pub struct Ledger {
    home: TempDir,
    /// The DPO's token.
    pub token: String,
    /// Who signs checkpoints.
    pub checkpoint_vkey: String,
    /// Who signs foils.
    pub foil_vkey: String,
}

/// What a real process stands on.
pub fn ground() -> Ground {
    Ground {
        disk: Arc::new(RealDisk),
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
    }
}

impl Ledger {
    /// A new ledger.
    pub fn found() -> Ledger {
        let home = tempfile::tempdir().expect("a temporary directory");
        let config = write_config(home.path());
        let dpo = StaffReference::from_random(ground::uuid_v4(&SystemRandom));
        let founded = found(&ground(), &config.settings(), &dpo).expect("a ledger is founded");
        Ledger {
            home,
            token: founded.token.reveal().to_owned(),
            checkpoint_vkey: founded.keys.checkpoint_vkey,
            foil_vkey: founded.keys.foil_vkey,
        }
    }

    /// A ledger of one event, the first that every ledger has. Nobody has a role there: only what is open can be read.
    pub fn of_one_event() -> Ledger {
        let home = tempfile::tempdir().expect("a temporary directory");
        let (ground, settings) = (ground(), write_config(home.path()).settings());
        let keys = init(&ground, &settings).expect("stores are made");
        let mut opened = open_parts(&ground, &settings).expect("stores open");
        let name = &settings.name;
        let keys_of_chain = ChainKeys {
            chain: name.chain,
            checkpoint_key: keys.checkpoint_vkey.clone(),
            foil_key: keys.foil_vkey.clone(),
        };
        let envelope = Envelope {
            activity: GOVERNANCE.to_owned(),
            ..Envelope::default()
        };
        let software = Software {
            version: "0",
            catalogue: chain::sha256(proto::CATALOGUE.as_bytes()),
        };
        let fact = ledger_facts::opened(
            envelope,
            &name.origin,
            vec![keys_of_chain],
            &software,
            PERSONS,
        );
        let now = UnixMillis(ground.clock.now());
        let event = own_event(name, fact.expect("a good fact"), now, &*ground.random);
        let directed = Directed {
            event,
            target: Target::Office,
            rows: Vec::new(),
            learnt: None,
        };
        opened.stepped.record(vec![directed]).expect("one event");
        opened.stepped.keeper.checkpoint().expect("a checkpoint");
        drop(opened);
        complete(&ground, &settings).expect("the marker");
        Ledger {
            home,
            token: String::new(),
            checkpoint_vkey: keys.checkpoint_vkey,
            foil_vkey: keys.foil_vkey,
        }
    }

    /// A copy in a directory of its own. Copy only what nobody serves.
    pub fn copy(&self) -> Ledger {
        let home = tempfile::tempdir().expect("a temporary directory");
        place::copy(self.home(), home.path()).expect("the ledger can be copied");
        let _ = write_config(home.path());
        Ledger {
            home,
            token: self.token.clone(),
            checkpoint_vkey: self.checkpoint_vkey.clone(),
            foil_vkey: self.foil_vkey.clone(),
        }
    }

    /// The temporary directory: configuration, ledger, checkpoints, logs.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The ledger's directory.
    pub fn dir(&self) -> PathBuf {
        self.home().join("ledger")
    }

    /// Where checkpoints are.
    pub fn checkpoints(&self) -> PathBuf {
        self.home().join("checkpoints")
    }

    /// The configuration's file.
    pub fn config_path(&self) -> PathBuf {
        self.home().join(FILE_NAME)
    }

    /// The configuration.
    pub fn config(&self) -> Config {
        Config::load(&self.config_path()).expect("the configuration is ours")
    }

    /// Replaces text in the configuration.
    pub fn edit_config(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config_path()).expect("it was written");
        assert!(text.contains(from), "the configuration has no `{from}`");
        std::fs::write(self.config_path(), text.replacen(from, to, 1)).expect("it is ours");
    }

    /// The stored checkpoint's signed note, if there is one.
    pub fn checkpoint_note(&self) -> Option<Vec<u8>> {
        let disk: SharedDisk = Arc::new(RealDisk);
        let stored = journal::checkpoints::read_checkpoint(&disk, &self.checkpoints());
        stored
            .expect("the checkpoint store can be read")
            .map(|stored| stored.note)
    }

    /// Judges the files with the verifier, which has no key and shares no code with the writer.
    pub fn verify_files(&self, notes: &[Vec<u8>]) -> Verdict {
        let key = VerifierKey::parse(&self.checkpoint_vkey).expect("our own key");
        let journal = self.dir().join("journal");
        verify_directory(&journal, &[key], notes, None).expect("the journal can be read")
    }
}

fn write_config(home: &Path) -> Config {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let (dir, checkpoints) = (home.join("ledger"), home.join("checkpoints"));
    let text = Config::example(
        ORIGIN,
        &dir,
        &checkpoints,
        PERSONS,
        true,
        listen,
        ChainNumber(0),
    );
    let usual = "checkpoint_interval_ms = 1000";
    assert!(text.contains(usual), "the example names the interval");
    let text = text.replace(
        usual,
        &format!("checkpoint_interval_ms = {CHECKPOINT_INTERVAL_MS}"),
    );
    let path = home.join(FILE_NAME);
    std::fs::write(&path, text).expect("the temporary directory is ours");
    Config::load(&path).expect("the example is a configuration")
}
