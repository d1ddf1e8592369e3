//! Makes the clear half of every fact a protobuf message of its own, in package
//! `counterfoil.v1.clear`: same names, same numbers, sealed fields left out.

use crate::model::{Catalogue, Holds, Message, Sealed};
use prost_types::source_code_info::Location;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, SourceCodeInfo};
use protox::prost_reflect::DescriptorPool;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The file descriptor of the clear messages.
pub(crate) fn file(pool: &DescriptorPool, catalogue: &Catalogue) -> FileDescriptorProto {
    let mut wanted = Wanted::default();
    for fact in &catalogue.facts {
        wanted.message(catalogue, &fact.message);
    }
    let mut location = Vec::new();
    let mut message_type = Vec::new();
    for name in &wanted.messages {
        let full = format!("counterfoil.v1.{name}");
        let descriptor = pool
            .get_message_by_name(&full)
            .expect("the model was read from this pool");
        let message = catalogue
            .messages
            .get(name)
            .or_else(|| {
                catalogue
                    .facts
                    .iter()
                    .map(|f| &f.message)
                    .find(|m| &m.name == name)
            })
            .expect("only known messages are wanted");
        let place = i32::try_from(message_type.len()).expect("far fewer messages");
        message_type.push(half(
            descriptor.descriptor_proto(),
            message,
            place,
            &mut location,
        ));
    }
    let enum_type: Vec<EnumDescriptorProto> = wanted
        .enums
        .iter()
        .filter_map(|name| pool.get_enum_by_name(&format!("counterfoil.v1.{name}")))
        .map(|found| found.enum_descriptor_proto().clone())
        .collect();
    for (place, words) in (0..).zip(&enum_type) {
        comment(
            &mut location,
            vec![5, place],
            "A vocabulary; its words are those of the catalogue.",
        );
        for (word, _) in (0..).zip(&words.value) {
            comment(&mut location, vec![5, place, 2, word], "");
        }
    }
    // prost-build searches the locations by halving.
    location.sort_by(|one, other| one.path.cmp(&other.path));
    FileDescriptorProto {
        name: Some("counterfoil/v1/clear.proto".to_owned()),
        package: Some("counterfoil.v1.clear".to_owned()),
        message_type,
        enum_type,
        source_code_info: Some(SourceCodeInfo { location }),
        syntax: Some("proto3".to_owned()),
        ..FileDescriptorProto::default()
    }
}

#[derive(Default)]
struct Wanted {
    messages: BTreeSet<String>,
    enums: BTreeSet<String>,
}

impl Wanted {
    fn message(&mut self, catalogue: &Catalogue, message: &Message) {
        if !self.messages.insert(message.name.clone()) {
            return;
        }
        for field in message
            .fields
            .iter()
            .filter(|field| field.sealed == Sealed::Clear)
        {
            match &field.holds {
                Holds::Message(name) => {
                    self.message(catalogue, catalogue.messages.get(name).expect("checked"));
                }
                Holds::Enum(name) => {
                    self.enums.insert(name.clone());
                }
                Holds::Scalar(_) => {}
            }
        }
    }
}

fn half(
    whole: &DescriptorProto,
    message: &Message,
    place: i32,
    location: &mut Vec<Location>,
) -> DescriptorProto {
    let mut clear = DescriptorProto {
        name: whole.name.clone(),
        ..DescriptorProto::default()
    };
    comment(location, vec![4, place], &message.doc);
    for field in message
        .fields
        .iter()
        .filter(|field| field.sealed == Sealed::Clear)
    {
        let found = whole.field.iter().find(|one| one.name() == field.name);
        let mut one = found.expect("the model was read from this message").clone();
        one.options = None;
        let own = |name: String| name.replace(".counterfoil.v1.", ".counterfoil.v1.clear.");
        one.type_name = one.type_name.map(own);
        let at = i32::try_from(clear.field.len()).expect("at most 128 fields");
        comment(location, vec![4, place, 2, at], &field.doc);
        clear.field.push(one);
    }
    clear
}

fn comment(location: &mut Vec<Location>, path: Vec<i32>, text: &str) {
    let leading_comments = (!text.is_empty()).then(|| format!(" {text}\n"));
    location.push(Location {
        path,
        leading_comments,
        ..Location::default()
    });
}

/// The enum over all clear facts.
pub(crate) fn fact_enum(catalogue: &Catalogue) -> String {
    let (mut variants, mut decode, mut encode, mut number, mut envelope) = Default::default();
    let add =
        |text: &mut String, line: String| writeln!(text, "{line}").expect("a string takes all");
    for fact in &catalogue.facts {
        let (name, n) = (&fact.message.name, fact.number);
        add(
            &mut variants,
            format!("    /// `{}`.\n    {name}({name}),", fact.name),
        );
        add(
            &mut decode,
            format!("            {n} => {name}::decode(body).ok().map(Self::{name}),"),
        );
        add(
            &mut encode,
            format!("            Self::{name}(one) => one.encode_to_vec(),"),
        );
        add(&mut number, format!("            Self::{name}(_) => {n},"));
        add(
            &mut envelope,
            format!("            Self::{name}(one) => one.envelope.as_ref(),"),
        );
    }
    format!(
        "/// The clear half of any fact. No personal data inside.\n#[derive(Debug, Clone, PartialEq)]\npub enum Fact {{\n{variants}}}\n\
         impl Fact {{\n\
         pub(crate) fn decode(number: u32, body: &[u8]) -> Option<Self> {{ match number {{\n{decode}            _ => None,\n}} }}\n\
         /// The clear body, deterministic proto3.\npub fn encode(&self) -> Vec<u8> {{ match self {{\n{encode}}} }}\n\
         /// The fact's number.\npub fn number(&self) -> u32 {{ match self {{\n{number}}} }}\n\
         /// The clear envelope.\npub fn envelope(&self) -> Option<&Envelope> {{ match self {{\n{envelope}}} }}\n}}\n"
    )
}

/// The second opinion for tests: JSON by pbjson, bytes by prost, for the whole of every fact.
pub(crate) fn oracle(catalogue: &Catalogue) -> String {
    let (mut json, mut binary) = (String::new(), String::new());
    for fact in &catalogue.facts {
        let (name, n) = (&fact.message.name, fact.number);
        let _ = writeln!(
            json,
            "        {n} => serde_json::from_slice::<wire::{name}>(json).ok().map(|one| one.encode_to_vec()),"
        );
        let _ = writeln!(
            binary,
            "        {n} => wire::{name}::decode(bytes).ok().map(|one| one.encode_to_vec()),"
        );
    }
    format!(
        "pub(crate) fn json_to_bytes(number: u32, json: &[u8]) -> Option<Vec<u8>> {{\n    match number {{\n{json}        _ => None,\n    }}\n}}\n\
         pub(crate) fn bytes_to_bytes(number: u32, bytes: &[u8]) -> Option<Vec<u8>> {{\n    match number {{\n{binary}        _ => None,\n    }}\n}}\n"
    )
}
