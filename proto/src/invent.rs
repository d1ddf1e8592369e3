//! Invented events for tests, of any fact, from a seed: valid by the tables, ugly where it may be.

use crate::Fact;
use crate::table::{Field, Kind, Message, Sealed, Shape};

/// A small generator: the same seed gives the same events.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }
}

/// An invented event.
pub(crate) struct Invented {
    /// Its data as JSON.
    pub(crate) json: String,
    /// Marks that stand inside sealed values only.
    pub(crate) secrets: Vec<String>,
}

/// Invents an event of a fact.
pub(crate) fn invent(fact: &'static Fact, dice: &mut Dice) -> Invented {
    let mut event = Invented {
        json: String::new(),
        secrets: Vec::new(),
    };
    object(fact.wire, false, dice, &mut event);
    event
}

fn object(message: &'static Message, sealed: bool, dice: &mut Dice, event: &mut Invented) {
    let mut fields: Vec<&'static Field> = message
        .fields
        .iter()
        .filter(|field| !field.reserved && (field.required || dice.roll(3) > 0))
        .collect();
    if fields.is_empty() {
        // An empty message is as good as none: take its first text.
        fields.extend(
            message
                .fields
                .iter()
                .find(|f| matches!(f.kind, Kind::Text) && !f.reserved),
        );
    }
    for at in (1..fields.len()).rev() {
        fields.swap(at, dice.roll(at as u64 + 1) as usize);
    }
    event.json.push('{');
    for (at, field) in fields.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let name = if dice.roll(4) == 0 {
            field.name
        } else {
            field.json_name
        };
        event.json.push_str(&format!("{comma} \"{name}\": "));
        let sealed = sealed || field.sealed != Sealed::Clear;
        if !field.required && at > 0 && dice.roll(12) == 0 {
            event.json.push_str("null");
        } else if field.repeated {
            event.json.push('[');
            let count = dice.roll(3) + u64::from(field.required || at == 0);
            for at in 0..count {
                event.json.push_str(if at > 0 { "," } else { "" });
                value(field, sealed, dice, event);
            }
            event.json.push(']');
        } else {
            value(field, sealed, dice, event);
        }
    }
    event.json.push('}');
}

fn value(field: &'static Field, sealed: bool, dice: &mut Dice, event: &mut Invented) {
    let number = dice.roll(1 << 40);
    match field.kind {
        Kind::Message(inner) => object(inner, sealed, dice, event),
        Kind::Bool => event.json.push_str(if number.is_multiple_of(2) {
            "true"
        } else {
            "false"
        }),
        Kind::Uint32 | Kind::Int32 => event.json.push_str(&(number % 100_000).to_string()),
        Kind::Uint64 | Kind::Int64 => event.json.push_str(&format!("\"{number}\"")),
        Kind::Enum(vocabulary) => {
            let least = u64::from(field.required || field.repeated);
            let at = least + number % (vocabulary.words.len() as u64 - least);
            event
                .json
                .push_str(&format!("\"{}\"", vocabulary.words[at as usize].0));
        }
        Kind::Text => {
            let text = text(field.shape, number, dice);
            if sealed && field.shape == Shape::Text {
                event.secrets.push(format!("zq{number}qz"));
            }
            event
                .json
                .push_str(&serde_json::to_string(&text).expect("text"));
        }
    }
}

fn text(shape: Shape, number: u64, dice: &mut Dice) -> String {
    let day = 1 + number % 28;
    match shape {
        Shape::Text => {
            let odd =
                ["", "\n\t\"\\", "é ñ 漢字 🗑", "</script>", "\u{1}\u{7f}"][dice.roll(5) as usize];
            format!("zq{number}qz{odd}{}", "x".repeat(dice.roll(200) as usize))
        }
        Shape::Code => format!("c{}.x-{}", number % 1000, dice.roll(9)),
        Shape::Date => format!("19{:02}-02-{day:02}", number % 100),
        Shape::Instant => format!("2026-11-{day:02}T09:30:{:02}.5Z", number % 60),
        Shape::Sha256 => format!("{number:064x}"),
        Shape::StaffReference => format!("{number:032x}"),
        Shape::Citation => format!("ukpga/2018/{}", number % 50),
        Shape::FieldPath => format!("subject.aliases[{}].localId", number % 9),
        Shape::Source => format!("//crm-{}.example/a?b", number % 9),
        Shape::Origin => format!("test.{}.example/counterfoil", number % 9),
        Shape::VerifierKey => format!("test.example/0+{:08x}+AAAA", number % 9),
        Shape::EventType => "uk.counterfoil.collection.collected.v1".to_owned(),
    }
}
