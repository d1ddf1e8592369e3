//! Round trips and refusals of the row encoding.

use super::codec::key_of;
use super::*;

fn person(n: u8) -> PersonRef {
    PersonRef {
        shelf: u32::from(n) * 3,
        person: [n; 16],
    }
}

/// One row of every kind, with telling values.
pub(crate) fn one_of_each() -> Vec<Row> {
    let all = [person_rows(), finding_rows(), key_rows(), gone_rows()];
    all.into_iter().flatten().collect()
}

fn codes() -> (ActivityCode, PartyCode) {
    let activity = ActivityCode::new("council-tax").expect("code");
    (activity, PartyCode::new("northgate").expect("code"))
}

fn mention() -> MentionPlace {
    MentionPlace {
        carrier: StreamId([5; 16]),
        number: NumberInStream(7),
        slot: SlotNumber(2),
    }
}

fn person_rows() -> Vec<Row> {
    let (activity, party) = codes();
    let (stream, secret) = (StreamId([5; 16]), StreamSecret::new([6; 32]));
    let (mention, key) = (mention(), Key32::new([9; 32]));
    vec![
        Row::Person {
            person: person(1),
            label_key: key.clone(),
        },
        Row::Stream {
            person: person(1),
            stream,
            activity: activity.clone(),
            party: party.clone(),
            secret: secret.clone(),
            alone: true,
            given: 77,
        },
        Row::CasePointer {
            person: person(1),
            stream,
            case_shelf: 3,
        },
        Row::Mention {
            person: person(2),
            mention,
            secret: secret.clone(),
        },
        Row::PersonLink {
            person: person(1),
            other: person(2),
            stream,
        },
        Row::FenceMark {
            person: person(1),
            scope: FenceScope::Person,
            at: Index(4),
        },
        Row::FenceMark {
            person: person(1),
            scope: FenceScope::Activity(activity.clone()),
            at: Index(4),
        },
    ]
}

fn finding_rows() -> Vec<Row> {
    let (activity, party) = codes();
    let (stream, secret) = (StreamId([5; 16]), StreamSecret::new([6; 32]));
    let (mention, hash) = (mention(), FindingHash([8; 16]));
    vec![
        Row::CaseStream {
            shelf: 1,
            stream,
            activity: activity.clone(),
            party,
            secret,
        },
        Row::Alias {
            hash,
            person: person(1),
            stream,
        },
        Row::Index {
            kind: IndexKind::Postcode,
            hash,
            person: person(1),
            stream,
        },
        Row::StreamShelf {
            stream,
            place: StreamPlace::Person(person(1)),
        },
        Row::StreamShelf {
            stream,
            place: StreamPlace::Case(2),
        },
        Row::MentionShelf {
            mention,
            person: person(2),
        },
        Row::SuppressionToken {
            token: hash,
            purpose: activity,
            expires: UnixMillis(77),
        },
    ]
}

fn key_rows() -> Vec<Row> {
    let actor = StaffReference::from_random([3; 16]);
    let (key, month) = (Key32::new([9; 32]), Month(202_611));
    let scope = TokenScope {
        publisher: PublisherCode::new("crm").expect("code"),
        sources: vec!["//crm.westmere.example".into(), String::new()],
        families: vec!["collection".into()],
        map_ids: true,
        valid_from: UnixMillis(-5),
        valid_until: Some(UnixMillis(9)),
    };
    vec![
        Row::RecordKey {
            class: 3,
            month,
            key: key.clone(),
        },
        Row::DedupKey {
            source: "//crm.westmere.example".into(),
            year: 2026,
            key: key.clone(),
        },
        Row::IntakeKey {
            id: [4; 16],
            key: key.clone(),
        },
        Row::Token {
            hash: [1; 32],
            scope: TokenScope {
                valid_until: None,
                ..scope.clone()
            },
        },
        Row::Token {
            hash: [1; 32],
            scope,
        },
        Row::TokenRevoked {
            hash: [1; 32],
            at: UnixMillis(5),
        },
        Row::User {
            actor: actor.clone(),
            role: "dpo".into(),
            token_hash: [2; 32],
            disabled: false,
        },
        Row::StaffName {
            actor,
            name: StaffNameText(Personal::from("Alex Example")),
        },
        Row::SigningKey {
            kind: SigningKind::Foil,
            from: Index(0),
            secret: key.clone(),
            vkey: "o/0/foil+00+AA".into(),
        },
        Row::Secret {
            kind: SecretKind::Finding,
            name: 0,
            key,
        },
    ]
}

fn gone_rows() -> Vec<Row> {
    let (stream, mention, month) = (StreamId([5; 16]), mention(), Month(202_611));
    vec![
        Row::DestroyedTag {
            tag: FenceTag([7; 32]),
            generation: 3,
        },
        Row::CohortStream {
            stream,
            last: Index(9),
            generation: 3,
        },
        Row::CohortMention {
            mention,
            generation: 3,
        },
        Row::RecordKeyUse {
            class: 3,
            month,
            seals: 12,
        },
        Row::FencedTag {
            tag: FenceTag([7; 32]),
            at: Index(3),
        },
        Row::CohortPerson {
            person: person(1),
            carrier: stream,
            generation: 4,
        },
    ]
}

#[test]
fn every_row_comes_back_and_has_one_spelling() {
    for row in one_of_each() {
        let bytes = row.encode().expect("encodes");
        let again = Row::decode(&bytes).expect("decodes");
        assert_eq!(*again.encode().expect("encodes"), *bytes, "{row:?}");
        assert_eq!(again.level(), row.level());
        let key = key_of(&bytes).expect("a key");
        assert!(key.len() <= bytes.len(), "{row:?}");
        for length in 0..bytes.len() {
            assert!(
                Row::decode(&bytes[..length]).is_err(),
                "{row:?} cut to {length}"
            );
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Row::decode(&longer).is_err(), "{row:?} with a byte more");
    }
}

/// The key covers exactly the fields that the table in `codec.rs` calls key.
#[test]
fn keys_are_as_long_as_drawn() {
    let lengths: Vec<usize> = one_of_each()
        .iter()
        .map(|row| key_of(&row.encode().expect("encodes")).expect("key").len())
        .collect();
    assert_eq!(
        lengths,
        [
            21, 37, 37, 49, 57, 22, 33, 21, 53, 54, 17, 17, 29, 29, 6, 27, 17, 33, 33, 33, 34, 34,
            10, 6, 33, 17, 29, 6, 33, 37
        ]
    );
}

#[test]
fn what_is_no_row_is_refused() {
    for bytes in [&[][..], &[0], &[200, 1, 2], &[22; 18]] {
        assert!(Row::decode(bytes).is_err());
    }
    // A flag that is neither 0 nor 1, a code that is none.
    let mut user = one_of_each()
        .into_iter()
        .find(|row| matches!(row, Row::User { .. }))
        .expect("there is one")
        .encode()
        .expect("encodes");
    *user.last_mut().expect("not empty") = 2;
    assert!(Row::decode(&user).is_err());
}

#[test]
fn debug_shows_the_kind_only() {
    for row in one_of_each() {
        assert_eq!(format!("{row:?}"), format!("Row({})", row.kind_name()));
    }
    assert_eq!(
        format!("{:?}{:?}", person(7), FindingHash([7; 16])),
        "PersonRef(..)FindingHash(..)"
    );
}
