//! The tree's position file: how far its levels are true, for whom, and since which boot.
//!
//! Not here: the levels. Always: a position that is not whole is none, and the levels are built again.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ground::{File, Open, SharedDisk};

use crate::format::{Broken, SECTOR_BYTES, Take, What, crc, put};
use crate::words::Hash;

const MAGIC: [u8; 8] = *b"CFOILTRE";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TreePosition {
    pub(super) boot: [u8; 16],
    pub(super) size: u64,
    pub(super) link: Hash,
    pub(super) root: Hash,
}

impl TreePosition {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SECTOR_BYTES as usize);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.boot);
        put::u64(&mut out, self.size);
        out.extend_from_slice(&self.link.0);
        out.extend_from_slice(&self.root.0);
        put::crc_from(&mut out, 0);
        put::zeros_to(&mut out, SECTOR_BYTES as usize);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<TreePosition, Broken> {
        let mut take = Take::new(bytes);
        if take.array()? != MAGIC {
            return Err(Broken::new(What::Magic, 0));
        }
        let position = TreePosition {
            boot: take.array()?,
            size: take.u64()?,
            link: Hash(take.array()?),
            root: Hash(take.array()?),
        };
        let body = Take::new(bytes).bytes(take.at() as usize)?;
        if take.u32()? != crc(body) {
            return Err(Broken::new(What::Checksum, take.at()));
        }
        take.zeros()?;
        Ok(position)
    }
}

pub(super) fn open_position(
    disk: &SharedDisk,
    dir: &Path,
) -> io::Result<(Arc<dyn File>, Option<TreePosition>)> {
    let path = dir.join("position");
    let file = match disk.open(&path, Open::Create) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.open(&path, Open::Write)?
        }
        opened => opened?,
    };
    let mut bytes = vec![0; SECTOR_BYTES as usize];
    let read = file.read_at(&mut bytes, 0)?;
    let stored = TreePosition::decode(bytes.get(..read).unwrap_or_default()).ok();
    Ok((file, stored))
}
