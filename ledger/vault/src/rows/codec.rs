//! The encoding of a row, version 1.
//!
//! ```text
//! row     = kind u8 ‖ key fields ‖ value fields                     integers big-endian
//! person  = person[16] ‖ shelf u32          place = 1 ‖ person  |  2 ‖ case shelf u32
//! mention = carrier[16] ‖ number u64 ‖ slot u32
//! code    = length u8 ‖ bytes               text  = length u16 ‖ bytes (UTF-8)
//!
//!  kind              key                          value
//!   1 person         person                       label key[32]
//!   2 stream         person, stream[16]           secret[32], activity code, party code, alone u8, given u64
//!   3 case pointer   person, stream[16]           case shelf u32
//!   4 mention        person, mention              secret[32]
//!   5 person link    person, person, stream[16]
//!   6 fence mark     person, code (empty: entire) index u64
//!  10 case stream    stream[16], shelf u32        secret[32], activity code, party code
//!  20 alias          hash[16], person, stream[16]
//!  21 index          hash[16], kind u8, person, stream[16]
//!  22 stream shelf   stream[16]                   place
//!  23 mention shelf  mention                      person
//!  24 suppression    token[16], purpose code      expires i64
//!  40 record key     class u8, month u32          key[32]
//!  41 dedup key      source text, year u16        key[32]
//!  42 intake key     id[16]                       key[32]
//!  43 token          hash[32]                     publisher code, sources, families, map ids u8, from i64, until i64?
//!  44 token revoked  hash[32]                     at i64
//!  45 user           actor code                   role text, token hash[32], disabled u8
//!  46 staff name     actor code                   name text
//!  47 signing key    kind u8, from u64            secret[32], vkey text
//!  48 secret         kind u8, name u32            key[32]
//!  49 destroyed tag  tag[32]                      generation u64
//!  50 cohort stream  stream[16]                   last index u64, generation u64
//!  51 cohort mention mention                      generation u64
//!  54 cohort person person, stream[16]           generation u64
//!  52 record key use class u8, month u32          seals u64
//!  53 fenced tag     tag[32]                      index u64
//! ```
//!
//! Always: one spelling a row; what follows the last field is refused; rows sort by kind, then key.

mod fields;

use proto::Personal;
use proto::ids::{Index, Month, PublisherCode};
use zeroize::Zeroizing;

pub(crate) use fields::Cut;
use fields::Out;

use super::{
    FenceScope, FindingHash, IndexKind, Row, SecretKind, SigningKind, StaffNameText, TokenScope,
};
use crate::error::VaultError;
use crate::keys::FenceTag;

/// Longest encoded row, in bytes.
pub const ROW_BYTES_MAX: usize = 32 * 1024;

/// An encoded row, wiped when dropped.
pub(crate) type RowBytes = Zeroizing<Vec<u8>>;

/// Encodes one row.
pub(crate) fn encoded(row: &Row) -> Result<RowBytes, VaultError> {
    let mut out = Out(Zeroizing::new(Vec::with_capacity(128)));
    put(row, &mut out)?;
    if out.0.len() > ROW_BYTES_MAX {
        return Err(VaultError::Limit("bytes of one row"));
    }
    Ok(out.0)
}

impl Row {
    /// Its bytes: kind, key, value.
    ///
    /// # Errors
    /// `Limit` where a text is longer than its length field counts or the row than [`ROW_BYTES_MAX`].
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        encoded(self)
    }

    /// Reads one row, all of `bytes`.
    ///
    /// # Errors
    /// `Malformed("row")` for anything that [`Row::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Row, VaultError> {
        let mut cut = Cut(bytes);
        let row = take(&mut cut).ok_or(VaultError::Malformed("row"))?;
        if cut.0.is_empty() && bytes.len() <= ROW_BYTES_MAX {
            Ok(row)
        } else {
            Err(VaultError::Malformed("row"))
        }
    }
}

/// The part of an encoded row by which it is replaced: kind and key fields.
pub(crate) fn key_of(row: &[u8]) -> Option<&[u8]> {
    let mut cut = Cut(row);
    let fixed = match cut.byte()? {
        1 => 21,
        2 | 3 | 54 => 37,
        4 => 49,
        5 => 57,
        6 => 22 + usize::from(*row.get(21)?),
        10 => 21,
        20 => 53,
        21 => 54,
        22 | 42 | 50 => 17,
        23 | 51 => 29,
        24 => 18 + usize::from(*row.get(17)?),
        40 | 48 | 52 => 6,
        41 => 5 + usize::from(u16::from_be_bytes(cut.array()?)),
        43 | 44 | 49 | 53 => 33,
        45 | 46 => 2 + usize::from(*row.get(1)?),
        47 => 10,
        _ => return None,
    };
    row.get(..fixed)
}

fn put(row: &Row, out: &mut Out) -> Result<(), VaultError> {
    match row {
        Row::Person { person, label_key } => out.kind(1).person(person).raw(label_key.expose()),
        Row::Stream {
            person,
            stream,
            activity,
            party,
            secret,
            alone,
            given,
        } => out
            .kind(2)
            .person(person)
            .raw(&stream.0)
            .raw(secret.expose())
            .code(activity.as_str())?
            .code(party.as_str())?
            .raw(&[u8::from(*alone)])
            .raw(&given.to_be_bytes()),
        Row::CasePointer {
            person,
            stream,
            case_shelf,
        } => out
            .kind(3)
            .person(person)
            .raw(&stream.0)
            .raw(&case_shelf.to_be_bytes()),
        Row::Mention {
            person,
            mention,
            secret,
        } => out
            .kind(4)
            .person(person)
            .mention(mention)
            .raw(secret.expose()),
        Row::PersonLink {
            person,
            other,
            stream,
        } => out.kind(5).person(person).person(other).raw(&stream.0),
        Row::FenceMark { person, scope, at } => {
            let code = match scope {
                FenceScope::Person => "",
                FenceScope::Activity(activity) => activity.as_str(),
            };
            out.kind(6)
                .person(person)
                .code(code)?
                .raw(&at.0.to_be_bytes())
        }
        Row::CaseStream {
            shelf,
            stream,
            activity,
            party,
            secret,
        } => out
            .kind(10)
            .raw(&stream.0)
            .raw(&shelf.to_be_bytes())
            .raw(secret.expose())
            .code(activity.as_str())?
            .code(party.as_str())?,
        Row::Alias {
            hash,
            person,
            stream,
        } => out.kind(20).raw(&hash.0).person(person).raw(&stream.0),
        Row::Index {
            kind,
            hash,
            person,
            stream,
        } => out
            .kind(21)
            .raw(&hash.0)
            .raw(&[*kind as u8])
            .person(person)
            .raw(&stream.0),
        Row::StreamShelf { stream, place } => out.kind(22).raw(&stream.0).place(place),
        Row::MentionShelf { mention, person } => out.kind(23).mention(mention).person(person),
        Row::SuppressionToken {
            token,
            purpose,
            expires,
        } => out
            .kind(24)
            .raw(&token.0)
            .code(purpose.as_str())?
            .raw(&expires.0.to_be_bytes()),
        service => put_service(service, out)?,
    };
    Ok(())
}

fn put_service<'a>(row: &Row, out: &'a mut Out) -> Result<&'a mut Out, VaultError> {
    Ok(match row {
        Row::RecordKey { class, month, key } => out
            .kind(40)
            .raw(&[*class])
            .raw(&month.0.to_be_bytes())
            .raw(key.expose()),
        Row::DedupKey { source, year, key } => out
            .kind(41)
            .text(source)?
            .raw(&year.to_be_bytes())
            .raw(key.expose()),
        Row::IntakeKey { id, key } => out.kind(42).raw(id).raw(key.expose()),
        Row::Token { hash, scope } => {
            out.kind(43).raw(hash).code(scope.publisher.as_str())?;
            out.texts(&scope.sources)?.texts(&scope.families)?;
            out.raw(&[u8::from(scope.map_ids)])
                .raw(&scope.valid_from.0.to_be_bytes());
            match scope.valid_until {
                None => out.raw(&[0]),
                Some(until) => out.raw(&[1]).raw(&until.0.to_be_bytes()),
            }
        }
        Row::TokenRevoked { hash, at } => out.kind(44).raw(hash).raw(&at.0.to_be_bytes()),
        Row::User {
            actor,
            role,
            token_hash,
            disabled,
        } => out
            .kind(45)
            .code(actor.as_str())?
            .text(role)?
            .raw(token_hash)
            .raw(&[u8::from(*disabled)]),
        Row::StaffName { actor, name } => {
            out.kind(46).code(actor.as_str())?.text(name.0.expose())?
        }
        Row::SigningKey {
            kind,
            from,
            secret,
            vkey,
        } => out
            .kind(47)
            .raw(&[*kind as u8])
            .raw(&from.0.to_be_bytes())
            .raw(secret.expose())
            .text(vkey)?,
        Row::Secret { kind, name, key } => out
            .kind(48)
            .raw(&[*kind as u8])
            .raw(&name.to_be_bytes())
            .raw(key.expose()),
        Row::DestroyedTag { tag, generation } => {
            out.kind(49).raw(&tag.0).raw(&generation.to_be_bytes())
        }
        Row::CohortStream {
            stream,
            last,
            generation,
        } => out
            .kind(50)
            .raw(&stream.0)
            .raw(&last.0.to_be_bytes())
            .raw(&generation.to_be_bytes()),
        Row::CohortMention {
            mention,
            generation,
        } => out.kind(51).mention(mention).raw(&generation.to_be_bytes()),
        Row::CohortPerson {
            person,
            carrier,
            generation,
        } => out
            .kind(54)
            .person(person)
            .raw(&carrier.0)
            .raw(&generation.to_be_bytes()),
        Row::RecordKeyUse {
            class,
            month,
            seals,
        } => out
            .kind(52)
            .raw(&[*class])
            .raw(&month.0.to_be_bytes())
            .raw(&seals.to_be_bytes()),
        Row::FencedTag { tag, at } => out.kind(53).raw(&tag.0).raw(&at.0.to_be_bytes()),
        _ => return Err(VaultError::Malformed("row")),
    })
}

fn take(cut: &mut Cut<'_>) -> Option<Row> {
    let kind = cut.byte()?;
    Some(match kind {
        1 => Row::Person {
            person: cut.person()?,
            label_key: cut.key()?,
        },
        2 => {
            let (person, stream, secret) = (cut.person()?, cut.stream()?, cut.secret()?);
            let (activity, party) = (cut.activity()?, cut.party()?);
            Row::Stream {
                person,
                stream,
                activity,
                party,
                secret,
                alone: cut.flag()?,
                given: cut.u64()?,
            }
        }
        3 => Row::CasePointer {
            person: cut.person()?,
            stream: cut.stream()?,
            case_shelf: cut.u32()?,
        },
        4 => Row::Mention {
            person: cut.person()?,
            mention: cut.mention()?,
            secret: cut.secret()?,
        },
        5 => Row::PersonLink {
            person: cut.person()?,
            other: cut.person()?,
            stream: cut.stream()?,
        },
        6 => {
            let (person, code) = (cut.person()?, cut.activity()?);
            let scope = if code.as_str().is_empty() {
                FenceScope::Person
            } else {
                FenceScope::Activity(code)
            };
            Row::FenceMark {
                person,
                scope,
                at: Index(cut.u64()?),
            }
        }
        10 => {
            let (stream, shelf, secret) = (cut.stream()?, cut.u32()?, cut.secret()?);
            let (activity, party) = (cut.activity()?, cut.party()?);
            Row::CaseStream {
                shelf,
                stream,
                activity,
                party,
                secret,
            }
        }
        20 => Row::Alias {
            hash: FindingHash(cut.array()?),
            person: cut.person()?,
            stream: cut.stream()?,
        },
        21 => {
            let hash = FindingHash(cut.array()?);
            let kind = index_kind(cut.byte()?)?;
            Row::Index {
                kind,
                hash,
                person: cut.person()?,
                stream: cut.stream()?,
            }
        }
        22 => Row::StreamShelf {
            stream: cut.stream()?,
            place: cut.place()?,
        },
        23 => Row::MentionShelf {
            mention: cut.mention()?,
            person: cut.person()?,
        },
        24 => Row::SuppressionToken {
            token: FindingHash(cut.array()?),
            purpose: cut.activity()?,
            expires: cut.millis()?,
        },
        _ => return take_service(kind, cut),
    })
}

fn take_service(kind: u8, cut: &mut Cut<'_>) -> Option<Row> {
    Some(match kind {
        40 => Row::RecordKey {
            class: cut.byte()?,
            month: Month(cut.u32()?),
            key: cut.key()?,
        },
        41 => Row::DedupKey {
            source: cut.text()?,
            year: cut.u16()?,
            key: cut.key()?,
        },
        42 => Row::IntakeKey {
            id: cut.array()?,
            key: cut.key()?,
        },
        43 => Row::Token {
            hash: cut.array()?,
            scope: take_scope(cut)?,
        },
        44 => Row::TokenRevoked {
            hash: cut.array()?,
            at: cut.millis()?,
        },
        45 => Row::User {
            actor: cut.actor()?,
            role: cut.text()?,
            token_hash: cut.array()?,
            disabled: cut.flag()?,
        },
        46 => Row::StaffName {
            actor: cut.actor()?,
            name: StaffNameText(Personal::new(cut.text()?)),
        },
        47 => Row::SigningKey {
            kind: match cut.byte()? {
                1 => SigningKind::Checkpoint,
                2 => SigningKind::Foil,
                _ => return None,
            },
            from: Index(cut.u64()?),
            secret: cut.key()?,
            vkey: cut.text()?,
        },
        48 => Row::Secret {
            kind: match cut.byte()? {
                1 => SecretKind::Finding,
                2 => SecretKind::Suppression,
                3 => SecretKind::ArrivalDay,
                4 => SecretKind::Task,
                _ => return None,
            },
            name: cut.u32()?,
            key: cut.key()?,
        },
        49 => Row::DestroyedTag {
            tag: FenceTag(cut.array()?),
            generation: cut.u64()?,
        },
        50 => Row::CohortStream {
            stream: cut.stream()?,
            last: Index(cut.u64()?),
            generation: cut.u64()?,
        },
        51 => Row::CohortMention {
            mention: cut.mention()?,
            generation: cut.u64()?,
        },
        52 => Row::RecordKeyUse {
            class: cut.byte()?,
            month: Month(cut.u32()?),
            seals: cut.u64()?,
        },
        54 => Row::CohortPerson {
            person: cut.person()?,
            carrier: cut.stream()?,
            generation: cut.u64()?,
        },
        53 => Row::FencedTag {
            tag: FenceTag(cut.array()?),
            at: Index(cut.u64()?),
        },
        _ => return None,
    })
}

fn take_scope(cut: &mut Cut<'_>) -> Option<TokenScope> {
    Some(TokenScope {
        publisher: PublisherCode::new(cut.code()?).ok()?,
        sources: cut.texts()?,
        families: cut.texts()?,
        map_ids: cut.flag()?,
        valid_from: cut.millis()?,
        valid_until: if cut.flag()? {
            Some(cut.millis()?)
        } else {
            None
        },
    })
}

fn index_kind(number: u8) -> Option<IndexKind> {
    Some(match number {
        1 => IndexKind::Name,
        2 => IndexKind::FamilyName,
        3 => IndexKind::DateOfBirth,
        4 => IndexKind::Postcode,
        5 => IndexKind::Email,
        6 => IndexKind::Telephone,
        _ => return None,
    })
}
