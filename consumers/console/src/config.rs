//! The one configuration file: TOML, every key documented, unknown keys refused.
//!
//! Not here: anything a running ledger knows (publishers, users, views): that is in the ledger. Always: what is checked, is checked before a
//! port opens or a store is touched; the example that `init` writes is the documentation.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use intake::append::Name;
use intake::ledger::{Places, Settings};
use proto::limits::REQUEST_BYTES_MAX;
use proto::{ChainNumber, Origin};
use serde::Deserialize;

/// Name of the file in the ledger's directory.
pub const FILE_NAME: &str = "counterfoil.toml";
/// The shortest and longest checkpoint interval, in milliseconds.
const CHECKPOINT_INTERVAL_MS: std::ops::RangeInclusive<u64> = 10..=3_600_000;

/// Settings of one `serve`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The ledger's origin, fixed by `init`.
    pub origin: String,
    /// Everything but checkpoints.
    pub dir: PathBuf,
    /// The checkpoints' own directory.
    pub checkpoints: PathBuf,
    /// Address of the HTTP door.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// A proxy in front ends TLS.
    #[serde(default)]
    pub behind_proxy: bool,
    /// Memory for the bodies of all publishers' requests that are open at once, in bytes.
    #[serde(default = "default_bodies_bytes_max")]
    pub bodies_bytes_max: usize,
    /// TLS of our own.
    pub tls: Option<Tls>,
    /// How often a checkpoint is signed when the tree grew, in milliseconds.
    #[serde(default = "default_checkpoint_interval_ms")]
    pub checkpoint_interval_ms: u64,
    /// Persons expected over the ledger's life: fixes the shelves at `init`.
    #[serde(default = "default_persons_expected")]
    pub persons_expected: u64,
    /// Memory for the vault's pages, in bytes.
    #[serde(default = "default_cache_bytes")]
    pub vault_cache_bytes: usize,
    /// Streams whose keys are kept opened in memory, at most 110 bytes each.
    #[serde(default = "default_streams_cached_max")]
    pub streams_cached_max: usize,
    /// Go on where the file system is not known to overwrite in place.
    #[serde(default)]
    pub accept_unproven: bool,
    /// The chain that this ledger appends to: 0, or the number that a restore opened.
    #[serde(default)]
    pub chain: u32,
    /// Views folded by this process; one that is not named is neither folded nor kept.
    #[serde(default = "default_views")]
    pub views: Vec<String>,
    /// When the nightly re-key runs, `HH:MM` UTC.
    #[serde(default = "default_nightly_at")]
    pub nightly_at: String,
    /// Log filter, as in `info,intake=debug`.
    #[serde(default = "default_log")]
    pub log: String,
}

/// Certificate and key, PEM files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificate chain.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7720))
}

fn default_bodies_bytes_max() -> usize {
    64 << 20
}

fn default_checkpoint_interval_ms() -> u64 {
    1_000
}

fn default_persons_expected() -> u64 {
    65_536
}

fn default_cache_bytes() -> usize {
    16 << 20
}

fn default_streams_cached_max() -> usize {
    600_000
}

fn default_views() -> Vec<String> {
    vec!["customer".to_owned()]
}

fn default_nightly_at() -> String {
    "02:30".to_owned()
}

/// Milliseconds into the day of `HH:MM`.
fn minute_of_day_ms(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |part: &str, below: i64| {
        let number: i64 = (part.len() == 2).then(|| part.parse().ok())??;
        (0..below).contains(&number).then_some(number)
    };
    Some((two(hours, 24)? * 60 + two(minutes, 60)?) * 60_000)
}

fn default_log() -> String {
    "info".to_owned()
}

/// What is wrong with a configuration: the key and the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The key, where one is meant.
    pub key: String,
    /// The rule.
    pub rule: String,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.rule)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The first key that is unknown, missing or against a rule, with its line.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let error = |key: &str, rule: String| ConfigError {
            path: path.to_owned(),
            key: key.to_owned(),
            rule,
        };
        let text = std::fs::read_to_string(path)
            .map_err(|cause| error("", format!("cannot be read: {cause}")))?;
        let config: Config = toml::from_str(&text)
            .map_err(|cause| error("", cause.to_string().trim().to_owned()))?;
        config.check().map_err(|(key, rule)| error(key, rule))?;
        Ok(config)
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// The key and the rule.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        Origin::new(self.origin.clone()).map_err(|cause| ("origin", cause.to_string()))?;
        if !self.listen.ip().is_loopback() && self.tls.is_none() && !self.behind_proxy {
            let rule = "an address other than loopback needs [tls] or behind_proxy = true";
            return Err(("listen", rule.to_owned()));
        }
        if self.checkpoints.starts_with(self.dir.join("journal"))
            || self.checkpoints.starts_with(self.dir.join("vault"))
        {
            let rule = "the checkpoints' directory lies neither in the journal nor in the vault";
            return Err(("checkpoints", rule.to_owned()));
        }
        if !CHECKPOINT_INTERVAL_MS.contains(&self.checkpoint_interval_ms) {
            let rule = format!(
                "between {} and {} milliseconds",
                CHECKPOINT_INTERVAL_MS.start(),
                CHECKPOINT_INTERVAL_MS.end()
            );
            return Err(("checkpoint_interval_ms", rule));
        }
        if self.bodies_bytes_max < REQUEST_BYTES_MAX {
            let rule = format!("at least one request of {REQUEST_BYTES_MAX} bytes");
            return Err(("bodies_bytes_max", rule));
        }
        if minute_of_day_ms(&self.nightly_at).is_none() {
            return Err(("nightly_at", "a time of day in UTC, HH:MM".to_owned()));
        }
        match self.views.iter().find(|view| *view != "customer") {
            Some(view) => Err((
                "views",
                format!("there is no view `{view}`; there is: customer"),
            )),
            None => Ok(()),
        }
    }

    /// What the ledger is opened with.
    ///
    /// # Panics
    /// Never for a configuration that [`Config::check`] passed.
    pub fn settings(&self) -> Settings {
        let name = Name {
            origin: Origin::new(self.origin.clone()).expect("the configuration was checked"),
            chain: ChainNumber(self.chain),
        };
        let places = Places {
            dir: self.dir.clone(),
            checkpoints: self.checkpoints.clone(),
        };
        let mut settings = Settings::new(name, places, self.accept_unproven, self.persons_expected);
        settings.vault.cache_bytes = self.vault_cache_bytes;
        settings.vault.streams_cached_max = self.streams_cached_max;
        settings
    }

    /// Whether this process folds a view.
    pub fn folds(&self, view: &str) -> bool {
        self.views.iter().any(|named| named == view)
    }

    /// When the nightly re-key runs, milliseconds into a UTC day.
    pub fn nightly_at_ms(&self) -> i64 {
        minute_of_day_ms(&self.nightly_at).unwrap_or_default()
    }

    /// The Unix socket for the command line.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("run").join("counterfoil.sock")
    }

    /// The file that `init` writes: every key, with what it is for.
    pub fn example(
        origin: &str,
        dir: &Path,
        checkpoints: &Path,
        persons_expected: u64,
        accept_unproven: bool,
        listen: SocketAddr,
        chain: ChainNumber,
    ) -> String {
        format!(
            r#"# Counterfoil: settings of `counterfoil serve`. Unknown keys are refused; `counterfoil check-config` tells before a start.

# The ledger's origin, fixed by `init`. It is in every checkpoint and foil.
origin = "{origin}"

# The chain that is appended to: 0, or the number under which `restore --close-chain` opened the ledger again. Never changed by hand.
chain = {chain}

# Journal, vault, derived files and views. A local disk; ext4 (data=ordered) or xfs without reflinks is proven.
dir = {dir:?}

# Signed checkpoints: a directory of its own, best on another disk. It is in no journal backup.
checkpoints = {checkpoints:?}

# Where publishers and officers reach the ledger over HTTP. Port 0 takes a free one.
listen = "{listen}"

# True where a proxy on this or another machine ends TLS. An address other than loopback needs this or [tls].
# `/metrics` is answered to this machine without a token; behind a proxy, which lets others through, to tokens of the roles that may ask
# how the ledger stands (dpo, officer, auditor, approver) alone. Backups are taken over the owner's socket alone.
# A connection may lie idle for 120 seconds; the proxy's own idle time must be shorter, or it sends into one that is being closed.
behind_proxy = false

# Memory for the bodies of publishers' requests that are open at once, in bytes, at least 4 MiB; one publisher gets at most half, but always
# one request. Officers and the owner's socket have 8 MiB each beside it. What finds no room gets 429 with Retry-After: send it again.
bodies_bytes_max = 67108864

# How often a checkpoint is signed when the tree grew, in milliseconds.
checkpoint_interval_ms = 1000

# Persons to expect over the ledger's life. `init` fixed the vault's shelves by it; a change has no effect.
persons_expected = {persons_expected}

# Memory for the vault's pages, in bytes, and of how many streams the keys are kept opened (at most 110 bytes each, taken as they come).
vault_cache_bytes = 16777216
streams_cached_max = 600000

# True: go on where the file system is not known to overwrite in place (overlay, btrfs, zfs, data=journal).
# Erasure is then *unproven*, and certificates say so.
accept_unproven = {accept_unproven}

# Views that this process folds. One that is not named here is not kept either: `find`, `ask person` and `ask trail` need `customer`.
views = ["customer"]

# When the vault's finding shelves get new keys, UTC. What was erased that day is gone for good after it.
nightly_at = "02:30"

# What is logged, to standard error. Never a personal value, whatever the level.
log = "info"

# TLS of our own, PEM files.
# [tls]
# cert = "/etc/counterfoil/cert.pem"
# key = "/etc/counterfoil/key.pem"
"#,
            chain = chain.0,
            dir = dir.display().to_string(),
            checkpoints = checkpoints.display().to_string(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> String {
        let listen = default_listen();
        Config::example(
            "test.westmere.example/counterfoil",
            Path::new("/l"),
            Path::new("/c"),
            1_000,
            true,
            listen,
            ChainNumber(0),
        )
    }

    fn check(text: &str) -> Result<(), String> {
        let config: Config = toml::from_str(text).map_err(|cause| cause.to_string())?;
        config
            .check()
            .map_err(|(key, rule)| format!("{key}: {rule}"))
    }

    #[test]
    fn the_example_is_a_configuration() {
        check(&example()).expect("the example that init writes is accepted");
    }

    #[test]
    fn every_key_is_in_the_example() {
        let keys = [
            "origin",
            "dir",
            "checkpoints",
            "listen",
            "behind_proxy",
            "tls",
            "bodies_bytes_max",
            "checkpoint_interval_ms",
            "persons_expected",
            "vault_cache_bytes",
            "streams_cached_max",
            "accept_unproven",
            "views",
            "nightly_at",
            "log",
        ];
        for key in keys {
            assert!(example().contains(key), "{key} is not documented");
        }
    }

    #[test]
    fn an_open_door_needs_tls_or_a_proxy() {
        let open = example().replace("127.0.0.1:7720", "0.0.0.0:7720");
        assert!(check(&open).is_err_and(|rule| rule.contains("tls")));
        assert!(check(&open.replace("behind_proxy = false", "behind_proxy = true")).is_ok());
        assert!(check(&(open + "[tls]\ncert = \"a\"\nkey = \"b\"\n")).is_ok());
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        assert!(check(&(example() + "colour = 1\n")).is_err_and(|rule| rule.contains("colour")));
    }
}
