//! Any changed byte in a link, note, foil or proof is refused; forks are proved; fuzz bodies hold.

use chain::checkpoint::Checkpoint;
use chain::foil::{Foil, FoilNote, foil_key_name};
use chain::fork::{Statement, prove_fork};
use chain::note::{SigningKey, VerifierKey};
use chain::sealed::StoredRecord;
use chain::tlog_proof::{ShownRecord, TlogProof};
use chain::tree::{self, tiles};
use chain::{ChainError, Link, LinkBytes, fuzz, origin_line};
use proto::Hash;
use proto::ids::{ChainNumber, Index, Month, Origin, UnixMillis};

const CHAIN: ChainNumber = ChainNumber(3);
const COUNT: usize = 7;

struct Ledger {
    origin: Origin,
    links: Vec<LinkBytes>,
    leaves: Vec<Hash>,
    checkpoint_key: SigningKey,
    foil_key: SigningKey,
}

fn record(index: usize, history: u8) -> Vec<u8> {
    vec![history, u8::try_from(index).expect("few records")]
}

fn salt(index: usize) -> [u8; 32] {
    [u8::try_from(index).expect("few records"); 32]
}

fn ledger(history: u8) -> Ledger {
    let origin = Origin::new("test.westmere.example/counterfoil").expect("an origin");
    let mut links: Vec<LinkBytes> = Vec::new();
    for index in 0..COUNT {
        let commitment = chain::record_commitment(&salt(index), &record(index, history));
        let link = match links.last() {
            None => Link::genesis(&origin, CHAIN, commitment),
            Some(before) => Link::after(before, commitment).expect("room"),
        };
        links.push(link.encode());
    }
    let key = |name: &str, secret| SigningKey::new(name, &[secret; 32]).expect("a key");
    Ledger {
        leaves: links.iter().map(chain::leaf_hash).collect(),
        links,
        checkpoint_key: key(&origin_line(&origin, CHAIN), 1),
        foil_key: key(&foil_key_name(&origin, CHAIN), 2),
        origin,
    }
}

impl Ledger {
    fn keys(&self) -> Vec<VerifierKey> {
        vec![
            self.checkpoint_key.verifier().clone(),
            self.foil_key.verifier().clone(),
        ]
    }

    fn foil(&self, index: usize, history: u8) -> Foil {
        let note = FoilNote {
            key_name: foil_key_name(&self.origin, CHAIN),
            first: Index(2),
            count: 5,
            root: tree::root_of(&self.leaves[2..]),
            time: UnixMillis(1_795_000_000_000),
        };
        Foil {
            origin: self.origin.clone(),
            chain: CHAIN,
            link: self.links[index],
            record: record(index, history),
            salt: salt(index),
            path: tree::path_of(&self.leaves[2..], index as u64 - 2),
            note: note.sign(&self.foil_key).expect("its own key"),
        }
    }

    fn checkpoint(&self) -> String {
        let root = tree::root_of(&self.leaves);
        let checkpoint = Checkpoint::new(&self.origin, CHAIN, COUNT as u64, root);
        checkpoint.sign(&self.checkpoint_key).expect("its own key")
    }

    fn proof(&self, index: usize, history: u8) -> TlogProof {
        TlogProof {
            link: self.links[index],
            shown: Some(ShownRecord {
                salt: salt(index),
                record: record(index, history),
            }),
            index: index as u64,
            path: tree::path_of(&self.leaves, index as u64),
            checkpoint: self.checkpoint(),
        }
    }
}

/// Every byte of `good`, with each of three changes; `refused` must say so for all of them.
fn flip_all(good: &[u8], mut refused: impl FnMut(&[u8]) -> bool) {
    let mut changed = good.to_vec();
    for at in 0..good.len() {
        for change in [0x01, 0x20, 0x80] {
            changed[at] = good[at] ^ change;
            assert!(refused(&changed), "byte {at} changed by {change:#x}");
        }
        changed[at] = good[at];
        assert!(refused(&good[..at]), "cut at {at}");
    }
    assert!(refused(&[good, b"\n"].concat()), "one byte more");
    assert!(!refused(good), "the unchanged one");
}

#[test]
fn foils() {
    let ledger = ledger(0);
    let keys = ledger.keys();
    for index in 2..COUNT {
        let foil = ledger.foil(index, 0);
        let verdict = foil.verify(&keys).expect("a foil");
        assert_eq!(verdict.link.index.0, index as u64);
        assert_eq!(verdict.link_hash, chain::link_hash(&ledger.links[index]));
        assert_eq!(verdict.signed_by, [ledger.foil_key.verifier().clone()]);
        assert_eq!(foil.check().map(|unpinned| unpinned.note), Ok(verdict.note));
    }
    let good = ledger.foil(4, 0).encode();
    flip_all(&good, |bytes| {
        Foil::decode(bytes)
            .and_then(|foil| foil.verify(&keys))
            .is_err()
    });
    let foil = ledger.foil(4, 0);
    assert_eq!(foil.verify(&[]), Err(ChainError::UnknownKey));
    assert_eq!(foil.verify(&keys[..1]), Err(ChainError::UnknownKey));
}

#[test]
fn foil_notes_speak_for_their_own_chain_only() {
    let ledger = ledger(0);
    let mut foil = ledger.foil(4, 0);
    foil.chain = ChainNumber(4);
    assert!(foil.check().is_err());
    let mut note = FoilNote::parse_text(
        chain::note::parse(ledger.foil(4, 0).note.as_bytes())
            .expect("a note")
            .text,
    )
    .expect("a foil note");
    assert!(note.sign(&ledger.checkpoint_key).is_err());
    note.count = 0;
    assert!(note.sign(&ledger.foil_key).is_err());
    note.count = 5;
    note.time = UnixMillis(-1);
    assert!(note.sign(&ledger.foil_key).is_err());
}

#[test]
fn checkpoints() {
    let ledger = ledger(0);
    let keys = ledger.keys();
    flip_all(ledger.checkpoint().as_bytes(), |bytes| {
        Checkpoint::verify(bytes, &keys).is_err()
    });
    // A witness alone is not enough: the log's own key has to be there.
    let witness = SigningKey::new("witness.example", &[9; 32]).expect("a key");
    let cosigned = witness.cosign(&ledger.checkpoint()).expect("a note");
    let only_witness = [witness.verifier().clone()];
    assert_eq!(
        Checkpoint::verify(cosigned.as_bytes(), &only_witness),
        Err(ChainError::UnknownKey)
    );
    let mut both = keys.clone();
    both.extend(only_witness);
    let verified = Checkpoint::verify(cosigned.as_bytes(), &both).expect("both signatures");
    assert_eq!(verified.signed_by.len(), 2);
    for body in [
        "a/0\n05\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "a/0\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nextension\n",
        "a/0\n5\nAAAA\n",
        "a/0\n5\n",
        "a 0\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "a/0\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    ] {
        assert!(Checkpoint::parse_body(body).is_err(), "{body:?}");
    }
}

#[test]
fn tlog_proofs() {
    let ledger = ledger(0);
    let keys = ledger.keys();
    for index in 0..COUNT {
        let proof = ledger.proof(index, 0);
        assert_eq!(
            TlogProof::parse(proof.encode().as_bytes()).as_ref(),
            Ok(&proof)
        );
        let verdict = proof.verify(&keys).expect("a proof");
        assert_eq!(verdict.link.index.0, index as u64);
        let mut bare = proof;
        bare.shown = None;
        assert_eq!(TlogProof::parse(bare.encode().as_bytes()), Ok(bare));
    }
    let good = ledger.proof(5, 0).encode();
    flip_all(good.as_bytes(), |bytes| {
        TlogProof::parse(bytes)
            .and_then(|proof| proof.verify(&keys))
            .is_err()
    });
    let mut elsewhere = ledger.proof(5, 0);
    elsewhere.index = 4;
    assert!(elsewhere.check().is_err());
    assert_eq!(ledger.proof(5, 0).verify(&[]), Err(ChainError::UnknownKey));
}

#[test]
fn forks_are_proved_and_nothing_else_is() {
    let (first, second) = (ledger(0), ledger(1));
    let keys = first.keys();
    let foil = |ledger: &Ledger, index, history| Statement::Foil(ledger.foil(index, history));
    let (one, other) = (foil(&first, 3, 0), foil(&second, 3, 1));
    let fork = prove_fork(&one, &other, &keys)
        .expect("both verify")
        .expect("a fork");
    assert_eq!((fork.chain, fork.index), (CHAIN, Index(3)));
    assert_ne!(fork.link_hashes[0], fork.link_hashes[1]);
    let proof = Statement::Proof(second.proof(3, 1));
    assert!(prove_fork(&one, &proof, &keys).is_ok_and(|fork| fork.is_some()));
    let agrees = Statement::Proof(first.proof(3, 0));
    assert_eq!(prove_fork(&one, &agrees, &keys), Ok(None));
    assert_eq!(prove_fork(&one, &foil(&second, 4, 1), &keys), Ok(None));
    let mut forged = second.foil(3, 1);
    forged.record.push(0);
    assert!(prove_fork(&one, &Statement::Foil(forged), &keys).is_err());
}

fn corpus() -> Vec<Vec<u8>> {
    let ledger = ledger(0);
    let foil = ledger.foil(4, 0);
    let record = StoredRecord {
        class: 3,
        month: Month(202_611),
        nonce: [1; 12],
        ciphertext: &[5; 60],
    };
    let plain = chain::sealed::slot_plaintext(&[1; 32], b"values").expect("short");
    let bundle = tiles::bundle(&ledger.links);
    vec![
        Vec::new(),
        ledger.links[2].to_vec(),
        ledger.checkpoint().into_bytes(),
        ledger.foil_key.verifier().to_string().into_bytes(),
        chain::note::parse(foil.note.as_bytes())
            .expect("a note")
            .text
            .into(),
        foil.note.clone().into_bytes(),
        foil.encode(),
        foil.to_json().into_bytes(),
        ledger.proof(5, 0).encode().into_bytes(),
        b"tile/0/x001/x234/067.p/12".to_vec(),
        b"tile/entries/067".to_vec(),
        [[0, 7].as_slice(), &bundle].concat(),
        record.encode(),
        plain.into_inner(),
    ]
}

/// xorshift64*: the same seed gives the same mutations on every machine.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).expect("31 bits") % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        const LIKELY: &[u8] = b"\n \0\xff+/=.px019\x80\x01";
        match self.below(3) {
            0 => LIKELY[self.below(LIKELY.len())],
            _ => u8::try_from(self.below(256)).expect("below 256"),
        }
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.byte()),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                3 => {
                    let copied = bytes[at..bytes.len().min(at + 40)].to_vec();
                    bytes.extend(copied);
                }
                _ if at < bytes.len() => bytes[at] = self.byte(),
                _ => {}
            }
        }
    }
}

#[test]
fn fuzz_bodies_hold_over_corpus_and_mutations() {
    let mut seeded = Seeded(0x00c0_ffee);
    for (_, body) in fuzz::BODIES {
        for entry in corpus() {
            body(&entry);
            for _ in 0..250 {
                let mut mutated = entry.clone();
                seeded.mutate(&mut mutated);
                body(&mutated);
            }
        }
    }
}
