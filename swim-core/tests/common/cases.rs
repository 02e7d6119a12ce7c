//! How many random cases a test runs.

/// The cases that `PROPTEST_CASES` asks for, in the environment, or else `default`.
pub fn cases(default: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    asked.unwrap_or(default)
}
