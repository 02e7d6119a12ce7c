//! Files of keys: who may read them, and that none is lost.

use std::fs;
use std::path::PathBuf;

use swim_tokio::key_file::{self, KeyFileError};

/// A path in a directory of this test alone.
fn path(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("key_file");
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join(name);
    let _ = fs::remove_file(&path);
    path
}

#[test]
fn a_created_file_is_read_again_and_never_overwritten() {
    let path = path("created");
    let (id, line) = key_file::generate().unwrap();
    key_file::create(&path, &line).unwrap();
    let ring = key_file::read(&path).unwrap();
    assert_eq!(ring.ids().collect::<Vec<_>>(), [id]);
    let (_, other) = key_file::generate().unwrap();
    let error = key_file::create(&path, &other).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(key_file::read(&path).unwrap().primary(), id);
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_or_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let path = path("exposed");
    key_file::create(&path, &key_file::generate().unwrap().1).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o620, 0o602, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = key_file::read(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Exposed { mode: told } if told == mode), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    key_file::read(&path).unwrap();
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let path = path("long");
    key_file::create(&path, &"#".repeat(1 << 20)).unwrap();
    assert!(matches!(key_file::read(&path), Err(KeyFileError::TooLong)));
}
