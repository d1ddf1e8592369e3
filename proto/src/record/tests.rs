//! Records have one encoding; everything else is refused.

use super::*;
use crate::{EventId, Personal, decode_json, example_data, facts, split};

fn example_record(fact: &'static Fact) -> (RecordHeader, Vec<u8>) {
    let data = decode_json(fact, example_data(fact).as_bytes()).expect("examples are valid");
    let split = split(data, &EventId::new(Personal::from("x")));
    let header = RecordHeader {
        publisher: PublisherCode::new("crm").expect("a code"),
        source: "//crm.example".to_owned(),
        time: UnixMillis(1),
        admitted: UnixMillis(0),
        stream: StreamId([0; 16]),
        number: NumberInStream(0),
        previous: Some(Index(0)),
        slots: vec![SlotSeal {
            root: Hash([0; 32]),
            digest: Hash([1; 32]),
            withheld: false,
        }],
        quarantined: Vec::new(),
    };
    (header, split.body)
}

fn check(bytes: &[u8], expected: RecordError) {
    assert_eq!(decode_record(bytes).err(), Some(expected));
}

#[test]
fn a_record_reads_back() {
    for fact in facts() {
        let (header, body) = example_record(fact);
        let bytes = encode_record(&header, fact, &body);
        let record = decode_record(&bytes).expect("our record");
        assert!(record.header == header && record.body == body);
        assert_eq!(record.to_json()["type"], fact.type_name);
        let prost = stored::Record::decode(&bytes[..]).expect("prost reads the header");
        assert_eq!(prost.previous_plus_one, 1);
    }
}

#[test]
fn other_bytes_for_the_same_record_are_refused() {
    let fact = &facts()[0];
    let (header, body) = example_record(fact);
    let good = encode_record(&header, fact, &body);
    let not = RecordError::NotDeterministic;
    let build = |front: &[u8], body: &[u8], back: &[u8]| {
        let mut header_bytes = encode_record(&header, fact, &[]);
        header_bytes.truncate(header_bytes.len() - 3);
        let mut out = [front, &header_bytes].concat();
        put_bytes(&mut out, fact.number, body);
        out.extend_from_slice(back);
        out
    };
    assert!(build(&[], &body, &[]) == good);
    check(&build(&[0x0a, 3, b'c', b'r', b'm'], &body, &[]), not); // field twice
    check(&build(&[0x20, 0], &body, &[]), not); // default, and out of order
    check(&build(&[0xf8, 0x03, 1], &body, &[]), not); // unknown header field 63
    check(&build(&[], &body, &[0x08, 1]), not); // something behind the body
    check(&build(&[], &[&body[..], &body[..]].concat(), &[]), not); // body merged from two
    let mut with_default = body.clone();
    put_tag(&mut with_default, 8, 0);
    with_default.push(0);
    check(&build(&[], &with_default, &[]), not);
    let mut unknown = body.clone();
    put_tag(&mut unknown, 60, 0);
    unknown.push(1);
    check(&build(&[], &unknown, &[]), RecordError::Malformed);
    let mut sealed = body;
    put_bytes(&mut sealed, 21, b"a sealed field in the clear");
    check(&build(&[], &sealed, &[]), RecordError::Malformed);
    let mut longer = good.clone();
    longer[1] |= 0x80;
    longer.insert(2, 0);
    check(&longer, not);
    check(&good[..good.len() - 1], RecordError::Malformed);
    check(&[], RecordError::Malformed);
    let mut foreign = encode_record(&header, fact, &[]);
    foreign.truncate(foreign.len() - 3);
    put_bytes(&mut foreign, 100_000, b"");
    check(&foreign, RecordError::UnknownFact);
}

#[test]
fn every_flipped_bit_is_refused_or_another_record() {
    let fact = &facts()[0];
    let (header, body) = example_record(fact);
    let good = encode_record(&header, fact, &body);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(record) = decode_record(&bytes) {
                assert!(encode_record(&record.header, record.fact, &record.body) == bytes);
            }
        }
    }
}
