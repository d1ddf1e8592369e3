//! The whole ledger, single-stepped: admission, vault on its own store, sequencer, journal, derived indexes, checkpoints, foils.
//!
//! Not the doors and not the threads. Always: what is sent are whole CloudEvents; what is believed are foils that the auditor checked.

mod copies;
mod keys;
mod views;

use std::path::Path;

use chain::note::SigningKey;
use ground::SimDisk;
use intake::admit::{Admitted, Publisher, RefusalCode, admit, cloudevent};
use intake::append::Name;
use intake::desk::Directed;
use intake::engine::{Outcome, Receipt};
use intake::ledger::{Ground, Opened, Places, Settings};
use people::{Event, Fact, SOURCE};
use proto::{ChainNumber, Index, Origin, PublisherCode, StaffReference, UnixMillis};
use vault::SigningKind;

use super::{
    Answer, Between, CHAIN, CHECKPOINTS, Keys, LEDGER, Night, ORIGIN, Setting, Stop, Subject, read,
};
use crate::auditor::bytes::Rest;
use crate::auditor::foil::Foil;
use crate::auditor::journal::Entry;
use crate::auditor::note::{self, Key};
use crate::auditor::promises::Published;
use crate::auditor::sealed::{SlotPlace, data_key, open_slot};
use crate::auditor::{Finding, journal};
use crate::deeds::Deed;

/// Persons that the simulated vault expects: few, so that shelves fill.
const PERSONS_EXPECTED: u64 = 256;
/// Events in a generation of recent memory: few, so that run files are written.
const GENERATION_EVENTS: usize = 16;
/// The moment of the first event, in seconds: before the simulated world's beginning.
const FIRST_EVENT_S: u64 = 1_795_000_000;

/// The ledger in one hand, and the keys that outsiders check it with.
pub struct WholeLedger {
    ground: Ground,
    disk: SimDisk,
    opened: Opened,
    publisher: Publisher,
    checkpoint_key: String,
    foil_key: String,
    night: Night,
    /// Where the night stands once the rotation under way is done.
    night_after: Night,
    view: fold::Projection,
}

impl Subject for WholeLedger {
    const NAME: &'static str = "whole ledger";
    const MADE_AGAIN_IN_PLACE: bool = false;

    fn init(setting: &Setting) -> Result<(), Stop> {
        let (ground, settings) = (ground_of(setting), settings());
        let dpo = StaffReference::from_random([1; 16]);
        let founded = intake::found::found(&ground, &settings, &dpo);
        founded.map(|_| ()).map_err(|error| Stop::failed(&error))
    }

    fn open(setting: &Setting) -> Result<Self, Stop> {
        Self::open_at(setting, &settings())
    }

    fn publish(&mut self, deeds: &[Deed]) -> Result<Vec<Answer>, Stop> {
        let events = deeds
            .iter()
            .map(|deed| self.admitted(deed).map(Directed::published));
        let events = events.collect::<Result<Vec<_>, _>>()?;
        let outcomes = self
            .opened
            .stepped
            .record(events)
            .map_err(|error| Stop::failed(&error))?;
        if outcomes.len() != deeds.len() {
            return Err(Stop::Failed(
                "there are fewer outcomes than events".to_owned(),
            ));
        }
        outcomes.into_iter().map(answer).collect()
    }

    fn checkpoint(&mut self) -> Result<Option<Published>, Stop> {
        if !self
            .opened
            .stepped
            .keeper
            .checkpoint()
            .map_err(|error| Stop::failed(&error))?
        {
            return Ok(None);
        }
        let signed = self.opened.published.newest();
        let signed = signed.ok_or_else(|| Stop::Failed("no checkpoint is shown".to_owned()))?;
        self.published(&signed.note).map(Some).map_err(Stop::Broken)
    }

    fn absorb(&mut self) -> Result<(), Stop> {
        let stepped = &mut self.opened.stepped;
        let all = (|| {
            stepped.appender.preparer().prepare_next_segment()?;
            stepped.sequencer.freeze();
            stepped.keeper.flush()?;
            stepped.keeper.absorb_now()
        })();
        all.map_err(|error: intake::IntakeError| Stop::failed(&error))
    }

    fn open_slots(&mut self, deed: &Deed, link: &[u8; 77]) -> Result<(), Stop> {
        let entry = self.entry(link)?;
        let mut place = Rest(link);
        let index = place.take(5).and_then(|_| place.u64()).unwrap_or_default();
        let stored = self
            .opened
            .records
            .at(Index(index))
            .map_err(|error| Stop::failed(&error))?;
        let gone = || {
            Stop::Broken(Finding::new(
                "C-2",
                format!("index {index} no longer opens"),
            ))
        };
        let header = stored.record.ok_or_else(gone)?.header;
        let keys = self
            .opened
            .vault
            .reader()
            .keys_of_stream(header.stream)
            .map_err(|error| Stop::failed(&error))?;
        let keys = keys.ok_or_else(gone)?;
        let key = data_key(keys.secret.expose());
        let place = SlotPlace {
            origin: ORIGIN,
            stream: header.stream.0,
            number: header.number.0,
            slot: 0,
        };
        let slot = entry.slots.first().ok_or_else(gone)?;
        let values = open_slot(slot, &key, &place).map_err(Stop::Broken)?;
        let sent = self.admitted(deed)?;
        if sent
            .slots
            .first()
            .is_some_and(|slot| *slot.values.values.expose() == values)
        {
            return Ok(());
        }
        Err(Stop::Broken(Finding::new(
            "C-2",
            format!("index {index} holds other values than were sent"),
        )))
    }

    fn stored_checkpoint(disk: &SimDisk) -> Option<Published> {
        let bytes = read(disk, &Path::new(CHECKPOINTS).join("checkpoint"))?;
        let mut rest = Rest(&bytes);
        (rest.array() == Some(*b"CFOILCKP") && rest.u16() == Some(1)).then_some(())?;
        rest.take(32 + 4)?;
        Some(Published {
            size: rest.u64()?,
            root: rest.array()?,
        })
    }

    fn foil_key(&self) -> Option<String> {
        Some(self.foil_key.clone())
    }

    fn keys(&mut self) -> Option<&mut dyn Keys> {
        Some(self)
    }

    fn fold(&mut self, max: usize) -> Result<(), Stop> {
        self.fold_some(max)
    }

    fn compare_views(&mut self) -> Result<(), Stop> {
        self.compare_with_a_rebuild()
    }

    fn back_up(&mut self, between: Between<'_, Self>) -> Result<Option<u64>, Stop> {
        copies::back_up(self, between)
    }

    fn put_back(setting: &Setting, next: u64) -> Result<&'static str, Stop> {
        copies::put_back(setting, next)
    }

    fn open_elsewhere(setting: &Setting, place: &'static str) -> Result<Self, Stop> {
        copies::open_elsewhere(setting, place)
    }
}

impl WholeLedger {
    fn open_at(setting: &Setting, settings: &Settings) -> Result<Self, Stop> {
        let ground = ground_of(setting);
        let opened =
            intake::ledger::open(&ground, settings).map_err(|error| Stop::failed(&error))?;
        let next = opened.stepped.sequencer.next();
        let key = |kind, name: String| {
            let secret = opened.vault.reader().signing_secret(kind, next);
            let secret =
                secret.ok_or_else(|| Stop::Failed("a signing key is missing".to_owned()))?;
            let key =
                SigningKey::new(&name, secret.expose()).map_err(|error| Stop::failed(&error))?;
            Ok::<_, Stop>(key.verifier().to_string())
        };
        let checkpoint_key = key(
            SigningKind::Checkpoint,
            chain::origin_line(&origin(), ChainNumber(CHAIN)),
        )?;
        let foil_key = key(
            SigningKind::Foil,
            chain::foil::foil_key_name(&origin(), ChainNumber(CHAIN)),
        )?;
        let (disk, publisher) = (setting.disk.clone(), publisher());
        let night = match opened.vault.report().nightly_at {
            Some(_) => Night::Sealing,
            None => Night::Day,
        };
        Ok(WholeLedger {
            ground,
            disk,
            opened,
            publisher,
            checkpoint_key,
            foil_key,
            night,
            night_after: night,
            view: views::open(&setting.views)?,
        })
    }

    /// The event of a deed, through admission as at the door.
    fn admitted(&self, deed: &Deed) -> Result<Box<Admitted>, Stop> {
        let facts = [
            Fact::Collected,
            Fact::ServiceRequested,
            Fact::ServiceClosed,
            Fact::NoticeGiven,
            Fact::DisclosureRequested,
        ];
        let event = Event {
            id: uuid_of(deed.id),
            fact: facts[deed.kind()],
            person: deed.person,
            activity: deed.activity(),
            case: deed.id,
            time: FIRST_EVENT_S + deed.id + 1_000_000 * deed.content / 100,
            in_full: false,
        };
        let mut bytes = Vec::new();
        event.write(&mut bytes);
        let bytes = embellished(bytes, deed);
        let now = UnixMillis(self.ground.clock.now());
        let event = cloudevent::structured(&bytes).map_err(|refusal| refused(&refusal))?;
        admit(event, &self.publisher, now, &*self.ground.random)
            .map_err(|refused_event| refused(&refused_event.refusal))
    }

    /// The checkpoint in a note, once the auditor's own code has seen the signature hold.
    fn published(&self, text: &str) -> Result<Published, Finding> {
        let wrong = |what: &str| Finding::new("C-4", format!("the published checkpoint {what}"));
        let key =
            Key::parse(&self.checkpoint_key).ok_or_else(|| wrong("has a key that is none"))?;
        let lines: Vec<&str> = note::open(text, &key)?.lines().collect();
        let [name, size, root] = lines.as_slice() else {
            return Err(wrong("has another form"));
        };
        let root = note::base64(root).and_then(|root| root.try_into().ok());
        match (size.parse(), root) {
            (Ok(size), Some(root)) if *name == format!("{ORIGIN}/{CHAIN}") => {
                Ok(Published { size, root })
            }
            _ => Err(wrong("names another ledger, or no size and root")),
        }
    }

    /// The entry as the auditor reads it from the disk.
    fn entry(&self, link: &[u8; 77]) -> Result<Entry, Stop> {
        let journal =
            journal::read(&super::segments(&self.disk), ORIGIN, CHAIN).map_err(Stop::Broken)?;
        let found = journal
            .entries()
            .into_iter()
            .find(|entry| entry.link == *link)
            .cloned();
        found.ok_or_else(|| {
            Stop::Broken(Finding::new(
                "C-2",
                "an acknowledged link is not on the disk",
            ))
        })
    }
}

/// Some requests hold words that screening quarantines; a disclosure mentions an officer, who has a number elsewhere.
fn embellished(bytes: Vec<u8>, deed: &Deed) -> Vec<u8> {
    let text = String::from_utf8(bytes).expect("invented events are text");
    let text = match deed.id % 3 {
        0 => text.replacen("\"details\":\"", "\"details\":\"She has diabetes. ", 1),
        _ => text,
    };
    let officer = format!(
        "\"requestingOfficer\":{{\"aliases\":[{{\"system\":\"police\",\"localId\":\"P-{}\"}}]}},\"requester\":",
        deed.id / 5 % 4
    );
    text.replacen("\"requester\":", &officer, 1).into_bytes()
}

fn answer(outcome: Outcome) -> Result<Answer, Stop> {
    let told = |receipt: Receipt| {
        let foil = receipt.foil();
        let path = foil.path.iter().map(|hash| hash.0).collect();
        let own = Foil {
            link: foil.link,
            record: foil.record,
            salt: foil.salt,
            path,
            note: foil.note,
        };
        Answer::Recorded {
            link: own.link,
            foil: Some(Box::new(own)),
        }
    };
    match outcome {
        Outcome::Recorded(receipt) | Outcome::Repeated(receipt) => Ok(told(receipt)),
        Outcome::Refused(refusal) if refusal.code == RefusalCode::IdReused => Ok(Answer::Conflict),
        Outcome::Refused(refusal) if refusal.code == RefusalCode::Gone => Ok(Answer::Gone),
        Outcome::Refused(refusal) => Err(refused(&refusal)),
    }
}

fn refused(refusal: &intake::admit::Refusal) -> Stop {
    Stop::Failed(format!("a good event was refused: {refusal:?}"))
}

fn ground_of(setting: &Setting) -> Ground {
    Ground {
        disk: setting.disk.shared(),
        clock: setting.clock.clone(),
        random: setting.random.clone(),
    }
}

fn settings() -> Settings {
    settings_at(LEDGER, CHECKPOINTS)
}

fn settings_at(dir: &str, checkpoints: &str) -> Settings {
    let name = Name {
        origin: origin(),
        chain: ChainNumber(CHAIN),
    };
    let places = Places {
        dir: Path::new(dir).to_owned(),
        checkpoints: Path::new(checkpoints).to_owned(),
    };
    let mut settings = Settings::new(name, places, false, PERSONS_EXPECTED);
    settings.journal = journal_options();
    settings.vault.cache_bytes = 1 << 20;
    settings.vault.streams_cached_max = 64;
    settings.generation_events = GENERATION_EVENTS;
    settings
}

/// Small segments, so that lives see many of them; a group has room for its vault section.
fn journal_options() -> ::journal::Options {
    ::journal::Options {
        segment_bytes: 64 << 10,
        group_bytes_max: 32 << 10,
        torn_scan_bytes: 32 << 10,
        accept_unproven: false,
    }
}

fn publisher() -> Publisher {
    Publisher {
        code: PublisherCode::new("crm").expect("a short code"),
        sources: [SOURCE.to_owned()].into(),
        families: ["collection", "notice", "consent", "disclosure"]
            .map(str::to_owned)
            .into(),
        map_ids: false,
    }
}

fn origin() -> Origin {
    Origin::new(ORIGIN).expect("the simulation's origin is a valid one")
}

/// A random UUID for an id, the same every time.
fn uuid_of(id: u64) -> String {
    let digest = blake3::hash(&id.to_be_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(digest.as_bytes().get(..16).unwrap_or(&[0; 16]));
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}
