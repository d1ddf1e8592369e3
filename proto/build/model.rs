//! Reads the descriptors into a plain model and refuses what the ledger cannot hold faithfully:
//! maps, oneofs, optional fields, free text in the clear, messages half clear and half sealed.

use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind,
    MessageDescriptor, Syntax, Value,
};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

const PACKAGE: &str = "counterfoil.v1";
const FIELDS_MAX: usize = 128;
const NESTING_MAX: usize = 8;

/// Where a field lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealed {
    Clear,
    Subject,
    Mention,
}

/// What a field holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Holds {
    Scalar(&'static str),
    Enum(String),
    Message(String),
}

/// One field.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) json_name: String,
    pub(crate) holds: Holds,
    pub(crate) repeated: bool,
    pub(crate) sealed: Sealed,
    pub(crate) required: bool,
    pub(crate) shape: String,
    pub(crate) reserved: bool,
    pub(crate) example: String,
    pub(crate) doc: String,
}

/// One message, fields ascending by number.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) fields: Vec<Field>,
}

/// One fact.
pub(crate) struct Fact {
    pub(crate) message: Message,
    pub(crate) name: String,
    pub(crate) number: u32,
    pub(crate) class: String,
    pub(crate) may_append: Vec<String>,
}

/// Everything.
pub(crate) struct Catalogue {
    pub(crate) facts: Vec<Fact>,
    pub(crate) messages: BTreeMap<String, Message>,
    pub(crate) enums: BTreeMap<String, Vec<(String, i32)>>,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Reads and checks the catalogue.
pub(crate) fn read(pool: &DescriptorPool) -> Outcome<Catalogue> {
    let mut catalogue = Catalogue {
        facts: Vec::new(),
        messages: BTreeMap::new(),
        enums: BTreeMap::new(),
    };
    let options = Options { pool };
    for descriptor in pool.all_messages().filter(|m| m.package_name() == PACKAGE) {
        let name = options.text(&descriptor.options(), "fact")?;
        if matches!(
            descriptor.name(),
            "Record" | "SlotSeal" | "FieldPath" | "Foil"
        ) {
            continue;
        }
        let message = message(&options, &descriptor)?;
        if name.is_empty() {
            catalogue.messages.insert(message.name.clone(), message);
        } else {
            catalogue
                .facts
                .push(fact(&options, &descriptor, name, message)?);
        }
    }
    let own = |e: &EnumDescriptor| {
        e.package_name() == PACKAGE && !e.parent_file().name().ends_with("/options.proto")
    };
    for descriptor in pool.all_enums().filter(own) {
        let name = descriptor.name().to_owned();
        catalogue.enums.insert(name, vocabulary(&descriptor)?);
    }
    catalogue.facts.sort_by_key(|fact| fact.number);
    check(&catalogue)?;
    Ok(catalogue)
}

struct Options<'a> {
    pool: &'a DescriptorPool,
}

impl Options<'_> {
    fn extension(&self, name: &str) -> Outcome<ExtensionDescriptor> {
        let full = format!("{PACKAGE}.{name}");
        self.pool
            .get_extension_by_name(&full)
            .ok_or_else(|| format!("no option {full}").into())
    }

    fn text(&self, options: &DynamicMessage, name: &str) -> Outcome<String> {
        let extension = self.extension(name)?;
        let value = options.get_extension(&extension);
        Ok(word(&extension, &value))
    }

    fn list(&self, options: &DynamicMessage, name: &str) -> Outcome<Vec<String>> {
        let extension = self.extension(name)?;
        let value = options.get_extension(&extension);
        let list = value.as_list().unwrap_or_default();
        Ok(list.iter().map(|one| word(&extension, one)).collect())
    }
}

fn word(extension: &ExtensionDescriptor, value: &Value) -> String {
    match (value, extension.kind()) {
        (Value::EnumNumber(number), Kind::Enum(of)) => of
            .get_value(*number)
            .map(|v| v.name().to_owned())
            .unwrap_or_default(),
        (Value::String(text), _) => text.clone(),
        (Value::Bool(flag), _) => flag.to_string(),
        (Value::U32(number), _) => number.to_string(),
        _ => String::new(),
    }
}

fn fact(
    options: &Options<'_>,
    descriptor: &MessageDescriptor,
    name: String,
    message: Message,
) -> Outcome<Fact> {
    let own = descriptor.options();
    let fact = Fact {
        number: options.text(&own, "number")?.parse()?,
        class: options.text(&own, "record_class")?,
        may_append: options.list(&own, "may_append")?,
        name,
        message,
    };
    let camel: String = fact.name.split(['.', '-']).map(capitalised).collect();
    require(
        camel == fact.message.name,
        &fact.name,
        "message name does not follow the fact's",
    )?;
    require(fact.number >= 64, &fact.name, "number below 64")?;
    require(fact.class != "NO_CLASS", &fact.name, "no record class")?;
    require(
        !fact.may_append.is_empty(),
        &fact.name,
        "nobody may append it",
    )?;
    Ok(fact)
}

/// First letter in upper case.
pub(crate) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect()
}

fn message(options: &Options<'_>, descriptor: &MessageDescriptor) -> Outcome<Message> {
    let name = descriptor.name().to_owned();
    let file = descriptor.parent_file();
    require(file.syntax() == Syntax::Proto3, &name, "not proto3")?;
    require(
        descriptor.oneofs().len() == 0,
        &name,
        "has a oneof or an optional field",
    )?;
    require(
        descriptor.child_messages().len() == 0,
        &name,
        "has a message or map inside",
    )?;
    require(
        descriptor.child_enums().len() == 0,
        &name,
        "has an enum inside",
    )?;
    let mut fields = Vec::new();
    for one in descriptor.fields() {
        fields.push(field(options, &one)?);
    }
    fields.sort_by_key(|field| field.number);
    require(fields.len() <= FIELDS_MAX, &name, "has too many fields")?;
    Ok(Message {
        doc: doc(
            descriptor.parent_file().file_descriptor_proto(),
            descriptor.path(),
        ),
        name,
        fields,
    })
}

fn field(options: &Options<'_>, descriptor: &FieldDescriptor) -> Outcome<Field> {
    let own = descriptor.options();
    let place = descriptor.full_name().to_owned();
    let holds = match descriptor.kind() {
        Kind::String => Holds::Scalar("Text"),
        Kind::Bool => Holds::Scalar("Bool"),
        Kind::Uint32 => Holds::Scalar("Uint32"),
        Kind::Uint64 => Holds::Scalar("Uint64"),
        Kind::Int32 => Holds::Scalar("Int32"),
        Kind::Int64 => Holds::Scalar("Int64"),
        Kind::Enum(of) => Holds::Enum(of.name().to_owned()),
        Kind::Message(of) => Holds::Message(of.name().to_owned()),
        _ => return Err(format!("{place}: kind not used in facts").into()),
    };
    require(!descriptor.is_map(), &place, "is a map")?;
    let packable = !matches!(holds, Holds::Message(_) | Holds::Scalar("Text"));
    let packed = descriptor.is_packed() || !descriptor.is_list() || !packable;
    require(packed, &place, "is repeated and not packed")?;
    Ok(Field {
        number: descriptor.number(),
        name: descriptor.name().to_owned(),
        json_name: descriptor.json_name().to_owned(),
        holds,
        repeated: descriptor.is_list(),
        sealed: match options.text(&own, "sealed")?.as_str() {
            "SUBJECT" => Sealed::Subject,
            "MENTION" => Sealed::Mention,
            _ => Sealed::Clear,
        },
        required: options.text(&own, "required")? == "true",
        shape: options.text(&own, "shape")?,
        reserved: options.text(&own, "reserved_field")? == "true",
        example: options.text(&own, "example")?,
        doc: doc(
            descriptor
                .parent_message()
                .parent_file()
                .file_descriptor_proto(),
            descriptor.path(),
        ),
    })
}

fn doc(file: &prost_types::FileDescriptorProto, path: &[i32]) -> String {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    let found = locations
        .filter(|l| l.path == path)
        .find_map(|l| l.leading_comments.as_deref());
    found
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .unwrap_or_default()
}

fn vocabulary(descriptor: &EnumDescriptor) -> Outcome<Vec<(String, i32)>> {
    let words: Vec<_> = descriptor
        .values()
        .map(|v| (v.name().to_owned(), v.number()))
        .collect();
    let zero = words.iter().filter(|(_, number)| *number == 0).count();
    require(zero == 1, descriptor.name(), "needs exactly one word for 0")?;
    require(
        words.iter().all(|(_, number)| *number >= 0),
        descriptor.name(),
        "negative word",
    )?;
    Ok(words)
}

fn check(catalogue: &Catalogue) -> Outcome<()> {
    let mut numbers = BTreeSet::new();
    for fact in &catalogue.facts {
        require(numbers.insert(fact.number), &fact.name, "number used twice")?;
        let first = fact.message.fields.first().ok_or("a fact without fields")?;
        let enveloped = first.number == 1 && first.holds == Holds::Message("Envelope".into());
        require(enveloped, &fact.name, "field 1 is not the envelope")?;
        for field in &fact.message.fields {
            check_field(catalogue, &fact.name, field)?;
        }
    }
    for message in catalogue.messages.values() {
        require(
            depth(catalogue, message, 0) < NESTING_MAX,
            &message.name,
            "nests too deep or in itself",
        )?;
    }
    for message in catalogue.messages.values().filter(|m| m.name != "Envelope") {
        let plain = message
            .fields
            .iter()
            .all(|field| field.sealed == Sealed::Clear);
        require(plain, &message.name, "is half clear and half sealed")?;
    }
    let envelope = catalogue.messages.get("Envelope").ok_or("no Envelope")?;
    for field in envelope
        .fields
        .iter()
        .filter(|field| field.sealed == Sealed::Clear)
    {
        check_clear(catalogue, field)?;
    }
    let sealed = envelope
        .fields
        .iter()
        .filter(|field| field.sealed != Sealed::Clear);
    let first = sealed.map(|field| field.name.as_str()).next();
    require(
        first == Some("id"),
        "Envelope",
        "its sealed part does not begin with the id",
    )
}

fn depth(catalogue: &Catalogue, message: &Message, above: usize) -> usize {
    if above >= NESTING_MAX {
        return above;
    }
    let inner = message
        .fields
        .iter()
        .filter_map(|field| match &field.holds {
            Holds::Message(name) => catalogue.messages.get(name),
            _ => None,
        });
    inner
        .map(|message| depth(catalogue, message, above + 1))
        .max()
        .unwrap_or(above)
}

fn check_field(catalogue: &Catalogue, fact: &str, field: &Field) -> Outcome<()> {
    let place = format!("{fact}.{}", field.name);
    let person = field.holds == Holds::Message("Person".into());
    if field.number == 2 {
        let subject = field.name == "subject" && person && !field.repeated;
        require(
            subject && field.sealed == Sealed::Subject,
            &place,
            "field 2 is the subject",
        )?;
    }
    match field.sealed {
        Sealed::Mention => require(person, &place, "a mention is a Person"),
        Sealed::Subject => Ok(()),
        Sealed::Clear if field.number == 1 => Ok(()),
        Sealed::Clear => check_clear(catalogue, field),
    }
}

fn check_clear(catalogue: &Catalogue, field: &Field) -> Outcome<()> {
    match &field.holds {
        Holds::Scalar("Text") => require(
            field.shape != "TEXT",
            &field.name,
            "is free text in the clear",
        ),
        Holds::Message(name) => {
            require(name != "Person", &field.name, "is a person in the clear")?;
            let inner = catalogue.messages.get(name).ok_or("unknown message")?;
            inner
                .fields
                .iter()
                .try_for_each(|field| check_clear(catalogue, field))
        }
        _ => Ok(()),
    }
}

fn require(holds: bool, place: &str, complaint: &str) -> Outcome<()> {
    if holds {
        Ok(())
    } else {
        Err(format!("{place}: {complaint}").into())
    }
}
