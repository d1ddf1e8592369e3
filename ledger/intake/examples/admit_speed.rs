//! What the way from a request's bytes to the sequencer costs, part by part, on this machine, now.
//!
//! Usage: `cargo run --release -p intake --example admit_speed [PART]`; with a part's name it only
//! repeats that part, for a profiler or an instruction count. The raw lines are SHA-256 and keyed
//! BLAKE3 over the same messages, one call each: what no arrangement of ours can go below with those
//! libraries. A probe, not a test: it asserts no time.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a probe that prints times"
)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::{Request, header};
use chain::foil::Foil;
use ground::{SystemClock, SystemRandom};
use intake::admit::{
    Admitted, Finding, Publisher, RefusalCounts, Token, TokenHash, TokenStore, admit, authenticate,
    cloudevent,
};
use intake::door::{Door, FindingSink, router};
use intake::engine::{EngineHandle, Later, Outcome, Receipt, Submit, SubmitError};
use proto::{
    ChainNumber, EventId, Hash, Index, Origin, Personal, PublisherCode, SlotNumber, UnixMillis,
};
use tower::ServiceExt as _;

const DATA: &str = r#"{"envelope":{"controller":"westmere","activity":"waste-collection","party":"crm","purpose":"service-delivery","dataClasses":["identity","address"],"noticeVersion":"crm-2020-12-23","channel":"CHANNEL_TELEPHONE","retentionRow":"crm-service-request"},"subject":{"aliases":[{"system":"crm","localId":"C-1004417"}],"name":"Alex Example","postcode":"ZZ99 9ZZ","telephones":["01632 960001"]},"service":"missed-bin","serviceReference":"SR-2026-001234"}"#;
const SOURCE: &str = "//crm.westmere.example";
const TYPE: &str = "uk.counterfoil.collection.service-requested.v1";
const ID: &str = "6f1c2c3e-8f0b-4a55-9d0e-2f6f2a1b7c11";
/// 2026-11-02T10:00:00Z.
const NOW: UnixMillis = UnixMillis(1_793_613_600_000);
const BATCH: u32 = 100;

fn main() {
    let only = std::env::args().nth(1);
    let probe = Probe { only };
    let world = World::new();
    probe.raw(&world);
    probe.parts(&world);
    probe.doors(&world);
}

/// What the parts are measured with.
struct World {
    event: String,
    publisher: Arc<Publisher>,
    token: Token,
}

impl World {
    fn new() -> Self {
        let event = format!(
            r#"{{"specversion":"1.0","id":"{ID}","source":"{SOURCE}","type":"{TYPE}","time":"2026-11-02T09:30:00Z","datacontenttype":"application/json","data":{DATA}}}"#
        );
        let publisher = Arc::new(Publisher {
            code: PublisherCode::new("crm").expect("a code"),
            sources: BTreeSet::from([SOURCE.to_owned()]),
            families: BTreeSet::from(["collection".to_owned()]),
            map_ids: false,
        });
        let token = Token::mint(&SystemRandom);
        Self {
            event,
            publisher,
            token,
        }
    }

    fn admitted(&self) -> Box<Admitted> {
        let Ok(event) = cloudevent::structured(self.event.as_bytes()) else {
            unreachable!("the event above is a good one");
        };
        admit(event, &self.publisher, NOW, &SystemRandom)
            .ok()
            .expect("a good event")
    }

    fn values(&self) -> Vec<u8> {
        let admitted = self.admitted();
        let slot = admitted.slots.first().expect("slot 0 always exists");
        slot.values.values.expose().clone()
    }
}

/// The messages that one event's slot tree hashes.
struct Messages {
    paths: Vec<Vec<u8>>,
    sha256: Vec<Vec<u8>>,
}

impl Messages {
    fn of(leaves: &[proto::Leaf<'_>]) -> Self {
        let paths: Vec<Vec<u8>> = leaves
            .iter()
            .map(|leaf| chain::slot::path_bytes(SlotNumber(0), leaf.path))
            .collect();
        let mut sha256 = Vec::new();
        for (leaf, path) in leaves.iter().zip(&paths) {
            sha256.push(vec![7; 1 + 32 + 2 + path.len() + 1 + leaf.value.len()]);
            sha256.push(vec![7; 33]);
        }
        sha256.extend(vec![vec![7; 65]; leaves.len().saturating_sub(1)]);
        Self { paths, sha256 }
    }
}

struct Probe {
    only: Option<String>,
}

impl Probe {
    /// The quickest of many short batches: other work on the machine only ever adds.
    fn measure(&self, name: &str, per: u32, mut one: impl FnMut()) {
        let (rounds, batches) = match &self.only {
            Some(only) if only == name => (2_000, 1),
            Some(_) => return,
            None => ((400 / per).max(4), 400),
        };
        let mut best = u128::MAX;
        for _ in 0..batches {
            let start = Instant::now();
            for _ in 0..rounds {
                one();
            }
            best = best.min(start.elapsed().as_nanos() / u128::from(rounds * per));
        }
        println!("{name:>34}: {best:>6} ns");
    }

    fn raw(&self, world: &World) {
        let fact = proto::fact_by_type(TYPE).expect("in the catalogue");
        let values = world.values();
        let leaves = proto::leaves(fact, SlotNumber(0), &values).expect("our own slot");
        let messages = Messages::of(&leaves);
        println!(
            "event: {} bytes, data: {} bytes; slot 0: {} bytes, {} leaves, {} SHA-256 and {} BLAKE3 messages",
            world.event.len(),
            DATA.len(),
            values.len(),
            leaves.len(),
            messages.sha256.len(),
            messages.paths.len(),
        );
        self.measure("raw-sha256", 1, || {
            for message in &messages.sha256 {
                black_box(digest(&SHA256, black_box(message)));
            }
        });
        self.measure("raw-blake3", 1, || {
            for path in &messages.paths {
                black_box(blake3::keyed_hash(black_box(&[3; 32]), black_box(path)));
            }
        });
    }

    fn parts(&self, world: &World) {
        let fact = proto::fact_by_type(TYPE).expect("in the catalogue");
        let bytes = world.event.as_bytes();
        self.measure("structured", 1, || {
            black_box(cloudevent::structured(black_box(bytes)).is_ok());
        });
        self.measure("decode_json", 1, || {
            black_box(proto::decode_json(fact, black_box(DATA.as_bytes())).is_ok());
        });
        let id = EventId::new(Personal::from(ID));
        self.measure("decode_json+split", 1, || {
            let data = proto::decode_json(fact, black_box(DATA.as_bytes()));
            black_box(proto::split(data.expect("a good event"), &id));
        });
        let values = world.values();
        self.measure("leaves", 1, || {
            black_box(proto::leaves(fact, SlotNumber(0), black_box(&values)).is_ok());
        });
        let leaves = proto::leaves(fact, SlotNumber(0), &values).expect("our own slot");
        self.measure("slot_root", 1, || {
            black_box(chain::slot_root(
                black_box(&[3; 32]),
                SlotNumber(0),
                black_box(&leaves),
            ));
        });
        self.measure("seed", 1, || {
            black_box(ground::array::<32>(&SystemRandom));
        });
        let data = proto::decode_json(fact, DATA.as_bytes()).expect("a good event");
        let split = proto::split(data, &id);
        self.measure("visit_texts", 1, || {
            let mut count = 0;
            proto::visit_texts(black_box(&split), &mut |_| count += 1);
            black_box(count);
        });
        self.measure("idtag", 1, || {
            black_box(chain::idtag::idtag(black_box(&[7; 32]), SOURCE, ID).is_ok());
        });
        self.measure("structured+admit", 1, || {
            black_box(world.admitted());
        });
        let tokens = One::new(world);
        let header = format!("Bearer {}", world.token.reveal());
        self.measure("authenticate", 1, || {
            black_box(authenticate(Some(black_box(&header)), &tokens, NOW).is_ok());
        });
    }

    fn doors(&self, world: &World) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime that only tells time");
        let engine = Arc::new(Canned);
        let service = router(Door {
            engine: EngineHandle::new(engine.clone()),
            findings: engine,
            tokens: Arc::new(One::new(world)),
            clock: Arc::new(SystemClock::default()),
            random: Arc::new(SystemRandom),
            counts: Arc::new(RefusalCounts::default()),
            room: intake::door::Room::of(64 << 20),
            draining: Arc::new(AtomicBool::new(false)),
        });
        let items = vec![world.event.as_str(); BATCH as usize];
        let batch = format!("[{}]", items.join(","));
        let authorization = format!("Bearer {}", world.token.reveal());
        let cases = [
            ("door-one", 1, "", "cloudevents+json", &world.event),
            (
                "door-one-no-foil",
                1,
                "?foils=none",
                "cloudevents+json",
                &world.event,
            ),
            (
                "door-one-dry-run",
                1,
                "?dry_run",
                "cloudevents+json",
                &world.event,
            ),
            ("door-batch", BATCH, "", "cloudevents-batch+json", &batch),
            (
                "door-batch-no-foil",
                BATCH,
                "?foils=none",
                "cloudevents-batch+json",
                &batch,
            ),
        ];
        for (name, per, query, kind, body) in cases {
            self.measure(name, per, || {
                let request = Request::post(format!("/v1/events{query}"))
                    .header(header::AUTHORIZATION, &authorization)
                    .header(header::CONTENT_TYPE, format!("application/{kind}"))
                    .body(Body::from(body.clone()))
                    .expect("a request");
                let answered = runtime.block_on(async {
                    let response = service.clone().oneshot(request).await.expect("infallible");
                    assert!(response.status().is_success());
                    axum::body::to_bytes(response.into_body(), usize::MAX).await
                });
                black_box(answered.expect("a body in memory"));
            });
        }
        self.measure("receipt-made", 1, || {
            black_box(receipt());
        });
    }
}

/// The one token of the one publisher.
struct One(TokenHash, Arc<Publisher>);

impl One {
    fn new(world: &World) -> Self {
        Self(world.token.hash(), world.publisher.clone())
    }
}

impl TokenStore for One {
    fn find(&self, hash: &TokenHash, _: UnixMillis) -> Option<(TokenHash, Arc<Publisher>)> {
        (*hash == self.0).then(|| (self.0, self.1.clone()))
    }
}

/// A ledger that answers everything with the foil of a group of 64.
struct Canned;

fn receipt() -> Receipt {
    let foil = Foil {
        origin: Origin::new("test.westmere.example/counterfoil").expect("an origin"),
        chain: ChainNumber(0),
        link: [1; 77],
        record: vec![2; 330],
        salt: [3; 32],
        path: vec![Hash([4; 32]); 6],
        note: "n".repeat(330),
    };
    Receipt::whole(Index(7), foil)
}

impl Submit for Canned {
    fn submit(&self, events: Vec<Box<Admitted>>) -> Later<'_, Result<Vec<Outcome>, SubmitError>> {
        let recorded = |_| Outcome::Recorded(receipt());
        let outcomes = events.iter().map(recorded).collect();
        Box::pin(async move { Ok(outcomes) })
    }

    fn find_foils<'a>(
        &'a self,
        _: &'a str,
        ids: &'a [Personal<String>],
    ) -> Later<'a, Result<Vec<Option<Receipt>>, SubmitError>> {
        let none = ids.iter().map(|_| None).collect();
        Box::pin(async move { Ok(none) })
    }
}

impl FindingSink for Canned {
    fn append(&self, _: Vec<Finding>) -> Later<'_, Result<(), SubmitError>> {
        Box::pin(async { Ok(()) })
    }
}
