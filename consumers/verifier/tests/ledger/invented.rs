//! An invented ledger: its links, keys and checkpoints, and its journal written from the drawing.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use chain::checkpoint::Checkpoint;
use chain::foil::foil_key_name;
use chain::note::{SigningKey, VerifierKey};
use chain::{Link, LinkBytes, blake3_parts, tree};
use proto::{ChainNumber, Hash, Origin};
use verifier::{Verdict, verify_directory};

pub(crate) const CHAIN: ChainNumber = ChainNumber(2);
pub(crate) const SEGMENT_BYTES: u64 = 4096 + 16 * 512;
pub(crate) const GROUPS: [usize; 7] = [1, 3, 2, 4, 1, 2, 5];

pub(crate) fn origin() -> Origin {
    Origin::new("test.westmere.example/counterfoil").expect("an origin")
}

pub(crate) fn checkpoint_key() -> SigningKey {
    SigningKey::new(&chain::origin_line(&origin(), CHAIN), &[1; 32]).expect("a key")
}

pub(crate) fn foil_key() -> SigningKey {
    SigningKey::new(&foil_key_name(&origin(), CHAIN), &[2; 32]).expect("a key")
}

pub(crate) fn keys() -> Vec<VerifierKey> {
    [checkpoint_key(), foil_key()]
        .map(|key| key.verifier().clone())
        .to_vec()
}

pub(crate) fn record(index: usize) -> Vec<u8> {
    vec![0xcc, u8::try_from(index).expect("few")]
}

pub(crate) fn slot(index: usize, number: usize) -> Vec<u8> {
    vec![u8::try_from(index * 4 + number).expect("few"); 156]
}

pub(crate) fn slots(index: usize) -> usize {
    index % 3
}

pub(crate) fn links() -> Vec<LinkBytes> {
    let mut links: Vec<LinkBytes> = Vec::new();
    for index in 0..GROUPS.iter().sum() {
        let commitment = chain::record_commitment(&[7; 32], &record(index));
        let link = match links.last() {
            None => Link::genesis(&origin(), CHAIN, commitment),
            Some(before) => Link::after(before, commitment).expect("room"),
        };
        links.push(link.encode());
    }
    links
}

/// Bitwise CRC-32, as slow and as plain as its definition.
pub(crate) fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    (!crc).to_be_bytes()
}

pub(crate) fn sealed(bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc(&bytes);
    [bytes, crc.to_vec()].concat()
}

pub(crate) fn varint(value: usize) -> Vec<u8> {
    match u8::try_from(value) {
        Ok(small) if small < 0x80 => vec![small],
        _ => vec![(value & 0x7f) as u8 | 0x80, (value >> 7) as u8],
    }
}

pub(crate) fn head(index: usize, link: &LinkBytes) -> Vec<u8> {
    let stored = chain::sealed::StoredRecord {
        class: 3,
        month: proto::Month(202_611),
        nonce: [9; 12],
        ciphertext: &[8; 60],
    }
    .encode();
    let mut head = [varint(stored.len()), varint(slots(index))].concat();
    for number in 0..slots(index) {
        head.extend(varint(slot(index, number).len()));
    }
    head.extend([4; 16]);
    head.extend(link);
    head.extend(stored);
    sealed(head)
}

pub(crate) struct Position {
    pub(crate) segment: u32,
    pub(crate) offset: usize,
    pub(crate) group: u64,
    pub(crate) first: usize,
    pub(crate) previous: Hash,
}

/// One group's bytes with padding, and its outer digest.
pub(crate) fn group(at: &Position, links: &[LinkBytes]) -> (Vec<u8>, Hash) {
    let (mut heads, mut bodies) = (Vec::new(), Vec::new());
    for (index, link) in (at.first..).zip(links) {
        heads.extend(head(index, link));
        (0..slots(index)).for_each(|number| bodies.extend(slot(index, number)));
    }
    let vault = [0xaa; 40];
    let length = 96 + heads.len() + bodies.len() + vault.len() + 64;
    let word = |value: usize| u32::try_from(value).expect("small").to_be_bytes();
    let header = sealed(
        [
            b"CFGR\x00\x01\x00\x00".as_slice(),
            &at.segment.to_be_bytes(),
            &word(at.offset),
            &at.group.to_be_bytes(),
            &(at.first as u64).to_be_bytes(),
            &word(links.len()),
            &word(length),
            &1_795_000_000_000_i64.to_be_bytes(),
            &at.previous.0,
            &word(heads.len()),
            &word(bodies.len()),
            &word(vault.len()),
        ]
        .concat(),
    );
    let outer = blake3_parts(&[&header, &heads, &vault]);
    let full = blake3_parts(&[&header, &heads, &bodies, &vault, &outer.0]);
    let mut bytes = [
        header,
        heads,
        bodies,
        vault.to_vec(),
        outer.0.to_vec(),
        full.0.to_vec(),
    ]
    .concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    (bytes, outer)
}

pub(crate) fn segment_header(at: &Position) -> Vec<u8> {
    let genesis = chain::genesis_prev(&origin());
    let mut header = [
        b"CFOILSEG\x00\x01\x00\x00".as_slice(),
        &CHAIN.0.to_be_bytes(),
        &at.segment.to_be_bytes(),
        &[0; 4],
        &(at.first as u64).to_be_bytes(),
        &at.group.to_be_bytes(),
        &SEGMENT_BYTES.to_be_bytes(),
        &genesis.0,
        &at.previous.0,
    ]
    .concat();
    header.resize(4092, 0);
    sealed(header)
}

/// Writes the journal; returns per group its segment, offset and padded length.
pub(crate) fn write(dir: &Path) -> Vec<(u32, usize, usize)> {
    write_links(dir, &links())
}

/// The same of other links.
pub(crate) fn write_links(dir: &Path, links: &[LinkBytes]) -> Vec<(u32, usize, usize)> {
    let genesis = chain::genesis_prev(&origin());
    let text = origin().as_str().to_owned();
    let marker = [
        b"CFOILJNL\x00\x01".as_slice(),
        &CHAIN.0.to_be_bytes(),
        &SEGMENT_BYTES.to_be_bytes(),
        &(8_u64 << 20).to_be_bytes(),
        &genesis.0,
        &u16::try_from(text.len()).expect("short").to_be_bytes(),
        text.as_bytes(),
    ];
    fs::write(dir.join("ledger"), sealed(marker.concat())).expect("written");
    let mut at = Position {
        segment: 0,
        offset: 4096,
        group: 1,
        first: 0,
        previous: genesis,
    };
    let (mut places, mut bytes) = (Vec::new(), segment_header(&at));
    let finish = |at: &Position, mut bytes: Vec<u8>| {
        bytes.resize(usize::try_from(SEGMENT_BYTES).expect("small"), 0);
        let name = format!("{:010}.segment", at.segment);
        fs::write(dir.join(name), bytes).expect("written");
    };
    for count in GROUPS {
        let members = &links[at.first..at.first + count];
        let (mut body, mut outer) = group(&at, members);
        if at.offset + body.len() > usize::try_from(SEGMENT_BYTES).expect("small") {
            finish(&at, bytes);
            at.segment += 1;
            at.offset = 4096;
            bytes = segment_header(&at);
            (body, outer) = group(&at, members);
        }
        places.push((at.segment, at.offset, body.len()));
        at.offset += body.len();
        at.group += 1;
        at.first += count;
        at.previous = outer;
        bytes.extend(body);
    }
    finish(&at, bytes);
    places
}

pub(crate) fn checkpoint(size: usize) -> Vec<u8> {
    let leaves: Vec<Hash> = links().iter().map(chain::leaf_hash).collect();
    let root = tree::root_of(&leaves[..size]);
    let checkpoint = Checkpoint::new(&origin(), CHAIN, size as u64, root);
    checkpoint
        .sign(&checkpoint_key())
        .expect("its own key")
        .into_bytes()
}

pub(crate) fn verify(dir: &Path, sizes: &[usize]) -> Verdict {
    let notes: Vec<Vec<u8>> = sizes.iter().map(|size| checkpoint(*size)).collect();
    verify_directory(dir, &keys(), &notes, None).expect("readable")
}

pub(crate) fn change(dir: &Path, segment: u32, at: usize, bits: u8) {
    let path = dir.join(format!("{segment:010}.segment"));
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .expect("a segment");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).expect("within");
    file.write_all_at(&[byte[0] ^ bits], at as u64)
        .expect("written");
}

/// A ledger's own checkpoint store with this note in it.
pub(crate) fn store(note: &[u8]) -> Vec<u8> {
    let length = u32::try_from(note.len()).expect("short").to_be_bytes();
    let front = [
        b"CFOILCKP\x00\x01".as_slice(),
        &chain::genesis_prev(&origin()).0,
        &CHAIN.0.to_be_bytes(),
        &18_u64.to_be_bytes(),
        &[0; 32],
        &length,
        note,
    ];
    sealed(front.concat())
}
