//! Writes the model as static Rust tables: each message whole, and for each fact its clear half, its
//! slot 0 and one slot type per mention field, with the leaf paths of every slot.

use crate::model::{Catalogue, Field, Holds, Message, Sealed, capitalised};
use std::fmt::Write;

/// The text of `tables.rs`.
pub(crate) fn emit(catalogue: &Catalogue) -> String {
    let mut out = String::new();
    for (name, words) in &catalogue.enums {
        let words: String = words
            .iter()
            .map(|(word, number)| format!("({word:?}, {number}), "))
            .collect();
        line(
            &mut out,
            &format!(
                "static {}: Vocabulary = Vocabulary {{ name: {name:?}, words: &[{words}] }};",
                ident("E", name)
            ),
        );
    }
    for message in catalogue.messages.values() {
        table(&mut out, &ident("M", &message.name), &whole(message));
    }
    if let Some(envelope) = catalogue.messages.get("Envelope") {
        table(&mut out, "M_ENVELOPE_CLEAR", &part(envelope, Sealed::Clear));
        table(
            &mut out,
            "M_ENVELOPE_SLOT0",
            &part(envelope, Sealed::Subject),
        );
        numbers(&mut out, "envelope", envelope);
    }
    if let Some(person) = catalogue.messages.get("Person") {
        numbers(&mut out, "person", person);
    }
    if let Some(alias) = catalogue.messages.get("Alias") {
        numbers(&mut out, "alias", alias);
    }
    let mut facts = String::new();
    for fact in &catalogue.facts {
        let halves = Halves::of(catalogue, &fact.message, &mut out);
        let class = capitalised(&fact.class.to_lowercase());
        let appenders: String = fact
            .may_append
            .iter()
            .map(|who| format!("Appender::{}, ", capitalised(&who.to_lowercase())))
            .collect();
        line(
            &mut facts,
            &format!(
                "    Fact {{ number: {}, name: {:?}, type_name: \"uk.counterfoil.{}.v1\", class: RecordClass::{class}, may_append: &[{appenders}], doc: {:?}, wire: &{}, clear: &{}, slot0: &{}, mentions: &[{}] }},",
                fact.number,
                fact.name,
                fact.name,
                fact.message.doc,
                halves.wire,
                halves.clear,
                halves.slot0,
                halves.mentions,
            ),
        );
    }
    line(&mut out, "/// All facts, ascending by number.");
    line(
        &mut out,
        &format!("pub(crate) static FACTS: &[Fact] = &[\n{facts}];"),
    );
    out
}

struct Halves {
    wire: String,
    clear: String,
    slot0: String,
    mentions: String,
}

impl Halves {
    fn of(catalogue: &Catalogue, message: &Message, out: &mut String) -> Self {
        let wire = ident("M", &message.name);
        let (clear, slot0) = (format!("{wire}_CLEAR"), format!("{wire}_SLOT0"));
        table(out, &wire, &whole(message));
        table(out, &clear, &part(message, Sealed::Clear));
        let sealed = part(message, Sealed::Subject);
        table(out, &format!("{slot0}_MESSAGE"), &sealed);
        slot(out, &slot0, &leaf_paths(catalogue, &sealed));
        let mut mentions = String::new();
        for field in message
            .fields
            .iter()
            .filter(|field| field.sealed == Sealed::Mention)
        {
            let name = format!("{wire}_MENTION_{}", field.number);
            let alone = Part {
                name: message.name.clone(),
                fields: vec![(
                    Field {
                        repeated: false,
                        ..field.clone()
                    },
                    Whole,
                )],
            };
            table(out, &format!("{name}_MESSAGE"), &alone);
            slot(out, &name, &leaf_paths(catalogue, &alone));
            let _ = write!(mentions, "&{name}, ");
        }
        Self {
            wire,
            clear,
            slot0,
            mentions,
        }
    }
}

/// Which table a message field of a part points to.
#[derive(Clone, Copy)]
enum Inner {
    Whole,
    EnvelopeClear,
    EnvelopeSlot0,
}
use Inner::{EnvelopeClear, EnvelopeSlot0, Whole};

struct Part {
    name: String,
    fields: Vec<(Field, Inner)>,
}

fn whole(message: &Message) -> Part {
    let fields = message
        .fields
        .iter()
        .map(|field| (field.clone(), Whole))
        .collect();
    Part {
        name: message.name.clone(),
        fields,
    }
}

fn part(message: &Message, wanted: Sealed) -> Part {
    let inner = if wanted == Sealed::Clear {
        EnvelopeClear
    } else {
        EnvelopeSlot0
    };
    let is_envelope = |field: &Field| field.holds == Holds::Message("Envelope".into());
    let fields = message
        .fields
        .iter()
        .filter(|field| is_envelope(field) || field.sealed == wanted)
        .map(|field| {
            (
                field.clone(),
                if is_envelope(field) { inner } else { Whole },
            )
        })
        .collect();
    Part {
        name: message.name.clone(),
        fields,
    }
}

fn leaf_paths(catalogue: &Catalogue, part: &Part) -> Vec<Vec<u32>> {
    let mut paths = Vec::new();
    for (field, inner) in &part.fields {
        descend(catalogue, field, *inner, &mut Vec::new(), &mut paths);
    }
    paths
}

fn descend(
    catalogue: &Catalogue,
    field: &Field,
    inner: Inner,
    above: &mut Vec<u32>,
    paths: &mut Vec<Vec<u32>>,
) {
    above.push(field.number);
    match &field.holds {
        Holds::Message(name) if !field.repeated => {
            let message = catalogue
                .messages
                .get(name)
                .expect("the model checked every name");
            let under = match inner {
                EnvelopeSlot0 => part(message, Sealed::Subject),
                EnvelopeClear => part(message, Sealed::Clear),
                Whole => whole(message),
            };
            for (field, inner) in &under.fields {
                descend(catalogue, field, *inner, above, paths);
            }
        }
        _ => paths.push(above.clone()),
    }
    above.pop();
}

fn table(out: &mut String, name: &str, part: &Part) {
    line(
        out,
        &format!(
            "static {name}: Message = Message {{ name: {:?}, fields: &[",
            part.name
        ),
    );
    for (field, inner) in &part.fields {
        let holds = match (&field.holds, inner) {
            (Holds::Scalar(kind), _) => format!("Kind::{kind}"),
            (Holds::Enum(name), _) => format!("Kind::Enum(&{})", ident("E", name)),
            (Holds::Message(_), EnvelopeClear) => "Kind::Message(&M_ENVELOPE_CLEAR)".to_owned(),
            (Holds::Message(_), EnvelopeSlot0) => "Kind::Message(&M_ENVELOPE_SLOT0)".to_owned(),
            (Holds::Message(name), Whole) => format!("Kind::Message(&{})", ident("M", name)),
        };
        let sealed = match field.sealed {
            Sealed::Clear => "Clear",
            Sealed::Subject => "Subject",
            Sealed::Mention => "Mention",
        };
        let shape: String = field
            .shape
            .split('_')
            .map(|word| capitalised(&word.to_lowercase()))
            .collect();
        line(
            out,
            &format!(
                "    Field {{ number: {}, name: {:?}, json_name: {:?}, kind: {holds}, repeated: {}, sealed: Sealed::{sealed}, required: {}, shape: Shape::{shape}, reserved: {}, example: {:?}, doc: {:?} }},",
                field.number,
                field.name,
                field.json_name,
                field.repeated,
                field.required,
                field.reserved,
                field.example,
                field.doc,
            ),
        );
    }
    line(out, "] };");
}

fn slot(out: &mut String, name: &str, paths: &[Vec<u32>]) {
    let leaves: String = paths.iter().map(|path| format!("&{path:?}, ")).collect();
    line(
        out,
        &format!(
            "static {name}: SlotType = SlotType {{ message: &{name}_MESSAGE, leaves: &[{leaves}] }};"
        ),
    );
}

fn numbers(out: &mut String, module: &str, message: &Message) {
    line(
        out,
        &format!(
            "/// Field numbers of `{}`.\n#[allow(dead_code)]\npub(crate) mod {module} {{",
            message.name
        ),
    );
    for field in &message.fields {
        line(
            out,
            &format!(
                "    pub(crate) const {}: u32 = {};",
                field.name.to_uppercase(),
                field.number
            ),
        );
    }
    line(out, "}");
}

fn ident(prefix: &str, camel: &str) -> String {
    let mut name = prefix.to_owned();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}
