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

#[test]
fn a_directory_is_no_file_of_keys() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    assert!(matches!(key_file::read(&directory), Err(KeyFileError::NotAFile)));
}

#[test]
fn a_reason_is_told_once() {
    let error = key_file::read(&path("missing")).unwrap_err();
    assert!(matches!(error, KeyFileError::Io(_)), "{error}");
    assert!(std::error::Error::source(&error).is_none(), "it is in the text");
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_read_and_one_without_a_writer_does_not_block() {
    use std::io::Write;
    use std::os::fd::AsRawFd;

    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
    let (id, line) = key_file::generate().unwrap();
    let writing = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        writer.write_all(line.as_bytes()).unwrap();
    });
    assert_eq!(key_file::read(&path).unwrap().primary(), id);
    writing.join().unwrap();
    assert!(matches!(key_file::read(&path), Err(KeyFileError::NoKey)));
}
