//! Writes the files that a ledger of SIZE synthetic links serves: checkpoint, tiles, entry bundles.
//!
//! Usage: `cargo run -p chain --example tiles -- SIZE DIR`. DIR gets `checkpoint`, `tile/…` and
//! `vkey`. The key is a constant: it signs nothing but these invented links.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use chain::checkpoint::Checkpoint;
use chain::note::SigningKey;
use chain::tree::tiles::{self, TilePath};
use chain::tree::{Frontier, HashReader, Node};
use chain::{Link, LinkBytes};
use proto::Hash;
use proto::ids::{ChainNumber, Origin};

const CHAIN: ChainNumber = ChainNumber(0);
const WIDTH: usize = tiles::TILE_WIDTH as usize;

#[derive(Default)]
struct Levels(Vec<Vec<Hash>>);

impl Levels {
    /// Nodes of one level come in order, and a level begins after the one below it.
    fn put(&mut self, node: Node) {
        match self.0.get_mut(usize::from(node.level)) {
            Some(hashes) => hashes.push(node.hash),
            None => self.0.push(vec![node.hash]),
        }
    }
}

impl HashReader for Levels {
    fn read(&self, level: u8, number: u64) -> Option<Hash> {
        let level = self.0.get(usize::from(level))?;
        level.get(usize::try_from(number).ok()?).copied()
    }
}

fn links(origin: &Origin, size: usize) -> Result<Vec<LinkBytes>, chain::ChainError> {
    let mut links: Vec<LinkBytes> = Vec::with_capacity(size);
    for number in 0..size as u64 {
        let commitment = chain::record_commitment(&[5; 32], &number.to_be_bytes());
        let link = match links.last() {
            None => Link::genesis(origin, CHAIN, commitment),
            Some(before) => Link::after(before, commitment)?,
        };
        links.push(link.encode());
    }
    Ok(links)
}

fn write(size: usize, dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let origin = Origin::new("test.westmere.example/counterfoil")?;
    let links = links(&origin, size)?;
    let (mut levels, mut frontier) = (Levels::default(), Frontier::new());
    for link in &links {
        frontier.push(chain::leaf_hash(link), |node| levels.put(node));
    }
    let save = |path: &TilePath, bytes: Vec<u8>| {
        let file = dir.join(path.to_string());
        fs::create_dir_all(file.parent().unwrap_or(dir))?;
        fs::write(file, bytes)
    };
    for path in tiles::tiles_of(size as u64) {
        save(&path, tiles::tile(&path, &levels)?)?;
    }
    for (path, chunk) in tiles::bundles_of(size as u64).zip(links.chunks(WIDTH)) {
        save(&path, tiles::bundle(chunk))?;
    }
    let checkpoint = Checkpoint::new(&origin, CHAIN, size as u64, frontier.root());
    let key = SigningKey::new(&checkpoint.origin_line, &[7; 32])?;
    fs::write(dir.join("checkpoint"), checkpoint.sign(&key)?)?;
    fs::write(dir.join("vkey"), key.verifier().to_string())?;
    println!(
        "{size} links, root {}",
        checkpoint.body().lines().nth(2).unwrap_or("")
    );
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [size, dir] = arguments.as_slice() else {
        eprintln!("usage: tiles SIZE DIR");
        return ExitCode::from(2);
    };
    let Ok(size) = size.parse() else {
        eprintln!("SIZE is a number of links");
        return ExitCode::from(2);
    };
    match write(size, Path::new(dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
