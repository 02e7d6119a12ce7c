//! All trials of an experiment, on all cores, in an order that does not depend on them.

use rayon::prelude::*;
use swim_core::sim::experiment::{Outcome, Summary, Trial};

use super::contender::Contender;
use super::options::Options;
use super::progress;
use super::row::{Row, command};
use super::study::{Point, Study};
use super::trace;
use crate::failure::Failure;

/// What will be a row.
struct Sketch {
    contender: Contender,
    nodes: u64,
    point: Point,
}

/// Runs everything. Rows of one point stand together.
///
/// # Errors
///
/// A rule of the simulator was broken: which one, and how to see it again.
pub fn all(study: &dyn Study, options: &Options) -> Result<Vec<Row>, Failure> {
    let seeds = options.seeds.unwrap_or_else(|| study.seeds());
    let sketches = sketches(study, options);
    let trials: Vec<_> = sketches
        .iter()
        .flat_map(|sketch| (0..seeds).map(move |turn| (sketch, options.first_seed + turn)))
        .collect();
    // Models have no nodes to record.
    let of_nodes = trials.iter().position(|(sketch, _)| sketch.contender.arm.is_some());
    let traced = options.trace.as_deref().map(|path| (of_nodes.unwrap_or(0), path));
    let bar = progress::bar(study.name(), trials.len() as u64);
    let outcomes: Result<Vec<_>, _> = trials
        .par_iter()
        .enumerate()
        .map(|(turn, (sketch, seed))| {
            let run = || run(study, options, sketch, *seed);
            let outcome = match traced.filter(|(traced, _)| *traced == turn) {
                Some((_, path)) => trace::recorded(path, options.trace_len_max, run),
                None => run(),
            };
            bar.inc(1);
            outcome
        })
        .collect();
    bar.finish_and_clear();
    let mut outcomes = outcomes?.into_iter();
    let row =
        |sketch| row(study, options, sketch, outcomes.by_ref().take(seeds as usize).collect());
    Ok(sketches.into_iter().map(row).collect())
}

fn sketches(study: &dyn Study, options: &Options) -> Vec<Sketch> {
    let nodes = if options.nodes.is_empty() { study.nodes() } else { options.nodes.clone() };
    let contenders = study.contenders(options);
    let mut sketches = Vec::new();
    for &nodes in &nodes {
        let points = contenders.iter().map(|contender| study.points(contender).into_iter());
        let mut columns: Vec<_> = points.collect();
        loop {
            let before = sketches.len();
            for (contender, points) in contenders.iter().zip(&mut columns) {
                let contender = contender.clone();
                sketches.extend(points.next().map(|point| Sketch { contender, nodes, point }));
            }
            if sketches.len() == before {
                break;
            }
        }
    }
    sketches
}

fn run(
    study: &dyn Study,
    options: &Options,
    sketch: &Sketch,
    seed: u64,
) -> Result<Outcome, Failure> {
    let Sketch { contender, nodes, point } = sketch;
    let trial = Trial { config: contender.config, nodes: *nodes as usize, seed };
    point.experiment.run(&trial).map_err(|failure| {
        let again = Options { first_seed: seed, ..options.clone() };
        let again = command(study.name(), &point.settings, &[*nodes], &[contender], &again, 1);
        let (violation, report) = (failure.violation, failure.report);
        Failure::Runtime(format!("a rule is broken: {violation}\n  {report}\n  see it: {again}"))
    })
}

fn row(study: &dyn Study, options: &Options, sketch: Sketch, outcomes: Vec<Outcome>) -> Row {
    let Sketch { contender, nodes, point: Point { settings, .. } } = sketch;
    let runs = outcomes.len() as u64;
    Row {
        experiment: study.name(),
        command: command(study.name(), &settings, &[nodes], &[&contender], options, runs),
        summary: Summary::of(&outcomes),
        contender,
        nodes,
        settings,
        seeds: runs,
        outcomes,
    }
}
