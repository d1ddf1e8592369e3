//! The root file: what is accepted, what is refused, and that a destroyed root is gone from the device.

use ground::{FilesystemKind, RealDisk, SeededRandom, SimDisk};

use super::*;

const DIR: &str = "/vault";

fn sim() -> (SimDisk, SharedDisk) {
    let disk = SimDisk::new(1);
    let shared = disk.shared();
    shared.create_dir(Path::new(DIR)).expect("creates");
    (disk, shared)
}

fn key_in(bytes: &[u8]) -> [u8; 32] {
    *bytes[16..].first_chunk().expect("a slot holds a key")
}

#[test]
fn a_destroyed_root_is_gone_from_the_device() {
    let (disk, shared) = sim();
    let random = SeededRandom::new(2);
    let root = FileRoot::create_file(&shared, Path::new(DIR), false).expect("creates");
    shared
        .sync_dir(Path::new(DIR), Site("test"))
        .expect("syncs");
    root.create(1, &random).expect("writes");
    root.create(2, &random).expect("writes");
    let path = Path::new(DIR).join(FILE);
    let before = disk.durable_bytes(&path).expect("there");
    let (new, old) = (key_in(&before), key_in(&before[SLOT_BYTES..]));
    let sealed = root.seal(1, b"table", b"data", &random).expect("seals");
    assert_eq!(
        root.open(1, &sealed, b"data").expect("opens").as_slice(),
        b"table"
    );
    assert!(root.open(2, &sealed, b"data").is_err() && root.open(3, &sealed, b"data").is_err());

    root.destroy_all_but(2).expect("destroys");
    assert_eq!(root.generations().expect("reads"), [2]);
    let after = disk.durable_bytes(&path).expect("there");
    assert!(
        !after.windows(32).any(|window| window == old),
        "the old root is still there"
    );
    assert_eq!(key_in(&after), new);
    let again = FileRoot::open_file(&shared, Path::new(DIR), false).expect("opens");
    assert_eq!(again.generations().expect("reads"), [2]);
}

#[test]
fn rights_of_others_and_unproven_file_systems_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let real: SharedDisk = Arc::new(RealDisk);
    FileRoot::create_file(&real, dir.path(), true).expect("creates");
    for mode in [0o640, 0o604, 0o660, 0o620] {
        let rights = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(dir.path().join(FILE), rights).expect("sets");
        let refused = FileRoot::open_file(&real, dir.path(), true);
        assert!(matches!(refused, Err(VaultError::Unfit(Unfit::Mode(m))) if m == mode));
    }
    let (disk, shared) = sim();
    for kind in [
        FilesystemKind::Overlay,
        FilesystemKind::Btrfs,
        FilesystemKind::Zfs,
        FilesystemKind::Ext4 { data_journal: true },
        FilesystemKind::Other(7),
    ] {
        disk.pretend_filesystem(kind);
        let refused = FileRoot::create_file(&shared, Path::new(DIR), false);
        assert!(matches!(refused, Err(VaultError::Unfit(Unfit::Filesystem))));
    }
    let accepted = FileRoot::create_file(&shared, Path::new(DIR), true).expect("accepted");
    assert_eq!(accepted.strength(), Strength::Unproven);
}

#[test]
fn anothers_file_is_refused() {
    assert!(check_owner(7, 7).is_ok());
    assert!(matches!(
        check_owner(7, 8),
        Err(VaultError::Unfit(Unfit::Owner))
    ));
    let real: SharedDisk = Arc::new(ground::RealDisk);
    let dir = tempfile::tempdir().expect("a directory");
    FileRoot::create_file(&real, dir.path(), true).expect("creates");
    assert!(FileRoot::open_file(&real, dir.path(), true).is_ok());
    let nobody = std::os::unix::fs::chown(dir.path().join(FILE), Some(65_534), None);
    if nobody.is_ok() {
        let refused = FileRoot::open_file(&real, dir.path(), true);
        assert!(matches!(refused, Err(VaultError::Unfit(Unfit::Owner))));
    }
}

#[test]
fn a_missing_file_is_not_created_and_a_short_one_refused() {
    let (_, shared) = sim();
    let missing = FileRoot::open_file(&shared, Path::new(DIR), false);
    assert!(matches!(missing, Err(VaultError::Missing(_))));
    assert!(shared.list(Path::new(DIR)).expect("lists").is_empty());
    let file = shared
        .open(&Path::new(DIR).join(FILE), Open::Create)
        .expect("creates");
    file.write_all_at(&[0; 700], 0).expect("writes");
    let short = FileRoot::open_file(&shared, Path::new(DIR), false);
    assert!(matches!(short, Err(VaultError::Damaged(_))));
}

#[test]
fn a_slot_with_any_other_bit_is_no_slot() {
    let slot = encode_slot(7, &Key32::new([5; 32]));
    assert!(decodes(&*slot));
    for at in 0..SLOT_BYTES {
        let mut flipped = *slot;
        flipped[at] ^= 1;
        assert!(!decodes(&flipped), "byte {at}");
    }
    assert!(!decodes(&[0; SLOT_BYTES]) && !decodes(&[]) && !decodes(&slot[..100]));
}
