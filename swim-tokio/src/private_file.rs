//! Files that nobody else is to read.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// A new file that its owner alone may read, to be written.
///
/// # Errors
///
/// It is there already, or cannot be made.
pub fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
