//! Facts that we make ourselves: a typed clear half joined with sealed values.
//!
//! For the ledger's and officers' own facts. The result has been through the same checks as an event
//! from outside, so a wrong code is an error here and never a record.

use crate::canonical::{Source, canonical};
use crate::split::Alias;
use crate::table::{Kind, Message, Sealed, alias, person};
use crate::wire::{put_bytes, put_number};
use crate::{DecodeError, Fact, FactData, Personal, RuleCode, clear};
use zeroize::Zeroizing;

/// What of a member of staff or an official is put into a sealed person field.
#[derive(Default)]
pub struct PersonValues {
    /// Aliases.
    pub aliases: Vec<Alias>,
    /// Name.
    pub name: Option<Personal<String>>,
    /// E-mail address.
    pub email: Option<Personal<String>>,
}

/// One opened item of an access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedItem {
    /// Chain of the event.
    pub chain: crate::ChainNumber,
    /// Its index.
    pub index: crate::Index,
    /// The slot opened.
    pub slot: crate::SlotNumber,
    /// The field, in JSON names; empty: the whole slot.
    pub field_path: String,
}

/// Sealed values on their way into a fact, field by field.
pub struct SealedValues {
    fact: &'static Fact,
    bytes: Zeroizing<Vec<u8>>,
    unknown: bool,
}

impl SealedValues {
    /// No values yet.
    pub fn of(fact: &'static Fact) -> Self {
        Self {
            fact,
            bytes: Zeroizing::new(Vec::with_capacity(1024)),
            unknown: false,
        }
    }

    fn number(&mut self, field: &str, wanted: impl Fn(&Kind) -> bool) -> u32 {
        let found = self.fact.wire.named(field);
        match found.filter(|f| f.sealed != Sealed::Clear && wanted(&f.kind)) {
            Some(field) => field.number,
            None => {
                self.unknown = true;
                0
            }
        }
    }

    /// Adds free text or another sealed text.
    #[must_use]
    pub fn text(mut self, field: &str, value: &Personal<String>) -> Self {
        let number = self.number(field, |kind| matches!(kind, Kind::Text));
        put_bytes(&mut self.bytes, number, value.expose().as_bytes());
        self
    }

    /// Adds a person: the subject, or a mention.
    #[must_use]
    pub fn person(mut self, field: &str, values: &PersonValues) -> Self {
        let number = self.number(field, |kind| is_message(kind, "Person"));
        let mut bytes = Zeroizing::new(Vec::with_capacity(512));
        for one in &values.aliases {
            let mut inner = Zeroizing::new(Vec::with_capacity(128));
            put_bytes(&mut inner, alias::SYSTEM, one.system.as_bytes());
            put_bytes(
                &mut inner,
                alias::LOCAL_ID,
                one.local_id.expose().as_bytes(),
            );
            put_bytes(&mut bytes, person::ALIASES, &inner);
        }
        for (number, value) in [
            (person::NAME, &values.name),
            (person::EMAILS, &values.email),
        ] {
            if let Some(value) = value {
                put_bytes(&mut bytes, number, value.expose().as_bytes());
            }
        }
        put_bytes(&mut self.bytes, number, &bytes);
        self
    }

    /// Adds the items that were opened.
    #[must_use]
    pub fn opened(mut self, field: &str, items: &[OpenedItem]) -> Self {
        let number = self.number(field, |kind| is_message(kind, "OpenedItem"));
        for item in items {
            let mut bytes = Vec::with_capacity(64);
            put_number(&mut bytes, 1, u64::from(item.chain.0));
            put_number(&mut bytes, 2, item.index.0);
            put_number(&mut bytes, 3, u64::from(item.slot.0));
            put_bytes(&mut bytes, 4, item.field_path.as_bytes());
            put_bytes(&mut self.bytes, number, &bytes);
        }
        self
    }
}

fn is_message(kind: &Kind, name: &str) -> bool {
    matches!(kind, Kind::Message(Message { name: found, .. }) if *found == name)
}

impl FactData {
    /// Joins a clear half with sealed values of the same fact.
    ///
    /// # Errors
    /// As for an event from outside; `WRONG_TYPE` without a path where the halves belong to different
    /// facts, `UNKNOWN_FIELD` where a sealed value names no sealed field of that kind.
    pub fn assemble(clear: &clear::Fact, sealed: &SealedValues) -> Result<Self, DecodeError> {
        let whole = |rule| DecodeError {
            path: String::new(),
            rule,
        };
        let fact = sealed.fact;
        if clear.number() != fact.number {
            return Err(whole(RuleCode::WrongType));
        }
        if sealed.unknown {
            return Err(whole(RuleCode::UnknownField));
        }
        let mut both = Zeroizing::new(clear.encode());
        both.reserve_exact(sealed.bytes.len());
        both.extend_from_slice(&sealed.bytes);
        let mut wire = Personal::new(Vec::with_capacity(both.len() + 64));
        canonical(fact.wire, &both, Source::Arrival, wire.expose_mut())?;
        Ok(Self::checked(fact, wire))
    }
}
