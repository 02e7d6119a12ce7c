//! `swim sim`: experiments on simulated clusters, the detectors side by side.

mod contender;
mod options;
mod plot;
mod progress;
mod record;
mod row;
mod run;
mod studies;
mod study;
mod table;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::failure::Failure;
use options::Options;
use row::Row;
use study::{Choice, Study};

/// Compare failure detectors on simulated clusters: how soon, how wrong, at what cost.
///
/// Every run follows from its seed, on every machine. All detectors run on the same node, the same
/// packets and the same seeds. Results go to standard output, progress to standard error.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    choice: Choice,

    #[command(flatten)]
    options: Options,
}

const EXAMPLES: &str = "\
Examples:
  swim sim crash
  swim sim crash --nodes 8,128 --seeds 400 --plot crash.svg
  swim sim loss --loss 300 --detector memberlist,witness --csv loss.csv
  swim sim pause-curve --pause-tolerance 1s,2.5s,4s --plot pauses.svg
  swim sim scale --json | jq .first_p50_s
  swim sim families --nodes 30,128,512,2000 --plot families.png

Exit status: 0 all went well, 1 a file could not be written or a rule of the simulator is broken,
2 wrong usage.";

/// Runs one experiment with every detector and every seed, and shows what came of it.
///
/// # Errors
///
/// Options that do not go together, a broken rule of the simulator, a file that cannot be written.
pub fn run(args: Args) -> Result<(), Failure> {
    let Args { choice, options } = args;
    let study = choice.study();
    study.check(&options).map_err(Failure::Usage)?;
    if options.plot.is_some() && study.plot().is_none() {
        return Err(Failure::Usage(format!("there is no plot of {}", study.name())));
    }
    let mut rows = run::all(study, &options)?;
    let pools = study.pool_by().map(|by| row::pooled(&rows, by, &options));
    let text = table::text(study, &options, pools.as_ref().unwrap_or(&rows));
    rows.extend(pools.into_iter().flatten());
    let outcome = if options.json {
        record::write_json(&rows, &mut io::stdout().lock())
    } else {
        io::stdout().lock().write_all(text.as_bytes())
    };
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Runtime(format!("cannot write: {error}")))
        }
        _ => write_files(study, &options, &rows),
    }
}

fn write_files(study: &dyn Study, options: &Options, rows: &[Row]) -> Result<(), Failure> {
    let cannot = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::Runtime(format!("cannot write {}: {error}", path.display()))
    };
    if let Some(path) = &options.csv {
        let file = File::create(path).map_err(|error| cannot(path, &error))?;
        record::write_csv(rows, file).map_err(|error| cannot(path, &error))?;
    }
    if let (Some(path), Some(plot)) = (&options.plot, study.plot()) {
        let format = plot::Format::of(path).unwrap_or(plot::Format::Svg);
        let drawn = plot::picture(plot, rows, format).map_err(|error| cannot(path, &error))?;
        std::fs::write(path, drawn).map_err(|error| cannot(path, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
