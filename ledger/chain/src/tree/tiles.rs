//! Tiles and entry bundles: how a tree and its links are served (C2SP tlog-tiles, height 8).
//!
//! ```text
//! tile/<L>/<N>[.p/<W>]         hashes n·256+i of tree level 8·L, 32 bytes each, i from 0
//! tile/entries/<N>[.p/<W>]     links n·256+i, each as u16 length (= 77, big-endian) ‖ link
//! N                            three digits a path element, all but the last with an x: x001/x234/067
//! W                            width 1 to 255 of a partial tile; a full tile has 256
//! ```
//!
//! Always: one path names one resource; a tile of a smaller tree is a prefix of the same tile of a
//! larger one.

use std::fmt;

use super::HashReader;
use crate::link::{LINK_BYTES, LinkBytes};
use crate::{ChainError, text};
use proto::Hash;

/// Width of a full tile.
pub const TILE_WIDTH: u16 = 256;
/// Tree levels between one tile level and the next.
pub const TILE_HEIGHT: u8 = 8;
/// Highest tile level of a tree whose size 64 bits hold.
pub const TILE_LEVEL_MAX: u8 = 7;
/// Bytes of one entry in a bundle: its length and the link.
pub const ENTRY_BYTES: usize = 2 + LINK_BYTES;

const LINK_LENGTH: [u8; 2] = (LINK_BYTES as u16).to_be_bytes();

/// What a tile path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileKind {
    /// Hashes of this tile level.
    Hashes(u8),
    /// The links themselves.
    Entries,
}

/// One resource below `tile/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TilePath {
    /// Hashes or entries.
    pub kind: TileKind,
    /// Number within the level.
    pub number: u64,
    /// 1 to 256; 256 is a full tile.
    pub width: u16,
}

impl TilePath {
    /// Reads a path that starts with `tile/`. Refuses every spelling that [`fmt::Display`] would
    /// not write.
    pub fn parse(path: &str) -> Result<Self, ChainError> {
        let wrong = |rule| ChainError::malformed("tile path", rule);
        let rest = path
            .strip_prefix("tile/")
            .ok_or(wrong("it starts with tile/"))?;
        let (level, rest) = rest.split_once('/').ok_or(wrong("no level"))?;
        let kind = match level {
            "entries" => TileKind::Entries,
            digits => text::decimal(digits)
                .and_then(|level| u8::try_from(level).ok())
                .filter(|level| *level <= TILE_LEVEL_MAX)
                .map(TileKind::Hashes)
                .ok_or(wrong("the level is 0 to 7 or entries"))?,
        };
        let (number, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((number, width)) => {
                let width = text::decimal(width).filter(|width| (1..=255).contains(width));
                let width = width.and_then(|width| u16::try_from(width).ok());
                (number, width.ok_or(wrong("a partial width is 1 to 255"))?)
            }
        };
        let number = parse_number(number).ok_or(wrong("the number is x001/x234/067"))?;
        let parsed = Self {
            kind,
            number,
            width,
        };
        // x000/067 would name tile 67 a second time.
        if parsed.to_string() != path {
            return Err(wrong("leading zeroes"));
        }
        Ok(parsed)
    }
}

fn parse_number(text: &str) -> Option<u64> {
    let mut number = 0_u64;
    let mut elements = text.split('/').peekable();
    while let Some(element) = elements.next() {
        let digits = match elements.peek() {
            Some(_) => element.strip_prefix('x')?,
            None => element,
        };
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        number = number
            .checked_mul(1000)?
            .checked_add(digits.parse().ok()?)?;
    }
    Some(number)
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut scale = 1_000_u64;
        while self.number / scale >= 1_000 {
            scale *= 1_000;
        }
        while scale > 1 {
            if self.number >= scale {
                write!(f, "x{:03}/", self.number / scale % 1_000)?;
            }
            scale /= 1_000;
        }
        write!(f, "{:03}", self.number % 1_000)?;
        if self.width < TILE_WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// Number of hashes that tile level `level` has in a tree of `size` leaves.
pub fn level_hashes(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT))
        .unwrap_or(0)
}

/// Whether the tree of `size` leaves has all hashes or entries of this tile.
pub fn exists(path: &TilePath, size: u64) -> bool {
    let count = match path.kind {
        TileKind::Hashes(level) => level_hashes(level, size),
        TileKind::Entries => size,
    };
    let end = path
        .number
        .checked_mul(u64::from(TILE_WIDTH))
        .and_then(|start| start.checked_add(u64::from(path.width)));
    path.width >= 1 && path.width <= TILE_WIDTH && end.is_some_and(|end| end <= count)
}

/// Every tile of hashes that a tree of `size` leaves has: the full ones and one partial a level.
pub fn tiles_of(size: u64) -> impl Iterator<Item = TilePath> {
    (0..=TILE_LEVEL_MAX)
        .flat_map(move |level| paths_of(TileKind::Hashes(level), level_hashes(level, size)))
}

/// Every entry bundle that a tree of `size` leaves has.
pub fn bundles_of(size: u64) -> impl Iterator<Item = TilePath> {
    paths_of(TileKind::Entries, size)
}

fn paths_of(kind: TileKind, count: u64) -> impl Iterator<Item = TilePath> {
    let width = u64::from(TILE_WIDTH);
    (0..count.div_ceil(width)).map(move |number| TilePath {
        kind,
        number,
        width: u16::try_from((count - number * width).min(width))
            .expect("the smaller of two numbers is at most 256"),
    })
}

/// The bytes of a tile of hashes. Refuses entries and widths that are none; a hash that is not
/// stored is named.
pub fn tile(path: &TilePath, stored: &dyn HashReader) -> Result<Vec<u8>, ChainError> {
    let wrong = |rule| ChainError::malformed("tile path", rule);
    let TileKind::Hashes(level) = path.kind else {
        return Err(wrong("entries are no hashes"));
    };
    if !exists(path, u64::MAX) {
        return Err(wrong("no tree has this tile"));
    }
    let start = path.number * u64::from(TILE_WIDTH);
    let tree_level = level * TILE_HEIGHT;
    let mut bytes = Vec::with_capacity(usize::from(path.width) * 32);
    for number in start..start + u64::from(path.width) {
        let missing = ChainError::MissingHash {
            level: tree_level,
            number,
        };
        bytes.extend_from_slice(&stored.read(tree_level, number).ok_or(missing)?.0);
    }
    Ok(bytes)
}

/// The hashes of a tile of `width`. Refuses another length.
pub fn read_tile(bytes: &[u8], width: u16) -> Result<Vec<Hash>, ChainError> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || hashes.len() != usize::from(width) {
        return Err(ChainError::malformed(
            "tile",
            "not as many hashes as its width",
        ));
    }
    Ok(hashes.iter().map(|hash| Hash(*hash)).collect())
}

/// The entry bundle of these links.
pub fn bundle<'a>(links: impl IntoIterator<Item = &'a LinkBytes>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for link in links {
        bytes.extend_from_slice(&LINK_LENGTH);
        bytes.extend_from_slice(link);
    }
    bytes
}

/// The links of a bundle of `width`. Refuses another number of entries and entries that are not 77
/// bytes long.
pub fn read_bundle(bytes: &[u8], width: u16) -> Result<Vec<LinkBytes>, ChainError> {
    let wrong = |rule| ChainError::malformed("entry bundle", rule);
    let (entries, rest) = bytes.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() || entries.len() != usize::from(width) {
        return Err(wrong("not as many entries as its width"));
    }
    let read = |entry: &[u8; ENTRY_BYTES]| {
        let (length, link) = entry.split_first_chunk::<2>()?;
        (*length == LINK_LENGTH).then_some(())?;
        LinkBytes::try_from(link).ok()
    };
    let links = entries.iter().map(read).collect::<Option<Vec<_>>>();
    links.ok_or(wrong("an entry is not a link of 77 bytes"))
}
