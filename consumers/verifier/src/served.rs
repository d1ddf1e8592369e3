//! What a ledger serves (C2SP tlog-tiles), verified from a URL or a copy of its files.
//!
//! Every entry bundle and every tile is read: the links are chained, the tree rebuilt, each tile
//! compared with it. Only `http://` is spoken; who speaks more brings a [`Source`], and a copy fetched
//! by any other means is verified as a directory. Always: nothing that is served is believed before it was recomputed.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use chain::checkpoint::Checkpoint;
use chain::note::VerifierKey;
use chain::tree::tiles::{self, TILE_HEIGHT, TILE_WIDTH, TileKind, TilePath};
use chain::tree::{LEVEL_MAX, Node};
use chain::verify::ChainVerifier;
use proto::{ChainNumber, Hash, Origin};

use crate::error::VerifierError;
use crate::evidence::checkpoint_signers;
use crate::report::{self, OMISSION, ONE_HISTORY, TRUTH};
use crate::verdict::{Damage, Verdict, Word};

const SUBJECT: &str = "served ledger";
/// Largest resource that is read, in bytes: a checkpoint with many cosignatures or a full bundle.
const RESOURCE_BYTES_MAX: u64 = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Somewhere to read served files from.
pub trait Source {
    /// The bytes of the resource at `path`, relative to the ledger's base.
    ///
    /// # Errors
    /// When it cannot be read; `NotFound` when it is not there.
    fn get(&self, path: &str) -> io::Result<Vec<u8>>;
}

/// A directory with a copy of the files.
pub struct DirectorySource(PathBuf);

impl DirectorySource {
    /// The files below `dir`.
    pub fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }
}

impl Source for DirectorySource {
    fn get(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = fs::File::open(self.0.join(path))?;
        file.take(RESOURCE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// A base URL, read with HTTP/1.0, one connection a resource.
pub struct HttpSource {
    host: String,
    prefix: String,
}

impl HttpSource {
    /// Takes `http://host[:port][/prefix]`.
    ///
    /// # Errors
    /// For `https://`, which this program does not speak, and for what is no URL.
    pub fn new(url: &str) -> Result<Self, VerifierError> {
        let rest = url
            .strip_prefix("http://")
            .ok_or(VerifierError::NotALedger(
                "only http:// is spoken here; `counterfoil verify --ledger https://ledger.example --ca issuer.pem` speaks https, and a copy of the files is verified as a directory",
            ))?;
        let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(VerifierError::NotALedger("not a URL"));
        }
        let host = if host.contains(':') {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let prefix = prefix.trim_end_matches('/');
        Ok(Self {
            host,
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("/{prefix}")
            },
        })
    }
}

impl Source for HttpSource {
    fn get(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in self.host.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => return self.request(stream, path),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl HttpSource {
    fn request(&self, mut stream: TcpStream, path: &str) -> io::Result<Vec<u8>> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let (host, prefix) = (&self.host, &self.prefix);
        let request = format!("GET {prefix}/{path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        let limit = RESOURCE_BYTES_MAX + 64 * 1024;
        stream.take(limit).read_to_end(&mut answer)?;
        split_answer(&answer)
    }
}

/// The body of an HTTP/1 answer with status 200, as long as its content-length says.
pub(crate) fn split_answer(answer: &[u8]) -> io::Result<Vec<u8>> {
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .ok_or_else(wrong)?;
    let (head, body) = answer.split_at_checked(end).ok_or_else(wrong)?;
    let body = body.get(4..).ok_or_else(wrong)?;
    let head = std::str::from_utf8(head).map_err(|_| wrong())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    match status {
        Some("200") => {}
        Some("404") => return Err(io::ErrorKind::NotFound.into()),
        _ => return Err(wrong()),
    }
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            return Err(wrong());
        };
        if name.eq_ignore_ascii_case("content-length") && value.trim() != body.len().to_string() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(wrong());
        }
    }
    Ok(body.to_vec())
}

/// Verifies everything that `source` serves at its checkpoint, and against `older` checkpoints.
///
/// # Errors
/// When the checkpoint or any file below it cannot be read.
pub fn verify_served(
    source: &dyn Source,
    keys: &[VerifierKey],
    older: &[Vec<u8>],
) -> Result<Verdict, VerifierError> {
    let note = source
        .get("checkpoint")
        .map_err(VerifierError::unreadable("checkpoint"))?;
    let mut signed = Vec::new();
    for note in older.iter().chain([&note]) {
        match checkpoint_signers(note, keys) {
            Ok(checkpoint) => signed.push(checkpoint),
            Err(error) => return Ok(Verdict::failed(SUBJECT, report::refused(&error))),
        }
    }
    let (current, signers) = signed.last().cloned().expect("the served one is last");
    signed.sort_by_key(|(checkpoint, _)| checkpoint.size);
    let line = current.origin_line.rsplit_once('/');
    let parsed = line.and_then(|(origin, number)| {
        let origin = Origin::new(origin).ok()?;
        Some((origin, ChainNumber(number.parse().ok()?)))
    });
    let Some((origin, chain)) = parsed else {
        return Err(VerifierError::NotALedger("the checkpoint's first line"));
    };
    let mut reading = Reading {
        source,
        verifier: ChainVerifier::new(&origin, chain),
        levels: Vec::new(),
        tiles: 0,
    };
    for (checkpoint, _) in &signed {
        let size = checkpoint.size.min(current.size);
        if let Some(damage) = reading.advance(size, current.size)? {
            return Ok(reading.failed(damage));
        }
        if let Err(broken) = reading.verifier.checkpoint(checkpoint) {
            return Ok(reading.failed(report::broken(&broken, None)));
        }
    }
    if let Some(damage) = reading.partial_tiles()? {
        return Ok(reading.failed(damage));
    }
    let others = signed.len() - 1;
    Ok(held(&reading, &current, &signers, others, keys.is_empty()))
}

/// The verdict on a ledger in which nothing is wrong.
fn held(
    reading: &Reading<'_>,
    current: &Checkpoint,
    signers: &[VerifierKey],
    others: usize,
    unpinned: bool,
) -> Verdict {
    let mut established = vec![
        format!(
            "{} links of {} are chained and have the signed root; {} hash tiles are theirs",
            current.size, current.origin_line, reading.tiles
        ),
        if signers.is_empty() {
            "no key was given: the checkpoint's signature is not checked".to_owned()
        } else {
            format!("the checkpoint is signed by {}", report::signers(signers))
        },
    ];
    established.extend(
        (others > 0).then(|| format!("{others} other given checkpoints are of the same history")),
    );
    let mut not_established =
        vec!["what records hold, and that they are what the links commit to".to_owned()];
    not_established.extend(report::owned(&[ONE_HISTORY, OMISSION, TRUTH]));
    Verdict {
        word: if unpinned {
            Word::Unpinned
        } else {
            Word::Pinned
        },
        subject: SUBJECT,
        established,
        not_established,
        damage: None,
        work: None,
    }
}

struct Reading<'a> {
    source: &'a dyn Source,
    verifier: ChainVerifier,
    /// Per tile level: number of the tile being filled, and its hashes so far.
    levels: Vec<(u64, Vec<Hash>)>,
    tiles: u64,
}

impl Reading<'_> {
    /// Reads links until `size`, from bundles as a ledger of `served` links has them.
    fn advance(&mut self, size: u64, served: u64) -> Result<Option<Damage>, VerifierError> {
        while self.verifier.size() < size {
            let width = u64::from(TILE_WIDTH);
            let number = self.verifier.size() / width;
            let full = (served - number * width).min(width);
            let path = TilePath {
                kind: TileKind::Entries,
                number,
                width: u16::try_from(full).unwrap_or(TILE_WIDTH),
            };
            let bytes = self.get(&path)?;
            let links = match tiles::read_bundle(&bytes, path.width) {
                Ok(links) => links,
                Err(error) => return Ok(Some(self.named(&path, report::refused(&error)))),
            };
            let skip = usize::try_from(self.verifier.size() - number * width).unwrap_or(0);
            let until = usize::try_from(size - number * width).unwrap_or(usize::MAX);
            for link in links.iter().take(until).skip(skip) {
                let mut completed: [Option<Node>; 8] = [None; 8];
                let result = self.verifier.link_with(link, |node| {
                    let level = node.level / TILE_HEIGHT;
                    if node.level % TILE_HEIGHT == 0
                        && let Some(kept) = completed.get_mut(usize::from(level))
                    {
                        *kept = Some(node);
                    }
                });
                if let Err(broken) = result {
                    return Ok(Some(report::broken(&broken, None)));
                }
                for node in completed.into_iter().flatten() {
                    if let Some(damage) = self.keep(node)? {
                        return Ok(Some(damage));
                    }
                }
            }
        }
        Ok(None)
    }

    fn keep(&mut self, node: Node) -> Result<Option<Damage>, VerifierError> {
        debug_assert!(node.level <= LEVEL_MAX);
        let level = usize::from(node.level / TILE_HEIGHT);
        if self.levels.len() == level {
            self.levels.push((0, Vec::new()));
        }
        let Some((number, hashes)) = self.levels.get_mut(level) else {
            return Ok(None);
        };
        hashes.push(node.hash);
        if hashes.len() < usize::from(TILE_WIDTH) {
            return Ok(None);
        }
        let full = (*number, std::mem::take(hashes));
        *number += 1;
        self.compare(level, &full.1, full.0)
    }

    fn partial_tiles(&mut self) -> Result<Option<Damage>, VerifierError> {
        for (level, (number, hashes)) in std::mem::take(&mut self.levels).into_iter().enumerate() {
            if hashes.is_empty() {
                continue;
            }
            if let Some(damage) = self.compare(level, &hashes, number)? {
                return Ok(Some(damage));
            }
        }
        Ok(None)
    }

    fn compare(
        &mut self,
        level: usize,
        hashes: &[Hash],
        number: u64,
    ) -> Result<Option<Damage>, VerifierError> {
        let path = TilePath {
            kind: TileKind::Hashes(u8::try_from(level).unwrap_or(tiles::TILE_LEVEL_MAX)),
            number,
            width: u16::try_from(hashes.len()).unwrap_or(TILE_WIDTH),
        };
        let bytes = self.get(&path)?;
        let served = match tiles::read_tile(&bytes, path.width) {
            Ok(served) => served,
            Err(error) => return Ok(Some(self.named(&path, report::refused(&error)))),
        };
        self.tiles += 1;
        let differs = served
            .iter()
            .zip(hashes)
            .zip(0_u64..)
            .find(|((a, b), _)| a != b);
        Ok(differs.map(|((served, expected), at)| {
            let covered = 1_u64 << (level * usize::from(TILE_HEIGHT));
            Damage {
                rule: format!("hash {at} of {path}"),
                place: None,
                index: Some((number * u64::from(TILE_WIDTH) + at) * covered),
                expected: report::hex(&expected.0),
                actual: report::hex(&served.0),
            }
        }))
    }

    fn get(&self, path: &TilePath) -> Result<Vec<u8>, VerifierError> {
        let path = path.to_string();
        self.source
            .get(&path)
            .map_err(VerifierError::unreadable(path))
    }

    fn named(&self, path: &TilePath, damage: Damage) -> Damage {
        Damage {
            rule: format!("{path}: {}", damage.rule),
            index: Some(self.verifier.size()),
            ..damage
        }
    }

    fn failed(&self, damage: Damage) -> Verdict {
        let mut verdict = Verdict::failed(SUBJECT, damage);
        let size = self.verifier.size();
        verdict
            .established
            .push(format!("{size} links before the damage are chained"));
        verdict
    }
}
