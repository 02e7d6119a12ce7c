//! The file of keys all agents of a demo share, and its changes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use swim_tokio::{KeyId, key_file};
use zeroize::Zeroizing;

/// A file of keys in a directory that nobody else may enter. Both go with it.
pub struct KeyFile {
    directory: PathBuf,
    path: PathBuf,
}

/// A key as it stands in the file.
pub struct Line {
    pub id: KeyId,
    text: Zeroizing<String>,
}

impl Line {
    /// # Errors
    ///
    /// The system has no randomness to give.
    pub fn generate() -> io::Result<Self> {
        let (id, text) = key_file::generate()?;
        Ok(Self { id, text })
    }
}

impl KeyFile {
    /// # Errors
    ///
    /// The directory for temporary files cannot be written.
    pub fn create(keys: &[&Line]) -> io::Result<Self> {
        let name = format!("swim-demo-{:016x}", fastrand::u64(..));
        let directory = std::env::temp_dir().join(name);
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&directory)?;
        let file = Self { path: directory.join("swim.keys"), directory };
        file.write(keys)?;
        Ok(file)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces what stands in it, all at once: an agent may read it any time.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self, keys: &[&Line]) -> io::Result<()> {
        let next = self.directory.join("next");
        let len = keys.iter().map(|key| key.text.len()).sum();
        // Of its full length at once: what grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(len));
        keys.iter().for_each(|key| text.push_str(&key.text));
        key_file::create(&next, &text)?;
        fs::rename(next, &self.path)
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        // What remains is of no use to anybody: the agents end with the demo.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
