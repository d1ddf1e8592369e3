//! A ledger that remembers (source, id) in memory, and publishers with fixed tokens.
//!
//! It seals and chains nothing; its foils are recognisable inventions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use chain::foil::Foil;
use ground::{SeededRandom, TestClock};
use intake::admit::{
    Admitted, Finding, Publisher, Refusal, RefusalCode, RefusalCounts, Token, TokenHash, TokenStore,
};
use intake::door::{Door, FindingSink};
use intake::engine::{EngineHandle, Later, Outcome, Receipt, Submit, SubmitError};
use proto::{ChainNumber, Hash, Index, Origin, Personal, PublisherCode, UnixMillis};

/// 2026-11-02T10:00:00Z.
const NOW_MS: i64 = 1_793_613_600_000;

/// The door with everything behind it.
pub(crate) struct Bench {
    pub(crate) door: Door,
    ledger: Arc<Double>,
    tokens: Arc<Tokens>,
}

impl Bench {
    pub(crate) fn new(state: &str) -> Self {
        let ledger = Arc::new(Double {
            state: state.to_owned(),
            ..Double::default()
        });
        let tokens = Arc::new(Tokens::new());
        let door = Door {
            engine: EngineHandle::new(ledger.clone()),
            findings: ledger.clone(),
            tokens: tokens.clone(),
            clock: Arc::new(TestClock::at(NOW_MS)),
            random: Arc::new(SeededRandom::new(7)),
            counts: Arc::new(RefusalCounts::default()),
            room: intake::door::Room::of(64 << 20),
            draining: Arc::new(AtomicBool::new(state == "draining")),
        };
        Self {
            door,
            ledger,
            tokens,
        }
    }

    pub(crate) fn token_of(&self, publisher: &str) -> Option<String> {
        self.tokens.clear.get(publisher).cloned()
    }

    /// What was recorded, found and counted, for the end of a snapshot.
    pub(crate) fn left_behind(&self, planted: &[String]) -> String {
        let mut shown = String::from("--- left behind\n");
        let kept = self.ledger.kept.lock().expect("no test panicked before");
        let _ = writeln!(shown, "recorded: {}", kept.events.len());
        for quarantined in kept
            .events
            .values()
            .filter(|kept| !kept.quarantined.is_empty())
        {
            let _ = writeln!(shown, "quarantined: {:?}", quarantined.quarantined);
        }
        for finding in &kept.findings {
            let data = finding.data(None).to_string();
            assert!(
                !planted.iter().any(|planted| data.contains(planted)),
                "a finding echoes"
            );
            let fact = proto::fact_by_type(finding.type_name()).expect("a fact of the catalogue");
            assert!(
                proto::decode_json(fact, data.as_bytes()).is_ok(),
                "a finding is a fact"
            );
            let _ = writeln!(shown, "finding: {} {data}", finding.type_name());
        }
        for (code, count) in self.door.counts.all().filter(|(_, count)| *count > 0) {
            let _ = writeln!(shown, "refused: {} {count}", code.as_str());
        }
        shown
    }
}

struct Tokens {
    clear: BTreeMap<String, String>,
    stored: BTreeMap<TokenHash, Arc<Publisher>>,
}

impl Tokens {
    fn new() -> Self {
        let mut tokens = Self {
            clear: BTreeMap::new(),
            stored: BTreeMap::new(),
        };
        let random = SeededRandom::new(11);
        for (code, map_ids) in [("crm", false), ("archive", true)] {
            let token = Token::mint(&random);
            let publisher = Publisher {
                code: PublisherCode::new(code).expect("a code"),
                sources: BTreeSet::from(["//crm.westmere.example".to_owned()]),
                families: BTreeSet::from(["collection".to_owned(), "consent".to_owned()]),
                map_ids,
            };
            tokens
                .clear
                .insert(code.to_owned(), token.reveal().to_owned());
            tokens.stored.insert(token.hash(), Arc::new(publisher));
        }
        tokens
    }
}

impl TokenStore for Tokens {
    fn find(&self, hash: &TokenHash, _: UnixMillis) -> Option<(TokenHash, Arc<Publisher>)> {
        self.stored
            .get_key_value(hash)
            .map(|(hash, publisher)| (*hash, publisher.clone()))
    }
}

/// The ledger.
#[derive(Default)]
pub(crate) struct Double {
    state: String,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    events: BTreeMap<(String, String), Event>,
    findings: Vec<Finding>,
}

struct Event {
    index: u64,
    content: Vec<Vec<u8>>,
    quarantined: Vec<Vec<u32>>,
}

impl Double {
    fn is_open(&self) -> Result<(), SubmitError> {
        match self.state.as_str() {
            "full" => Err(SubmitError::QueueFull { retry_after_s: 2 }),
            "stopped" => Err(SubmitError::Stopped),
            _ => Ok(()),
        }
    }

    fn take(&self, event: &Admitted) -> Outcome {
        let mut kept = self.kept.lock().expect("no test panicked before");
        kept.findings.extend(event.findings.iter().cloned());
        let slots = event
            .slots
            .iter()
            .map(|slot| slot.values.values.expose().clone());
        let content: Vec<Vec<u8>> = slots.chain([event.split.body.clone()]).collect();
        let name = (event.source.clone(), event.id.expose().to_owned());
        let index = kept.events.len() as u64;
        match kept.events.get(&name) {
            Some(known) if known.content == content => Outcome::Repeated(receipt(known.index)),
            Some(_) => Outcome::Refused(Refusal::new(
                RefusalCode::IdReused,
                "id",
                "this id was recorded with other content",
            )),
            None => {
                kept.events.insert(
                    name,
                    Event {
                        index,
                        content,
                        quarantined: event.quarantined(),
                    },
                );
                Outcome::Recorded(receipt(index))
            }
        }
    }
}

impl Submit for Double {
    fn submit(&self, events: Vec<Box<Admitted>>) -> Later<'_, Result<Vec<Outcome>, SubmitError>> {
        Box::pin(async move {
            self.is_open()?;
            Ok(events.iter().map(|event| self.take(event)).collect())
        })
    }

    fn find_foils<'a>(
        &'a self,
        source: &'a str,
        ids: &'a [Personal<String>],
    ) -> Later<'a, Result<Vec<Option<Receipt>>, SubmitError>> {
        Box::pin(async move {
            self.is_open()?;
            let kept = self.kept.lock().expect("no test panicked before");
            let of = |id: &Personal<String>| {
                let known = kept.events.get(&(source.to_owned(), id.expose().clone()))?;
                Some(receipt(known.index))
            };
            Ok(ids.iter().map(of).collect())
        })
    }
}

impl FindingSink for Double {
    fn append(&self, findings: Vec<Finding>) -> Later<'_, Result<(), SubmitError>> {
        Box::pin(async move {
            self.is_open()?;
            self.kept
                .lock()
                .expect("no test panicked before")
                .findings
                .extend(findings);
            Ok(())
        })
    }
}

fn receipt(index: u64) -> Receipt {
    let foil = Foil {
        origin: Origin::new("test.westmere.example/counterfoil").expect("an origin"),
        chain: ChainNumber(0),
        link: [1; 77],
        record: vec![2; 3],
        salt: [3; 32],
        path: vec![Hash([4; 32])],
        note: format!("note of the group of {index}\n"),
    };
    Receipt::whole(Index(index), foil)
}
