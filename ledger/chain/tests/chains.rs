//! A chain that a restore closed, and the one that begins behind it: one tree, two names, numbers that never fall.

use chain::checkpoint::Checkpoint;
use chain::link::{Link, LinkBytes, genesis_prev, link_hash};
use chain::verify::{ChainVerifier, Rule};
use proto::Hash;
use proto::ids::{ChainNumber, Index, Origin};

fn origin() -> Origin {
    Origin::new("test.westmere.example/counterfoil").expect("a good origin")
}

fn links(chains: &[u32]) -> Vec<LinkBytes> {
    let mut prev = genesis_prev(&origin());
    let mut links = Vec::new();
    for (index, chain) in (0..).zip(chains) {
        let link = Link {
            chain: ChainNumber(*chain),
            index: Index(index),
            prev,
            commitment: Hash([7; 32]),
        };
        links.push(link.encode());
        prev = link_hash(&link.encode());
    }
    links
}

/// The rule that is broken by these links, judged as chain `last`.
fn broken(last: u32, chains: &[u32]) -> Option<Rule> {
    let mut verifier = ChainVerifier::new(&origin(), ChainNumber(last));
    let judged = links(chains)
        .iter()
        .try_for_each(|link| verifier.link(link).map(|_| ()));
    judged.err().map(|broken| broken.rule)
}

#[test]
fn chain_numbers_rise_to_the_last_and_never_fall() {
    assert_eq!(broken(5, &[0, 0, 5, 5]), None);
    assert_eq!(broken(5, &[0, 2, 5]), None);
    assert_eq!(broken(5, &[0, 5, 0]), Some(Rule::Chain));
    assert_eq!(broken(5, &[0, 6]), Some(Rule::Chain));
    assert_eq!(broken(0, &[0, 1]), Some(Rule::Chain));
}

#[test]
fn a_closed_chains_name_signs_nothing_behind_its_end() {
    let judge = |size: usize, signs: u32| {
        let mut verifier = ChainVerifier::new(&origin(), ChainNumber(5));
        for link in links(&[0, 0, 5]).iter().take(size) {
            verifier.link(link).expect("whole");
        }
        let (count, root) = (verifier.size(), verifier.root());
        let note = Checkpoint::new(&origin(), ChainNumber(signs), count, root);
        verifier.checkpoint(&note).err().map(|broken| broken.rule)
    };
    assert_eq!(judge(2, 0), None, "signed before the end");
    assert_eq!(judge(2, 5), None, "taken over");
    assert_eq!(judge(3, 5), None);
    assert_eq!(judge(3, 0), Some(Rule::Origin));
    assert_eq!(judge(3, 6), Some(Rule::Origin));
}
