//! Each lie of the simulated disk, shown biting a program that trusts it too much, and sparing one that does not.

use std::io;
use std::path::Path;

use super::*;
use crate::Random;

const HERE: Site = Site("test");
const SEEDS: u64 = 200;

fn new_file(disk: &SimDisk, path: &str) -> Arc<dyn File> {
    disk.open(Path::new(path), Open::Create)
        .expect("a free name")
}

fn read_all(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
    let file = disk.open(Path::new(path), Open::Read).ok()?;
    let mut bytes = vec![0; usize::try_from(file.len().expect("alive")).expect("small")];
    file.read_exact_at(&mut bytes, 0).expect("all of it");
    Some(bytes)
}

/// In how many of the seeds the program's outcome was the one asked for.
fn seeds_with(check: impl Fn(&SimDisk) -> bool) -> u64 {
    (0..SEEDS)
        .filter(|seed| check(&SimDisk::new(*seed)))
        .count() as u64
}

#[test]
fn what_was_synced_with_its_name_survives_every_cut() {
    let kept = seeds_with(|disk| {
        new_file(disk, "/a")
            .write_all_at(&[7; 5_000], 0)
            .expect("written");
        disk.open(Path::new("/a"), Open::Write)
            .expect("there")
            .sync_data(HERE)
            .expect("synced");
        disk.sync_dir(Path::new("/"), HERE).expect("synced");
        disk.restart(Crash::PowerCut);
        disk.restart(Crash::PowerCut);
        read_all(disk, "/a") == Some(vec![7; 5_000])
    });
    assert_eq!(kept, SEEDS);
}

#[test]
fn unsynced_sectors_arrive_in_any_order_torn_at_512() {
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..SEEDS {
        let disk = SimDisk::new(seed);
        let file = new_file(&disk, "/a");
        file.write_all_at(&[1; 4 * 512], 0).expect("written");
        file.sync_data(HERE).expect("synced");
        disk.sync_dir(Path::new("/"), HERE).expect("synced");
        file.write_all_at(&[2; 4 * 512], 0).expect("written");
        disk.restart(Crash::PowerCut);
        let bytes = read_all(&disk, "/a").expect("synced name");
        let sectors: Vec<u8> = bytes.chunks(512).map(|sector| sector[0]).collect();
        assert!(
            bytes
                .chunks(512)
                .all(|sector| sector.iter().all(|byte| *byte == sector[0])),
            "seed {seed} tore a sector"
        );
        orders.insert(sectors);
    }
    for order in [
        vec![1, 1, 1, 1],
        vec![2, 2, 2, 2],
        vec![1, 1, 1, 2],
        vec![1, 2, 1, 2],
    ] {
        assert!(orders.contains(&order), "{order:?} never happened");
    }
}

#[test]
fn an_earlier_version_of_an_unsynced_sector_may_come_back() {
    let mut found = [false; 3];
    for seed in 0..SEEDS {
        let disk = SimDisk::new(seed);
        let file = new_file(&disk, "/a");
        file.set_len(512).expect("extended");
        file.sync_data(HERE).expect("synced");
        disk.sync_dir(Path::new("/"), HERE).expect("synced");
        file.write_all_at(&[1; 512], 0).expect("written");
        file.write_all_at(&[2; 512], 0).expect("written");
        disk.restart(Crash::PowerCut);
        found[usize::from(read_all(&disk, "/a").expect("there")[0])] = true;
    }
    assert_eq!(found, [true; 3]);
}

#[test]
fn a_synced_file_is_lost_when_its_name_was_not_synced() {
    let lost = seeds_with(|disk| {
        let file = new_file(disk, "/a");
        file.write_all_at(b"kept?", 0).expect("written");
        file.sync_data(HERE).expect("synced");
        disk.restart(Crash::PowerCut);
        !disk.exists(Path::new("/a")).expect("asked")
    });
    assert!(lost > 0 && lost < SEEDS, "{lost}");
}

#[test]
fn an_unsynced_rename_shows_the_old_file_or_the_new_one() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..SEEDS {
        let disk = SimDisk::new(seed);
        for (path, bytes) in [("/state", b"old"), ("/state.new", b"new")] {
            let file = new_file(&disk, path);
            file.write_all_at(bytes, 0).expect("written");
            file.sync_data(HERE).expect("synced");
        }
        disk.sync_dir(Path::new("/"), HERE).expect("synced");
        disk.rename(Path::new("/state.new"), Path::new("/state"))
            .expect("renamed");
        disk.restart(Crash::PowerCut);
        seen.insert(read_all(&disk, "/state").expect("never without a name"));
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [b"new".to_vec(), b"old".to_vec()]
    );
}

#[test]
fn an_unsynced_directory_takes_its_files_with_it() {
    let lost = seeds_with(|disk| {
        disk.create_dir(Path::new("/a/b")).expect("made");
        let file = new_file(disk, "/a/b/c");
        file.sync_data(HERE).expect("synced");
        disk.sync_dir(Path::new("/a/b"), HERE).expect("synced");
        disk.restart(Crash::PowerCut);
        !disk.exists(Path::new("/a/b/c")).expect("asked")
    });
    assert!(lost > 0 && lost < SEEDS, "{lost}");
}

#[test]
fn a_removed_file_may_come_back() {
    let back = seeds_with(|disk| {
        new_file(disk, "/a");
        disk.sync_dir(Path::new("/"), HERE).expect("synced");
        disk.remove(Path::new("/a")).expect("removed");
        disk.restart(Crash::PowerCut);
        disk.exists(Path::new("/a")).expect("asked")
    });
    assert!(back > 0 && back < SEEDS, "{back}");
}

#[test]
fn a_kill_keeps_the_cache_and_ends_handles_and_locks() {
    let disk = SimDisk::new(1);
    let file = new_file(&disk, "/a");
    let lock = disk.lock(Path::new("/lock")).expect("free");
    assert_eq!(
        disk.lock(Path::new("/lock")).err().expect("held").kind(),
        io::ErrorKind::WouldBlock
    );
    file.write_all_at(b"cached", 0).expect("written");
    disk.restart(Crash::Kill);
    assert!(file.write_all_at(b"ghost", 0).is_err());
    assert_eq!(read_all(&disk, "/a").expect("there"), b"cached");
    let again = disk.lock(Path::new("/lock")).expect("free after the kill");
    drop(lock);
    assert!(
        disk.lock(Path::new("/lock")).is_err(),
        "the dead process gave back another's lock"
    );
    drop(again);
    disk.lock(Path::new("/lock")).expect("free");
}

/// The naive program: a sync failed, it syncs again, hears `Ok` and believes it.
#[test]
fn a_sync_after_a_failed_sync_saves_nothing() {
    let lost = seeds_with(|disk| {
        let file = new_file(disk, "/a");
        disk.sync_dir(Path::new("/"), HERE).expect("synced");
        file.write_all_at(&[9; 2_048], 0).expect("written");
        disk.fail_sync(None, 0);
        assert_eq!(
            file.sync_data(HERE).expect_err("planned").raw_os_error(),
            Some(5)
        );
        file.sync_data(HERE).expect("the second says Ok");
        assert_eq!(
            read_all(disk, "/a").expect("there"),
            [9; 2_048],
            "the cache still shows it"
        );
        disk.restart(Crash::PowerCut);
        read_all(disk, "/a").expect("there") != [9; 2_048]
    });
    assert!(lost > SEEDS / 2, "{lost}");
}

#[test]
fn after_a_failed_sync_writing_again_saves_and_going_past_the_cache_shows() {
    let saved = seeds_with(|disk| {
        let file = new_file(disk, "/a");
        file.set_len(2_048).expect("extended");
        file.sync_data(HERE).expect("synced");
        disk.sync_dir(Path::new("/"), HERE).expect("synced");
        file.write_all_at(&[9; 2_048], 0).expect("written");
        disk.fail_sync(Some(HERE), 0);
        file.sync_data(HERE).expect_err("planned");
        let mut past = [9; 2_048];
        file.read_past_cache(&mut past, 0).expect("read");
        file.drop_clean_cache().expect("dropped");
        assert_eq!(read_all(disk, "/a").expect("there"), past);
        file.write_all_at(&[9; 2_048], 0).expect("written again");
        file.sync_data(HERE).expect("synced");
        disk.restart(Crash::PowerCut);
        read_all(disk, "/a").expect("there") == [9; 2_048] && past != [9; 2_048]
    });
    assert!(saved > SEEDS / 2, "{saved}");
}

#[test]
fn a_dropped_sync_is_the_named_one_and_only_it() {
    let (mut one, mut other) = (0, 0);
    for seed in 0..SEEDS {
        let disk = SimDisk::new(seed);
        disk.drop_sync(Site("one"), DropSync::All);
        for (path, site) in [("/a", Site("one")), ("/b", Site("other"))] {
            let file = new_file(&disk, path);
            disk.sync_dir(Path::new("/"), HERE).expect("synced");
            file.write_all_at(b"x", 0).expect("written");
            file.sync_data(site).expect("says Ok");
        }
        disk.restart(Crash::PowerCut);
        one += u64::from(read_all(&disk, "/a") == Some(b"x".to_vec()));
        other += u64::from(read_all(&disk, "/b") == Some(b"x".to_vec()));
    }
    assert!(one < SEEDS && other == SEEDS, "{one} {other}");
}

#[test]
fn ordinals_start_again_with_each_epoch_and_belong_to_its_name() {
    let disk = SimDisk::new(1);
    disk.drop_sync(Site("store"), DropSync::Ordinal("commit", 1));
    let file = new_file(&disk, "/a");
    for epoch in ["commit", "open", "commit"] {
        disk.mark_epoch(epoch);
        for _ in 0..2 {
            file.sync_data(Site("store")).expect("says Ok");
        }
    }
    let tally = disk.sites()["store"];
    assert_eq!((tally.calls, tally.dropped), (6, 2));
    assert_eq!(disk.calls_in_epochs()[&("store", "commit")], 2);
}

#[test]
fn a_full_disk_says_so_and_takes_what_is_there_already() {
    let disk = SimDisk::new(1);
    let file = new_file(&disk, "/a");
    file.write_all_at(&[1; 1_000], 0).expect("written");
    disk.limit_bytes(Some(1_500));
    assert_eq!(
        file.write_all_at(&[2; 1_000], 1_000)
            .expect_err("full")
            .kind(),
        io::ErrorKind::StorageFull
    );
    assert!(file.len().expect("alive") <= 1_500);
    file.write_all_at(&[3; 1_000], 0).expect("overwriting fits");
    disk.limit_bytes(None);
    file.write_all_at(&[2; 1_000], 1_000).expect("room again");
}

#[test]
fn a_failed_write_leaves_a_part() {
    let parts = (0..SEEDS).map(|seed| {
        let disk = SimDisk::new(seed);
        let file = new_file(&disk, "/a");
        disk.fail_write(0, FaultError::Io);
        file.write_all_at(&[1; 900], 0).expect_err("planned");
        file.len().expect("alive")
    });
    assert!(parts.collect::<std::collections::BTreeSet<_>>().len() > 10);
}

#[test]
fn rot_and_misdirected_reads_change_what_is_read() {
    let disk = SimDisk::new(1);
    let file = new_file(&disk, "/a");
    let bytes: Vec<u8> = (0_u32..4_096).map(|at| (at / 512) as u8).collect();
    file.write_all_at(&bytes, 0).expect("written");
    file.sync_data(HERE).expect("synced");
    disk.misdirect_read(1);
    let read = || read_all(&disk, "/a").expect("there");
    assert_eq!(read(), bytes);
    let astray = read();
    assert_eq!(
        astray
            .chunks(512)
            .zip(bytes.chunks(512))
            .filter(|(a, b)| a != b)
            .count(),
        1
    );
    assert_eq!(read(), bytes, "only once");
    disk.rot(Path::new("/a"), 700, 0x10).expect("there");
    assert_eq!(read()[700], 1 ^ 0x10);
    assert!(disk.rot(Path::new("/a"), 9_999, 1).is_err());
}

#[test]
fn the_raw_device_keeps_what_was_cut_off_or_unlinked_and_not_what_was_overwritten() {
    let disk = SimDisk::new(1);
    for (path, byte) in [("/overwritten", 0xaa), ("/cut", 0xbb), ("/removed", 0xcc)] {
        let file = new_file(&disk, path);
        file.write_all_at(&[byte; 64], 0).expect("written");
        file.sync_data(HERE).expect("synced");
    }
    disk.sync_dir(Path::new("/"), HERE).expect("synced");
    let has = |byte: u8| {
        disk.raw()
            .iter()
            .any(|raw| raw.bytes.windows(64).any(|window| window == [byte; 64]))
    };
    let open = |path: &str| disk.open(Path::new(path), Open::Write).expect("there");
    open("/overwritten")
        .write_all_at(&[0; 64], 0)
        .expect("written");
    assert!(has(0xaa), "not synced yet");
    open("/overwritten").sync_data(HERE).expect("synced");
    open("/cut").set_len(0).expect("cut");
    open("/cut").sync_data(HERE).expect("synced");
    disk.remove(Path::new("/removed")).expect("removed");
    disk.sync_dir(Path::new("/"), HERE).expect("synced");
    assert!(!has(0xaa) && has(0xbb) && has(0xcc));
}

#[test]
fn a_cut_and_regrown_file_does_not_show_its_old_bytes() {
    let shown = seeds_with(|disk| {
        let file = new_file(disk, "/a");
        file.write_all_at(&[1; 2_048], 0).expect("written");
        file.sync_data(HERE).expect("synced");
        disk.sync_dir(Path::new("/"), HERE).expect("synced");
        file.set_len(100).expect("cut");
        file.set_len(2_048).expect("regrown");
        file.sync_data(HERE).expect("synced");
        disk.restart(Crash::PowerCut);
        let bytes = read_all(disk, "/a").expect("there");
        bytes[..100] == [1; 100] && bytes[100..] == [0; 1_948]
    });
    assert_eq!(shown, SEEDS);
}

/// A little program whose every operation is a crash point: two files, a swap, a directory.
fn program(disk: &SimDisk, random: &SeededRandomBytes) -> io::Result<()> {
    disk.create_dir(Path::new("/d"))?;
    disk.sync_dir(Path::new("/"), HERE)?;
    for round in 0..4_u64 {
        let next = disk.open(Path::new("/d/next"), Open::Create)?;
        next.write_all_at(&random.bytes(3_000), round)?;
        next.sync_data(HERE)?;
        disk.rename(Path::new("/d/next"), Path::new("/d/state"))?;
        disk.sync_dir(Path::new("/d"), HERE)?;
    }
    Ok(())
}

struct SeededRandomBytes(crate::SeededRandom);

impl SeededRandomBytes {
    fn bytes(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.fill(&mut bytes);
        bytes
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_gives_another() {
    let run = |seed: u64, crash_at: u64| {
        let disk = SimDisk::new(seed);
        disk.crash_at(crash_at);
        let outcome = program(&disk, &SeededRandomBytes(crate::SeededRandom::new(seed))).is_ok();
        disk.restart(Crash::PowerCut);
        let raw: Vec<_> = disk
            .raw()
            .into_iter()
            .map(|raw| (raw.name, raw.bytes))
            .collect();
        (outcome, disk.trace(), raw)
    };
    for crash_at in 0..24 {
        assert!(run(5, crash_at) == run(5, crash_at), "operation {crash_at}");
    }
    assert_ne!(run(5, 9).1, run(6, 9).1);
}

#[test]
fn every_operation_is_a_crash_point_and_the_swap_survives_each() {
    let whole = SimDisk::new(3);
    program(&whole, &SeededRandomBytes(crate::SeededRandom::new(3))).expect("no crash planned");
    for crash_at in 0..whole.operations() {
        let disk = SimDisk::new(crash_at);
        disk.crash_at(crash_at);
        program(&disk, &SeededRandomBytes(crate::SeededRandom::new(3))).expect_err("planned");
        assert!(disk.is_down());
        let fork = disk.fork(99);
        for (disk, crash) in [(&disk, Crash::PowerCut), (&fork, Crash::Kill)] {
            disk.restart(crash);
            let state = read_all(disk, "/d/state");
            assert!(
                state.is_none_or(|bytes| bytes.len() >= 3_000),
                "operation {crash_at}: a torn state under its final name"
            );
        }
    }
}
