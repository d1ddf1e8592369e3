//! The streaming verifier: a whole chain passes, the first wrong place is named, the sum is fixed.

use chain::checkpoint::Checkpoint;
use chain::verify::{Broken, ChainVerifier, Rule, Value};
use chain::{Link, LinkBytes};
use proto::Hash;
use proto::ids::{ChainNumber, Index, Origin};

const CHAIN: ChainNumber = ChainNumber(1);
const COUNT: usize = 3_000;

fn origin() -> Origin {
    Origin::new("test.westmere.example/counterfoil").expect("an origin")
}

fn record(index: usize) -> Vec<u8> {
    (index as u64).to_be_bytes().repeat(index % 9)
}

fn links() -> Vec<LinkBytes> {
    let mut links: Vec<LinkBytes> = Vec::with_capacity(COUNT);
    for index in 0..COUNT {
        let commitment = chain::record_commitment(&[6; 32], &record(index));
        let link = match links.last() {
            None => Link::genesis(&origin(), CHAIN, commitment),
            Some(before) => Link::after(before, commitment).expect("room"),
        };
        links.push(link.encode());
    }
    links
}

fn run(links: &[LinkBytes], signed: &Checkpoint) -> Result<(), Broken> {
    let mut verifier = ChainVerifier::new(&origin(), CHAIN);
    for link in links {
        verifier.link(link)?;
    }
    verifier.checkpoint(signed)
}

fn checkpoint(links: &[LinkBytes]) -> Checkpoint {
    let leaves: Vec<Hash> = links.iter().map(chain::leaf_hash).collect();
    let root = chain::tree::root_of(&leaves);
    Checkpoint::new(&origin(), CHAIN, links.len() as u64, root)
}

/// One number for the whole arithmetic: links, link hashes, leaves, every node and every root of a
/// few thousand links. It changes when any format changes, and then a version has to.
#[test]
fn accumulated_digest() {
    let mut sum = blake3::Hasher::new();
    let mut verifier = ChainVerifier::new(&origin(), CHAIN);
    for (index, link) in links().iter().enumerate() {
        let mut nodes = Vec::new();
        let decoded = verifier
            .link_with(link, |node| nodes.push(node))
            .expect("whole");
        verifier.record(&[6; 32], &record(index)).expect("whole");
        assert_eq!(decoded.index, Index(index as u64));
        sum.update(link);
        sum.update(&verifier.head().0);
        sum.update(&verifier.root().0);
        for node in nodes {
            sum.update(&[node.level]);
            sum.update(&node.number.to_be_bytes());
            sum.update(&node.hash.0);
        }
    }
    assert_eq!(
        sum.finalize().to_hex().as_str(),
        "738edf4bbacab9ac1212643327d3c2770d9c6bf6897d228714aa062db9c4b67b"
    );
}

#[test]
fn any_changed_byte_is_found_where_it_is_or_right_after() {
    let links = &links()[..12];
    let signed = checkpoint(links);
    assert_eq!(run(links, &signed), Ok(()));
    for index in 0..links.len() {
        for at in 0..77 {
            let mut changed = links.to_vec();
            changed[index][at] ^= 0x10;
            let broken = run(&changed, &signed).expect_err("a changed byte");
            let (rule, shows_at) = match at {
                0 => (Rule::Version, index),
                1..5 => (Rule::Chain, index),
                5..13 => (Rule::Index, index),
                13..45 => (Rule::Previous, index),
                _ if index + 1 < links.len() => (Rule::Previous, index + 1),
                _ => (Rule::Root, index),
            };
            assert_eq!(
                (broken.rule, broken.index.0),
                (rule, shows_at as u64),
                "{index} {at}"
            );
        }
    }
}

#[test]
fn missing_swapped_and_truncated_links_are_found() {
    let links = &links()[..12];
    let signed = checkpoint(links);
    let mut missing = links.to_vec();
    missing.remove(5);
    assert_eq!(
        run(&missing, &signed).map_err(|b| (b.rule, b.index.0)),
        Err((Rule::Index, 5))
    );
    let mut swapped = links.to_vec();
    swapped.swap(5, 6);
    assert_eq!(
        run(&swapped, &signed).map_err(|b| (b.rule, b.index.0)),
        Err((Rule::Index, 5))
    );
    let broken = run(&links[..11], &signed).expect_err("one short");
    assert_eq!(broken.rule, Rule::Missing);
    assert_eq!(
        (broken.expected, broken.actual),
        (Value::Number(12), Value::Number(11))
    );
    assert!(broken.to_string().contains("index 10"));
    let mut other = signed;
    other.origin_line.push('1');
    assert_eq!(run(links, &other).map_err(|b| b.rule), Err(Rule::Origin));
}

#[test]
fn records_and_slots_are_checked_and_a_break_is_final() {
    let links = links();
    let mut verifier = ChainVerifier::new(&origin(), CHAIN);
    verifier.link(&links[0]).expect("whole");
    verifier.link(&links[1]).expect("whole");
    assert_eq!(verifier.record(&[6; 32], &record(1)), Ok(()));
    assert_eq!(verifier.slot(chain::sha256(b"stored"), b"stored"), Ok(()));
    let broken = verifier
        .slot(chain::sha256(b"stored"), b"Stored")
        .expect_err("changed");
    assert_eq!((broken.rule, broken.index), (Rule::SlotDigest, Index(1)));
    assert_eq!(verifier.link(&links[2]), Err(broken));
    let mut verifier = ChainVerifier::new(&origin(), CHAIN);
    verifier.link(&links[0]).expect("whole");
    let broken = verifier.record(&[6; 32], b"other").expect_err("changed");
    assert_eq!((broken.rule, broken.index), (Rule::Commitment, Index(0)));
}

#[test]
fn a_verifier_goes_on_from_where_one_stopped() {
    let links = links();
    let mut whole = ChainVerifier::new(&origin(), CHAIN);
    let mut frontier = chain::tree::Frontier::new();
    for link in &links[..1_000] {
        whole.link(link).expect("whole");
        frontier.push(chain::leaf_hash(link), |_| ());
    }
    let mut resumed = ChainVerifier::resume(&origin(), CHAIN, frontier, whole.head());
    for link in &links[1_000..] {
        whole.link(link).expect("whole");
        resumed.link(link).expect("whole");
    }
    assert_eq!(resumed.root(), whole.root());
}

/// Feeds the links in batches of uneven sizes and then the same links one by one: the same verdict,
/// size, head and root.
fn same_in_batches(links: &[LinkBytes], step: usize) {
    let (mut batches, mut singly) = (
        ChainVerifier::new(&origin(), CHAIN),
        ChainVerifier::new(&origin(), CHAIN),
    );
    let mut said = Ok(());
    let mut rest = links;
    let mut size = step;
    while !rest.is_empty() && said.is_ok() {
        let (now, later) = rest.split_at(size.min(rest.len()));
        said = batches.links(now);
        (rest, size) = (later, size % 700 + step);
    }
    let one_by_one = links
        .iter()
        .try_for_each(|link| singly.link(link).map(|_| ()));
    assert_eq!(said, one_by_one);
    assert_eq!(batches.size(), singly.size());
    assert_eq!(batches.head(), singly.head());
    assert_eq!(batches.root(), singly.root());
}

#[test]
fn batches_are_judged_as_links_one_by_one() {
    let mut links = links();
    for step in [1, 7, 16, 255, 256, 257, 1_024, COUNT] {
        same_in_batches(&links, step);
    }
    for (broken, byte) in [
        (0, 0),
        (1, 3),
        (255, 12),
        (256, 20),
        (700, 60),
        (COUNT - 1, 14),
    ] {
        links[broken][byte] ^= 1;
        for step in [1, 16, 300, COUNT] {
            same_in_batches(&links, step);
        }
        links[broken][byte] ^= 1;
    }
}
