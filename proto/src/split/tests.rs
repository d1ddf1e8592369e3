//! What must hold of every event of every type, and the worked leaves of the design.

use super::*;
use crate::invent::{Dice, invent};
use crate::table::{Field, Shape};
use crate::wire::put_varint;
use crate::{
    DecodeError, Hash, NumberInStream, PublisherCode, RecordHeader, RuleCode, SlotSeal, StreamId,
    UnixMillis, decode_binary, decode_json, decode_record, encode_record, facts, fuzz, oracle,
};

const ROUNDS: u64 = 30;
const ID: &str = "zqidqz-6f1c2c3e";

fn id() -> EventId {
    EventId::new(Personal::from(ID))
}

fn each(mut check: impl FnMut(&'static Fact, crate::invent::Invented, FactData, &mut Dice)) {
    for fact in facts() {
        for seed in 0..ROUNDS {
            let mut dice = Dice(seed << 32 | u64::from(fact.number));
            let event = invent(fact, &mut dice);
            let data = decode_json(fact, event.json.as_bytes()).unwrap_or_else(|error| {
                panic!("{} seed {seed}: {error}\n{}", fact.name, event.json)
            });
            check(fact, event, data, &mut dice);
        }
    }
}

fn without_nulls(json: &str) -> String {
    fn drop(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                map.retain(|_, one| !one.is_null());
                map.values_mut().for_each(drop);
            }
            serde_json::Value::Array(list) => list.iter_mut().for_each(drop),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(json).expect("json");
    drop(&mut value);
    value.to_string()
}

#[test]
fn json_and_binary_agree_with_prost_and_pbjson() {
    each(|fact, event, data, _| {
        let other = oracle::json_to_bytes(fact.number, without_nulls(&event.json).as_bytes());
        let other = other.expect("pbjson reads what we read");
        let again = decode_binary(fact, &other).expect("what prost writes is accepted");
        assert!(
            again.wire().expose() == data.wire().expose(),
            "{}",
            fact.name
        );
        let prost = oracle::bytes_to_bytes(fact.number, data.wire().expose());
        assert!(
            prost.as_ref() == Some(data.wire().expose()),
            "{} is prost's form
{:02x?}
{:02x?}",
            fact.name,
            prost,
            data.wire().expose()
        );
    });
}

#[test]
fn halves_join_to_the_whole() {
    each(|fact, _, data, _| {
        let whole = data.wire().duplicate().into_inner();
        let split = split(data, &id());
        assert_eq!(split.slots.len(), split.mentions.len() + 1);
        let mut parts = split.body.clone();
        split
            .slots
            .iter()
            .for_each(|slot| parts.extend_from_slice(slot.values.expose()));
        let mut envelope = Vec::new();
        put_bytes(&mut envelope, crate::table::envelope::ID, ID.as_bytes());
        let mut with_id = whole;
        put_bytes(&mut with_id, 1, &envelope);
        let form = |bytes: &[u8]| {
            let mut out = Vec::new();
            assert!(canonical(fact.wire, bytes, Source::Stored, &mut out).is_ok());
            out
        };
        assert!(form(&parts) == form(&with_id), "{}", fact.name);
    });
}

#[test]
fn leaves_cover_a_slot_in_order_and_absent_ones_are_empty() {
    each(|fact, _, data, _| {
        let split = split(data, &id());
        for slot in &split.slots {
            let values = slot.values.expose();
            let kind = slot_type(fact, slot.number, values).expect("our slot");
            let all = leaves(fact, slot.number, values).expect("our slot");
            assert_eq!(all.len(), kind.leaves.len());
            assert!(all.windows(2).all(|two| two[0].path < two[1].path));
            let mut again = Vec::new();
            for leaf in &all {
                let (last, above) = leaf.path.split_last().expect("a path");
                let nested = above
                    .iter()
                    .rev()
                    .fold(leaf.value.to_vec(), |inner, number| {
                        let mut out = Vec::new();
                        put_bytes(&mut out, *number, &inner);
                        out
                    });
                let first = Reader::new(leaf.value)
                    .element()
                    .map(|element| element.number);
                assert!(leaf.value.is_empty() || first == Some(*last));
                again.extend_from_slice(&nested);
            }
            let mut joined = Vec::new();
            assert!(canonical(kind.message, &again, Source::Stored, &mut joined).is_ok());
            assert!(joined == *values, "{} slot {}", fact.name, slot.number.0);
            assert!(slot_to_json(fact, slot.number, values).is_ok());
        }
    });
}

fn record_of(split: &Split) -> Vec<u8> {
    let seal = SlotSeal {
        root: Hash([3; 32]),
        digest: Hash([4; 32]),
        withheld: true,
    };
    let header = RecordHeader {
        publisher: PublisherCode::new("crm").expect("a code"),
        source: "//crm.example".to_owned(),
        time: UnixMillis(-5),
        admitted: UnixMillis(1_793_611_800_000),
        stream: StreamId([9; 16]),
        number: NumberInStream(300),
        previous: None,
        slots: vec![seal; split.slots.len()],
        quarantined: vec![vec![0, 1, 41]],
    };
    encode_record(&header, split.fact, &split.body)
}

fn contains(bytes: &[u8], secret: &str) -> bool {
    bytes
        .windows(secret.len())
        .any(|window| window == secret.as_bytes())
}

#[test]
fn no_sealed_value_reaches_a_record_or_its_text() {
    let mut secrets = 0;
    each(|fact, event, data, _| {
        let split = split(data, &id());
        let record = decode_record(&record_of(&split)).expect("our record");
        let text = format!(
            "{record:?}{:?}{:?}{}",
            record.clear(),
            split.clear,
            record.to_json()
        );
        let sealed: Vec<u8> = split
            .slots
            .iter()
            .flat_map(|slot| slot.values.expose().clone())
            .collect();
        for secret in event.secrets.iter().map(String::as_str).chain([ID]) {
            secrets += 1;
            assert!(
                contains(&sealed, secret),
                "{}: the value is in a slot",
                fact.name
            );
            assert!(!contains(&record_of(&split), secret), "{}", fact.name);
            assert!(!text.contains(secret), "{}", fact.name);
        }
    });
    assert!(secrets > 3_000, "the walk met sealed values: {secrets}");
}

#[test]
fn no_error_tells_a_value() {
    let mut refused = 0;
    each(|fact, event, _, dice| {
        for _ in 0..20 {
            let mut broken = event.json.clone().into_bytes();
            let at = dice.roll(broken.len() as u64) as usize;
            match dice.roll(4) {
                0 => broken.truncate(at),
                1 => broken[at] = b'{',
                2 => broken.insert(at, [b'"', b',', 0, 0xff, b'1'][dice.roll(5) as usize]),
                _ => drop(broken.remove(at)),
            }
            if let Err(error) = decode_json(fact, &broken) {
                refused += 1;
                let text = format!("{error} {error:?}");
                assert!(!text.contains("zq"), "{text}");
            }
        }
    });
    assert!(refused > 8_000, "{refused}");
}

#[test]
fn binary_need_not_be_canonical() {
    each(|fact, _, data, dice| {
        let wire = data.wire().expose();
        let mut elements = Vec::new();
        let mut reader = Reader::new(wire);
        while !reader.is_empty() {
            elements.push(reader.element().expect("our bytes"));
        }
        // Other order of fields (stable within each), and every length in five bytes.
        let turn = dice.roll(elements.len() as u64) as u32;
        elements.sort_by_key(|element| element.number.wrapping_mul(turn | 1) % 61);
        elements
            .sort_by_key(|element| (element.number.wrapping_mul(turn | 1) % 61, element.number));
        let mut loose = Vec::new();
        for element in elements {
            match element.value {
                Value::Varint(value) => {
                    put_tag(&mut loose, element.number, 0);
                    put_varint(&mut loose, value.wrapping_add(1) & 1);
                    put_tag(&mut loose, element.number, 0);
                    put_varint(&mut loose, value);
                }
                Value::Bytes(bytes) => {
                    put_tag(&mut loose, element.number, LENGTH);
                    let length = bytes.len() as u64;
                    (0..4).for_each(|at| loose.push((length >> (7 * at)) as u8 & 0x7f | 0x80));
                    loose.push((length >> 28) as u8);
                    loose.extend_from_slice(bytes);
                }
            }
        }
        let again = decode_binary(fact, &loose).expect("loose bytes are accepted");
        assert!(again.wire().expose() == wire, "{}", fact.name);
        for number in [63_u32, 5_000] {
            let mut unknown = wire.clone();
            crate::wire::put_number(&mut unknown, number, 1);
            let error = decode_binary(fact, &unknown).err();
            assert_eq!(
                error,
                Some(DecodeError {
                    path: String::new(),
                    rule: RuleCode::UnknownField
                })
            );
        }
    });
}

#[test]
fn parsers_hold_under_mutation() {
    let mut corpus = Vec::new();
    each(|fact, event, data, dice| {
        if dice.roll(10) > 0 {
            return;
        }
        let first = facts().iter().position(|one| one == fact).expect("a fact") as u8;
        corpus.push([&[first], event.json.as_bytes()].concat());
        corpus.push([&[first], data.wire().expose().as_slice()].concat());
        let split = split(data, &id());
        corpus.push(record_of(&split));
        for slot in &split.slots {
            let number = (slot.number.0 % 3) as u8;
            corpus.push([&[first, number], slot.values.expose().as_slice()].concat());
        }
    });
    let mut dice = Dice(7);
    for seed in &corpus {
        for _ in 0..12 {
            let mut bytes = seed.clone();
            for _ in 0..dice.roll(4) {
                let at = dice.roll(bytes.len() as u64) as usize;
                match dice.roll(3) {
                    0 => bytes[at] ^= 1 << dice.roll(8),
                    1 => bytes.truncate(at + 1),
                    _ => bytes.insert(at, dice.roll(256) as u8),
                }
            }
            fuzz::fuzz_json(&bytes);
            fuzz::fuzz_binary(&bytes);
            fuzz::fuzz_record(&bytes);
            fuzz::fuzz_slot(&bytes);
            fuzz::fuzz_foil(&bytes);
        }
    }
    [&[][..], &[0], &[0, 0]]
        .iter()
        .for_each(|bytes| fuzz::fuzz_slot(bytes));
}

const fn field(number: u32, kind: Kind, repeated: bool) -> Field {
    Field {
        number,
        name: "x",
        json_name: "x",
        kind,
        repeated,
        sealed: Sealed::Subject,
        required: false,
        shape: Shape::Text,
        reserved: false,
        example: "",
        doc: "",
    }
}

static INNER: Message = Message {
    name: "Inner",
    fields: &[field(1, Kind::Text, false)],
};
static WORKED: SlotType = SlotType {
    message: &Message {
        name: "Worked",
        fields: &[
            field(1, Kind::Text, false),
            field(2, Kind::Message(&INNER), false),
            field(3, Kind::Text, true),
            field(4, Kind::Text, false),
        ],
    },
    leaves: &[&[1], &[2, 1], &[3], &[4]],
};

#[test]
fn the_worked_slot_of_the_design_has_these_leaves() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
            .collect()
    };
    let expected = [
        "0a0b416461204578616d706c65",
        "0a0d31204869676820537472656574",
        "1a0c3031363332203936303030311a0c303136333220393630303032",
        "",
    ];
    let values = hex(
        "0a0b416461204578616d706c65120f0a0d312048696768205374726565741a0c303136333220393630303031\
         1a0c303136333220393630303032",
    );
    let all = leaves_of(&WORKED, &values).expect("worked values");
    let found: Vec<_> = all.iter().map(|leaf| leaf.value.to_vec()).collect();
    assert_eq!(found, expected.map(hex));
    assert!(leaves_of(&WORKED, &values[1..]).is_none());
    assert!(leaves_of(&WORKED, &[&values[15..], &values[..15]].concat()).is_none());
}
