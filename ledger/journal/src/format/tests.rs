//! Every format of this crate: it reads what it wrote, and refuses everything else.

use proptest::prelude::*;

use super::*;
use crate::testing::entry;
use crate::words::{ChainNumber, Hash, IdTag, UnixMillis, link_hash};

fn start() -> GroupStart {
    GroupStart {
        place: Place {
            segment: 3,
            offset: 8192,
        },
        number: 9,
        first: Index(40),
        time: UnixMillis(-5),
        previous_outer: Hash([8; 32]),
    }
}

fn entries() -> Vec<Entry> {
    let first = entry(40, Hash([1; 32]), 1, 130, &[128, 0, 300]);
    let second = entry(41, link_hash(&first.link), 2, 5, &[]);
    vec![first, second]
}

fn segment() -> SegmentHeader {
    SegmentHeader {
        genesis: Hash([1; 32]),
        chain: ChainNumber(2),
        number: 3,
        first_index: Index(4),
        first_group: 5,
        segment_bytes: 6 << 20,
        previous_outer: Hash([7; 32]),
    }
}

/// The first reason for refusing a group with one byte changed and its header's CRC made right again.
fn changed(at: usize, byte: u8) -> What {
    let (mut bytes, _) = encode_group(&start(), &entries(), b"vault");
    bytes[at] = byte;
    let sum = crc(&bytes[..92]).to_be_bytes();
    bytes[92..96].copy_from_slice(&sum);
    decode_group(&bytes, Depth::Full).expect_err("changed").what
}

#[test]
fn a_group_reads_back_and_lies_on_the_grid() {
    let (bytes, outer) = encode_group(&start(), &entries(), b"vault");
    assert!(bytes.len().is_multiple_of(SECTOR_BYTES as usize));
    let group = decode_group(&bytes, Depth::Full).expect("whole");
    assert_eq!(
        (group.entries.clone(), group.vault_section.as_slice()),
        (entries(), b"vault".as_slice())
    );
    assert_eq!(
        (group.outer, group.number, group.time),
        (outer, 9, UnixMillis(-5))
    );
    assert!(group.slots_whole);
    group
        .check_links(ChainNumber(0), Hash([1; 32]))
        .expect("linked");
    // Of a chain that was closed before; never of a later one, and never of two.
    group
        .check_links(ChainNumber(1), Hash([1; 32]))
        .expect("linked");
    let mut later = group.clone();
    later.entries[0].link[4] = 2;
    let other = later
        .check_links(ChainNumber(1), Hash([1; 32]))
        .expect_err("a later chain");
    assert_eq!((other.what, other.index), (What::Link, Some(Index(40))));
    let other = later
        .check_links(ChainNumber(2), Hash([1; 32]))
        .expect_err("two chains in one group");
    assert_eq!(other.index, Some(Index(41)));
    let other = group
        .check_links(ChainNumber(0), Hash([2; 32]))
        .expect_err("another link");
    assert_eq!(
        (other.what, other.index),
        (What::LinkPrevious, Some(Index(40)))
    );
}

#[test]
fn a_group_has_the_drawn_layout() {
    let (bytes, _) = encode_group(&start(), &entries(), b"vault");
    assert_eq!(&bytes[..4], b"CFGR");
    assert_eq!(&bytes[8..16], &[0, 0, 0, 3, 0, 0, 32, 0]);
    let length = encoded_length(&entries(), b"vault") as usize;
    let full = blake3::hash(&bytes[..length - 32]);
    assert_eq!(&bytes[length - 32..length], full.as_bytes());
    let heads: usize = entries().iter().map(head_length).sum();
    let outer_input = [&bytes[..96 + heads], b"vault"].concat();
    assert_eq!(
        &bytes[length - 64..length - 32],
        blake3::hash(&outer_input).as_bytes()
    );
    // varints 2 + 1 + 2 + 1 + 2, idtag, link, record, CRC
    assert_eq!(head_length(&entries()[0]), 8 + 16 + 77 + 130 + 4);
}

#[test]
fn every_class_of_broken_group_has_its_reason() {
    let (bytes, _) = encode_group(&start(), &entries(), b"vault");
    let reason = |bytes: &[u8]| decode_group(bytes, Depth::Full).expect_err("broken").what;
    assert_eq!(reason(&[0; 512]), What::Magic);
    assert_eq!(reason(&bytes[..95]), What::Short);
    assert_eq!(reason(&bytes[..200]), What::Short);
    let mut flipped = bytes.clone();
    flipped[20] ^= 1;
    assert_eq!(reason(&flipped), What::Checksum);
    assert_eq!(changed(5, 2), What::Version);
    assert_eq!(changed(7, 2), What::NotZero);
    assert_eq!(changed(36, 1), What::Length);
    assert_eq!(changed(15, 1), What::Length);
    assert_eq!(changed(35, 0), What::Length);
    let mut padded = bytes.clone();
    *padded.last_mut().expect("padding") = 1;
    assert_eq!(reason(&padded), What::NotZero);
}

#[test]
fn a_broken_head_names_its_index() {
    let (bytes, _) = encode_group(&start(), &entries(), b"vault");
    let first = head_length(&entries()[0]);
    for (at, index) in [(96 + 50, 40), (96 + first - 1, 40), (96 + first + 10, 41)] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x80;
        let broken = decode_group(&flipped, Depth::Outer).expect_err("broken");
        assert_eq!(
            (broken.what, broken.index),
            (What::Checksum, Some(Index(index)))
        );
    }
}

#[test]
fn slots_count_for_the_full_digest_alone() {
    let (mut bytes, _) = encode_group(&start(), &entries(), b"vault");
    let heads: usize = entries().iter().map(head_length).sum();
    bytes[96 + heads] ^= 1;
    assert_eq!(
        decode_group(&bytes, Depth::Full).expect_err("changed").what,
        What::FullDigest
    );
    assert!(
        !decode_group(&bytes, Depth::Outer)
            .expect("whole but for a slot")
            .slots_whole
    );
    let vault = 96 + heads + 428;
    bytes[vault] ^= 1;
    assert_eq!(
        decode_group(&bytes, Depth::Outer)
            .expect_err("changed")
            .what,
        What::OuterDigest
    );
}

#[test]
fn a_head_has_one_encoding() {
    let mut bytes = Vec::new();
    encode_head(&mut bytes, &entries()[0]);
    let (head, used) = decode_head(&bytes).expect("whole");
    assert_eq!(
        (head.record.len(), head.slot_lengths, used),
        (130, vec![128, 0, 300], bytes.len())
    );
    let reason = |bytes: &[u8]| decode_head(bytes).expect_err("broken").what;
    assert_eq!(reason(&[0x80, 0x00]), What::Varint);
    assert_eq!(reason(&[0xff; 8]), What::Varint);
    assert_eq!(reason(&[0]), What::Length);
    assert_eq!(reason(&[0xff, 0xff, 0xff, 0x01]), What::Length);
    assert_eq!(reason(&[1, 0xff, 0x7f]), What::Length);
    assert_eq!(reason(&bytes[..bytes.len() - 1]), What::Short);
}

#[test]
fn segment_header_marker_and_watermark_refuse_every_flipped_bit() {
    let marker = Marker {
        origin: "test.westmere.example/counterfoil".to_owned(),
        genesis: Hash([3; 32]),
        chain: ChainNumber(1),
        segment_bytes: SEGMENT_BYTES_DEFAULT,
        group_bytes_max: GROUP_BYTES_MAX,
    };
    let watermark = WatermarkRecord {
        boot: [5; 16],
        group: 6,
        end: Place {
            segment: 7,
            offset: 8,
        },
        next: Index(9),
    };
    assert_eq!(SegmentHeader::decode(&segment().encode()), Ok(segment()));
    assert_eq!(Marker::decode(&marker.encode()), Ok(marker.clone()));
    assert_eq!(WatermarkRecord::decode(&watermark.encode()), Ok(watermark));
    refuses_flips(&segment().encode(), |bytes| {
        SegmentHeader::decode(bytes).is_err()
    });
    refuses_flips(&marker.encode(), |bytes| Marker::decode(bytes).is_err());
    refuses_flips(&watermark.encode(), |bytes| {
        WatermarkRecord::decode(bytes).is_err()
    });
    let fixed = Marker {
        segment_bytes: SEGMENT_BYTES_MIN,
        ..marker
    };
    assert_eq!(
        Marker::decode(&fixed.encode()).expect_err("no room").what,
        What::Length
    );
}

fn refuses_flips(bytes: &[u8], refused: impl Fn(&[u8]) -> bool) {
    for at in 0..bytes.len() {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 4;
        assert!(refused(&flipped), "byte {at}");
    }
    assert!(refused(&bytes[..bytes.len() - 1]));
}

#[test]
fn the_overhead_of_an_entry_stays_near_its_budget() {
    let entries: Vec<Entry> = (0..64)
        .map(|index| entry(index, Hash([0; 32]), 1, 300, &[384]))
        .collect();
    let on_disk = aligned(encoded_length(&entries, &[]));
    let overhead = (on_disk - 64 * (300 + 384)) / 64;
    assert!(overhead <= 112, "{overhead} bytes an entry");
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let bytes = |max: usize| prop::collection::vec(any::<u8>(), 0..max);
    (
        any::<[u8; 16]>(),
        any::<[u8; 32]>(),
        bytes(400),
        prop::collection::vec(bytes(300), 0..4),
    )
        .prop_map(|(idtag, seed, mut record, slots)| {
            record.push(1);
            let link = entry(0, Hash(seed), 1, 1, &[]).link;
            Entry {
                idtag: IdTag(idtag),
                link,
                record,
                slots,
            }
        })
}

proptest! {
    #[test]
    fn groups_round_trip(
        entries in prop::collection::vec(any_entry(), 1..8),
        vault in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (bytes, outer) = encode_group(&start(), &entries, &vault);
        let group = decode_group(&bytes, Depth::Full).expect("whole");
        prop_assert_eq!((group.entries, group.vault_section, group.outer), (entries, vault, outer));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_refused(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (mut bytes, _) = encode_group(&start(), &entries(), b"vault");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(decode_group(&bytes, Depth::Full).is_err());
        crate::fuzz::group(&bytes);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        crate::fuzz::group(&bytes);
        crate::fuzz::head(&bytes);
        crate::fuzz::segment_header(&bytes);
        crate::fuzz::watermark(&bytes);
        crate::fuzz::marker(&bytes);
        crate::fuzz::checkpoint(&bytes);
        crate::fuzz::run_file(&bytes);
        crate::fuzz::tree_position(&bytes);
    }
}
