//! The corpus of the fuzzer, replayed through the functions the fuzzer runs: what it has found to
//! be worth keeping stays covered by every test run.
#![cfg(feature = "sim")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use swim_core::sim::drive::{TARGETS, Target};

/// More files, or more bytes in all of a target, belong to nobody's repository.
const FILES_MAX: usize = 300;
const BYTES_MAX: usize = 200_000;

#[test]
fn the_corpus_of_every_target_breaks_no_rule() {
    for target in TARGETS {
        let files = files_of(target.name);
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        println!("{}: {} files, {bytes} bytes", target.name, files.len());
        assert!((1..=FILES_MAX).contains(&files.len()), "{}: {} files", target.name, files.len());
        assert!(bytes <= BYTES_MAX, "{}: {bytes} bytes", target.name);
        files.iter().for_each(|(path, bytes)| replay(target, path, bytes));
    }
}

#[test]
fn every_target_of_the_fuzzer_is_a_target_of_the_library() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("fuzz/Cargo.toml");
    let listed = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    let listed: BTreeSet<_> = listed.filter_map(|rest| rest.strip_suffix(".rs\"")).collect();
    assert_eq!(listed, TARGETS.iter().map(|target| target.name).collect());
}

fn replay(target: &Target, path: &Path, bytes: &[u8]) {
    let run = target.run;
    assert!(catch_unwind(|| run(bytes)).is_ok(), "{} breaks a rule", path.display());
}

fn files_of(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = fuzz().join("corpus").join(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort_unstable();
    let read = |path: PathBuf| (fs::read(&path).expect("a file"), path);
    paths.into_iter().map(read).map(|(bytes, path)| (path, bytes)).collect()
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}
