//! Writing rows: which fields each kind has, in the order that `codec` draws.
//!
//! Not here: how a field is spelled (`fields`, `named`). Always: the same order for a shelf and for a section.

use super::fields::Put;
use crate::error::VaultError;
use crate::rows::{FenceScope, Level, Row};

/// Bytes that no row of the person, case and finding shelves exceeds: two whole codes, a person, a stream, a secret.
const ROW_BYTES_ORDINARY: usize = 256;

/// Room for the row, so that its bytes need not move; at least what it takes.
pub(super) fn room(row: &Row) -> usize {
    let texts = match row {
        Row::DedupKey { source, .. } => source.len(),
        Row::SigningKey { vkey, .. } => vkey.len(),
        Row::StaffName { name, .. } => name.0.expose().len(),
        Row::User { role, .. } => role.len(),
        Row::Token { scope, .. } => {
            let texts = scope.sources.iter().chain(&scope.families);
            texts.map(|text| 2 + text.len()).sum()
        }
        _ => 0,
    };
    ROW_BYTES_ORDINARY + texts
}

/// Puts one row.
pub(super) fn row(row: &Row, out: &mut impl Put) -> Result<(), VaultError> {
    match (row.level(), row) {
        (Level::Person, _) => person_row(row, out)?,
        (Level::Case | Level::Finding, _) => finding_row(row, out)?,
        (
            _,
            Row::Token { .. } | Row::TokenRevoked { .. } | Row::User { .. } | Row::StaffName { .. },
        ) => people_row(row, out)?,
        (
            _,
            Row::DestroyedTag { .. }
            | Row::CohortStream { .. }
            | Row::CohortMention { .. }
            | Row::CohortPerson { .. }
            | Row::FencedTag { .. },
        ) => gone_row(row, out)?,
        _ => key_row(row, out)?,
    };
    Ok(())
}

/// Rows of the person shelves.
fn person_row<'a, P: Put>(row: &Row, out: &'a mut P) -> Result<&'a mut P, VaultError> {
    Ok(match row {
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
            .stream(stream)
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
            .stream(stream)
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
        } => out.kind(5).person(person).person(other).stream(stream),
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
        _ => return Err(VaultError::Malformed("row")),
    })
}

/// Rows of the case and finding shelves.
fn finding_row<'a, P: Put>(row: &Row, out: &'a mut P) -> Result<&'a mut P, VaultError> {
    Ok(match row {
        Row::CaseStream {
            shelf,
            stream,
            activity,
            party,
            secret,
        } => out
            .kind(10)
            .stream(stream)
            .raw(&shelf.to_be_bytes())
            .raw(secret.expose())
            .code(activity.as_str())?
            .code(party.as_str())?,
        Row::Alias {
            hash,
            person,
            stream,
        } => out.kind(20).raw(&hash.0).person(person).stream(stream),
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
            .stream(stream),
        Row::StreamShelf { stream, place } => out.kind(22).stream(stream).place(place),
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
        _ => return Err(VaultError::Malformed("row")),
    })
}

/// Keys of the service shelf.
fn key_row<'a, P: Put>(row: &Row, out: &'a mut P) -> Result<&'a mut P, VaultError> {
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
        Row::RecordKeyUse {
            class,
            month,
            seals,
        } => out
            .kind(52)
            .raw(&[*class])
            .raw(&month.0.to_be_bytes())
            .raw(&seals.to_be_bytes()),
        _ => return Err(VaultError::Malformed("row")),
    })
}

/// Tokens and staff on the service shelf.
fn people_row<'a, P: Put>(row: &Row, out: &'a mut P) -> Result<&'a mut P, VaultError> {
    Ok(match row {
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
        _ => return Err(VaultError::Malformed("row")),
    })
}

/// What is fenced or destroyed, on the service shelf.
fn gone_row<'a, P: Put>(row: &Row, out: &'a mut P) -> Result<&'a mut P, VaultError> {
    Ok(match row {
        Row::DestroyedTag { tag, generation } => {
            out.kind(49).raw(&tag.0).raw(&generation.to_be_bytes())
        }
        Row::CohortStream {
            stream,
            last,
            generation,
        } => out
            .kind(50)
            .stream(stream)
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
            .stream(carrier)
            .raw(&generation.to_be_bytes()),
        Row::FencedTag { tag, at } => out.kind(53).raw(&tag.0).raw(&at.0.to_be_bytes()),
        _ => return Err(VaultError::Malformed("row")),
    })
}
