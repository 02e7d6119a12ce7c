//! `swim keygen`: a key for sealed packets.

use std::io::{self, Write};
use std::path::PathBuf;

use swim_tokio::key_file;

use crate::failure::Failure;

/// Make a key that all members of a cluster share, as a line for `swim agent --key-file`.
///
/// 32 bytes of the system's randomness in Base64, and in a comment the id by which agents speak of
/// the key. Whoever has the key can read all and say anything: keep the file to yourself.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Write the key into a new file that only its owner may read, and print the id alone. A file
    /// that is there is left as it is. [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  swim keygen --out swim.keys
  swim agent --key-file swim.keys --join db-1:7946
  swim keygen >> swim.keys                     a second key, for a rotation";

/// # Errors
///
/// No randomness, a file that is there already or cannot be written, a closed standard output.
pub fn run(args: Args) -> Result<(), Failure> {
    let (id, line) = key_file::generate().map_err(|error| Failure::Runtime(error.to_string()))?;
    let printed = match &args.out {
        Some(path) => {
            key_file::create(path, &line).map_err(|error| {
                Failure::Runtime(format!("cannot create {}: {error}", path.display()))
            })?;
            writeln!(io::stdout(), "{id}")
        }
        None => io::stdout().write_all(line.as_bytes()),
    };
    printed.map_err(|error| Failure::Runtime(format!("cannot write to standard output: {error}")))
}
