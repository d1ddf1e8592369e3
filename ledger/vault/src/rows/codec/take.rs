//! Reading rows: which fields each kind has, in the order that `codec` draws.
//!
//! Not here: how a field is spelled (`fields`, `named`). Always: `None` for a kind or a field that `put` does not write.

use proto::Personal;
use proto::ids::{Index, Month, PublisherCode};

use super::fields::Take;
use crate::keys::FenceTag;
use crate::rows::{
    FenceScope, FindingHash, IndexKind, Row, SecretKind, SigningKind, StaffNameText, TokenScope,
};

/// Takes one row.
pub(super) fn row<'a>(cut: &mut impl Take<'a>) -> Option<Row> {
    let kind = cut.byte()?;
    match kind {
        1..=6 => person_row(kind, cut),
        10..=24 => finding_row(kind, cut),
        43..=46 => people_row(kind, cut),
        49..=51 | 53 | 54 => gone_row(kind, cut),
        _ => key_row(kind, cut),
    }
}

/// Rows of the person shelves.
fn person_row<'a>(kind: u8, cut: &mut impl Take<'a>) -> Option<Row> {
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
        _ => return None,
    })
}

/// Rows of the case and finding shelves.
fn finding_row<'a>(kind: u8, cut: &mut impl Take<'a>) -> Option<Row> {
    Some(match kind {
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
        _ => return None,
    })
}

/// Keys of the service shelf.
fn key_row<'a>(kind: u8, cut: &mut impl Take<'a>) -> Option<Row> {
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
        52 => Row::RecordKeyUse {
            class: cut.byte()?,
            month: Month(cut.u32()?),
            seals: cut.u64()?,
        },
        _ => return None,
    })
}

/// Tokens and staff on the service shelf.
fn people_row<'a>(kind: u8, cut: &mut impl Take<'a>) -> Option<Row> {
    Some(match kind {
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
        _ => return None,
    })
}

/// What is fenced or destroyed, on the service shelf.
fn gone_row<'a>(kind: u8, cut: &mut impl Take<'a>) -> Option<Row> {
    Some(match kind {
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
        53 => Row::FencedTag {
            tag: FenceTag(cut.array()?),
            at: Index(cut.u64()?),
        },
        54 => Row::CohortPerson {
            person: cut.person()?,
            carrier: cut.stream()?,
            generation: cut.u64()?,
        },
        _ => return None,
    })
}

fn take_scope<'a>(cut: &mut impl Take<'a>) -> Option<TokenScope> {
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
        3 => IndexKind::DateOfBirth,
        4 => IndexKind::Postcode,
        5 => IndexKind::Email,
        6 => IndexKind::Telephone,
        _ => return None,
    })
}
