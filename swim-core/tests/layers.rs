//! The shape of the code, checked: which file may import which, how long things may get, what may
//! not be written, and how little is linked.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The modules from the bottom up. A file imports only from the rows below its own; the files of a
/// directory may import each other.
const ROWS: &[&[&str]] = &[
    &["log", "time"],
    &["member", "quota", "range", "rng"],
    &[
        "accrual",
        "address",
        "allow",
        "health",
        "heartbeats",
        "judge",
        "flap",
        "rotation",
        "round_trip",
        "stall",
        "suspicion",
        "witnesses",
    ],
    &["detector"],
    &["config", "cookie"],
    &["wire"],
    &["event", "seal", "storage"],
    &["table"],
    &[
        "departed",
        "error",
        "gossip",
        "heal",
        "leaf",
        "lockout",
        "newcomers",
        "outbox",
        "probe",
        "reconcile",
        "refutation",
        "relay",
        "rival",
        "seeds",
        "senses",
        "slumber",
        "snapshot",
        "stats",
        "sync",
    ],
    &["watch", "bound"],
    &["node"],
    &["trace"],
    &["lib", "sim"],
];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// The functions everything passes through are held to more.
const STRAIGHT_LINE_MAX: usize = 25;
const STRAIGHT_LINES: [&str; 3] = ["handle_datagram", "handle_packet", "poll_transmit"];
const COLUMNS_MAX: usize = 100;
const CRATES_MAX: usize = 9;

/// What the core may not contain: it never panics. The simulator may, as a test does.
const FORBIDDEN: [&str; 7] =
    [".expect(", ".unwrap()", "dbg!", "panic!", "todo!", "unimplemented!", "unreachable!"];

#[test]
fn a_file_imports_only_lower_layers() {
    for source in core_sources() {
        let row = row_of(source.module());
        let row = row.unwrap_or_else(|| panic!("{source}: add it to the rows of this test"));
        for import in imports(&source.code()) {
            let inside = import == source.module() || source.is_top();
            let below = row_of(&import).is_some_and(|import| import < row);
            assert!(inside || below, "{source} imports crate::{import}");
        }
    }
}

#[test]
fn every_row_of_this_test_names_files_that_exist() {
    let present: BTreeSet<_> = core_sources().iter().map(|file| file.module().to_owned()).collect();
    for module in ROWS.iter().copied().flatten() {
        assert!(present.contains(*module), "no such module: {module}");
    }
}

#[test]
fn no_file_is_long_without_its_tests() {
    for source in all_sources() {
        let lines = source.without_tests().lines().count();
        assert!(lines <= FILE_LINES_MAX, "{source} has {lines} lines");
    }
}

#[test]
fn no_function_is_long() {
    for source in all_sources() {
        for function in functions(&source.text) {
            let Function { name, line, lines } = function;
            assert!(lines <= FUNCTION_LINES_MAX, "{source}:{line}: {name} has {lines} lines");
        }
    }
}

#[test]
fn the_straight_line_is_short() {
    let sources = core_sources();
    let node = sources.iter().filter(|source| source.module() == "node");
    let functions: Vec<_> = node.flat_map(|source| functions(source.without_tests())).collect();
    for name in STRAIGHT_LINES {
        let function = functions.iter().find(|function| function.name == name);
        let lines = function.unwrap_or_else(|| panic!("node has no {name}")).lines;
        assert!(lines < STRAIGHT_LINE_MAX, "{name} has {lines} lines");
    }
}

#[test]
fn no_line_is_wide() {
    for source in all_sources() {
        for (number, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            assert!(columns <= COLUMNS_MAX, "{source}:{}: {columns} columns", number + 1);
        }
    }
}

#[test]
fn nothing_in_the_core_panics_or_is_left_to_do() {
    for source in core_sources().iter().filter(|source| source.module() != "sim") {
        for (number, line) in source.code().lines().enumerate() {
            let found = FORBIDDEN.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{source}:{}: {}", number + 1, line.trim());
        }
    }
}

/// `core/` is this crate's tests, `tokio/` those of the adapter; after a colon stands a function.
#[test]
fn the_tests_that_the_threat_model_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let model = fs::read_to_string(root.join("SECURITY.md")).expect("SECURITY.md");
    let mut named = 0;
    for code in model.split('`').skip(1).step_by(2) {
        let (path, function) = code.split_once(": ").unwrap_or((code, ""));
        let directory = match path.split_once('/') {
            Some(("core", rest)) => root.join("swim-core/tests").join(rest),
            Some(("tokio", rest)) => root.join("swim-tokio/tests").join(rest),
            _ => continue,
        };
        assert!(directory.exists(), "{code}: no such file");
        let texts = match directory.is_dir() {
            true => sources_in(&directory).into_iter().map(|source| source.text).collect(),
            false => vec![fs::read_to_string(directory).expect("a source")],
        };
        let is_there = |text: &String| text.contains(&format!("fn {function}("));
        assert!(function.is_empty() || texts.iter().any(is_there), "{code}: no such function");
        named += 1;
    }
    assert!(named > 20, "{named}");
}

#[test]
fn few_crates_are_linked() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "swim-core", "--edges", "normal,no-proc-macro"])
        .args(["--prefix", "none", "--no-dedupe", "--manifest-path"])
        .arg(manifest)
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("names of crates");
    let crates: BTreeSet<_> = tree.lines().filter(|line| !line.starts_with("swim-core ")).collect();
    assert!(crates.iter().any(|line| line.starts_with("postcard ")), "not a tree: {tree}");
    assert!(crates.len() <= CRATES_MAX, "{} crates: {crates:#?}", crates.len());
}

/// One file of source code.
struct Source {
    /// Relative to its `src` directory.
    path: PathBuf,
    text: String,
}

impl Source {
    /// The first part of its path: a file's own name, or its directory's.
    fn module(&self) -> &str {
        let first = self.path.iter().next().and_then(|part| part.to_str()).unwrap_or_default();
        first.trim_end_matches(".rs")
    }

    /// Whether it is in the top row, where the re-exports of the crate may be used.
    fn is_top(&self) -> bool {
        ROWS.last().is_some_and(|top| top.contains(&self.module()))
    }

    /// The text up to the tests, which come last or stand in files of their own.
    fn without_tests(&self) -> &str {
        if self.path.iter().any(|part| part == "tests" || part == "tests.rs") {
            return "";
        }
        let starts = ["\n#[cfg(test)]\nmod ", "\n#[cfg(all(test, target_os = \"linux\"))]\nmod "];
        let end = starts.iter().filter_map(|start| self.text.find(start)).min();
        &self.text[..end.unwrap_or(self.text.len())]
    }

    /// What is compiled outside of tests: comments are blanked, line numbers stay.
    fn code(&self) -> String {
        let lines = self.without_tests().lines();
        lines.map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect()
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.path.display().fmt(f)
    }
}

fn core_sources() -> Vec<Source> {
    sources_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn all_sources() -> Vec<Source> {
    let mut sources = core_sources();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    sources.extend(sources_in(&workspace.join("swim-tokio/src")));
    sources
}

fn sources_in(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a source directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("source code");
                let path = path.strip_prefix(root).expect("below the root").to_owned();
                sources.push(Source { path, text });
            }
        }
    }
    assert!(!sources.is_empty(), "nothing in {}", root.display());
    sources
}

fn row_of(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

/// The modules named in `crate::module` and `crate::{module, module::Type}`. A re-export of the
/// crate root counts as the module it would be called, which is in no row.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (place, _) in code.match_indices("crate::") {
        let rest = &code[place + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => found.extend(first_word(rest)),
            Some(group) => found.extend(group_members(group).iter().filter_map(|m| first_word(m))),
        }
    }
    found
}

fn first_word(text: &str) -> Option<String> {
    let word = text.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (!word.is_empty()).then(|| word.to_owned())
}

/// The outermost members of a group whose opening brace has been read.
fn group_members(group: &str) -> Vec<&str> {
    let mut members = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(group[start..place].trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(group[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    members
}

struct Function<'a> {
    name: &'a str,
    /// Where it starts, from 1.
    line: usize,
    /// How long it is, signature and closing brace included.
    lines: usize,
}

/// The functions with a body of more than one line. Relies on rustfmt: the closing brace of a
/// function stands alone, as far in as its first line.
fn functions(text: &str) -> Vec<Function<'_>> {
    let lines: Vec<_> = text.lines().collect();
    let mut functions = Vec::new();
    for (start, first) in lines.iter().enumerate() {
        let Some(name) = function_name(first) else { continue };
        let indent = &first[..first.len() - first.trim_start().len()];
        let closes = |line: &&str| line.strip_prefix(indent) == Some("}");
        let body = lines.iter().skip(start).position(|line| line.ends_with('{'));
        let declared = lines.iter().skip(start).position(|line| line.ends_with([';', '}']));
        if body.is_none_or(|body| declared.is_some_and(|declared| declared < body)) {
            continue;
        }
        let length = lines.iter().skip(start).position(closes).expect("a closing brace") + 1;
        functions.push(Function { name, line: start + 1, lines: length });
    }
    functions
}

/// The name of the function whose signature starts on this line.
fn function_name(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let (qualifiers, rest) = code.split_once("fn ")?;
    let qualifies = |word: &str| {
        word.starts_with("pub") || ["async", "const", "unsafe", "in", "super)"].contains(&word)
    };
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (qualifiers.split_whitespace().all(qualifies) && !name.is_empty()).then_some(name)
}

#[test]
fn the_length_of_a_function_counts_from_signature_to_brace() {
    let text = "trait T {\n    fn declared(&self);\n    fn short(&self) {}\n}\n\
                pub(crate) const fn long<A>(\n    a: A,\n) -> A\nwhere\n    A: Copy,\n{\n    a\n}\n";
    let functions = functions(text);
    assert_eq!(functions.len(), 1);
    assert_eq!((functions[0].name, functions[0].line, functions[0].lines), ("long", 5, 8));
}

#[test]
fn imports_are_found_in_groups_and_in_paths() {
    let code = "use crate::{a::{B, C}, d::E};\nuse crate::f;\nlet x = crate::g::h(); crate::Node";
    let found: Vec<_> = imports(code).into_iter().collect();
    assert_eq!(found, ["Node", "a", "d", "f", "g"]);
}
