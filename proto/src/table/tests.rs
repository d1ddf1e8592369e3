//! Compatibility: nothing that was ever published in the catalogue changes.
//!
//! `catalogue.txt` lists every message, field, word and fact. A line of it that no longer holds is an
//! incompatible change and fails; new lines are added with COUNTERFOIL_REGENERATE=1, which refuses to
//! drop any.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::{env, fs};

#[derive(Default)]
struct Snapshot {
    lines: BTreeSet<String>,
    messages: BTreeMap<&'static str, ()>,
}

impl Snapshot {
    fn message(&mut self, message: &'static Message) {
        if self.messages.insert(message.name, ()).is_some() {
            return;
        }
        for field in message.fields {
            let kind = match field.kind {
                Kind::Text => "string".to_owned(),
                Kind::Bool => "bool".to_owned(),
                Kind::Uint32 => "uint32".to_owned(),
                Kind::Uint64 => "uint64".to_owned(),
                Kind::Int32 => "int32".to_owned(),
                Kind::Int64 => "int64".to_owned(),
                Kind::Enum(vocabulary) => {
                    for (word, number) in vocabulary.words {
                        self.lines
                            .insert(format!("word {} {number} {word}", vocabulary.name));
                    }
                    vocabulary.name.to_owned()
                }
                Kind::Message(inner) => {
                    self.message(inner);
                    inner.name.to_owned()
                }
            };
            self.lines.insert(format!(
                "field {} {} {} {} {kind} repeated={} sealed={:?} required={} shape={:?} reserved={}",
                message.name, field.number, field.name, field.json_name, field.repeated,
                field.sealed, field.required, field.shape, field.reserved,
            ));
        }
    }
}

fn snapshot() -> BTreeSet<String> {
    let mut found = Snapshot::default();
    for fact in FACTS {
        found.lines.insert(format!(
            "fact {} {} {} {} class={:?} may_append={:?}",
            fact.number, fact.name, fact.type_name, fact.wire.name, fact.class, fact.may_append,
        ));
        found.message(fact.wire);
    }
    for source in [
        include_str!("../../proto/counterfoil/v1/record.proto"),
        include_str!("../../proto/counterfoil/v1/foil.proto"),
    ] {
        let mut message = "";
        for line in source.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("message ") {
                message = name.trim_end_matches(" {");
            } else if line.ends_with(';') && !message.is_empty() {
                found.lines.insert(format!("wire {message} {line}"));
            }
        }
    }
    found.lines
}

#[test]
fn nothing_published_has_changed() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("catalogue.txt");
    let published: BTreeSet<String> = fs::read_to_string(&path)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect();
    let current = snapshot();
    let broken: Vec<_> = published.difference(&current).collect();
    assert!(
        broken.is_empty(),
        "incompatible: these no longer hold: {broken:#?}"
    );
    #[expect(clippy::disallowed_methods, reason = "the one switch of this test")]
    let regenerate = env::var_os("COUNTERFOIL_REGENERATE").is_some();
    if regenerate {
        let text: String = current.iter().map(|line| format!("{line}\n")).collect();
        fs::write(&path, text).expect("the snapshot can be written");
        return;
    }
    let new: Vec<_> = current.difference(&published).collect();
    assert!(new.is_empty(), "new and not yet in catalogue.txt: {new:#?}");
}

#[test]
fn the_clear_half_holds_no_text_without_a_shape() {
    fn walk(message: &'static Message) {
        for field in message.fields {
            match field.kind {
                Kind::Message(inner) => walk(inner),
                Kind::Text => assert!(
                    field.shape != Shape::Text,
                    "{}.{}",
                    message.name,
                    field.name
                ),
                _ => {}
            }
            assert!(field.sealed == Sealed::Clear);
        }
    }
    for fact in FACTS {
        walk(fact.clear);
    }
}
