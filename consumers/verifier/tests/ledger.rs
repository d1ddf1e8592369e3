//! A journal written here from the drawing, then damaged byte by byte: each damage is found where it is.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use chain::checkpoint::Checkpoint;
use chain::foil::{Foil, FoilNote, foil_key_name};
use chain::note::{SigningKey, VerifierKey};
use chain::tlog_proof::TlogProof;
use chain::tree::{self, tiles};
use chain::{Link, LinkBytes, blake3_parts};
use proto::{ChainNumber, Hash, Index, Origin, UnixMillis};
use verifier::{
    Opened, Opener, Verdict, Word, foil_json, verify_directory, verify_file, verify_ledger,
};

const CHAIN: ChainNumber = ChainNumber(2);
const SEGMENT_BYTES: u64 = 4096 + 16 * 512;
const GROUPS: [usize; 7] = [1, 3, 2, 4, 1, 2, 5];

fn origin() -> Origin {
    Origin::new("test.westmere.example/counterfoil").expect("an origin")
}

fn checkpoint_key() -> SigningKey {
    SigningKey::new(&chain::origin_line(&origin(), CHAIN), &[1; 32]).expect("a key")
}

fn foil_key() -> SigningKey {
    SigningKey::new(&foil_key_name(&origin(), CHAIN), &[2; 32]).expect("a key")
}

fn keys() -> Vec<VerifierKey> {
    [checkpoint_key(), foil_key()]
        .map(|key| key.verifier().clone())
        .to_vec()
}

fn record(index: usize) -> Vec<u8> {
    vec![0xcc, u8::try_from(index).expect("few")]
}

fn slot(index: usize, number: usize) -> Vec<u8> {
    vec![u8::try_from(index * 4 + number).expect("few"); 156]
}

fn slots(index: usize) -> usize {
    index % 3
}

fn links() -> Vec<LinkBytes> {
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
fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    (!crc).to_be_bytes()
}

fn sealed(bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc(&bytes);
    [bytes, crc.to_vec()].concat()
}

fn varint(value: usize) -> Vec<u8> {
    match u8::try_from(value) {
        Ok(small) if small < 0x80 => vec![small],
        _ => vec![(value & 0x7f) as u8 | 0x80, (value >> 7) as u8],
    }
}

fn head(index: usize, link: &LinkBytes) -> Vec<u8> {
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

struct Position {
    segment: u32,
    offset: usize,
    group: u64,
    first: usize,
    previous: Hash,
}

/// One group's bytes with padding, and its outer digest.
fn group(at: &Position, links: &[LinkBytes]) -> (Vec<u8>, Hash) {
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

fn segment_header(at: &Position) -> Vec<u8> {
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
fn write(dir: &Path) -> Vec<(u32, usize, usize)> {
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
    let links = links();
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

fn checkpoint(size: usize) -> Vec<u8> {
    let leaves: Vec<Hash> = links().iter().map(chain::leaf_hash).collect();
    let root = tree::root_of(&leaves[..size]);
    let checkpoint = Checkpoint::new(&origin(), CHAIN, size as u64, root);
    checkpoint
        .sign(&checkpoint_key())
        .expect("its own key")
        .into_bytes()
}

fn verify(dir: &Path, sizes: &[usize]) -> Verdict {
    let notes: Vec<Vec<u8>> = sizes.iter().map(|size| checkpoint(*size)).collect();
    verify_directory(dir, &keys(), &notes, None).expect("readable")
}

fn change(dir: &Path, segment: u32, at: usize, bits: u8) {
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

#[test]
fn a_whole_journal_is_verified() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = write(dir.path());
    assert!(
        places.last().is_some_and(|place| place.0 > 0),
        "more than one segment"
    );
    let verdict = verify(dir.path(), &[0, 4, 10, 18]);
    assert_eq!(
        (verdict.word, verdict.exit_code()),
        (Word::Pinned, 0),
        "{}",
        verdict.to_text()
    );
    assert!(verdict.to_text().contains("verified with pinned keys"));
    assert_eq!(verdict.to_json()["verdict"], "verified with pinned keys");
    assert!(!verdict.not_established.is_empty());
    let unpinned = verify_directory(dir.path(), &[], &[checkpoint(18)], None).expect("readable");
    assert_eq!(unpinned.word, Word::Unpinned);
    assert!(unpinned.to_text().contains("consistent but unpinned"));
    let place = dir.path().to_str().expect("a path");
    assert!(verify_ledger(place, &keys(), &[checkpoint(18)]).is_ok_and(|v| v.word == Word::Pinned));
}

#[test]
fn every_changed_byte_below_the_checkpoint_is_found_in_its_group() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = write(dir.path());
    let (notes, keys) = ([checkpoint(18)], keys());
    let verify = || verify_directory(dir.path(), &keys, &notes, None).expect("readable");
    for (number, (segment, offset, length)) in places.iter().enumerate() {
        let first: usize = GROUPS[..number].iter().sum();
        // Every byte of the first two groups, which have all kinds of fields; then every fifth.
        let step = if number < 2 { 1 } else { 5 };
        for at in (*offset..offset + length).step_by(step) {
            change(dir.path(), *segment, at, 0x04);
            let verdict = verify();
            if verdict.word == Word::Failed {
                let damage = verdict.damage.expect("a failed verdict names it");
                let place = damage.place.expect("in a group");
                assert_eq!(
                    (place.segment, place.group),
                    (*segment, number as u64 + 1),
                    "{at}"
                );
                let index = damage.index.unwrap_or(first as u64);
                assert!((first as u64..first as u64 + GROUPS[number] as u64).contains(&index));
                assert!((*offset as u64..(offset + length) as u64).contains(&place.offset));
            } else {
                // Only slot bytes (or the full digest over them) may differ: with keys it shows.
                let said = verdict
                    .not_established
                    .iter()
                    .any(|line| line.contains("slot bytes"));
                assert!(said, "group {} byte {at}", number + 1);
            }
            change(dir.path(), *segment, at, 0x04);
        }
    }
    for at in (0..4096).step_by(13).chain([4095]) {
        change(dir.path(), 1, at, 0x01);
        assert_eq!(verify().word, Word::Failed, "segment header byte {at}");
        change(dir.path(), 1, at, 0x01);
    }
    assert_eq!(verify().word, Word::Pinned);
}

/// Knows what the records hold, as one who has the keys does.
struct Holder {
    gone: Option<u64>,
}

impl Opener for Holder {
    fn open(&mut self, index: Index, _sealed: &[u8]) -> Option<Opened> {
        let number = usize::try_from(index.0).expect("few");
        let digest = |n| (self.gone != Some(index.0)).then(|| chain::sha256(&slot(number, n)));
        Some(Opened {
            salt: [7; 32],
            record: record(number),
            slots: (0..slots(number)).map(digest).collect(),
        })
    }
}

#[test]
fn with_keys_a_changed_slot_is_named_and_an_erased_one_is_not_damage() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = write(dir.path());
    let run = |gone| {
        let mut holder = Holder { gone };
        verify_directory(dir.path(), &keys(), &[checkpoint(18)], Some(&mut holder))
            .expect("readable")
    };
    assert_eq!(run(None).word, Word::Pinned);
    // Group 2 holds indices 1 to 3; the first slot byte behind its heads is index 1's.
    let (segment, offset, _) = places[1];
    let heads: usize = (1..4).map(|index| head(index, &links()[index]).len()).sum();
    change(dir.path(), segment, offset + 96 + heads + 3, 0xff);
    let damage = run(None).damage.expect("a changed slot");
    assert_eq!(
        (damage.rule.as_str(), damage.index),
        ("slot digest", Some(1))
    );
    assert_eq!(run(Some(1)).word, Word::Pinned);
    // The same change above the floor cannot be an erasure.
    let verdict = verify(dir.path(), &[1]);
    assert_eq!(
        verdict.damage.map(|damage| damage.rule),
        Some("full digest".to_owned())
    );
}

#[test]
fn missing_files_groups_and_forged_checkpoints() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = write(dir.path());
    let (segment, offset, length) = *places.last().expect("groups");
    let path = dir.path().join(format!("{segment:010}.segment"));
    let whole = fs::read(&path).expect("a segment");
    let mut cut = whole.clone();
    cut[offset..offset + length].fill(0);
    fs::write(&path, &cut).expect("written");
    let damage = verify(dir.path(), &[18])
        .damage
        .expect("five links are missing");
    assert_eq!(
        (damage.expected.as_str(), damage.actual.as_str()),
        ("18", "13")
    );
    // Above the floor a missing group shows only to who holds a later checkpoint: the verdict says so.
    let verdict = verify(dir.path(), &[10]);
    assert_eq!(verdict.word, Word::Pinned);
    assert!(
        verdict
            .not_established
            .iter()
            .any(|line| line.contains("the last 3 links"))
    );
    // Half a group at the end is an unfinished write, and is said.
    cut[offset..offset + 96].copy_from_slice(&whole[offset..offset + 96]);
    fs::write(&path, &cut).expect("written");
    let verdict = verify(dir.path(), &[10]);
    assert_eq!(verdict.word, Word::Pinned);
    assert!(
        verdict
            .not_established
            .iter()
            .any(|line| line.contains("not whole"))
    );
    assert_eq!(verify(dir.path(), &[18]).word, Word::Failed);
    fs::write(&path, &whole).expect("written");

    let other = SigningKey::new(checkpoint_key().verifier().name(), &[3; 32]).expect("a key");
    let root = tree::root_of(
        &links()[..10]
            .iter()
            .map(chain::leaf_hash)
            .collect::<Vec<_>>(),
    );
    let forged = Checkpoint::new(&origin(), CHAIN, 10, root)
        .sign(&other)
        .expect("signed");
    let verdict = verify_directory(dir.path(), &keys(), &[forged.into_bytes()], None);
    assert_eq!(verdict.expect("readable").word, Word::Failed);
    let wrong = Checkpoint::new(&origin(), CHAIN, 10, Hash([1; 32])).sign(&checkpoint_key());
    let wrong = wrong.expect("signed").into_bytes();
    let verdict = verify_directory(dir.path(), &keys(), &[wrong], None).expect("readable");
    assert_eq!(
        verdict.damage.map(|damage| damage.rule),
        Some("tree root".to_owned())
    );
    fs::remove_file(dir.path().join("0000000000.segment")).expect("removed");
    assert_eq!(verify(dir.path(), &[18]).word, Word::Failed);
}

#[test]
fn a_watermark_promises_what_lies_below_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = write(dir.path());
    let mut mark = [
        b"CFOILWMK".as_slice(),
        &[0; 16],
        &7_u64.to_be_bytes(),
        &[0; 8],
        &18_u64.to_be_bytes(),
    ]
    .concat();
    mark = sealed(mark);
    mark.resize(512, 0);
    fs::write(dir.path().join("watermark"), mark).expect("written");
    assert_eq!(verify(dir.path(), &[10]).word, Word::Pinned);
    let (segment, offset, length) = *places.last().expect("groups");
    let path = dir.path().join(format!("{segment:010}.segment"));
    let mut cut = fs::read(&path).expect("a segment");
    cut[offset + 200..offset + length].fill(0);
    fs::write(&path, &cut).expect("written");
    assert_eq!(verify(dir.path(), &[10]).word, Word::Failed);
    cut[offset..offset + length].fill(0);
    fs::write(&path, &cut).expect("written");
    let damage = verify(dir.path(), &[10])
        .damage
        .expect("a promised group is gone");
    assert_eq!(damage.rule, "groups up to the watermark");
}

fn foil(index: usize) -> Foil {
    let links = links();
    let leaves: Vec<Hash> = links.iter().map(chain::leaf_hash).collect();
    let note = FoilNote {
        key_name: foil_key_name(&origin(), CHAIN),
        first: Index(1),
        count: 3,
        root: tree::root_of(&leaves[1..4]),
        time: UnixMillis(1_795_000_000_000),
    };
    Foil {
        origin: origin(),
        chain: CHAIN,
        link: links[index],
        record: record(index),
        salt: [7; 32],
        path: tree::path_of(&leaves[1..4], index as u64 - 1),
        note: note.sign(&foil_key()).expect("its own key"),
    }
}

#[test]
fn files_of_every_kind() {
    let foil = foil(2);
    let leaves: Vec<Hash> = links().iter().map(chain::leaf_hash).collect();
    let proof = TlogProof {
        link: links()[2],
        shown: None,
        index: 2,
        path: tree::path_of(&leaves, 2),
        checkpoint: String::from_utf8(checkpoint(18)).expect("text"),
    };
    let json = foil_json::to_json(&foil);
    assert_eq!(foil_json::from_json(json.as_bytes()).as_ref(), Ok(&foil));
    for (subject, file) in [
        ("foil", foil.encode()),
        ("foil", json.into_bytes()),
        ("tlog-proof", proof.encode().into_bytes()),
        ("checkpoint", checkpoint(18)),
    ] {
        let check = |bytes: &[u8], keys: &[VerifierKey]| verify_file(bytes, keys).word;
        assert_eq!(verify_file(&file, &keys()).subject, subject);
        assert_eq!(check(&file, &keys()), Word::Pinned, "{subject}");
        assert_eq!(check(&file, &[]), Word::Unpinned, "{subject}");
        let stranger = SigningKey::new("stranger.example", &[5; 32]).expect("a key");
        assert_eq!(
            check(&file, &[stranger.verifier().clone()]),
            Word::Failed,
            "{subject}"
        );
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0x01;
            assert_eq!(
                check(&changed, &keys()),
                Word::Failed,
                "{subject} byte {at}"
            );
        }
    }
    assert_eq!(verify_file(b"", &[]).word, Word::Failed);
    let twice = foil_json::to_json(&foil).replacen('{', "{\"chain\":2,", 1);
    assert!(foil_json::from_json(twice.as_bytes()).is_err());
    assert!(foil_json::from_json(b"{\"other\":1}").is_err());
}

#[test]
fn served_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let links = links();
    let leaves: Vec<Hash> = links.iter().map(chain::leaf_hash).collect();
    fs::create_dir_all(dir.path().join("tile/entries")).expect("made");
    fs::create_dir_all(dir.path().join("tile/0/000.p")).expect("made");
    fs::create_dir_all(dir.path().join("tile/entries/000.p")).expect("made");
    let hashes: Vec<u8> = leaves.iter().flat_map(|leaf| leaf.0).collect();
    fs::write(dir.path().join("tile/0/000.p/18"), hashes).expect("written");
    fs::write(
        dir.path().join("tile/entries/000.p/18"),
        tiles::bundle(&links),
    )
    .expect("written");
    fs::write(dir.path().join("checkpoint"), checkpoint(18)).expect("written");
    let place = dir.path().to_str().expect("a path");
    let run = |older: &[Vec<u8>]| verify_ledger(place, &keys(), older).expect("readable");
    assert_eq!(run(&[checkpoint(5), checkpoint(17)]).word, Word::Pinned);
    for (file, at, index) in [
        ("tile/0/000.p/18", 32 * 7 + 1, 7),
        ("tile/entries/000.p/18", 79 * 3 + 20, 3),
        ("tile/entries/000.p/18", 79 * 3 + 60, 4),
        ("tile/entries/000.p/18", 79 * 17 + 60, 17),
    ] {
        let path = dir.path().join(file);
        let kept = fs::read(&path).expect("a file");
        let mut changed = kept.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).expect("written");
        let damage = run(&[]).damage.expect("a changed byte");
        assert_eq!(damage.index, Some(index), "{file} {at}");
        fs::write(&path, kept).expect("written");
    }
    assert!(verify_ledger("https://ledger.example", &keys(), &[]).is_err());
    let empty = tempfile::tempdir().expect("a directory");
    assert!(verify_ledger(empty.path().to_str().expect("a path"), &keys(), &[]).is_err());
}

#[test]
fn the_program_says_it_by_exit_code() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, vkey) = (dir.path().join("a.foil"), foil_key().verifier().to_string());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil-verify"));
        let output = command.args(arguments).output().expect("it runs");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("text"),
        )
    };
    let path = file.to_str().expect("a path");
    let mut bytes = foil(2).encode();
    fs::write(&file, &bytes).expect("written");
    let (code, said) = run(&[path, "--key", &vkey]);
    assert_eq!(code, Some(0));
    assert!(
        said.starts_with("foil: verified with pinned keys\n"),
        "{said}"
    );
    let (code, said) = run(&[path, "--format", "json"]);
    assert_eq!(code, Some(0));
    assert!(
        said.contains("\"verdict\": \"consistent but unpinned\""),
        "{said}"
    );
    bytes[100] ^= 1;
    fs::write(&file, &bytes).expect("written");
    let (code, said) = run(&[path, "--key", &vkey]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("foil: failed\n"), "{said}");
    for usage in [
        &[][..],
        &["--key"],
        &[path, "--key", "x"],
        &[path, path],
        &["--nothing"],
        &["absent"],
    ] {
        assert_eq!(run(usage).0, Some(2), "{usage:?}");
    }
}
