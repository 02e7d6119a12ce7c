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
/// The second number of the oldest version that builds it, as the workspace says.
const RUSTC_MINOR_MIN: u32 = 88;
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
    missing_qemu().or_else(|| match env::var_os("SWIM_FIRMWARE") {
        Some(_) => None,
        None => missing_compiler(),
    })
}

fn missing_qemu() -> Option<String> {
    match output(Command::new(QEMU).args(["-M", "mps2-an385", "-netdev", "help"])) {
        None => Some(format!("{QEMU} is missing (Debian: the package {QEMU})")),
        Some(devices) if devices.lines().any(|line| line == NETDEV) => None,
        Some(_) => Some(format!("{QEMU} is older than 7.2: it has no -netdev {NETDEV}")),
    }
}

fn missing_compiler() -> Option<String> {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "list", "--installed"]).env_remove("RUSTUP_TOOLCHAIN");
    if output(&mut rustup).is_some_and(|targets| targets.lines().any(|line| line == TARGET)) {
        return None;
    }
    let absent = TOOLS.iter().filter(|(file, _)| !Path::new(file).exists());
    let packages: Vec<_> = absent.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return old_compiler();
    }
    let packages = packages.join(", ");
    Some(format!("neither rustup's target {TARGET} is there nor Debian's packages {packages}"))
}

/// Debian has had others under this name.
fn old_compiler() -> Option<String> {
    let version = output(Command::new("/usr/bin/rustc").arg("--version"))?;
    let minor = version.split('.').nth(1)?.parse::<u32>().ok()?;
    (minor < RUSTC_MINOR_MIN).then(|| format!("/usr/bin/rustc is too old: {}", version.trim()))
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// In a directory of its own beside that of the tests, so that only the first time takes long.
fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is a part of that");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/thumb.sh");
    let built = Command::new(script)
        .args(["build", TARGET, "--bin", "board"])
        .env("CARGO_TARGET_DIR", target)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("a shell");
    assert!(built.status.success(), "the firmware could not be built: {}", built.status);
    let said = String::from_utf8(built.stdout).expect("text");
    Path::new(said.lines().last().expect("a directory")).join("board")
}
