//! Damage on the real disk: flipped bytes in every kind of file, missing and cut files, edited and deleted events, missing stores (C-5).
//!
//! Always: derived files are discarded and built again; the journal's damage below the checkpoint is found and located; vault, root and
//! checkpoint store are refused, never made anew. Each case works on a copy; positions come from the seed.

use std::fs;
use std::path::{Path, PathBuf};

use chain::note::VerifierKey;
use people::Seeded;
use serde_json::{Value, json};
use tests::foils::Foils;
use tests::ledger::Ledger;
use tests::load::{self, FAMILIES, SOURCE, batch, publish};
use tests::place::{files, flip, used};
use tests::served::{Program, Served, serve};
use tests::settings::{Settings, told};
use verifier::Word;

/// So many people are asked about after a flip; the load makes each of them known.
const PEOPLE_ASKED: u64 = 20;

fn program() -> Program {
    Program::faulty(env!("CARGO_BIN_EXE_faulty"), "none")
}

/// A ledger with events, stopped in order, and what it said before.
struct Filled {
    ledger: Ledger,
    token: String,
    foils: Foils,
    people: Vec<Value>,
    folded: Value,
}

/// A ledger with so many published events.
fn filled(events: usize) -> Filled {
    let ledger = Ledger::found();
    let served = serve(&program(), &ledger).expect("a new ledger is served");
    let token = served.publisher("crm", &[SOURCE], &FAMILIES);
    let (mut mix, mut foils) = (load::mix(21, 300), Foils::default());
    let mut client = served.connect().expect("it listens").with(&token);
    let mut left = events;
    while left > 0 {
        let (ids, body) = batch(&mut mix, left.min(25));
        foils.keep(
            &ids,
            &publish(&mut client, &body).expect("it answers").expect(200),
        );
        left -= ids.len();
    }
    drop(client);
    served.folded();
    let people = (0..PEOPLE_ASKED).map(|number| trail(&served, number));
    let people = people
        .map(|trail| trail.expect("nothing is damaged yet"))
        .collect();
    let folded = served.folded();
    assert!(served.stop().success());
    Filled {
        ledger,
        token,
        foils,
        people,
        folded,
    }
}

/// A byte in the used part of a file of this kind; `None` where the kind has no bytes.
fn position(dir: &Path, random: &mut Seeded) -> Option<(PathBuf, u64)> {
    let mut all = Vec::new();
    for path in files(dir).expect("it can be listed") {
        let end = used(&path).expect("it can be read");
        let lock = path.file_name().is_some_and(|name| name == "lock");
        if end > 0 && !lock {
            all.push((path, end));
        }
    }
    let total: u64 = all.iter().map(|(_, end)| end).sum();
    // Half the positions are drawn over files, half over bytes: small files matter as much as large ones.
    if random.below(2) == 0 {
        let (path, end) = all.get(usize::try_from(random.below(all.len() as u64)).ok()?)?;
        return Some((path.clone(), random.below(*end)));
    }
    let mut at = random.below(total);
    for (path, end) in all {
        if at < end {
            return Some((path, at));
        }
        at -= end;
    }
    None
}

/// Flips `count` bytes, each in a copy of its own, and judges each by itself.
fn flips(
    of: &Ledger,
    kind: &str,
    seed: u64,
    judge: impl Fn(&Ledger, &str) -> Result<String, String>,
) {
    let settings = Settings::read();
    let mut random = Seeded::new(settings.seed * 1_000 + seed);
    let mut wrong = Vec::new();
    for _ in 0..settings.flips {
        let ledger = of.copy();
        let dir = match kind {
            "checkpoints" => ledger.checkpoints(),
            inner => ledger.dir().join(inner),
        };
        let (path, offset) = position(&dir, &mut random).expect("there are bytes");
        let mask = 1 << random.below(8);
        flip(&path, offset, mask).expect("ours");
        let place = path
            .strip_prefix(ledger.home())
            .unwrap_or(&path)
            .display()
            .to_string();
        let what = format!("{place} at {offset}");
        match judge(&ledger, &what) {
            Ok(found) => told(&format!("flipped {what}: {found}")),
            Err(found) => wrong.push(format!("{what} (mask {mask}): {found}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        settings.flips,
        wrong.join("\n")
    );
}

/// Everything about a person, with values; `None` where the ledger cannot say.
fn trail(served: &Served, number: u64) -> Option<Value> {
    let local_id = format!("C-{:07}", 1_000_000 + number);
    let asked = json!({
        "terms": [{ "kind": "alias", "system": "crm", "text": local_id }],
        "purpose": "subject-access", "reveal": true, "format": "json",
    });
    let answer = served
        .dpo()
        .post("/v1/ask/trail", &asked)
        .expect("it answers");
    assert!(
        answer.status == 200 || answer.status >= 500,
        "{}",
        answer.text()
    );
    (answer.status == 200).then(|| answer.json()["answer"].clone())
}

impl Filled {
    /// Whether the tiles are those of the links, under a checkpoint that the ledger's key signed.
    fn served_whole(&self, served: &Served) -> Result<(), String> {
        let key = VerifierKey::parse(&self.ledger.checkpoint_vkey).expect("our own key");
        let tiles = verifier::verify_ledger(&format!("http://{}", served.http), &[key], &[]);
        let tiles = tiles.map_err(|cause| cause.to_string())?;
        match tiles.damage {
            None => Ok(()),
            Some(damage) => Err(format!("served wrongly: {damage}")),
        }
    }

    /// Whether a served copy has everything. How many of the people asked about are not shown any more: never wrongly.
    fn whole(&self, served: &Served) -> Result<usize, String> {
        let now = served.folded();
        if now != self.folded {
            return Err(format!("the view differs: {now} was {}", self.folded));
        }
        let mut client = served
            .connect()
            .map_err(|cause| cause.to_string())?
            .with(&self.token);
        self.foils.assert_all_kept(&mut client, SOURCE);
        self.served_whole(served)?;
        let mut hidden = 0;
        for (number, before) in self.people.iter().enumerate() {
            match trail(served, number as u64) {
                Some(now) if now == *before => {}
                Some(now) => {
                    return Err(format!(
                        "person {number} is answered wrongly: {now} was {before}"
                    ));
                }
                None => hidden += 1,
            }
        }
        Ok(hidden)
    }
}

/// What is served is right from the first answer on, wherever the rot was: below the floor, above it, on the same boot.
#[test]
fn derived_files_and_views_are_built_again() {
    let filled = filled(600);
    for (number, kind) in ["derived", "views"].into_iter().enumerate() {
        flips(&filled.ledger, kind, number as u64, |copy, _| {
            let served =
                serve(&program(), copy).map_err(|ended| format!("refused: {}", ended.log))?;
            match filled.whole(&served) {
                Ok(0) => Ok("everything is there".to_owned()),
                Ok(hidden) => Err(format!("{hidden} people are not shown")),
                Err(cause) => Err(cause),
            }
        });
        let copy = filled.ledger.copy();
        fs::remove_dir_all(copy.dir().join(kind)).expect("ours");
        fs::create_dir(copy.dir().join(kind)).expect("ours");
        let served = serve(&program(), &copy).expect("derived files are not needed");
        assert_eq!(filled.whole(&served), Ok(0));
    }
}

/// Found by the files alone, or, where the byte lies in a slot, by the owner, who can open what commits to it.
fn located(copy: &Ledger, notes: &[Vec<u8>]) -> Result<String, String> {
    let verdict = copy.verify_files(notes);
    let by_files = verdict.damage.as_ref().map(ToString::to_string);
    if let Some(damage) = by_files {
        return Ok(format!("verify: {damage}"));
    }
    match serve(&program(), copy) {
        Err(ended) => Ok(format!(
            "start refused: {}",
            ended.log.lines().last().unwrap_or_default()
        )),
        Ok(served) => {
            let report = served.verify();
            match report["verdict"] == json!("failed") {
                true => Ok(format!("owner: {}", report["damage"])),
                false => Err(format!("not found by anyone: {}", verdict.to_text())),
            }
        }
    }
}

#[test]
fn a_flipped_byte_of_the_journal_is_found_and_located() {
    let Filled { ledger, .. } = filled(600);
    let notes: Vec<Vec<u8>> = ledger.checkpoint_note().into_iter().collect();
    assert_eq!(ledger.verify_files(&notes).word, Word::Pinned);
    flips(&ledger, "journal", 7, |copy, what| {
        // The watermark and the offsets are no part of what is vouched for: a start makes them again.
        if !what.contains("segment") && !what.ends_with("ledger") && !what.contains(".seg") {
            let served = serve(&program(), copy);
            return Ok(match served {
                Ok(_) => "made again at the start".to_owned(),
                Err(ended) => format!(
                    "start refused: {}",
                    ended.log.lines().last().unwrap_or_default()
                ),
            });
        }
        located(copy, &notes)
    });
}

#[test]
fn a_damaged_vault_or_checkpoint_is_refused_or_without_effect() {
    let filled = filled(300);
    for (number, kind) in ["vault", "checkpoints"].into_iter().enumerate() {
        flips(
            &filled.ledger,
            kind,
            11 + number as u64,
            |copy, _| match serve(&program(), copy) {
                Err(ended) => match ended.log.lines().last() {
                    Some(line) if ended.status.code() == Some(1) => Ok(format!("refused: {line}")),
                    Some(line) if line.contains("PANICKED") => Ok(format!("ended: {line}")),
                    _ => Err(format!("no clear refusal: {ended:?}")),
                },
                Ok(served) => {
                    let hidden = filled.whole(&served)?;
                    Ok(format!(
                        "served; {hidden} of {PEOPLE_ASKED} people refused, none wrong"
                    ))
                }
            },
        );
    }
}

fn segments(ledger: &Ledger) -> Vec<PathBuf> {
    let all = files(&ledger.dir().join("journal")).expect("it can be listed");
    let long = |path: &PathBuf| fs::metadata(path).is_ok_and(|known| known.len() > 1 << 20);
    all.into_iter().filter(long).collect()
}

#[test]
fn cut_and_missing_segments_are_found_and_refused() {
    let Filled { ledger, .. } = filled(300);
    let notes: Vec<Vec<u8>> = ledger.checkpoint_note().into_iter().collect();
    for what in ["cut", "missing", "emptied"] {
        let copy = ledger.copy();
        let first = segments(&copy)
            .into_iter()
            .next()
            .expect("there is a first segment");
        let used = used(&first).expect("it can be read");
        let file = fs::File::options().write(true).open(&first).expect("ours");
        match what {
            "cut" => file.set_len(used / 2).expect("ours"),
            "missing" => fs::remove_file(&first).expect("ours"),
            _ => file.set_len(0).expect("ours"),
        }
        let key = VerifierKey::parse(&copy.checkpoint_vkey).expect("our own key");
        match verifier::verify_directory(&copy.dir().join("journal"), &[key], &notes, None) {
            Ok(verdict) => assert_eq!(verdict.word, Word::Failed, "{what}: {}", verdict.to_text()),
            Err(error) => told(&format!("{what}: cannot be judged: {error}")),
        }
        let Err(ended) = serve(&program(), &copy) else {
            panic!("{what}: served without its first segment")
        };
        assert!(!ended.status.success(), "{what}");
        let line = ended.log.lines().last().unwrap_or_default();
        assert!(line.starts_with("JOURNAL_DAMAGED"), "{what}: {line}");
        assert!(line.contains("in segment 0, "), "{what}: {line}");
        told(&format!(
            "{what} segment: {}",
            ended.log.lines().last().unwrap_or_default()
        ));
    }
}

/// Scenario 30: event 4,812 of 10,000 edited; the last 50 events below the checkpoint deleted.
#[test]
fn an_edited_event_and_a_deleted_tail_are_located() {
    let events = if Settings::read().every_size {
        10_000
    } else {
        1_000
    };
    let edited = events as u64 * 4_812 / 10_000;
    let Filled { ledger, foils, .. } = filled(events);
    let notes: Vec<Vec<u8>> = ledger.checkpoint_note().into_iter().collect();
    let segment = segments(&ledger)
        .into_iter()
        .next()
        .expect("there is a first segment");
    let bytes = fs::read(&segment).expect("it can be read");
    let find = |index: u64| {
        // A link has the index in its 6th to 13th byte; the head's sealed record follows it.
        let mut link = vec![0; 4];
        link.extend(index.to_be_bytes());
        bytes
            .windows(link.len())
            .position(|window| window == link)
            .expect("the link is there") as u64
    };
    let copy = ledger.copy();
    let there = segments(&copy)
        .into_iter()
        .next()
        .expect("there is a first segment");
    flip(&there, find(edited) + 120, 1).expect("ours");
    let verdict = copy.verify_files(&notes);
    let damage = verdict.damage.expect("it is found");
    told(&format!("edited {edited}: {damage}"));
    let place = damage.place.expect("it is located");
    assert_eq!(place.segment, 0);
    let index = damage.index.expect("it is located");
    assert!(
        index.abs_diff(edited) <= 25,
        "{damage} for event {edited}: not even the group"
    );

    let copy = ledger.copy();
    let there = segments(&copy)
        .into_iter()
        .next()
        .expect("there is a first segment");
    let last = foils.last().expect("there are some");
    let from = find(last - 49) / 512 * 512;
    let end = used(&there).expect("it can be read");
    let file = fs::File::options().write(true).open(&there).expect("ours");
    let zeros = vec![0; usize::try_from(end - from).expect("it fits")];
    std::os::unix::fs::FileExt::write_all_at(&file, &zeros, from).expect("ours");
    let verdict = copy.verify_files(&notes);
    assert_eq!(verdict.word, Word::Failed, "{}", verdict.to_text());
    told(&format!(
        "tail of 50 gone: {}",
        verdict
            .damage
            .map(|damage| damage.to_string())
            .unwrap_or_default()
    ));
    let Err(ended) = serve(&program(), &copy) else {
        panic!("a tail below the checkpoint is gone, and it is served")
    };
    told(&format!(
        "tail of 50 gone: {}",
        ended.log.lines().last().unwrap_or_default()
    ));
}
