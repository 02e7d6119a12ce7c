//! What the boards run, and whether boards can run here.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const QEMU: &str = "qemu-system-arm";
/// Where rustup has this target, nothing of Debian's compiler is needed.
const TARGET: &str = "thumbv7m-none-eabi";
/// What else builds the firmware: a file, and the package of Debian that brings it.
const TOOLS: [(&str, &str); 4] = [
    ("/usr/bin/cargo", "cargo-web"),
    ("/usr/bin/rustc", "rustc-web"),
    ("/usr/lib/rustlib/src/rust/library/core/Cargo.toml", "rust-web-src"),
    ("/usr/bin/ld.lld", "lld"),
];
/// The netdev that speaks over Unix sockets came with QEMU 7.2.
const NETDEV: &str = "dgram";

/// The image of the firmware: the one that `SWIM_FIRMWARE` names, else it is built. Where that
/// cannot be done, the test is skipped, and says so past the harness, which keeps to itself what
/// tests say that pass. With `SWIM_BOARDS=required` to skip is to fail.
pub fn image() -> Option<PathBuf> {
    match missing() {
        None => Some(env::var_os("SWIM_FIRMWARE").map_or_else(build, PathBuf::from)),
        Some(missing) if env::var("SWIM_BOARDS").is_ok_and(|boards| boards == "required") => {
            panic!("SWIM_BOARDS=required, and {missing}");
        }
        Some(missing) => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: the test with boards, since {missing}");
            None
        }
    }
}

fn missing() -> Option<String> {
    let devices = output(Command::new(QEMU).args(["-M", "mps2-an385", "-netdev", "help"]));
    match devices {
        None => return Some(format!("{QEMU} is missing (Debian: the package {QEMU})")),
        Some(devices) if !devices.lines().any(|line| line == NETDEV) => {
            return Some(format!("{QEMU} is older than 7.2: it has no -netdev {NETDEV}"));
        }
        Some(_) => {}
    }
    let targets = output(Command::new("rustup").args(["target", "list", "--installed"]));
    let has_target = targets.is_some_and(|targets| targets.lines().any(|line| line == TARGET));
    if has_target || env::var_os("SWIM_FIRMWARE").is_some() {
        return None;
    }
    let absent = TOOLS.iter().filter(|(file, _)| !Path::new(file).exists());
    let packages: Vec<_> = absent.map(|(_, package)| *package).collect();
    (!packages.is_empty()).then(|| {
        let packages = packages.join(", ");
        format!("neither rustup's target {TARGET} is there nor Debian's packages {packages}")
    })
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// In a directory of its own, so that only the first time takes long.
fn build() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/build.sh");
    let built = Command::new(script)
        .args([TARGET, "--bin", "board"])
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("a shell");
    assert!(built.status.success(), "the firmware could not be built: {}", built.status);
    let directory = String::from_utf8(built.stdout).expect("a path");
    Path::new(directory.trim()).join("board")
}
