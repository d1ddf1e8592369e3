//! The one function of admission: an event and its publisher in, what the sequencer needs out.
//!
//! It looks nothing up and keeps nothing. Always: the checks run from cheap to dear, and the first
//! that fails decides; a card number refuses the event before anything of it is committed to.

use chain::slot_root;
use ground::Random;
use proto::{
    EventId, Fact, Hash, Personal, PublisherCode, SlotValues, Split, SubjectReference, UnixMillis,
};

use super::cloudevent::{Data, Event};
use super::publisher::{Publisher, authorise};
use super::refusal::{Refusal, RefusalCode};
use super::screen::{Finding, FindingKind, Screen, Texts};
use super::{id, json, time};
use crate::found::GOVERNANCE;
use crate::own::ACCESS;
use crate::resolve::OFFICE_SYSTEM;

/// An event that can be recorded faithfully. Boxed where it is made: half a kilobyte of fields would
/// otherwise be moved at every step of its way to the sequencer.
pub struct Admitted {
    /// Who sent it.
    pub publisher: PublisherCode,
    /// CloudEvents source.
    pub source: String,
    /// CloudEvents id; it lies in slot 0 too.
    pub id: EventId,
    /// The publisher's time.
    pub time: UnixMillis,
    /// Clear body, clear envelope and whom it is about; its own `slots` have moved to the next field.
    pub split: Split,
    /// Slot 0 first, then one per mention, each committed to.
    pub slots: Vec<CommittedSlot>,
    /// Facts of the ledger that are appended beside it.
    pub findings: Vec<Finding>,
    quarantined: Vec<Vec<u32>>,
    case: Option<Personal<String>>,
}

impl Admitted {
    /// Leaf fields that only the DPO may open until the quarantine is resolved: slot number, then
    /// field numbers.
    pub fn quarantined(&self) -> Vec<Vec<u32>> {
        self.quarantined.clone()
    }

    /// The publisher's reference of the case this event belongs to, where each case is a stream of
    /// its own: disclosure requests and what answers them (design 2).
    pub fn case_stream(&self) -> Option<Personal<String>> {
        self.case.as_ref().map(Personal::duplicate)
    }

    /// Whether this event has a stream to itself: a disclosure without a case reference, so that a
    /// withheld one leaves no gap in another stream (design 2).
    pub fn opens_stream(&self) -> bool {
        self.case.is_none() && self.split.fact.name.starts_with(DISCLOSURE)
    }

    /// Takes a split event of the ledger itself onto the same path: no publisher to authorise, and
    /// no screening, since the ledger wrote its texts.
    pub fn from_split(
        publisher: PublisherCode,
        source: String,
        id: EventId,
        time: UnixMillis,
        split: Split,
        random: &dyn Random,
    ) -> Box<Self> {
        let screened = Screened::default();
        Self::committed(publisher, source, id, time, split, screened, random)
    }

    fn committed(
        publisher: PublisherCode,
        source: String,
        id: EventId,
        time: UnixMillis,
        mut split: Split,
        screened: Screened,
        random: &dyn Random,
    ) -> Box<Self> {
        let fact = split.fact;
        let slots = std::mem::take(&mut split.slots);
        let slots = slots
            .into_iter()
            .map(|values| commit(fact, values, random))
            .collect();
        let Screened {
            findings,
            quarantined,
            case,
        } = screened;
        Box::new(Self {
            publisher,
            source,
            id,
            time,
            split,
            slots,
            findings,
            quarantined,
            case,
        })
    }
}

/// One slot with the seed of its field salts and the root of its field commitments.
pub struct CommittedSlot {
    /// Number and bytes.
    pub values: SlotValues,
    /// Secret: it is sealed with the values, and whoever has it can test guesses against the root.
    pub seed: [u8; 32],
    /// Root over all leaf fields.
    pub root: Hash,
}

/// A refused event, and what the ledger appends about it.
pub struct Refused {
    /// The answer.
    pub refusal: Refusal,
    /// A card number was found: `collection.card-data-blocked`.
    pub finding: Option<Finding>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            finding: None,
        }
    }
}

/// Admits one event.
///
/// # Errors
/// [`Refused`] with the first rule that is broken.
pub fn admit(
    event: Event<'_>,
    publisher: &Publisher,
    now: UnixMillis,
    random: &dyn Random,
) -> Result<Box<Admitted>, Box<Refused>> {
    judged(&event, publisher, now, random).map_err(|refused| match event.fault() {
        Some(fault) => Box::new(Refused::from(fault)),
        None => refused,
    })
}

fn judged(
    event: &Event<'_>,
    publisher: &Publisher,
    now: UnixMillis,
    random: &dyn Random,
) -> Result<Box<Admitted>, Box<Refused>> {
    let boxed = |refusal: Refusal| Box::new(Refused::from(refusal));
    let fact = fact_of(&event.type_name).map_err(boxed)?;
    authorise(publisher, &event.source, fact).map_err(boxed)?;
    id::check_id(&event.id, publisher.map_ids).map_err(boxed)?;
    time::check_time(event.time, now).map_err(boxed)?;
    let data = match &event.data {
        Data::Json(bytes) => proto::decode_json(fact, bytes),
        Data::Binary(bytes) => proto::decode_binary(fact, bytes),
    };
    let data = data.map_err(|error| boxed(error.into()))?;
    let id = EventId::new(Personal::new(event.id.clone().into_owned()));
    let split = proto::split(data, &id);
    reserved(&split).map_err(boxed)?;
    named(&split).map_err(boxed)?;
    let screened = screen(&split, &publisher.code)?;
    let (code, source) = (publisher.code.clone(), event.source.clone().into_owned());
    Ok(Admitted::committed(
        code, source, id, event.time, split, screened, random,
    ))
}

/// What belongs to the ledger itself: the office's alias, and the activities of its own facts.
fn reserved(split: &Split) -> Result<(), Refusal> {
    let office = |one: &SubjectReference| {
        let mut systems = one.aliases.iter().map(|alias| &alias.system);
        systems.any(|system| system == OFFICE_SYSTEM)
    };
    if let Some(field) = aliases_where(split, office) {
        let rule = "this system code is the ledger's own";
        return Err(Refusal::new(RefusalCode::CodeReserved, field, rule));
    }
    if [ACCESS, GOVERNANCE].contains(&split.clear.activity.as_str()) {
        let rule = "this activity is the ledger's own";
        return Err(Refusal::new(
            RefusalCode::CodeReserved,
            "data.envelope.activity",
            rule,
        ));
    }
    Ok(())
}

/// An alias of white space names nobody: it is compared without it, and would join everyone whose id a system left blank.
fn named(split: &Split) -> Result<(), Refusal> {
    let blank = |one: &SubjectReference| {
        let mut ids = one.aliases.iter().map(|alias| alias.local_id.expose());
        ids.any(|id| id.trim().is_empty())
    };
    let Some(field) = aliases_where(split, blank) else {
        return Ok(());
    };
    let rule = "an alias has a local id of more than white space";
    Err(Refusal::new(RefusalCode::Required, field, rule))
}

/// The path of the first aliases, the subject's or a mention's, that are so.
fn aliases_where(split: &Split, so: impl Fn(&SubjectReference) -> bool) -> Option<String> {
    if so(&split.subject) {
        return Some("data.subject.aliases".to_owned());
    }
    let mention = split.mentions.iter().position(so)?;
    Some(format!(
        "data.{}.aliases",
        proto::mention_path(split, mention)
    ))
}

fn fact_of(type_name: &str) -> Result<&'static Fact, Refusal> {
    proto::fact_by_type(type_name).ok_or_else(|| {
        Refusal::new(
            RefusalCode::TypeUnknown,
            "type",
            "the type is one of the catalogue",
        )
    })
}

fn commit(fact: &'static Fact, values: SlotValues, random: &dyn Random) -> CommittedSlot {
    let seed = ground::array(random);
    let leaves = proto::leaves(fact, values.number, values.values.expose())
        .expect("the splitter wrote these bytes for this slot");
    let root = slot_root(&seed, values.number, &leaves);
    CommittedSlot { values, seed, root }
}

/// What screening left behind.
#[derive(Default)]
struct Screened {
    findings: Vec<Finding>,
    quarantined: Vec<Vec<u32>>,
    case: Option<Personal<String>>,
}

/// Reads every sealed text once.
fn screen(split: &Split, publisher: &PublisherCode) -> Result<Screened, Box<Refused>> {
    let lists = Screen::shipped();
    let mut screened = Screened::default();
    let mut card = None;
    let is_case = split.fact.name.starts_with(DISCLOSURE);
    proto::visit_texts(split, &mut |text| {
        if card.is_some() {
            return;
        }
        let treatment = Texts::of(text.message, text.field);
        if treatment.cards && lists.cards.found_in(text.text) {
            card = Some(text.path());
            return;
        }
        if treatment.words {
            let classes = lists.words.classes_in(text.text);
            if !classes.is_empty() {
                let mut leaf = vec![text.slot.0];
                leaf.extend_from_slice(text.leaf);
                if !screened.quarantined.contains(&leaf) {
                    screened.quarantined.push(leaf);
                }
            }
            screened
                .findings
                .extend(classes.into_iter().map(|category| Finding {
                    kind: FindingKind::SpecialCategory { category },
                    publisher: publisher.clone(),
                    fact: split.fact,
                    path: text.path(),
                    list_version: &lists.words.version,
                }));
        }
        if is_case && text.slot.0 == 0 && text.field == CASE_FIELD {
            screened.case = Some(Personal::new(text.text.to_owned()));
        }
    });
    match card {
        None => Ok(screened),
        Some(path) => Err(Box::new(Refused {
            refusal: Refusal::new(
                RefusalCode::CardDataBlocked,
                json::join("data", &path),
                "free text holds a card number, and no system of the council holds card details",
            ),
            finding: Some(Finding {
                kind: FindingKind::CardDataBlocked,
                publisher: publisher.clone(),
                fact: split.fact,
                path,
                list_version: &lists.cards.version,
            }),
        })),
    }
}

/// The family whose cases are streams of their own, and the field that names a case.
const DISCLOSURE: &str = "disclosure.";
const CASE_FIELD: &str = "request_reference";
