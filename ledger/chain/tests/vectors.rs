//! The worked values of the formats (`vectors.json` beside this file), every one reproduced.
//!
//! They were computed by another implementation and checked with Go's x/mod. A value here never
//! changes; a new version of a format gets new vectors beside these.

use chain::checkpoint::Checkpoint;
use chain::foil::{Foil, FoilNote, foil_key_name};
use chain::note::{SigningKey, VerifierKey};
use chain::tree::{self, Place};
use chain::{Link, LinkBytes, sealed, slot};
use proto::ids::{ChainNumber, Index, Month, NumberInStream, Origin, SlotNumber, StreamId};
use proto::{Hash, Leaf, UnixMillis};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).expect("the file is JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn bytes(value: &Value) -> Vec<u8> {
    let hex = text(value);
    let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(pair).collect()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().expect("a known length")
}

fn hash(value: &Value) -> Hash {
    Hash(array(value))
}

fn origin(vectors: &Value) -> Origin {
    Origin::new(text(&vectors["origin"])).expect("an origin")
}

fn links(vectors: &Value) -> Vec<LinkBytes> {
    let links = vectors["links"].as_array().expect("links");
    links.iter().map(|link| array(&link["link"])).collect()
}

fn leaves(vectors: &Value) -> Vec<Hash> {
    links(vectors).iter().map(chain::leaf_hash).collect()
}

#[test]
fn genesis_links_commitments_and_leaves() {
    let vectors = vectors();
    let origin = origin(&vectors);
    assert_eq!(chain::genesis_prev(&origin), hash(&vectors["genesis_prev"]));
    let mut before: Option<LinkBytes> = None;
    for given in vectors["links"].as_array().expect("links") {
        let commitment = chain::record_commitment(&array(&given["salt"]), &bytes(&given["record"]));
        assert_eq!(commitment, hash(&given["commitment"]));
        let link = match &before {
            None => Link::genesis(&origin, ChainNumber(0), commitment),
            Some(before) => Link::after(before, commitment).expect("room"),
        };
        let encoded = link.encode();
        assert_eq!(encoded, array(&given["link"]));
        assert_eq!(link.index, Index(number(&given["index"])));
        assert_eq!(Link::decode(&encoded), Ok(link));
        assert_eq!(chain::leaf_hash(&encoded), hash(&given["leaf"]));
        before = Some(encoded);
    }
}

#[test]
fn slot_fields_and_root() {
    let vectors = vectors();
    let given = &vectors["slot"];
    let (seed, slot) = (array(&given["seed"]), SlotNumber(0));
    assert_eq!(number(&given["number"]), 0);
    let mut leaves = Vec::new();
    let values: Vec<Vec<u8>> = given["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| bytes(&field["value"]))
        .collect();
    for (field, value) in given["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .zip(&values)
    {
        let path: Vec<u32> = field["path"]
            .as_array()
            .expect("a path")
            .iter()
            .map(|part| u32::try_from(number(part)).expect("a field number"))
            .collect();
        let encoded = slot::path_bytes(slot, &path);
        assert_eq!(encoded, bytes(&field["path_bytes"]));
        let salt = chain::field_salt(&seed, &encoded);
        assert_eq!(salt, array::<32>(&field["salt"]));
        let commitment = chain::field_commitment(&salt, &encoded, value);
        assert_eq!(commitment, hash(&field["commitment"]));
        assert_eq!(number(&field["present"]) == 1, !value.is_empty());
        let path = Vec::leak(path);
        leaves.push(Leaf { path, value });
    }
    let root = chain::slot_root(&seed, slot, &leaves);
    assert_eq!(root, hash(&given["root"]));
    for position in 0..leaves.len() {
        let shown = slot::show_field(&seed, slot, &leaves, position).expect("a field");
        assert_eq!(shown.verify(&root), Ok(()));
    }
}

#[test]
fn roots() {
    let vectors = vectors();
    let leaves = leaves(&vectors);
    for size in 0..=5 {
        let expected = hash(&vectors["roots"][size.to_string()]);
        assert_eq!(tree::root_of(&leaves[..size]), expected, "size {size}");
    }
}

#[test]
fn checkpoint_and_its_key() {
    let vectors = vectors();
    let given = &vectors["checkpoint"];
    let checkpoint = Checkpoint::new(
        &origin(&vectors),
        ChainNumber(0),
        5,
        tree::root_of(&leaves(&vectors)),
    );
    let key = SigningKey::new(&checkpoint.origin_line, &array(&given["secret"])).expect("a key");
    assert_eq!(key.verifier().to_string(), text(&given["vkey"]));
    assert_eq!(
        checkpoint.sign(&key).expect("its own key"),
        text(&given["note"])
    );
    let vkey = [VerifierKey::parse(text(&given["vkey"])).expect("a vkey")];
    let verified = Checkpoint::verify(text(&given["note"]).as_bytes(), &vkey).expect("a signature");
    assert_eq!(verified.checkpoint, checkpoint);
}

#[test]
fn foil_note_path_and_key() {
    let vectors = vectors();
    let (given, links) = (&vectors["foil"], links(&vectors));
    let origin = origin(&vectors);
    let group = &leaves(&vectors)[2..5];
    let note = FoilNote {
        key_name: foil_key_name(&origin, ChainNumber(0)),
        first: Index(2),
        count: 3,
        root: tree::root_of(group),
        time: UnixMillis(1_795_000_000_000),
    };
    let key = SigningKey::new(&note.key_name, &array(&given["secret"])).expect("a key");
    assert_eq!(key.verifier().to_string(), text(&given["vkey"]));
    let signed = note.sign(&key).expect("its own key");
    assert_eq!(signed, text(&given["note"]));
    let path: Vec<Hash> = given["path_of_index_3"]
        .as_array()
        .expect("a path")
        .iter()
        .map(hash)
        .collect();
    assert_eq!(tree::path_of(group, 1), path);
    let foil = Foil {
        origin,
        chain: ChainNumber(0),
        link: links[3],
        record: bytes(&vectors["links"][3]["record"]),
        salt: array(&vectors["links"][3]["salt"]),
        path,
        note: signed,
    };
    let vkey = [VerifierKey::parse(text(&given["vkey"])).expect("a vkey")];
    let verdict = foil.verify(&vkey).expect("a foil");
    assert_eq!((verdict.link.index, verdict.note), (Index(3), note));
}

#[test]
fn sealed_layouts() {
    let vectors = vectors();
    let origin_hash = chain::origin_hash(&origin(&vectors));
    let given = &vectors["sealed_record"];
    let stored = bytes(&given["bytes"]);
    let record = sealed::StoredRecord::decode(&stored).expect("a stored record");
    assert_eq!(u64::from(record.class), number(&given["class"]));
    assert_eq!(u64::from(record.month.0), number(&given["month"]));
    assert_eq!(record.month, Month(202_611));
    assert_eq!(record.nonce, array(&given["nonce"]));
    assert_eq!(record.ciphertext.len(), 32 + 8 + sealed::TAG_BYTES);
    assert_eq!(record.encode(), stored);
    let data = sealed::record_ad(&origin_hash, ChainNumber(0), Index(number(&given["index"])));
    let expected = [
        b"counterfoil record v1".as_slice(),
        &origin_hash,
        &[0; 4],
        &[0, 0, 0, 0, 0, 0, 0, 2],
    ];
    assert_eq!(data.as_slice(), expected.concat());

    let given = &vectors["sealed_slot"];
    let seed = array(&vectors["slot"]["seed"]);
    let plain = sealed::slot_plaintext(&seed, &bytes(&given["values"])).expect("short");
    assert_eq!(*plain.expose(), bytes(&given["plain"]));
    let stored = bytes(&given["bytes"]);
    let slot = sealed::StoredSlot::decode(&stored).expect("a stored slot");
    assert_eq!(slot.nonce, array(&given["nonce"]));
    assert_eq!(slot.encode(), stored);
    assert_eq!(chain::sha256(&stored), hash(&given["sha256"]));
    let stream: [u8; 16] = array(&given["stream"]);
    let data = sealed::slot_ad(
        &origin_hash,
        StreamId(stream),
        NumberInStream(number(&given["number_in_stream"])),
        SlotNumber(0),
    );
    let expected = [
        b"counterfoil slot v1".as_slice(),
        &origin_hash,
        &stream,
        &[0, 0, 0, 0, 0, 0, 0, 1],
        &[0; 4],
    ];
    assert_eq!(data.as_slice(), expected.concat());
}

#[test]
fn idtag() {
    let vectors = vectors();
    let given = &vectors["idtag"];
    let tag = chain::idtag(
        &array(&given["key"]),
        text(&given["source"]),
        text(&given["id"]),
    );
    assert_eq!(tag.expect("a short source").0, array(&given["idtag"]));
}

#[test]
fn inclusion_in_the_checkpoint_of_the_vectors() {
    let leaves = leaves(&vectors());
    let root = tree::root_of(&leaves);
    for index in 0..5 {
        let place = Place { index, size: 5 };
        let path = tree::path_of(&leaves, index);
        let leaf = &leaves[usize::try_from(index).expect("small")];
        assert_eq!(tree::verify_inclusion(leaf, place, &path, &root), Ok(()));
    }
}
