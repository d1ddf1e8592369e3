//! Following heads: the same links and records as the reader gives, over segments and while the writer writes; damage is found.

use crate::format::{GROUP_DIGEST_BYTES, GROUP_HEADER_BYTES, SEGMENT_HEADER_BYTES, aligned};
use crate::testing::*;
use crate::words::{Index, link_hash};
use crate::*;

/// Everything from an index on, as a follower gives it.
fn followed(reader: &Reader, from: u64) -> Result<Vec<SealedFact>, JournalError> {
    let mut follower = Follower::new(reader.clone());
    let (mut facts, mut next) = (Vec::new(), Index(from));
    loop {
        let group = follower.group_from(next)?;
        let Some(last) = group.last() else {
            return Ok(facts);
        };
        next = Index(last.index.0 + 1);
        facts.extend(group);
    }
}

#[test]
fn a_follower_gives_what_the_reader_gives_from_any_index() {
    let (_, disk) = journal(&[(1, 700), (3, 700), (2, 700), (5, 700), (1, 90), (6, 400)]);
    let opened = open_at(&disk, 0).expect("opens");
    let head = opened.reader.watermark().next;
    let groups = opened.reader.groups_from(Index(0));
    let last = groups.last().expect("groups").expect("whole");
    assert!(last.place.segment >= 1, "the test crosses segments");
    for from in 0..head.0 {
        let facts = followed(&opened.reader, from).expect("whole");
        assert_eq!(facts.len() as u64, head.0 - from);
        for (index, fact) in (from..).zip(&facts) {
            let entry = opened.reader.entry(Index(index)).expect("is there").entry;
            assert_eq!(fact.index, Index(index));
            assert_eq!((fact.link, &fact.record), (entry.link, &entry.record));
            assert_eq!(fact.link_hash, link_hash(&entry.link));
        }
    }
    assert_eq!(followed(&opened.reader, head.0).expect("nothing"), []);
}

#[test]
fn a_follower_keeps_up_with_the_writer_group_by_group() {
    let (_, disk) = new_disk();
    let mut opened = open_at(&disk, 0).expect("opens");
    let mut follower = Follower::new(opened.reader.clone());
    let mut next = Index(0);
    for count in [2, 1, 4, 3, 5, 1, 1, 6] {
        assert_eq!(follower.group_from(next).expect("nothing yet"), []);
        commit(&mut opened.framer, &mut opened.writer, count, 600);
        let group = follower.group_from(next).expect("whole");
        assert_eq!(group.len() as u64, count);
        next = follower.head();
    }
}

#[test]
fn every_changed_byte_of_header_heads_and_vault_section_is_found() {
    let groups = [(2, 60), (2, 50), (1, 30)];
    let (_, disk) = journal(&groups);
    let opened = open_at(&disk, 0).expect("opens");
    let (first, second) = {
        let mut groups = opened.reader.groups_from(Index(0));
        let mut group = || groups.next().expect("three groups").expect("whole");
        (group(), group())
    };
    assert_eq!(u64::from(first.place.offset), SEGMENT_HEADER_BYTES);
    let at = u64::from(second.place.offset);
    let slots: usize = second
        .entries
        .iter()
        .flat_map(|entry| &entry.slots)
        .map(Vec::len)
        .sum();
    let tail = second.vault_section.len() + GROUP_DIGEST_BYTES;
    let slots_at = second.length as usize - tail - slots;
    assert!(slots_at > GROUP_HEADER_BYTES);
    let outer_ends = second.length as usize - GROUP_DIGEST_BYTES / 2;
    let path = segment_path(0);
    let bytes = read_file(&disk, &path);
    for place in 0..aligned(u64::from(second.length)) as usize {
        let byte = bytes[at as usize + place];
        overwrite(&disk, &path, at + place as u64, &[byte ^ 4]);
        let found = followed(&opened.reader, 0);
        let covered = place < slots_at || (slots_at + slots..outer_ends).contains(&place);
        match found {
            Err(JournalError::Damaged(damage)) => {
                assert!(covered, "byte {place} is a slot's or the full digest's");
                assert_eq!(damage.group, second.number, "byte {place}: {damage:?}");
            }
            other => assert!(!covered && other.is_ok(), "byte {place}: {other:?}"),
        }
        overwrite(&disk, &path, at + place as u64, &[byte]);
    }
    assert_eq!(followed(&opened.reader, 0).expect("whole again").len(), 5);
}
