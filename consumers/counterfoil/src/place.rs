//! Where the ledger of this command is: its configuration file, found and read.
//!
//! Searched in this order: `--config`, `./counterfoil.toml`, `/etc/counterfoil/counterfoil.toml`.
//! Not here: what the keys mean ([`console::config`]). Always: a file that is found and is wrong is an
//! error, never passed over for the next.

use std::path::{Path, PathBuf};

use console::config::{Config, FILE_NAME};
use proto::Personal;

use crate::arguments::Globals;
use crate::client::Client;
use crate::door::Door;
use crate::failure::Failure;
use crate::{output, token};

const SYSTEM_FILE: &str = "/etc/counterfoil/counterfoil.toml";

/// The ledger that a command is for.
pub(crate) struct Place {
    /// The file.
    pub(crate) path: PathBuf,
    /// What it says.
    pub(crate) config: Config,
}

impl Place {
    /// Finds and reads the configuration, and says where data are invented.
    ///
    /// # Errors
    /// Where there is none, or it is wrong.
    pub(crate) fn find(globals: &Globals) -> Result<Self, Failure> {
        let path = match &globals.config {
            Some(path) => path.clone(),
            None => [Path::new(FILE_NAME), Path::new(SYSTEM_FILE)]
                .into_iter()
                .find(|path| path.exists())
                .map(Path::to_owned)
                .ok_or_else(none)?,
        };
        let config = Config::load(&path).map_err(|error| Failure::Usage(error.to_string()))?;
        output::banner(&config.origin);
        Ok(Self { path, config })
    }

    /// Whether this ledger holds invented data only.
    pub(crate) fn is_test(&self) -> bool {
        output::is_test_origin(&self.config.origin)
    }

    /// The file with the token of whoever made the ledger.
    pub(crate) fn token_path(&self) -> PathBuf {
        token_path(&self.config.dir)
    }

    /// The token of this command: `--token-file`, else the owner's.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) fn token(&self, globals: &Globals) -> Result<Personal<String>, Failure> {
        match &globals.token_file {
            Some(path) => token::read(path),
            None => token::read(&self.token_path()),
        }
    }

    /// A connection to the owner of this ledger, over its socket.
    ///
    /// # Errors
    /// Where the token cannot be read.
    pub(crate) fn client(&self, globals: &Globals) -> Result<Client, Failure> {
        Client::new(Door::Socket(self.config.socket()), self.token(globals)?)
    }
}

/// The owner's token, in a ledger's directory.
pub(crate) fn token_path(dir: &Path) -> PathBuf {
    dir.join("run").join("token")
}

fn none() -> Failure {
    Failure::Usage(format!(
        "no configuration: give --config FILE, or put {FILE_NAME} here or into /etc/counterfoil.\n\
         A new ledger is made with `counterfoil init`, which writes one."
    ))
}
